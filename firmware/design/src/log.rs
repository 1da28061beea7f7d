//! What the device writes down about flows, and which collector of the office gets to read of it (R77 R68).

use std::{fmt, net::Ipv4Addr, str::FromStr};

use serde::Serialize;

use crate::{Certificates, Design, DnsName, Lan, PortName, line};

/// The log of flows on the device's own disk. A site that has none logs none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct FlowLog {
    /// For how many days a flow is kept, 1 to 366.
    pub days: u16,
    /// How much of the disk all of it may take; the oldest goes first.
    pub size: LogSize,
}

/// How large a log may grow in bytes: 1 MB to 10 GB. Written `1M`, `1.5G` or `10G`, in powers of a thousand.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub struct LogSize(u64);

/// The text is no size, or one outside the bounds.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not the size of a log: write 1M, 200M or 1.5G, from 1M to 10G")]
pub struct MalformedSize(pub String);

/// The office's collector of syslog messages (RFC 5424).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Collector {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// How messages travel.
    pub transport: CollectorTransport,
    /// Where it is reached.
    pub interface: OfficeSide,
    /// What it gets, each once.
    pub send: Vec<Sent>,
}

/// How messages travel to the collector.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CollectorTransport {
    /// A datagram a message (RFC 5426).
    Udp,
    /// One connection, each message behind its length (RFC 6587, clause 3.4.1).
    Tcp,
    /// The same inside TLS (RFC 5425).
    Tls {
        /// Who vouches for the collector.
        authority: Certificates,
        /// The name that its certificate must show.
        name: DnsName,
    },
}

/// A side of the device that is the office's own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "&'static str")]
pub enum OfficeSide {
    /// An office LAN.
    Lan(Lan),
    /// The port for local administration.
    Maintenance,
}

/// What a collector may get.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    /// Every flow that has ended.
    Flows,
    /// Refused packets, at the bounded rate at which they are logged.
    Refusals,
}

impl LogSize {
    /// The smallest and the largest log, in bytes.
    const BOUNDS: (u64, u64) = (1_000_000, 10_000_000_000);

    /// A size; `None` where it is outside the bounds.
    pub fn new(bytes: u64) -> Option<Self> {
        let (least, most) = Self::BOUNDS;
        (least..=most).contains(&bytes).then_some(Self(bytes))
    }

    /// Bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for LogSize {
    type Err = MalformedSize;

    fn from_str(text: &str) -> Result<Self, MalformedSize> {
        let size = line::scaled(text).and_then(Self::new);
        size.ok_or_else(|| MalformedSize(text.to_owned()))
    }
}

impl fmt::Display for LogSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line::write_scaled(f, self.0)
    }
}

impl From<LogSize> for String {
    fn from(size: LogSize) -> Self {
        size.to_string()
    }
}

impl Design {
    /// The port of a side of the office and the device's address on it; `None` where the side isn't designed.
    pub fn office_port(&self, side: OfficeSide) -> Option<(&PortName, Ipv4Addr)> {
        match side {
            OfficeSide::Lan(lan) => {
                self.lans.get(&lan).map(|lan| (&lan.port, lan.address.address()))
            }
            OfficeSide::Maintenance => {
                self.maintenance.as_ref().map(|port| (&port.port, port.address.address()))
            }
        }
    }
}

impl CollectorTransport {
    /// The word of the design file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls { .. } => "tls",
        }
    }

    /// The port that collectors usually listen on: 514 (RFC 5426; for TCP by habit), and 6514 for TLS (RFC 5425).
    pub fn usual_port(&self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 514,
            Self::Tls { .. } => 6514,
        }
    }
}

impl OfficeSide {
    /// Every side, the LANs first.
    pub const ALL: [Self; 3] =
        [Self::Lan(Lan::HeadOffice), Self::Lan(Lan::EducationBoard), Self::Maintenance];

    /// The word of the design file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lan(lan) => lan.as_str(),
            Self::Maintenance => "maintenance",
        }
    }
}

impl From<OfficeSide> for &'static str {
    fn from(side: OfficeSide) -> Self {
        side.as_str()
    }
}

impl fmt::Display for OfficeSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Sent {
    /// Everything there is.
    pub const ALL: [Self; 2] = [Self::Flows, Self::Refusals];

    /// The word of the design file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Refusals => "refusals",
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_as_it_prints_and_keeps_its_bounds() {
        for (text, bytes) in [
            ("1M", 1_000_000),
            ("200M", 200_000_000),
            ("1.5G", 1_500_000_000),
            ("10G", 10u64.pow(10)),
        ] {
            let size: LogSize = text.parse().unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, text));
        }
        for text in ["", "200", "999k", "10.1G", "0.5M", "-1M", "1m", "1 G", "1MB"] {
            assert!(text.parse::<LogSize>().is_err(), "{text}");
        }
    }
}
