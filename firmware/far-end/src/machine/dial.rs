//! Connections that the machine opens itself.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use serde::Serialize;
use smoltcp::{
    iface::{Interface, SocketHandle, SocketSet},
    socket::tcp,
};

use super::{endpoint, tcp_socket};
use crate::talk::Ends;

/// Calls under way at once, closing ones included.
const MAX_CALLS: usize = 64;

/// A call sends nothing, so a small buffer does.
const BUFFER: usize = 1024;

/// How long a connection that was reached may take to close before it is dropped.
const CLOSING: Duration = Duration::from_secs(5);

/// First of the ports for calls: the dynamic range (RFC 6335, 6).
const FIRST_PORT: u16 = 49_152;

/// Names a call.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DialId(u64);

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The connection was opened; it is closed again at once.
    Connected,
    /// The far end answered with a reset, or with ICMP port unreachable.
    Refused,
    /// Nothing came back in time.
    TimedOut,
    /// Another ICMP error came back (RFC 792, type 3), or there is no way there.
    Unreachable,
}

pub(super) struct Dials {
    address: Ipv4Addr,
    calls: Vec<Call>,
    outcomes: Vec<(DialId, Outcome)>,
    next_id: u64,
    next_port: u16,
}

struct Call {
    id: DialId,
    ends: Ends,
    handle: SocketHandle,
    /// When the call is given up, or, once it is closing, dropped.
    deadline: Instant,
    /// What an ICMP error has told.
    failed: Option<Outcome>,
    closing: bool,
}

impl Dials {
    pub(super) fn new(address: Ipv4Addr) -> Self {
        Self { address, calls: Vec::new(), outcomes: Vec::new(), next_id: 0, next_port: FIRST_PORT }
    }

    pub(super) fn start(
        &mut self,
        now: Instant,
        to: SocketAddrV4,
        limit: Duration,
        interface: &mut Interface,
        sockets: &mut SocketSet<'static>,
    ) -> Option<DialId> {
        if self.calls.len() >= MAX_CALLS {
            return None;
        }
        let id = DialId(self.next_id);
        self.next_id += 1;
        let ends = Ends { local: SocketAddrV4::new(self.address, self.next_port), remote: to };
        self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
        let mut socket = tcp_socket(BUFFER);
        match socket.connect(interface.context(), endpoint(to), endpoint(ends.local)) {
            Ok(()) => {
                let handle = sockets.add(socket);
                let deadline = now + limit;
                let call = Call { id, ends, handle, deadline, failed: None, closing: false };
                self.calls.push(call);
            }
            // No port 0 and no unspecified address can be called.
            Err(_) => self.outcomes.push((id, Outcome::Unreachable)),
        }
        Some(id)
    }

    /// An ICMP error has come about a connection.
    pub(super) fn fail(&mut self, ends: Ends, outcome: Outcome) {
        for call in self.calls.iter_mut().filter(|call| call.ends == ends) {
            call.failed = Some(outcome);
        }
    }

    pub(super) fn advance(&mut self, now: Instant, sockets: &mut SocketSet<'static>) {
        let outcomes = &mut self.outcomes;
        self.calls.retain_mut(|call| {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(call.handle);
            let over = matches!(socket.state(), tcp::State::TimeWait | tcp::State::Closed)
                || now >= call.deadline;
            if !call.closing {
                match outcome(call, socket, now) {
                    Some(Outcome::Connected) => {
                        outcomes.push((call.id, Outcome::Connected));
                        socket.close();
                        call.closing = true;
                        call.deadline = now + CLOSING;
                        return true;
                    }
                    Some(ended) => outcomes.push((call.id, ended)),
                    None => return true,
                }
            } else if !over {
                return true;
            }
            sockets.remove(call.handle);
            false
        });
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.calls.iter().map(|call| call.deadline).min()
    }

    pub(super) fn outcomes(&mut self) -> Vec<(DialId, Outcome)> {
        std::mem::take(&mut self.outcomes)
    }
}

fn outcome(call: &Call, socket: &tcp::Socket<'_>, now: Instant) -> Option<Outcome> {
    let state = socket.state();
    if matches!(state, tcp::State::SynSent | tcp::State::SynReceived) {
        call.failed.or_else(|| (now >= call.deadline).then_some(Outcome::TimedOut))
    } else if state == tcp::State::Closed {
        Some(Outcome::Refused)
    } else {
        Some(Outcome::Connected)
    }
}
