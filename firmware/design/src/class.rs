//! What traffic is worth when the line is full.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A traffic class (R35 R49). The counter's work stands before what can wait.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Somebody at a counter waits for it: screens of a few KB to 100 KB (R48).
    Online,
    /// Everything that no row says more about.
    #[default]
    Normal,
    /// Files and batches, which take what is left.
    Bulk,
}

impl Class {
    /// All, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Online, Self::Normal, Self::Bulk];

    /// The word of the design file, of logs and of answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// The differentiated services codepoint that its packets carry: low-latency data AF21, standard DF, high-throughput
    /// data AF11 (RFC 4594, 3).
    pub const fn dscp(self) -> u8 {
        match self {
            Self::Online => 18,
            Self::Normal => 0,
            Self::Bulk => 10,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
