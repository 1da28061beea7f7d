//! Who is answered by SNMP, and the keys of the one user that asks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Hidden, Principal};

/// Whether questions are answered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snmp {
    /// Whether the design in force names somebody who asks.
    pub wanted: bool,
    /// The user; none as long as nobody has made its passphrases, and then nobody is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<SnmpUser>,
    /// Why what is wanted can't be told to the program that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// The user of `SNMPv3` that may read: HMAC-SHA-256 (RFC 7860) and AES-128 (RFC 3826).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnmpUser {
    /// Its name.
    pub name: String,
    /// The device's engine, hexadecimal: the passphrases make keys for this one alone.
    pub engine: String,
    /// When its passphrases were made, by the device's clock.
    pub made: Timestamp,
}

/// A wish for new passphrases.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnmpRenewal {
    /// The page's user who wishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// New passphrases: they are told this once, and the device keeps only keys made of them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnmpPassphrases {
    /// Whose.
    pub user: SnmpUser,
    /// The passphrase of authentication.
    pub authentication: Hidden,
    /// The passphrase of privacy.
    pub privacy: Hidden,
    /// Whether the design in force names somebody who asks.
    pub wanted: bool,
}
