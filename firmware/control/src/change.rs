//! Changes, their confirmation, and the generations that they leave.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use jiff::Timestamp;
use sekisho_design::Report;
use serde::{Deserialize, Serialize};

use crate::{Proof, ProofAwaited, Proposal};

/// The shortest time for a confirmation, in seconds: somebody has to read and answer.
pub const SHORTEST_WAIT_S: u32 = 5;

/// The longest time for a confirmation, in seconds: one hour.
pub const LONGEST_WAIT_S: u32 = 3600;

/// The longest reason for a change, in bytes.
pub const LONGEST_REASON: usize = 1000;

/// The longest name of a page's user and of a role, in bytes.
pub const LONGEST_NAME: usize = 64;

/// A change that somebody wants.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Apply {
    /// The design.
    pub proposal: Proposal,
    /// The generation in force as the writer knows it, 0 for none. Where another one is in force, somebody else wrote in
    /// the meantime and the change is refused.
    pub seen: u64,
    /// Seconds within which somebody has to confirm, [`SHORTEST_WAIT_S`] to [`LONGEST_WAIT_S`]; after that the change
    /// is taken back. Without it the change stays at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_within_s: Option<u32>,
    /// Why, in the writer's words, at most [`LONGEST_REASON`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The device's own address that the writer's request arrived at, where it came over a LAN or the maintenance port.
    /// Such a change has to be confirmed, and by somebody who has shown that he reaches the device where it touches that
    /// way. Left out by those who are on the box itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_by: Option<Ipv4Addr>,
    /// Whether the answer comes before the first step where the change touches the way that the request came by: over that
    /// way none would arrive later. It tells the generation and the proof then; what came of the change is in the status.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answer_first: bool,
    /// The page's user who wants it; none where the asking process is the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// What becomes of the change that awaits confirmation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    /// Its generation, so that nobody decides about another change than the one he has seen.
    pub generation: u64,
    /// The page's user who decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// A design is in force.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Applied {
    /// Its generation; the one that was in force already where it is the same design.
    pub generation: u64,
    /// How many steps it took.
    pub steps: usize,
    /// Milliseconds from the request to the verified end.
    pub milliseconds: u64,
    /// How many running connections ended because their translation or permission changed.
    pub ended_connections: u64,
    /// Seconds within which somebody has to confirm; none where the design is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_within_s: Option<u32>,
    /// What the confirmation has to show, and where, because the change touches the way that its user came by. It is told
    /// this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry: Option<Proof>,
    /// What somebody should look at.
    pub warnings: Vec<Report>,
}

/// A change was confirmed or taken back.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Settled {
    /// The generation that is in force now and is kept; 0 for none.
    pub generation: u64,
}

/// A change that awaits confirmation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Awaiting {
    /// Its generation.
    pub generation: u64,
    /// Seconds until it is taken back.
    pub seconds_left: u64,
    /// The proof that its confirmation takes; none where any session confirms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofAwaited>,
}

/// A change that was taken back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Returned {
    /// Its generation.
    pub generation: u64,
    /// Why.
    pub why: String,
    /// When, by the wall clock.
    pub at: Timestamp,
}

/// One generation of the design.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Generation {
    /// Its number; numbers only grow.
    pub number: u64,
    /// Who wrote it.
    pub author: Author,
    /// When, by the wall clock: a label, nothing is decided by it.
    pub at: Timestamp,
    /// Why, in the writer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// SHA-256 of the site design, hexadecimal.
    pub site_sha256: String,
    /// SHA-256 of the platform profile, hexadecimal.
    pub profile_sha256: String,
}

/// Who wrote a generation: the user whose process asked, as the kernel says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Author {
    /// The user's number.
    pub uid: u32,
    /// The user's name, where the box knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The page's user that the process asked for, as the process says: the page has let him in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
}

/// A user of the page, on whose behalf the page's process asks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Principal {
    /// The user's name on the page, at most [`LONGEST_NAME`] bytes.
    pub user: String,
    /// The role, as the page calls it.
    pub role: String,
    /// Where the user's browser is.
    pub from: IpAddr,
}

/// What became of a generation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "GenerationOutcome")
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is on its way, or awaits confirmation.
    Pending,
    /// It was kept.
    Committed,
    /// It was taken back.
    RolledBack,
}

/// The files of a generation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stored {
    /// Which one.
    pub generation: Generation,
    /// The site design's text.
    pub site: String,
    /// The platform profile's text.
    pub profile: String,
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Principal { user, role, from }) = &self.principal {
            write!(f, "{user} ({role}, {from}) by ")?;
        }
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "uid {}", self.uid),
        }
    }
}
