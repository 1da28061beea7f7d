//! Traffic: what was counted by row, by host and by global address, and how full the table of connections is.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use sekisho_design::{Both, Class, Environment, Lan, Name};
use serde::{Deserialize, Serialize};

/// Hosts of one answer; those with less traffic are left out.
pub const MOST_HOSTS: usize = 8192;

/// What was counted. Counts go on across changes and restarts of the daemon, and begin anew with the machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Traffic {
    /// Servers, then terminals, then policies, in the order of the design. What a policy admitted is counted for it and for the
    /// row that it was admitted for.
    pub rows: Vec<RowTraffic>,
    /// Hosts that have sent, got or been refused something, by LAN and address; [`MOST_HOSTS`] at most.
    pub hosts: Vec<HostTraffic>,
    /// Hosts that are left out.
    #[serde(default)]
    pub hosts_left_out: usize,
    /// Global addresses that terminals share.
    pub napt: Vec<NaptUse>,
    /// The table of connections; `None` where the kernel tracks none.
    pub connections: Option<ConnectionTable>,
}

/// Packets and their bytes, from the IP header on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What a row is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    /// A server.
    Server,
    /// A row of terminals.
    Terminals,
    /// A policy.
    Policy,
}

/// A row's traffic with the platform.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowTraffic {
    /// What it is.
    pub kind: RowKind,
    /// Its name.
    pub name: Name,
    /// Its LAN; none for a policy, which may be about both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lan: Option<Lan>,
    /// Its environment; none for a policy that leaves it to its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// Its traffic class; none for a policy that leaves it to its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// When it ends, where it is for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// To the platform.
    pub up: Tally,
    /// From the platform.
    pub down: Tally,
    /// Connections opened, whoever opened them.
    pub opened: u64,
    /// Packets refused of its hosts, and of a server's global address; none for a policy, which refuses nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Tally>,
}

/// A host's traffic with the platform.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostTraffic {
    /// Its LAN.
    pub lan: Lan,
    /// Its address in the office.
    pub address: Ipv4Addr,
    /// The server or the terminals that it belongs to; none where the design no longer has it.
    pub row: Option<Name>,
    /// To the platform.
    pub up: Tally,
    /// From the platform.
    pub down: Tally,
    /// What it was refused.
    pub refused: Tally,
}

/// How much of a shared global address is in use.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NaptUse {
    /// The address.
    pub global: Ipv4Addr,
    /// The rows that share it.
    pub rows: Vec<Name>,
    /// The first port that is given out.
    pub first_port: u16,
    /// The last one.
    pub last_port: u16,
    /// Ports in use. One may serve connections to several destinations, so it is never fuller for any of them.
    pub ports: PortsInUse,
    /// What the platform sent to it unasked.
    pub refused: Tally,
}

/// Ports in use, by protocol.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PortsInUse {
    /// Of TCP.
    pub tcp: u32,
    /// Of UDP.
    pub udp: u32,
}

/// The kernel's table of connections.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionTable {
    /// Connections in it.
    pub count: u64,
    /// How many it takes.
    pub most: u64,
    /// Whether it is an alarm.
    pub fullness: Fullness,
}

/// How full a table is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Fullness {
    /// There is room.
    #[default]
    Roomy,
    /// Four fifths are taken: an alarm.
    Near,
    /// Nothing new gets in.
    Full,
}

/// Something that is nearly used up, or is (R88).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shortage {
    /// What.
    pub of: Scarce,
    /// How much of it is in use.
    pub used: u64,
    /// How much there is.
    pub most: u64,
    /// The same as a sentence.
    pub sentence: Both,
    /// What to do about it.
    pub way_out: Both,
}

/// What can be used up.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum Scarce {
    /// Places in the kernel's table of connections.
    Connections,
    /// Ports of a shared global address.
    Ports {
        /// The address.
        global: Ipv4Addr,
    },
}
