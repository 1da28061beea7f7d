//! The box itself: what its sensors say, which firmware runs, and how its processor carries the tunnel.

use jiff::Timestamp;
use sekisho_design::Both;
use serde::{Deserialize, Serialize};

/// What a sensor of the box says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reading {
    /// Of what.
    pub of: Sensed,
    /// Which of them, as the box calls it.
    pub name: String,
    /// The value in [`Sensed`]'s unit; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// The value from which on somebody must act, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Whether somebody must act.
    pub alarm: bool,
    /// The same as a sentence.
    pub sentence: Both,
    /// What to do, where somebody must act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_out: Option<Both>,
}

/// What is sensed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sensed {
    /// Whether the disk keeps anything.
    Data,
    /// Thousandths of a degree Celsius.
    Temperature,
    /// Memory that is available, in per cent.
    Memory,
    /// Room on the disk of the state folder, in per cent.
    Room,
    /// How much of the disk's life is used up, in per cent.
    Wear,
    /// The disk's own judgement; no value.
    Disk,
    /// The nightly backup, where the design has one; no value.
    Backup,
}

/// What the processor brings to the tunnel's cipher, ChaCha20-Poly1305.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Processor {
    /// Sets of instructions that the cipher can use, the oldest first, like `SSSE3`.
    pub instructions: Vec<String>,
    /// The code that runs.
    pub cipher: CipherCode,
}

/// Code of the cipher, by the instructions that it needs; the fastest first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CipherCode {
    /// AVX2 and BMI2.
    Avx2,
    /// SSE4.1, as on an Atom E38xx.
    Sse41,
    /// SSSE3.
    Ssse3,
    /// None.
    Portable,
}

/// Which firmware runs, by the image's own word.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Release {
    /// The image's version.
    pub version: String,
    /// What it was built for.
    pub kind: ReleaseKind,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<Timestamp>,
}

/// What an image was built for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseKind {
    /// For trying out: it has a shell and no release key.
    Development,
    /// For service.
    Release,
}
