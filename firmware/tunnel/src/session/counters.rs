//! What a session counts.

use std::ops::Add;

use serde::Serialize;

use super::{Opened, Rejection};

/// Counts since the session was made. They only go up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counters {
    /// Packets sealed, keepalives not counted.
    pub sealed_packets: u64,
    /// Their bytes before sealing.
    pub sealed_bytes: u64,
    /// Packets opened.
    pub opened_packets: u64,
    /// Their bytes after opening.
    pub opened_bytes: u64,
    /// Initiations sent.
    pub initiations: u64,
    /// Handshakes completed, as either side.
    pub handshakes: u64,
    /// Times that the library gave up on the peer.
    pub given_up: u64,
    /// Packets dropped after waiting for a session, too long or too many.
    pub held_too_long: u64,
    /// Packets and inner packets that were not IPv4, or too long to seal.
    pub not_ipv4: u64,
    /// Datagrams of [`Rejection::Malformed`].
    pub malformed: u64,
    /// Datagrams of [`Rejection::Forged`].
    pub forged: u64,
    /// Datagrams of [`Rejection::Replayed`].
    pub replayed: u64,
    /// Datagrams of [`Rejection::NoSession`].
    pub no_session: u64,
    /// Datagrams of [`Rejection::UnderLoad`].
    pub under_load: u64,
}

impl Add for Counters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sealed_packets: self.sealed_packets + other.sealed_packets,
            sealed_bytes: self.sealed_bytes + other.sealed_bytes,
            opened_packets: self.opened_packets + other.opened_packets,
            opened_bytes: self.opened_bytes + other.opened_bytes,
            initiations: self.initiations + other.initiations,
            handshakes: self.handshakes + other.handshakes,
            given_up: self.given_up + other.given_up,
            held_too_long: self.held_too_long + other.held_too_long,
            not_ipv4: self.not_ipv4 + other.not_ipv4,
            malformed: self.malformed + other.malformed,
            forged: self.forged + other.forged,
            replayed: self.replayed + other.replayed,
            no_session: self.no_session + other.no_session,
            under_load: self.under_load + other.under_load,
        }
    }
}

impl Counters {
    /// Counts what a datagram turned out to be, where that is a fault.
    pub(super) fn count(&mut self, opened: Opened) {
        let Opened::Rejected(rejection) = opened else { return };
        let counter = match rejection {
            Rejection::Malformed => &mut self.malformed,
            Rejection::Forged => &mut self.forged,
            Rejection::Replayed => &mut self.replayed,
            Rejection::NoSession => &mut self.no_session,
            Rejection::UnderLoad => &mut self.under_load,
            Rejection::NotIpv4 => &mut self.not_ipv4,
            Rejection::Cookie | Rejection::Crossing => return,
        };
        *counter += 1;
    }
}
