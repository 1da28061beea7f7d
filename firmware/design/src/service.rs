//! What a flow may carry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A kind of traffic that a row of the design admits: `tcp/443`, `udp/5000-5010`, `icmp-echo`, or `http`, `https`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Service {
    /// TCP to a range of destination ports.
    Tcp(PortRange),
    /// UDP to a range of destination ports.
    Udp(PortRange),
    /// ICMP echo request (type 8) and its reply.
    IcmpEcho,
}

/// Destination ports, both ends included, 1 to 65535, first not above last.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// The text names no service.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a service: write tcp/443, udp/5000-5010, icmp-echo, http or https")]
pub struct MalformedService(pub String);

impl Service {
    /// Web traffic, which LGWAN lets pass without an approval (R32).
    pub const WEB: [Self; 2] = [
        Self::Tcp(PortRange { first: 80, last: 80 }),
        Self::Tcp(PortRange { first: 443, last: 443 }),
    ];

    /// Whether it takes an approval (R58). Echo carries no business, only a question whether somebody is there.
    pub fn needs_approval(self) -> bool {
        self != Self::IcmpEcho && !Self::WEB.contains(&self)
    }
}

impl PortRange {
    /// A range of ports; `None` where it is empty or starts at 0.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first != 0 && first <= last).then_some(Self { first, last })
    }

    /// First port, included.
    pub fn first(self) -> u16 {
        self.first
    }

    /// Last port, included.
    pub fn last(self) -> u16 {
        self.last
    }
}

impl FromStr for Service {
    type Err = MalformedService;

    fn from_str(text: &str) -> Result<Self, MalformedService> {
        let ports = |range: &str| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            PortRange::new(first.parse().ok()?, last.parse().ok()?)
        };
        match text.split_once('/') {
            Some(("tcp", range)) => ports(range).map(Self::Tcp),
            Some(("udp", range)) => ports(range).map(Self::Udp),
            Some(_) => None,
            None => match text {
                "icmp-echo" => Some(Self::IcmpEcho),
                "http" => Some(Self::WEB[0]),
                "https" => Some(Self::WEB[1]),
                _ => None,
            },
        }
        .ok_or_else(|| MalformedService(text.to_owned()))
    }
}

impl TryFrom<String> for Service {
    type Error = MalformedService;

    fn try_from(text: String) -> Result<Self, MalformedService> {
        text.parse()
    }
}

impl From<Service> for String {
    fn from(service: Service) -> Self {
        service.to_string()
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(range) => write!(f, "tcp/{range}"),
            Self::Udp(range) => write!(f, "udp/{range}"),
            Self::IcmpEcho => f.write_str("icmp-echo"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_and_shown() {
        for (text, shown) in [
            ("tcp/443", "tcp/443"),
            ("udp/5000-5010", "udp/5000-5010"),
            ("tcp/7-7", "tcp/7"),
            ("icmp-echo", "icmp-echo"),
            ("http", "tcp/80"),
            ("https", "tcp/443"),
        ] {
            assert_eq!(text.parse::<Service>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn all_but_web_and_echo_takes_an_approval() {
        for text in ["http", "https", "tcp/80", "tcp/443-443", "icmp-echo"] {
            assert!(!text.parse::<Service>().unwrap().needs_approval(), "{text}");
        }
        for text in ["tcp/80-81", "tcp/1-65535", "tcp/8080", "udp/80", "udp/443"] {
            assert!(text.parse::<Service>().unwrap().needs_approval(), "{text}");
        }
    }

    #[test]
    fn what_names_no_service_is_refused() {
        for text in [
            "",
            "tcp",
            "tcp/",
            "tcp/0",
            "tcp/65536",
            "tcp/9-8",
            "tcp/1-",
            "sctp/1",
            "HTTP",
            "tcp/80 ",
        ] {
            assert!(text.parse::<Service>().is_err(), "{text}");
        }
    }
}
