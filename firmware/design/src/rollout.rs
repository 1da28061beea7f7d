//! Where the operator rolls firmware out from: a server of Eclipse hawkBit on the platform.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use serde::Serialize;

/// The operator's server for roll-outs. A box asks it for new firmware where its organisation lets it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RolloutServer {
    /// Where it is, on one of the platform's networks; its certificate bears this address.
    pub address: Ipv4Addr,
    /// Its TCP port, behind which is TLS.
    pub port: u16,
    /// Whose targets the operator's boxes are to it.
    pub tenant: Tenant,
}

impl RolloutServer {
    /// The port where none is named: that of HTTP over TLS.
    pub(crate) const USUAL_PORT: u16 = 443;
}

/// A tenant of a hawkBit server: 1 to 40 letters, digits, `-` or `_`, since it is a part of every address that is asked for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(into = "String")]
pub struct Tenant(String);

/// The text names no tenant.
#[derive(Debug, thiserror::Error)]
#[error("a tenant is 1 to 40 letters, digits, '-' or '_'")]
pub struct MalformedTenant;

impl Tenant {
    /// Longer than any that a server is given.
    const LONGEST: usize = 40;
}

impl Default for Tenant {
    /// The one that every server has.
    fn default() -> Self {
        Self("DEFAULT".to_owned())
    }
}

impl FromStr for Tenant {
    type Err = MalformedTenant;

    fn from_str(text: &str) -> Result<Self, MalformedTenant> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if text.is_empty() || text.len() > Self::LONGEST || !text.bytes().all(plain) {
            return Err(MalformedTenant);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        tenant.0
    }
}
