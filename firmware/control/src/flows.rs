//! Flows: what the device has logged of them, how the log is, and whether the collector gets it (R77).

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
    num::ParseIntError,
    str::FromStr,
};

use jiff::Timestamp;
use sekisho_design::Lan;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// Flows in an answer, at most.
pub const LARGEST_PAGE: usize = 1_000;

/// A flow between the office and the platform that has ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FlowRecord {
    /// When its first packet came; `None` where that wasn't noted, because the log began later.
    pub began: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
    /// The LAN of its office end.
    pub lan: Lan,
    /// Who sent its first packet.
    pub opened_by: Opener,
    /// Protocol number (IANA), like 6 for TCP.
    pub protocol: u8,
    /// Its office end, before translation.
    pub inside: FlowEnd,
    /// The same end as the platform sees it.
    pub global: FlowEnd,
    /// Its other end: on the platform, or another server of the LAN by its global address.
    pub platform: FlowEnd,
    /// What left the office; `None` where it wasn't counted, because the log began later.
    pub out: Option<Volume>,
    /// What came in, likewise.
    #[serde(rename = "in")]
    pub back: Option<Volume>,
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FlowEnd {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port, where the protocol has ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Who opened a flow.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Opener {
    /// A host of the LAN.
    Office,
    /// A host of the platform.
    Platform,
}

/// What went one way.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes of these packets, from the IP header on.
    pub bytes: u64,
}

/// Which flows, and where in the log to go on. It is the query of a `GET`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FlowQuery {
    /// Those that ended then or later.
    pub since: Option<Timestamp>,
    /// Those that began before.
    pub until: Option<Timestamp>,
    /// Those that have this address at any end.
    pub host: Option<Ipv4Addr>,
    /// So many at most; [`LARGEST_PAGE`] where it is left out or more.
    pub limit: Option<usize>,
    /// Backwards through the log, each page still in the log's order.
    #[serde(default)]
    pub backwards: bool,
    /// Where the page before ended.
    pub cursor: Option<FlowCursor>,
}

/// A part of the log. It may be empty and yet not the last.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FlowPage {
    /// Flows, in the order in which their ends were heard of.
    pub flows: Vec<FlowRecord>,
    /// Where to go on; `None` at the end.
    pub next: Option<FlowCursor>,
}

/// A place in the log: a file's number and the byte in it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct FlowCursor {
    /// The file.
    pub segment: u64,
    /// The byte.
    pub offset: u64,
}

/// The text is no place in the log.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no place in the log of flows")]
pub struct MalformedCursor(String);

/// How the log of flows is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FlowLogStatus {
    /// For how many days flows are kept.
    pub days: u16,
    /// How much of the disk they may take, in bytes.
    pub size: u64,
    /// How much they take.
    pub used: u64,
    /// Flows written since the daemon's start.
    pub written: u64,
    /// Flows that couldn't be written, because the disk refused them for too long.
    pub lost: u64,
    /// How often the kernel's queue of ended flows overflowed: each time, flows are missing.
    pub overruns: u64,
    /// What keeps the log from being written, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
}

/// How the office's collector is served.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CollectorStatus {
    /// Where it is.
    pub address: SocketAddrV4,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Whether there is a connection; with UDP, whether a socket could be opened.
    pub connected: bool,
    /// Messages sent since the daemon's start.
    pub sent: u64,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that had to make way, or that the network refused.
    pub lost: u64,
    /// What keeps messages from the collector, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
}

impl FlowQuery {
    /// The query as it stands in a `GET`, behind the question mark.
    pub fn to_query(&self) -> String {
        let Self { since, until, host, limit, backwards, cursor } = self;
        let pairs = [
            ("since", since.map(|time| time.to_string())),
            ("until", until.map(|time| time.to_string())),
            ("host", host.map(|host| host.to_string())),
            ("limit", limit.map(|limit| limit.to_string())),
            ("backwards", backwards.then(|| "true".to_owned())),
            ("cursor", cursor.map(|cursor| cursor.to_string())),
        ];
        let pair = |(key, value): (&str, Option<String>)| Some(format!("{key}={}", value?));
        pairs.into_iter().filter_map(pair).collect::<Vec<_>>().join("&")
    }
}

impl FromStr for FlowCursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let numbers = || -> Option<Result<Self, ParseIntError>> {
            let (segment, offset) = text.split_once('-')?;
            let cursor = |segment| Ok(Self { segment, offset: offset.parse()? });
            Some(segment.parse().and_then(cursor))
        };
        numbers().and_then(Result::ok).ok_or_else(|| MalformedCursor(text.to_owned()))
    }
}

impl fmt::Display for FlowCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.segment, self.offset)
    }
}

impl TryFrom<String> for FlowCursor {
    type Error = MalformedCursor;

    fn try_from(text: String) -> Result<Self, MalformedCursor> {
        text.parse()
    }
}

impl From<FlowCursor> for String {
    fn from(cursor: FlowCursor) -> Self {
        cursor.to_string()
    }
}

impl fmt::Display for FlowEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.address),
            None => self.address.fmt(f),
        }
    }
}

impl Opener {
    /// The word of the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Office => "office",
            Self::Platform => "platform",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_and_a_query_read_as_they_print() {
        let cursor: FlowCursor = "12-3456".parse().unwrap();
        assert_eq!(cursor, FlowCursor { segment: 12, offset: 3456 });
        assert_eq!(cursor.to_string(), "12-3456");
        for text in ["", "12", "12-", "-3", "a-3", "1-2-3"] {
            assert!(text.parse::<FlowCursor>().is_err(), "{text}");
        }
        assert_eq!(FlowQuery::default().to_query(), "");
        let query = FlowQuery {
            since: Some("2026-04-01T00:00:00Z".parse().unwrap()),
            host: Some([192, 168, 1, 9].into()),
            backwards: true,
            cursor: Some(cursor),
            ..FlowQuery::default()
        };
        assert_eq!(
            query.to_query(),
            "since=2026-04-01T00:00:00Z&host=192.168.1.9&backwards=true&cursor=12-3456"
        );
    }
}
