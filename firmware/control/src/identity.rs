//! The device's key is renewed.

use jiff::Timestamp;
use sekisho_design::{Name, PublicKey};
use serde::{Deserialize, Serialize};

use crate::Principal;

/// A wish that the tunnel's key be renewed, or that it stay.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Renewal {
    /// The page's user who wishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// A key that is to take the place of the tunnel's own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ComingKey {
    /// Its public half, which the operator registers.
    pub public_key: PublicKey,
    /// When it was made, by the device's clock.
    pub made_at: Timestamp,
    /// What each centre makes of it; empty while there is no tunnel.
    pub centres: Vec<KeyAtCentre>,
    /// All of it that the operator registers, in one line: what the QR code bears.
    pub line: String,
}

/// What a centre makes of the coming key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyAtCentre {
    /// The centre's name.
    pub name: Name,
    /// What it makes of it.
    pub state: KeyState,
}

/// How far a centre is with the coming key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It doesn't answer to it.
    Unknown,
    /// It answers; the organisation's addresses belong to the old key still.
    Registered,
    /// Traffic goes by it.
    InUse,
}
