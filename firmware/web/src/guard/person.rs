//! Who asks, for handlers.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{access::Role, answer::Refusal, session};

/// Whether somebody who is signed in has used a connection. Where there are too many connections, those of nobody go first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<AtomicBool>);

impl Known {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The connection of a request. A handler that serves anyone asks for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Where it comes from.
    pub from: IpAddr,
    /// The device's address that it came to.
    pub local: IpAddr,
    pub(crate) known: Known,
}

impl Peer {
    /// A connection between two addresses.
    pub fn new(from: IpAddr, local: IpAddr) -> Self {
        Self { from: from.to_canonical(), local: local.to_canonical(), known: Known::default() }
    }
}

/// Who is signed in and asks. A handler that takes one is never called without.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Person {
    /// The user's name.
    pub user: String,
    /// As what.
    pub role: Role,
    /// Where the request comes from.
    pub from: IpAddr,
    /// The device's address that it came to.
    pub local: IpAddr,
    pub(crate) session: session::Id,
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let missing =
            || Refusal::device("a request has no connection", &"it was not served by the page");
        parts.extensions.get().cloned().ok_or_else(missing)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get().cloned().ok_or_else(Refusal::no_session)
    }
}
