//! Who may do what: one table of all routes. The router and the guard come from it.
//!
//! A route that isn't here doesn't exist. [`crate::router::build`] refuses a table and handlers that don't match.

use std::fmt;

use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::design;

/// What somebody is to the device.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The platform's operator: the profile.
    Operator,
    /// The office's administrator: the site design, and users.
    Administrator,
    /// Looks, changes nothing.
    Viewer,
    /// A visiting engineer, for a day at most.
    Engineer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Administrator, Self::Viewer, Self::Engineer];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Administrator => "administrator",
            Self::Viewer => "viewer",
            Self::Engineer => "engineer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Who {
    /// Also who isn't signed in.
    Anyone,
    /// Who is signed in, even if the password has to be changed first.
    Entering,
    /// Who is signed in.
    SignedIn,
    /// Who is signed in and has one of these roles.
    Roles(&'static [Role]),
}

impl Who {
    /// Whether somebody who is signed in has the right.
    pub fn allows(self, role: Role) -> bool {
        match self {
            Self::Anyone | Self::Entering | Self::SignedIn => true,
            Self::Roles(roles) => roles.contains(&role),
        }
    }
}

/// The method of a route.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verb {
    /// Reads.
    Get,
    /// Does something.
    Post,
    /// Puts something in place of what is there.
    Put,
    /// Takes away.
    Delete,
}

impl Verb {
    /// HTTP's own value.
    pub const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Delete => Method::DELETE,
        }
    }

    /// Whether it needs the session's token: all but reading (RFC 9110, 9.2.1).
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method().as_str())
    }
}

/// One route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Its method.
    pub method: Verb,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// Who may ask.
    pub who: Who,
    /// What it does, as a sentence.
    pub what: &'static str,
    /// Whether it changes the device, its users or what it keeps. The audit trail has such a request before it is carried out
    /// and its end after; where the trail can't be written, it is refused.
    pub changes: bool,
    /// The largest body, in bytes.
    pub largest: usize,
    /// Whether its body is a file that the handler takes piece by piece, within a bound of its own, and not JSON.
    pub streams: bool,
    /// Whether the page asks by itself: a session doesn't live longer for it.
    pub unattended: bool,
}

/// The largest body of who isn't signed in, in bytes.
pub const SMALL: usize = 16 << 10;
/// The usual largest body, in bytes.
pub const USUAL: usize = 1 << 20;
/// The largest body where two files or a backup come, in bytes.
pub const LARGE: usize = 8 << 20;

/// A route.
pub const fn route(method: Verb, path: &'static str, who: Who, what: &'static str) -> Entry {
    let largest = if matches!(who, Who::Anyone) { SMALL } else { USUAL };
    Entry { method, path, who, what, changes: false, largest, streams: false, unattended: false }
}

impl Entry {
    /// It changes something: the trail has it.
    #[must_use]
    pub const fn changing(self) -> Self {
        Self { changes: true, ..self }
    }

    /// Its body may be [`LARGE`].
    #[must_use]
    pub const fn large(self) -> Self {
        Self { largest: LARGE, ..self }
    }

    /// Its body is a file, which isn't waited for.
    #[must_use]
    pub const fn streaming(self) -> Self {
        Self { streams: true, ..self }
    }

    /// The page asks by itself.
    #[must_use]
    pub const fn unattended(self) -> Self {
        Self { unattended: true, ..self }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Who looks after the box: its own administrator, and the engineer whom he lets in for a day.
const CARETAKERS: Who = Who::Roles(&[Role::Administrator, Role::Engineer]);
const ADMINISTRATOR: Who = Who::Roles(&[Role::Administrator]);
const AUDITORS: Who = Who::Roles(&[Role::Administrator, Role::Operator]);

/// The routes that need no device: sessions, users, the audit trail.
#[rustfmt::skip]
pub const CORE: &[Entry] = &[
    route(Verb::Get, "/api/openapi.json", Who::SignedIn, "gives this document"),
    route(Verb::Get, "/api/session", Who::Anyone, "tells who is signed in, and the token for changes").unattended(),
    route(Verb::Post, "/api/login", Who::Anyone, "opens a session with name, password and, where set up, a code"),
    route(Verb::Post, "/api/logout", Who::Entering, "ends the session"),
    route(Verb::Post, "/api/password", Who::Entering, "changes one's own password; all other sessions of the user end").changing(),
    route(Verb::Post, "/api/second-factor/begin", Who::SignedIn, "gives a new secret for an authenticator; in force once confirmed").changing(),
    route(Verb::Post, "/api/second-factor/confirm", Who::SignedIn, "puts the secret in force and gives the recovery codes, once").changing(),
    route(Verb::Post, "/api/second-factor/remove", Who::SignedIn, "takes one's own second factor away").changing(),
    route(Verb::Get, "/api/users", ADMINISTRATOR, "lists the users"),
    route(Verb::Post, "/api/users", ADMINISTRATOR, "makes a user and gives the first password, once").changing(),
    route(Verb::Post, "/api/users/{name}", ADMINISTRATOR, "changes a user's role or end, makes a new password, or unlocks").changing(),
    route(Verb::Delete, "/api/users/{name}", ADMINISTRATOR, "deletes a user").changing(),
    route(Verb::Get, "/api/audit", AUDITORS, "searches the audit trail, newest first"),
    route(Verb::Get, "/api/audit/export", AUDITORS, "gives the audit trail as a file for `sekisho-web verify-audit`"),
    route(Verb::Get, "/api/audit/verify", AUDITORS, "tells whether the audit trail is whole"),
];

/// Who puts designs in force. The daemon holds a profile's change against the role.
const CHANGERS: Who = Who::Roles(&[Role::Administrator, Role::Operator, Role::Engineer]);

/// The routes to the device.
#[rustfmt::skip]
pub const DEVICE: &[Entry] = &[
    route(Verb::Get, "/api/status", Who::SignedIn, "tells how the device is").unattended(),
    route(Verb::Get, "/api/key", Who::SignedIn, "gives the public key that the operator registers"),
    route(Verb::Get, "/api/identity", Who::SignedIn, "tells which device it is, and how far a renewal of its key is").unattended(),
    route(Verb::Get, "/api/names", Who::SignedIn, "tells how name resolution is"),
    route(Verb::Get, "/api/names/zone-data", Who::SignedIn, "fetches the platform's zone data now"),
    route(Verb::Get, "/api/refusals", Who::SignedIn, "tells what was refused last, and why"),
    route(Verb::Get, "/api/traffic", Who::SignedIn, "gives the counts by row, host and global address"),
    route(Verb::Get, "/api/flows", Who::SignedIn, "searches the log of flows"),
    route(Verb::Get, "/api/health", Who::SignedIn, "tells how the device is in one word, and what to mend first").unattended(),
    route(Verb::Get, "/api/live", Who::SignedIn, "tells status, health and traffic as they change (server-sent events)").unattended(),
    route(Verb::Get, "/api/history", Who::SignedIn, "gives rates and refusals of the last hour or day").unattended(),
    route(Verb::Get, "/api/self-test", Who::SignedIn, "gives the report of the last self-test"),
    route(Verb::Get, "/api/self-tests", Who::SignedIn, "lists the self-tests whose reports are kept"),
    route(Verb::Get, "/api/self-tests/{number}", Who::SignedIn, "gives the report of a self-test"),
    route(Verb::Post, "/api/self-test", CHANGERS, "runs a self-test; its events come a line each, as they happen").changing(),
    route(Verb::Get, "/api/generations", Who::SignedIn, "lists the generations of the design"),
    route(Verb::Get, "/api/generations/{number}", Who::SignedIn, "gives the files of a generation"),
    route(Verb::Post, "/api/plan", Who::SignedIn, "tells what applying a design would do").large(),
    route(Verb::Post, "/api/apply", CHANGERS, "puts a design in force; the operator's change is about the profile only").large().changing(),
    route(Verb::Post, "/api/confirm", CHANGERS, "keeps the change that awaits confirmation").changing(),
    route(Verb::Post, "/api/roll-back", CHANGERS, "takes the change back that awaits confirmation").changing(),
    route(Verb::Post, "/api/arrive", Who::Anyone, "confirms a change at the device's new address and opens a session for its user"),
    route(Verb::Post, "/api/trace", Who::SignedIn, "tells what would happen to a packet now"),
    route(Verb::Post, "/api/names/query", Who::SignedIn, "asks for a name as a host of the office would"),
    route(Verb::Post, "/api/backup", ADMINISTRATOR, "makes a backup").changing(),
    route(Verb::Post, "/api/backup/open", CARETAKERS, "tells what a backup holds").large().changing(),
    route(Verb::Post, "/api/backup/identity", ADMINISTRATOR, "takes over the identity in a backup, on a device without a design").large().changing(),
    route(Verb::Post, "/api/identity/renew", ADMINISTRATOR, "makes a key that is to take the place of the tunnel's own").changing(),
    route(Verb::Post, "/api/identity/cancel-renewal", ADMINISTRATOR, "keeps the tunnel's key and erases the one that is to come").changing(),
    route(Verb::Post, "/api/backup/users", ADMINISTRATOR, "takes over the users in a backup, in place of those that are there").large().changing(),
    route(Verb::Post, "/api/restart", ADMINISTRATOR, "restarts the box").changing(),
    route(Verb::Get, "/api/update", Who::SignedIn, "tells what the slots of the firmware hold, and how far an installation is").unattended(),
    route(Verb::Put, "/api/update/bundle", CARETAKERS, "takes an update, to be installed later").streaming().changing(),
    route(Verb::Delete, "/api/update/bundle", CARETAKERS, "removes the update that was sent").changing(),
    route(Verb::Post, "/api/update/install", CARETAKERS, "installs the update that was sent; the box restarts where that is wished").changing(),
    route(Verb::Get, "/api/ca.pem", Who::Anyone, "gives the certificate that browsers are to trust"),
];

/// All routes.
pub fn table() -> Vec<Entry> {
    [CORE, DEVICE, design::ENTRIES].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in table() {
            assert!(seen.insert((entry.method, entry.path)), "{entry} stands there twice");
            assert!(entry.path.starts_with("/api/") && !entry.what.is_empty(), "{entry}");
            assert!(!entry.changes || !entry.method.is_safe(), "{entry}: reading changes nothing");
            assert!(entry.who != Who::Anyone || entry.largest == SMALL, "{entry}");
            let for_all = matches!(entry.who, Who::Anyone | Who::Entering);
            assert!(!(entry.streams && for_all), "{entry}: not everybody fills the disk");
        }
    }

    #[test]
    fn roles_are_kept_apart() {
        for role in Role::ALL {
            assert_eq!(ADMINISTRATOR.allows(role), role == Role::Administrator);
            assert!(Who::SignedIn.allows(role) && Who::Entering.allows(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
    }
}
