//! What the device knows of the time, as the control API tells it (R62).

use std::net::Ipv4Addr;

use sekisho_design::Both;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// How the device's clock is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimeStatus {
    /// Whether the clock is led by a time server. Where it isn't, the device's own clock runs on as well as it can.
    pub synchronised: bool,
    /// Whether it was so at any time since the daemon's start.
    pub ever: bool,
    /// For how many seconds it has been as it is, the daemon's start at the longest.
    pub for_s: u64,
    /// How far off the clock is, by its own estimate, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_us: Option<u64>,
    /// The profile's time servers; none while no design is in force.
    pub servers: Vec<TimeServer>,
    /// All that as a sentence.
    pub sentence: Both,
    /// What it means that the clock isn't synchronised, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_out: Option<Both>,
    /// Why the LANs aren't served as the design says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
}

/// A time server of the profile.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimeServer {
    /// As the profile has it: an address, or a name.
    pub host: String,
    /// Where it is; none while its name was never resolved.
    pub addresses: Vec<Ipv4Addr>,
}
