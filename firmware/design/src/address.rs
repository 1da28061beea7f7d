//! Addresses, one type per side of the translation, so that the two can't be exchanged by mistake.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// An address inside an office LAN. Private by RFC 1918, clause 3 (R6).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Ipv4Addr", into = "Ipv4Addr")]
pub struct Private(Ipv4Addr);

/// An address of the platform's plan (自治体中間サーバーグローバルアドレス), assigned by the operator (R11).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Global(Ipv4Addr);

/// An address together with the prefix of the subnet that it stands in, like `192.168.1.1/24`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct InterfaceAddress(Ipv4Net);

/// The address is not private by RFC 1918.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a private address (RFC 1918)")]
pub struct NotPrivate(pub Ipv4Addr);

impl Private {
    /// The address itself.
    pub fn get(self) -> Ipv4Addr {
        self.0
    }
}

impl TryFrom<Ipv4Addr> for Private {
    type Error = NotPrivate;

    fn try_from(address: Ipv4Addr) -> Result<Self, NotPrivate> {
        if address.is_private() { Ok(Self(address)) } else { Err(NotPrivate(address)) }
    }
}

impl From<Private> for Ipv4Addr {
    fn from(private: Private) -> Self {
        private.0
    }
}

impl Global {
    /// Takes an address as one of the platform's plan. That it lies in the pool is a rule of the design.
    pub fn new(address: Ipv4Addr) -> Self {
        Self(address)
    }

    /// The address itself.
    pub fn get(self) -> Ipv4Addr {
        self.0
    }
}

impl InterfaceAddress {
    /// Takes an address with its prefix length, 0 to 32.
    pub fn new(net: Ipv4Net) -> Self {
        Self(net)
    }

    /// The address without its prefix.
    pub fn address(self) -> Ipv4Addr {
        self.0.addr()
    }

    /// Prefix length, 0 to 32.
    pub fn prefix(self) -> u8 {
        self.0.prefix_len()
    }

    /// The subnet that the address stands in, host bits cleared.
    pub fn subnet(self) -> Ipv4Net {
        self.0.trunc()
    }
}

impl FromStr for InterfaceAddress {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
