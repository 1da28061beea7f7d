//! Names: how the device resolves them, and what it knows.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use sekisho_design::{DnsName, Lan, Method};
use serde::{Deserialize, Serialize};

use crate::Failure;

/// How the device resolves names.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamesStatus {
    /// The method in force; `None` where the site has chosen none.
    pub method: Option<Method>,
    /// What keeps the service from its work, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
    /// The LANs on which the device answers.
    pub listening: Vec<Lan>,
    /// Zones and whom the device asks about them.
    pub zones: Vec<ZoneStatus>,
    /// What is remembered.
    pub cache: CacheStatus,
    /// How queries ended, by LAN and reason, like `head-office/static` or `head-office/refused-client`.
    pub counts: BTreeMap<String, u64>,
    /// The names that the design itself uses.
    pub hosts: Vec<HostStatus>,
}

/// A zone and whom the device asks about it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ZoneStatus {
    /// The zone; `.` for all other names.
    pub zone: String,
    /// Whose servers these are.
    pub of: ZoneOwner,
    /// The LAN, where they are an office's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lan: Option<Lan>,
    /// The servers, in the order to ask them.
    pub upstreams: Vec<UpstreamStatus>,
}

/// Whose name servers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ZoneOwner {
    /// The platform's.
    Platform,
    /// LGWAN's, asked for the names of the design itself.
    Lgwan,
    /// The office's own.
    Office,
}

/// A server that the device asks.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpstreamStatus {
    /// Its address.
    pub address: SocketAddrV4,
    /// Whether it answered last; `None` while it wasn't asked.
    pub answers: Option<bool>,
    /// Questions in a row without an answer.
    pub failures: u32,
    /// Round trip of its last answer, in microseconds.
    pub round_trip_us: Option<u64>,
}

/// What is remembered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CacheStatus {
    /// Answers.
    pub entries: u64,
    /// Their memory, in bytes.
    pub bytes: u64,
    /// Questions that one of them answered.
    pub hits: u64,
    /// Questions that none of them answered.
    pub misses: u64,
    /// Questions answered by one whose time was over, because nobody else answered (RFC 8767).
    pub stale: u64,
}

/// A host that the design calls by a name (R85).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostStatus {
    /// The name.
    pub name: DnsName,
    /// What it stands for; empty while it was never resolved.
    pub addresses: Vec<Ipv4Addr>,
    /// Why it couldn't be resolved last. What it stood for before goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A question to the device, as a client of a LAN would ask it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NameQuery {
    /// The name.
    pub name: String,
    /// The type of record: `A`, `PTR`, `TXT`, `TYPE65534`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The LAN whose client asks; the head office where it is left out, or the only LAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lan: Option<Lan>,
}

/// What a client would be told, and why.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NameAnswer {
    /// The rule that decided, like `static`, `platform`, `office`, `refused`.
    pub rule: String,
    /// Where the answer came from: `static`, `cache`, `stale`, or the server's address.
    pub from: String,
    /// The response code, like `NOERROR`.
    pub code: String,
    /// The records of the answer, as text.
    pub records: Vec<String>,
    /// The addresses among them.
    pub addresses: Vec<Ipv4Addr>,
    /// How long it took, in microseconds.
    pub microseconds: u64,
}

/// The names and addresses of the platform's zones, as the platform's servers hand them out whole (AXFR).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ZoneData {
    /// Addresses by name.
    pub names: BTreeMap<DnsName, Vec<Ipv4Addr>>,
}
