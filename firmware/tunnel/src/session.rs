//! One WireGuard session with one peer: the guard around the library's state machine.
//!
//! The library is used in a narrower way than its documentation offers, because both ends starting a handshake at
//! once could leave one of them deaf for 15 s (cloudflare/boringtun#495):
//!
//! 1. An initiation is answered and nothing else is sent with it. The library's "call again with nothing" would start
//!    a handshake of our own, since the answered session counts only from the first data that opens on it.
//! 2. While no session stands, packets wait here, at most [`Session::HOLD`], and never in the library's own queue.
//!    For as long after an answer no handshake of our own is started. As initiator the session stands at once.
//!    An initiation that crosses ours waits for the next tick, see [`Session::CROSSING`].
//! 3. With the first data message that opens on a session, and with every tick while it stands, the library's queue is
//!    emptied; it may hold a keepalive. After every message that would cost a tenth of what a short one does.
//! 4. When the library gives up, handshakes go on, for ever ([`Pace`]). A caller who hears nothing where he should
//!    has one started beside the session that stands, [`Session::renew`]: a peer that started anew is found in a
//!    second, where the protocol's timers take 15.
//! 5. A caller that doesn't know where the peer is makes no call that could send, and holds packets with
//!    [`Session::hold`].
//! 6. Stamps of handshakes never go back, whatever the system's clock does: not under those of an earlier run
//!    ([`Session::stamped_after`]), and when the clock is put forward while no session stands they follow it
//!    ([`Session::follow_clock`]).
//! 7. A session that is taken away again and again tells of somebody else with the same key
//!    ([`Session::rival_seen`]).
//!
//! Time is a parameter, for the protocol's timers too ([`Library`]).

use std::{
    net::IpAddr,
    time::{Duration, Instant, SystemTime},
};

use boringtun::noise::{TunnResult, errors::WireGuardError};
use sekisho_design::PublicKey;

pub use self::{
    counters::Counters,
    message::{Opened, Rejection},
};
use self::{held::Held, library::Library, message::Message, rival::Rival};
use crate::{SecretKey, TypeOfService, pace::Pace};

mod counters;
mod held;
mod library;
mod message;
mod opening;
mod rival;
#[cfg(test)]
mod tests;

/// Where a [`Session`] puts what it makes. A call may put any number of datagrams and packets, or none.
pub trait Outbox {
    /// A datagram for the network. During [`Session::open`] its destination is the source of the datagram being
    /// opened, whether or not that one turns out to be the peer's; in every other call it is the peer's endpoint.
    /// `service` is for its header, by what is inside.
    fn network(&mut self, datagram: &[u8], service: TypeOfService);
    /// An IPv4 packet that the peer has sealed, cut to its own length field.
    fn tunnel(&mut self, packet: &[u8]);
}

/// A session with one peer, from the first handshake through every rekeying. Memory is bounded whatever arrives.
pub struct Session {
    library: Library,
    scratch: Box<[u8]>,
    held: Held,
    established: bool,
    /// Somebody wants this session to stand: it is brought back whenever it falls.
    wanted: bool,
    /// A handshake was started, or a session stood, since the library last gave up.
    tried: bool,
    answered: Option<Instant>,
    /// When our last initiation went out that is not answered.
    initiated: Option<Instant>,
    /// An initiation that crossed ours, and where it came from.
    crossing: Option<(IpAddr, Vec<u8>)>,
    last_handshake: Option<Instant>,
    last_sent: Option<Instant>,
    last_stamp: Option<SystemTime>,
    keepalive: Option<Duration>,
    pace: Pace,
    rival: Rival,
    counters: Counters,
}

impl Session {
    /// How often [`Session::tick`] wants to be called.
    pub const TICK: Duration = Duration::from_millis(250);
    /// How long a packet waits for a session.
    pub const HOLD: Duration = Duration::from_secs(2);
    /// The longest packet that fits into a datagram: 65,507 bytes of UDP payload less WireGuard's 32.
    pub const LONGEST_PACKET: usize = 65_507 - 32;
    /// The shortest: a header and nothing else.
    const SHORTEST_PACKET: usize = 20;

    /// An initiation that arrives this soon after ours went out is put off. Its answer would reach the peer together
    /// with our initiation, and wireguard-go, which works on the two at once, then mixes them up and stays deaf for
    /// 15 s (about one start in a hundred, version 0.0.20220316). Meanwhile the peer answers ours.
    const CROSSING: Duration = Duration::from_millis(20);
    /// How far the system's clock may run ahead of our stamps before they follow it.
    const CLOCK_STEP: Duration = Duration::from_secs(1);

    /// A session that has sent nothing yet. `index` names it in the messages that the peer sends back: its lowest 24
    /// bits become the highest 24 of the receiver index. `keepalive` is the longest silence that the session leaves on
    /// the wire while it stands; `None` leaves it to the traffic.
    pub fn new(
        local: &SecretKey,
        peer: PublicKey,
        index: u32,
        keepalive: Option<Duration>,
    ) -> Self {
        Self {
            library: Library::new(local, peer, index, SystemTime::UNIX_EPOCH),
            scratch: vec![0; Message::LONGEST].into_boxed_slice(),
            held: Held::default(),
            established: false,
            wanted: false,
            tried: false,
            answered: None,
            initiated: None,
            crossing: None,
            last_handshake: None,
            last_sent: None,
            last_stamp: None,
            keepalive,
            pace: Pace::default(),
            rival: Rival::default(),
            counters: Counters::default(),
        }
    }

    /// The same session, not used so far, whose handshakes bear stamps later than `limit`: what an earlier run may
    /// have sent, or the time before which the clock can't be right. Without it they follow the system's clock, and a
    /// peer that remembers later ones hears nothing.
    #[must_use]
    pub fn stamped_after(mut self, limit: SystemTime) -> Self {
        self.library.renew(limit);
        self
    }

    /// Compares stamps with the system's clock. One that was put forward while no session stands is followed: it may
    /// have been behind what an earlier run has sent, and now be right. Otherwise stamps go on by themselves.
    pub fn follow_clock(&mut self, now: Instant, clock: SystemTime) {
        self.library.at(now);
        if !self.established && clock > self.library.stamp() + Self::CLOCK_STEP {
            self.library.renew(clock);
            self.initiated = None;
            self.answered = None;
            self.pace = Pace::default();
        }
    }

    /// Starts a handshake, unless a session stands, one has just been answered, or the last one was started just now.
    /// From here on the session is brought back by itself whenever it falls.
    pub fn connect(&mut self, now: Instant, out: &mut impl Outbox) {
        if !self.established {
            self.renew(now, out);
        }
    }

    /// As [`Session::connect`], also while a session stands; that one goes on until the new one is there. For callers
    /// who should have heard of the peer and have not.
    pub fn renew(&mut self, now: Instant, out: &mut impl Outbox) {
        self.wanted = true;
        let just_answered =
            self.answered.is_some_and(|at| now.saturating_duration_since(at) < Self::HOLD);
        if just_answered || !self.pace.allows(now) {
            return;
        }
        let made = self.library.at(now).format_handshake_initiation(&mut self.scratch, true);
        if let TunnResult::WriteToNetwork(initiation) = made {
            out.network(initiation, TypeOfService::OWN);
            self.has_initiated(now);
        }
    }

    /// Handshakes have waited for a reason that may be gone: the next may follow the last within a second.
    pub(crate) fn hasten(&mut self) {
        self.pace.hasten();
    }

    /// Seals an IPv4 packet, or holds it and starts a handshake while there is no session. Anything else than IPv4, or
    /// longer than [`Session::LONGEST_PACKET`], is dropped and counted.
    pub fn seal(&mut self, now: Instant, packet: &[u8], out: &mut impl Outbox) {
        if !self.is_fit(packet) {
            return;
        }
        if self.established {
            self.seal_now(now, packet, out);
        } else {
            self.hold(now, packet);
            self.connect(now, out);
        }
    }

    /// Lets a packet wait for a session, without doing anything for one. The same packets are dropped as in
    /// [`Session::seal`].
    pub fn hold(&mut self, now: Instant, packet: &[u8]) {
        if self.is_fit(packet) {
            self.counters.held_too_long += self.held.push(now, packet, Self::HOLD);
        }
    }

    /// Takes over what waits for another session, and sends it.
    pub(crate) fn take_held(&mut self, now: Instant, other: &mut Self, out: &mut impl Outbox) {
        for packet in other.held.release() {
            self.seal(now, &packet, out);
        }
    }

    /// What names this session in the messages that the peer sends back.
    pub(crate) fn index(&self) -> u32 {
        self.library.index()
    }

    /// Whether a message names this session as its receiver. Initiations name nobody.
    pub(crate) fn is_addressed_by(&self, datagram: &[u8]) -> bool {
        Message::receiver(datagram).is_some_and(|receiver| receiver >> 8 == self.index())
    }

    /// Whether a datagram is the first message of a handshake.
    pub(crate) fn is_initiation(datagram: &[u8]) -> bool {
        Message::of(datagram) == Some(Message::Initiation)
    }

    /// Opens a datagram that arrived from `from`. Never panics and never grows memory, whatever the datagram holds.
    pub fn open(
        &mut self,
        now: Instant,
        from: IpAddr,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) -> Opened {
        let opened = match Message::of(datagram) {
            Some(Message::Data) => self.open_data(now, from, datagram, out),
            Some(Message::Initiation) if self.has_just_initiated(now) => {
                self.crossing = Some((from, datagram.to_vec()));
                Opened::Rejected(Rejection::Crossing)
            }
            Some(message) => self.open_handshake(now, from, message, datagram, out),
            None => Opened::Rejected(Rejection::Malformed),
        };
        self.counters.count(opened);
        opened
    }

    /// Runs the protocol's timers; to be called every [`Session::TICK`], from the start: it also lets the rate limit
    /// for handshakes recover. Nothing is sent before the first [`Session::connect`], [`Session::seal`] or handshake.
    pub fn tick(&mut self, now: Instant, out: &mut impl Outbox) {
        match self.library.at(now).update_timers(&mut self.scratch) {
            TunnResult::WriteToNetwork(datagram) => {
                self.last_sent = Some(now);
                out.network(datagram, TypeOfService::OWN);
                if Message::of(datagram) == Some(Message::Initiation) {
                    self.has_initiated(now);
                }
            }
            TunnResult::Err(WireGuardError::ConnectionExpired) => {
                // The library says so at every tick until the next handshake starts; once a round is enough.
                self.counters.given_up += u64::from(std::mem::take(&mut self.tried));
            }
            TunnResult::Done
            | TunnResult::Err(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => {}
        }
        // Sessions end in the library's timers and nowhere else.
        self.established = self.library.at(now).time_since_last_handshake().is_some();
        self.counters.held_too_long += self.held.drop_old(now, Self::HOLD);
        self.answer_crossing(now, out);
        if !self.established {
            if self.wanted {
                self.connect(now, out);
            }
            return;
        }
        self.empty_queue(now, out);
        if let Some(keepalive) = self.keepalive
            && self.last_sent.is_none_or(|at| now.saturating_duration_since(at) >= keepalive)
        {
            self.encapsulate(now, &[], out);
        }
    }

    /// Whether a session stands, so that a packet is sealed at once.
    pub fn established(&self) -> bool {
        self.established
    }

    /// When the last handshake was completed or answered.
    pub fn last_handshake(&self) -> Option<Instant> {
        self.last_handshake
    }

    /// No handshake of this session bore a later stamp than this; `None` while none was sent. Whoever makes the next
    /// session for the same peer gives this to [`Session::stamped_after`].
    pub fn last_stamp(&self) -> Option<SystemTime> {
        self.last_stamp
    }

    /// When it was last noticed that somebody else uses our key with this peer.
    pub fn rival_seen(&self) -> Option<Instant> {
        self.rival.seen()
    }

    /// The counts so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn has_initiated(&mut self, now: Instant) {
        self.tried = true;
        self.initiated = Some(now);
        self.last_sent = Some(now);
        self.last_stamp = Some(self.library.stamp());
        self.pace.started(now);
        self.counters.initiations += 1;
    }

    fn has_just_initiated(&self, now: Instant) -> bool {
        self.initiated.is_some_and(|at| now.saturating_duration_since(at) < Self::CROSSING)
    }

    /// A session stands: what waited for it goes out.
    fn stand(&mut self, now: Instant, out: &mut impl Outbox) {
        self.established = true;
        self.wanted = true;
        self.tried = true;
        self.initiated = None;
        self.answered = None;
        self.counters.held_too_long += self.held.drop_old(now, Self::HOLD);
        for packet in self.held.release() {
            self.seal_now(now, &packet, out);
        }
    }

    /// Whether a packet can be sealed; one that can't is counted.
    fn is_fit(&mut self, packet: &[u8]) -> bool {
        let fit = packet.first().is_some_and(|byte| byte >> 4 == 4)
            && packet.len() <= Self::LONGEST_PACKET;
        self.counters.not_ipv4 += u64::from(!fit);
        fit
    }

    fn seal_now(&mut self, now: Instant, packet: &[u8], out: &mut impl Outbox) {
        self.counters.sealed_packets += 1;
        self.counters.sealed_bytes += packet.len() as u64;
        self.encapsulate(now, packet, out);
    }

    fn encapsulate(&mut self, now: Instant, packet: &[u8], out: &mut impl Outbox) {
        if let TunnResult::WriteToNetwork(datagram) =
            self.library.at(now).encapsulate(packet, &mut self.scratch)
        {
            self.last_sent = Some(now);
            out.network(datagram, TypeOfService::of(packet));
        }
    }
}
