//! What a capsule holds, and its form inside the encryption.

use std::{collections::BTreeMap, fmt};

use age::secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use jiff::Timestamp;
use sekisho_design::OrganisationCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};

use crate::Fault;

/// The schema that this program writes. It reads this one and all before it: schema 1 has no users.
///
/// A new form of the page's file of users is a new schema too, so that an older page is never given one that it can't read.
pub const SCHEMA: u32 = 2;

/// What tells a capsule from other files in the age format.
const FORMAT: &str = "sekisho-capsule";

/// What a capsule holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Contents {
    /// When it was made, by the box's clock.
    pub made_at: Timestamp,
    /// The firmware that made it.
    pub version: String,
    /// The serial number of the box that made it.
    pub serial: String,
    /// The organisation of the design.
    pub organisation: OrganisationCode,
    /// The site design's text.
    pub site: String,
    /// The platform profile's text, signed by the operator.
    pub profile: String,
    /// The page's users, the text of the page's own file (JSON): names, roles, hashes of passwords, secrets of second factors.
    /// None where the page had none, or nobody handed them over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Secret>,
    /// What the box is known by; only where somebody chose so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// What a box is known by. Two boxes with one identity disturb each other, so the old one must be off.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The tunnel's secret key, base64: the operator knows its public half.
    pub tunnel_key: Secret,
    /// The authority of the local page's certificate, key and certificate (PEM): browsers trust it. None where the box never
    /// made one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_authority: Option<Secret>,
}

/// One of the page's users, as a preview names one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// The name.
    pub name: String,
    /// As what, in the page's word.
    pub role: String,
    /// Whether a second factor is in force.
    pub second_factor: bool,
}

/// The page's file of users, as far as a preview goes. The page alone understands the rest.
#[derive(Deserialize)]
struct Listed {
    users: BTreeMap<String, ListedUser>,
}

#[derive(Deserialize)]
struct ListedUser {
    role: String,
    second_factor: Option<IgnoredAny>,
}

/// A text that no log and no `Debug` output shows, wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

/// The object as it is encrypted.
#[derive(Serialize)]
struct Written<'a> {
    format: &'a str,
    schema: u32,
    #[serde(flatten)]
    contents: &'a Contents,
}

/// What is looked at first: later schemas keep it.
#[derive(Deserialize)]
struct Head {
    format: String,
    schema: u32,
}

/// Schema 2, the current one. Schema 1 is the same without users.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "schema")]
    _schema: u32,
    made_at: Timestamp,
    version: String,
    serial: String,
    organisation: OrganisationCode,
    site: String,
    profile: String,
    users: Option<Secret>,
    identity: Option<Identity>,
}

impl Contents {
    /// The JSON object.
    pub(crate) fn write(&self) -> Zeroizing<Vec<u8>> {
        let written = Written { format: FORMAT, schema: SCHEMA, contents: self };
        Zeroizing::new(serde_json::to_vec(&written).expect("texts and numbers are JSON"))
    }

    /// Reads the JSON object.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let head: Head = serde_json::from_slice(bytes).map_err(|_| Fault::NotACapsule)?;
        if head.format != FORMAT {
            return Err(Fault::NotACapsule);
        }
        if head.schema > SCHEMA {
            return Err(Fault::Newer { found: head.schema });
        }
        let read: Read = serde_json::from_slice(bytes).map_err(|_| Fault::Damaged)?;
        let Read { made_at, version, serial, organisation, site, profile, users, identity, .. } =
            read;
        if head.schema < SCHEMA && users.is_some() {
            return Err(Fault::Damaged);
        }
        let contents =
            Self { made_at, version, serial, organisation, site, profile, users, identity };
        contents.users().map(|_| contents)
    }

    /// The page's users in it, by name; none where it holds none.
    ///
    /// # Errors
    /// [`Fault::Damaged`] where they are no users.
    pub fn users(&self) -> Result<Option<Vec<User>>, Fault> {
        let Some(text) = &self.users else { return Ok(None) };
        let Listed { users } = serde_json::from_str(text.expose()).map_err(|_| Fault::Damaged)?;
        let user = |(name, ListedUser { role, second_factor })| User {
            name,
            role,
            second_factor: second_factor.is_some(),
        };
        Ok(Some(users.into_iter().map(user).collect()))
    }

    /// Whether it may be restored on a box of this organisation; a box without a design takes any.
    ///
    /// # Errors
    /// [`Fault::AnotherSite`].
    pub fn fits(&self, ours: Option<OrganisationCode>) -> Result<(), Fault> {
        match ours {
            Some(ours) if ours != self.organisation => {
                Err(Fault::AnotherSite { theirs: self.organisation, ours })
            }
            _ => Ok(()),
        }
    }
}

impl Secret {
    /// Keeps a text to itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
