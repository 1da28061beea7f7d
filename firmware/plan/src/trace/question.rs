//! What is asked: the first packet of a flow, and the side that it comes from.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use sekisho_design::{Design, Lan, Service};
use serde::{Deserialize, Deserializer, Serialize, de};

/// A packet that opens a flow.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Question {
    /// Where it reaches the device.
    pub side: Side,
    /// Its source address.
    pub from: Ipv4Addr,
    /// Its destination address.
    pub to: Ipv4Addr,
    /// What it asks for.
    pub opening: Opening,
}

/// A side of the device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// One of the office LANs.
    Lan(Lan),
    /// The inside of the tunnel.
    Platform,
    /// The uplink.
    Lgwan,
    /// The port for local administration.
    Maintenance,
}

/// What the first packet of a flow is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Opening {
    /// A TCP SYN to this port.
    Tcp(u16),
    /// A UDP datagram to this port.
    Udp(u16),
    /// An ICMP echo request.
    Echo,
}

/// Where a packet goes and what it asks for: `100.72.1.10:443/tcp`, `100.72.1.10/icmp-echo`. `A` may be a type that reads
/// names as well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target<A = Ipv4Addr> {
    /// The destination.
    pub address: A,
    /// What is asked for.
    pub opening: Opening,
}

/// The text names no target.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "'{0}' is no target: write 100.72.1.10:443/tcp, 100.72.1.10:53/udp or 100.72.1.10/icmp-echo"
)]
pub struct MalformedTarget(String);

/// An address alone doesn't say which side it belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnclearSide {
    /// Both LANs have it.
    #[error("both LANs have {0}")]
    BothLans(Ipv4Addr),
    /// No side has it.
    #[error("{0} lies neither on a LAN nor on the platform")]
    Nobodys(Ipv4Addr),
}

impl Side {
    /// The side that an address belongs to by the design.
    ///
    /// # Errors
    /// [`UnclearSide`] where that is no side, or both LANs.
    pub fn of(design: &Design, address: Ipv4Addr) -> Result<Self, UnclearSide> {
        let mut lans = design.lans.iter().filter(|(_, lan)| {
            lan.address.subnet().contains(&address)
                || lan.routes.iter().any(|route| route.to.contains(&address))
        });
        match (lans.next(), lans.next()) {
            (Some(_), Some(_)) => Err(UnclearSide::BothLans(address)),
            (Some((lan, _)), None) => Ok(Self::Lan(*lan)),
            (None, _) => {
                let mut networks = design.profile.networks.iter();
                let known = networks.any(|network| network.prefix.contains(&address));
                if known { Ok(Self::Platform) } else { Err(UnclearSide::Nobodys(address)) }
            }
        }
    }

    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let lans = Lan::ALL.map(Self::Lan).into_iter();
        lans.chain([Self::Platform, Self::Lgwan, Self::Maintenance])
    }

    /// The word of logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lan(lan) => lan.as_str(),
            Self::Platform => "platform",
            Self::Lgwan => "lgwan",
            Self::Maintenance => "maintenance",
        }
    }
}

impl Serialize for Side {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Side {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::all()
            .find(|side| side.as_str() == word)
            .ok_or_else(|| de::Error::custom(format!("'{word}' is no side of the device")))
    }
}

impl Opening {
    /// The service that a row would have to declare; none for port 0, which no row can.
    pub fn service(self) -> Option<Service> {
        self.to_string().parse().ok()
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(port) => write!(f, "tcp/{port}"),
            Self::Udp(port) => write!(f, "udp/{port}"),
            Self::Echo => f.write_str("icmp-echo"),
        }
    }
}

impl Serialize for Opening {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Opening {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let port = |text: &str| text.parse().ok();
        let opening = match word.split_once('/') {
            Some(("tcp", text)) => port(text).map(Self::Tcp),
            Some(("udp", text)) => port(text).map(Self::Udp),
            None if word == "icmp-echo" => Some(Self::Echo),
            Some(_) | None => None,
        };
        opening.ok_or_else(|| de::Error::custom(format!("'{word}' opens no flow")))
    }
}

impl<A: FromStr> FromStr for Target<A> {
    type Err = MalformedTarget;

    fn from_str(text: &str) -> Result<Self, MalformedTarget> {
        let parts = || {
            let (place, protocol) = text.rsplit_once('/')?;
            if protocol == "icmp-echo" {
                return Some(Self { address: place.parse().ok()?, opening: Opening::Echo });
            }
            let (address, port) = place.rsplit_once(':')?;
            let (address, port) = (address.parse().ok()?, port.parse().ok()?);
            let opening = match protocol {
                "tcp" => Opening::Tcp(port),
                "udp" => Opening::Udp(port),
                _ => return None,
            };
            Some(Self { address, opening })
        };
        parts().ok_or_else(|| MalformedTarget(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_and_openings_are_read_as_they_are_written() {
        for side in [Side::Lan(Lan::EducationBoard), Side::Platform, Side::Lgwan, Side::Maintenance]
        {
            let text = serde_json::to_string(&side).unwrap();
            assert_eq!(serde_json::from_str::<Side>(&text).unwrap(), side);
        }
        for opening in [Opening::Tcp(443), Opening::Udp(0), Opening::Echo] {
            let text = serde_json::to_string(&opening).unwrap();
            assert_eq!(serde_json::from_str::<Opening>(&text).unwrap(), opening);
        }
        for text in ["", "tcp", "tcp/", "tcp/65536", "sctp/1", "icmp-echo/1"] {
            let said = serde_json::from_value::<Opening>(text.into()).unwrap_err().to_string();
            assert!(said.contains(&format!("'{text}'")), "{said}");
        }
        let said = serde_json::from_value::<Side>("attic".into()).unwrap_err().to_string();
        assert!(said.contains("'attic'"), "{said}");
    }

    #[test]
    fn targets_are_read() {
        let address = Ipv4Addr::new(100, 72, 1, 10);
        for (text, opening) in [
            ("100.72.1.10:443/tcp", Opening::Tcp(443)),
            ("100.72.1.10:53/udp", Opening::Udp(53)),
            ("100.72.1.10/icmp-echo", Opening::Echo),
        ] {
            assert_eq!(text.parse(), Ok(Target { address, opening }));
        }
        for text in [
            "",
            "100.72.1.10",
            "100.72.1.10:443",
            "100.72.1.10/tcp",
            "100.72.1.10:70000/tcp",
            "100.72.1.10:443/sctp",
            "100.72.1:443/tcp",
            "100.72.1.10:7/icmp-echo",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
