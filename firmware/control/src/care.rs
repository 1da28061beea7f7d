//! Care of the box: its restart, and backups of what is in force.

use std::fmt;

use jiff::Timestamp;
use sekisho_design::{OrganisationCode, PublicKey};
use serde::{Deserialize, Serialize};

use crate::Principal;

/// A wish that the box restarts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Restart {
    /// The page's user who wishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// The box goes down in a moment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Restarting {
    /// The generation that it comes up with; 0 for none.
    pub generation: u64,
}

/// A text that no log shows.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Hidden(String);

/// A backup that somebody wants of what is in force. It has one lock: a passphrase or a recipient.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BackupWish {
    /// The passphrase; without one, and without a recipient, the device makes one of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Hidden>,
    /// The public key of whoever may open it, `age1…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Whether the tunnel's key and the authority of the page's certificate go in: for the replacement of the device.
    #[serde(default)]
    pub with_identity: bool,
    /// The page's user who wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// A backup: a capsule in the age format.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Backup {
    /// A name for its file.
    pub name: String,
    /// The file, in base64.
    pub capsule: String,
    /// The passphrase, where the device made it: it is told this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Hidden>,
}

/// A capsule that somebody wants to open, with one of the two that open it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unlocking {
    /// The file, in base64.
    pub capsule: String,
    /// Its passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Hidden>,
    /// Its recipient's secret key, as `age-keygen` wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Hidden>,
    /// The page's user who wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// What a capsule holds. Its secrets stay in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Opened {
    /// When it was made, by the clock of the device that made it.
    pub made_at: Timestamp,
    /// The firmware that made it.
    pub version: String,
    /// The device that made it.
    pub serial: String,
    /// Whose it is.
    pub organisation: OrganisationCode,
    /// The site design's text.
    pub site: String,
    /// The platform profile's text.
    pub profile: String,
    /// The tunnel's public key, where its key is in the capsule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
}

impl Hidden {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_text_travels_and_is_never_logged() {
        let wish =
            BackupWish { passphrase: Some(Hidden::new("open sesame")), ..BackupWish::default() };
        assert!(!format!("{wish:?}").contains("sesame"));
        let text = serde_json::to_string(&wish).unwrap();
        assert_eq!(text, r#"{"passphrase":"open sesame","with_identity":false}"#);
        assert_eq!(serde_json::from_str::<BackupWish>(&text).unwrap(), wish);
    }
}
