//! What is kept of users, and which changes it takes. No I/O, no clock.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    refused::Refused,
    rules::{HISTORY, is_name},
};
use crate::access::Role;

/// The file's form.
const SCHEMA: u32 = 1;

/// Users at most.
pub(super) const MOST: usize = 64;

/// For how long an engineer may come at most.
pub(super) const VISIT: SignedDuration = SignedDuration::from_hours(24);

/// The file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    schema: u32,
    /// The first password's hash that was taken last, so that it is taken once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) adopted: Option<String>,
    /// By name.
    pub users: BTreeMap<String, User>,
}

/// A user.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// As what.
    pub role: Role,
    /// The password's hash.
    pub hash: String,
    /// Hashes of the ones before, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
    /// When the password was set.
    pub changed_at: Timestamp,
    /// Whether somebody else knows the password, so that it has to be changed first.
    pub must_change: bool,
    /// When an engineer's right ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactor>,
}

/// A second factor that is in force.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SecondFactor {
    /// What codes are made from, base32.
    pub secret: String,
    /// The last step whose code was used.
    pub last_step: u64,
    /// Hashes of the recovery codes that are left.
    pub recovery: Vec<String>,
}

impl Default for Book {
    fn default() -> Self {
        Self { schema: SCHEMA, adopted: None, users: BTreeMap::new() }
    }
}

impl Book {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let book: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if book.schema == SCHEMA {
            Ok(book)
        } else {
            Err(format!("its schema is {}, and this page knows {SCHEMA}", book.schema))
        }
    }

    pub(super) fn text(&self) -> Result<String, Refused> {
        serde_json::to_string_pretty(self).map_err(|_| Refused::Device)
    }

    /// Adds a user whose password somebody else made.
    pub(crate) fn add(
        &mut self,
        name: &str,
        role: Role,
        until: Option<Timestamp>,
        hash: String,
        now: Timestamp,
    ) -> Result<(), Refused> {
        if !is_name(name) {
            return Err(Refused::Name);
        }
        if self.users.contains_key(name) {
            return Err(Refused::Exists);
        }
        if self.users.len() >= MOST {
            return Err(Refused::TooMany);
        }
        visit(role, until, now)?;
        let user = User {
            role,
            hash,
            history: Vec::new(),
            changed_at: now,
            must_change: true,
            until,
            second_factor: None,
        };
        self.users.insert(name.to_owned(), user);
        Ok(())
    }

    /// Changes a user's role, an engineer's end with it.
    pub(crate) fn reassign(
        &mut self,
        name: &str,
        role: Role,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        visit(role, until, now)?;
        let user = self.users.get_mut(name).ok_or(Refused::Unknown)?;
        (user.role, user.until) = (role, until);
        self.has_administrator()
    }

    /// Deletes one.
    pub(crate) fn remove(&mut self, name: &str) -> Result<User, Refused> {
        let user = self.users.remove(name).ok_or(Refused::Unknown)?;
        self.has_administrator()?;
        Ok(user)
    }

    fn has_administrator(&self) -> Result<(), Refused> {
        if self.users.values().any(|user| user.role == Role::Administrator) {
            Ok(())
        } else {
            Err(Refused::LastAdministrator)
        }
    }
}

impl User {
    /// Puts a password in the place of the present one, which becomes history.
    pub(crate) fn put_password(&mut self, hash: String, must_change: bool, now: Timestamp) {
        let before = std::mem::replace(&mut self.hash, hash);
        self.history.insert(0, before);
        // With the present one.
        self.history.truncate(HISTORY - 1);
        (self.changed_at, self.must_change) = (now, must_change);
    }

    /// The present password's hash and the ones before.
    pub fn hashes(&self) -> Vec<String> {
        std::iter::once(&self.hash).chain(&self.history).cloned().collect()
    }

    /// For how long the user still has a right to sign in; none where it doesn't end by itself.
    ///
    /// # Errors
    /// [`Refused::Ended`].
    pub fn right(&self, now: Timestamp) -> Result<Option<std::time::Duration>, Refused> {
        let Some(until) = self.until else { return Ok(None) };
        match std::time::Duration::try_from(until.duration_since(now)) {
            Ok(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(Refused::Ended),
        }
    }
}

/// An engineer comes for a while, the others stay.
fn visit(role: Role, until: Option<Timestamp>, now: Timestamp) -> Result<(), Refused> {
    match (role, until) {
        (Role::Engineer, Some(until)) if until > now && until.duration_since(now) <= VISIT => {
            Ok(())
        }
        (Role::Engineer, _) => Err(Refused::Visit),
        (Role::Operator | Role::Administrator | Role::Viewer, None) => Ok(()),
        (Role::Operator | Role::Administrator | Role::Viewer, Some(_)) => Err(Refused::NoVisit),
    }
}
