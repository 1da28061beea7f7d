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
//! 3. After every data message that opens, the library's queue is emptied; it may hold a keepalive.
//! 4. When the library gives up, handshakes start again, for ever, with pauses ([`Restart`]).
//! 5. A caller that doesn't know where the peer is makes no call that could send.
//!
//! Time for holding and for pauses is a parameter. The protocol's own timers read the system's clock, in the library.

use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, Instant},
};

use boringtun::noise::{Tunn, TunnResult, errors::WireGuardError};
use sekisho_design::PublicKey;
use serde::Serialize;

use crate::{SecretKey, restart::Restart};

#[cfg(test)]
mod tests;

/// Where a [`Session`] puts what it makes. A call may put any number of datagrams and packets, or none.
pub trait Outbox {
    /// A datagram for the network. During [`Session::open`] its destination is the source of the datagram being
    /// opened, whether or not that one turns out to be the peer's; in every other call it is the peer's endpoint.
    fn network(&mut self, datagram: &[u8]);
    /// An IPv4 packet that the peer has sealed, cut to its own length field.
    fn tunnel(&mut self, packet: &[u8]);
}

/// A session with one peer, from the first handshake through every rekeying. Memory is bounded whatever arrives.
pub struct Session {
    tunn: Box<Tunn>,
    scratch: Box<[u8]>,
    held: VecDeque<Held>,
    held_bytes: usize,
    established: bool,
    /// Somebody wants this session to stand: it is brought back whenever it falls.
    wanted: bool,
    /// A handshake was started, or a session stood, since the library last gave up.
    tried: bool,
    answered: Option<Instant>,
    initiated: Option<Instant>,
    /// An initiation that crossed ours, and where it came from.
    crossing: Option<(IpAddr, Vec<u8>)>,
    last_handshake: Option<Instant>,
    last_sent: Option<Instant>,
    keepalive: Option<Duration>,
    restart: Restart,
    counters: Counters,
}

struct Held {
    since: Instant,
    packet: Vec<u8>,
}

/// What a datagram turned out to be. Only the first three come from the holder of the peer's key, so only after them
/// may the caller take the datagram's source as the peer's endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opened {
    /// A packet for the tunnel.
    Data,
    /// A handshake message that was accepted.
    Handshake,
    /// An empty data message.
    Keepalive,
    /// Dropped, or taken without telling anything about its sender.
    Rejected(Rejection),
}

/// Why a datagram changed nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rejection {
    /// Of no kind or length that WireGuard knows.
    Malformed,
    /// Not made by the holder of the peer's key for ours.
    Forged,
    /// Seen before, or older than what has been seen.
    Replayed,
    /// Belongs to no handshake or session that stands.
    NoSession,
    /// A handshake message beyond the rate limit; a cookie was sent back (WireGuard, clause 5.3).
    UnderLoad,
    /// A cookie from a peer that is under load. It is kept for the next handshake.
    Cookie,
    /// An initiation that crossed one of ours. It is looked at again in the next [`Session::tick`].
    Crossing,
    /// Sealed by the peer, and what it holds is no IPv4 packet.
    NotIpv4,
}

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

/// A WireGuard message, by type and length (WireGuard, clause 5.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Message {
    Initiation,
    Response,
    Cookie,
    Data,
}

impl Session {
    /// How often [`Session::tick`] wants to be called.
    pub const TICK: Duration = Duration::from_millis(250);
    /// How long a packet waits for a session.
    pub const HOLD: Duration = Duration::from_secs(2);
    /// The longest packet that fits into a datagram: 65,507 bytes of UDP payload less WireGuard's 32.
    pub const LONGEST_PACKET: usize = 65_507 - 32;

    /// An initiation that arrives this soon after ours went out is put off. Its answer would reach the peer together
    /// with our initiation, and wireguard-go, which works on the two at once, then mixes them up and stays deaf for
    /// 15 s (about one start in a hundred, version 0.0.20220316). Meanwhile the peer answers ours.
    const CROSSING: Duration = Duration::from_millis(20);
    const HELD_PACKETS: usize = 256;
    const HELD_BYTES: usize = 1 << 20;
    /// Longer than any datagram, so that neither direction can outgrow it.
    const SCRATCH: usize = 1 << 16;

    /// A session that has sent nothing yet. `index` names it in the messages that the peer sends back: its lowest 24
    /// bits become the highest 24 of the receiver index. `keepalive` is the longest silence that the session leaves on
    /// the wire while it stands; `None` leaves it to the traffic.
    pub fn new(
        local: &SecretKey,
        peer: PublicKey,
        index: u32,
        keepalive: Option<Duration>,
    ) -> Self {
        let peer = x25519_dalek::PublicKey::from(*peer.as_bytes());
        Self {
            // The library's own keepalive would start a handshake whenever no session stands, the crossing kind too.
            tunn: Box::new(Tunn::new(local.secret(), peer, None, None, index & 0x00ff_ffff, None)),
            scratch: vec![0; Self::SCRATCH].into_boxed_slice(),
            held: VecDeque::new(),
            held_bytes: 0,
            established: false,
            wanted: false,
            tried: false,
            answered: None,
            initiated: None,
            crossing: None,
            last_handshake: None,
            last_sent: None,
            keepalive,
            restart: Restart::default(),
            counters: Counters::default(),
        }
    }

    /// Starts a handshake, unless a session stands, a handshake is under way, one has just been answered, or the pause
    /// after fruitless ones still lasts. From here on the session is brought back by itself whenever it falls.
    pub fn connect(&mut self, now: Instant, out: &mut impl Outbox) {
        self.wanted = true;
        let just_answered =
            self.answered.is_some_and(|at| now.saturating_duration_since(at) < Self::HOLD);
        if self.established || just_answered || !self.restart.allows(now) {
            return;
        }
        match self.tunn.format_handshake_initiation(&mut self.scratch, false) {
            TunnResult::WriteToNetwork(datagram) => {
                self.tried = true;
                self.initiated = Some(now);
                self.last_sent = Some(now);
                out.network(datagram);
            }
            TunnResult::Done
            | TunnResult::Err(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => {}
        }
    }

    /// Seals an IPv4 packet, or holds it and starts a handshake while there is no session. Anything else than IPv4, or
    /// longer than [`Session::LONGEST_PACKET`], is dropped and counted.
    pub fn seal(&mut self, now: Instant, packet: &[u8], out: &mut impl Outbox) {
        if packet.first().is_none_or(|byte| byte >> 4 != 4) || packet.len() > Self::LONGEST_PACKET {
            self.counters.not_ipv4 += 1;
            return;
        }
        if self.established {
            self.seal_now(now, packet, out);
        } else {
            self.hold(now, packet);
            self.connect(now, out);
        }
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
        self.count(opened);
        opened
    }

    /// Runs the protocol's timers; to be called every [`Session::TICK`], from the start: it also lets the rate limit
    /// for handshakes recover. Nothing is sent before the first [`Session::connect`], [`Session::seal`] or handshake.
    pub fn tick(&mut self, now: Instant, out: &mut impl Outbox) {
        match self.tunn.update_timers(&mut self.scratch) {
            TunnResult::WriteToNetwork(datagram) => {
                self.last_sent = Some(now);
                out.network(datagram);
            }
            TunnResult::Err(WireGuardError::ConnectionExpired) => {
                // The library says so at every tick until the next handshake starts; once a round is enough.
                if std::mem::take(&mut self.tried) {
                    self.restart.given_up(now);
                    self.counters.given_up += 1;
                }
            }
            TunnResult::Done
            | TunnResult::Err(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => {}
        }
        // Sessions end in the library's timers and nowhere else.
        self.established = self.tunn.time_since_last_handshake().is_some();
        self.drop_old(now);
        if !self.has_just_initiated(now)
            && let Some((from, initiation)) = self.crossing.take()
            && !self.established
        {
            let opened = self.open_handshake(now, from, Message::Initiation, &initiation, out);
            self.count(opened);
        }
        if !self.established {
            if self.wanted {
                self.connect(now, out);
            }
        } else if let Some(keepalive) = self.keepalive
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

    /// The counts so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn has_just_initiated(&self, now: Instant) -> bool {
        self.initiated.is_some_and(|at| now.saturating_duration_since(at) < Self::CROSSING)
    }

    fn open_handshake(
        &mut self,
        now: Instant,
        from: IpAddr,
        message: Message,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) -> Opened {
        let reply = match self.tunn.decapsulate(Some(from), datagram, &mut self.scratch) {
            TunnResult::WriteToNetwork(reply) => reply,
            TunnResult::Err(error) => return Opened::Rejected(Rejection::of(&error)),
            TunnResult::Done
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => {
                return Opened::Rejected(Rejection::Cookie);
            }
        };
        let under_load = Message::of(reply) == Some(Message::Cookie);
        out.network(reply);
        if under_load {
            return Opened::Rejected(Rejection::UnderLoad);
        }
        self.last_sent = Some(now);
        self.last_handshake = Some(now);
        self.restart.answered();
        if message == Message::Initiation {
            self.answered = Some(now);
        } else {
            self.counters.handshakes += 1;
            self.stand(now, out);
        }
        Opened::Handshake
    }

    fn open_data(
        &mut self,
        now: Instant,
        from: IpAddr,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) -> Opened {
        let opened = match self.tunn.decapsulate(Some(from), datagram, &mut self.scratch) {
            TunnResult::WriteToTunnelV4(packet, _) => {
                self.counters.opened_packets += 1;
                self.counters.opened_bytes += packet.len() as u64;
                out.tunnel(packet);
                Opened::Data
            }
            TunnResult::Done => Opened::Keepalive,
            TunnResult::WriteToTunnelV6(..) | TunnResult::Err(WireGuardError::InvalidPacket) => {
                Opened::Rejected(Rejection::NotIpv4)
            }
            TunnResult::Err(error) => return Opened::Rejected(Rejection::of(&error)),
            TunnResult::WriteToNetwork(_) => return Opened::Rejected(Rejection::Forged),
        };
        if self.answered.take().is_some() {
            self.counters.handshakes += 1;
        }
        if !self.established {
            self.stand(now, out);
        }
        while let TunnResult::WriteToNetwork(datagram) =
            self.tunn.decapsulate(None, &[], &mut self.scratch)
        {
            out.network(datagram);
        }
        opened
    }

    /// A session stands: what waited for it goes out.
    fn stand(&mut self, now: Instant, out: &mut impl Outbox) {
        self.established = true;
        self.wanted = true;
        self.tried = true;
        self.initiated = None;
        self.answered = None;
        self.drop_old(now);
        for held in std::mem::take(&mut self.held) {
            self.seal_now(now, &held.packet, out);
        }
        self.held_bytes = 0;
    }

    fn seal_now(&mut self, now: Instant, packet: &[u8], out: &mut impl Outbox) {
        self.counters.sealed_packets += 1;
        self.counters.sealed_bytes += packet.len() as u64;
        self.encapsulate(now, packet, out);
    }

    fn encapsulate(&mut self, now: Instant, packet: &[u8], out: &mut impl Outbox) {
        if let TunnResult::WriteToNetwork(datagram) =
            self.tunn.encapsulate(packet, &mut self.scratch)
        {
            self.last_sent = Some(now);
            out.network(datagram);
        }
    }

    /// The newest packets are worth the most: whoever sent the oldest has given up on them first.
    fn hold(&mut self, now: Instant, packet: &[u8]) {
        self.held_bytes += packet.len();
        self.held.push_back(Held { since: now, packet: packet.to_vec() });
        while self.held.len() > Self::HELD_PACKETS || self.held_bytes > Self::HELD_BYTES {
            self.drop_oldest();
        }
        self.drop_old(now);
    }

    fn drop_old(&mut self, now: Instant) {
        while self
            .held
            .front()
            .is_some_and(|held| now.saturating_duration_since(held.since) > Self::HOLD)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(held) = self.held.pop_front() {
            self.held_bytes -= held.packet.len();
            self.counters.held_too_long += 1;
        }
    }

    fn count(&mut self, opened: Opened) {
        let Opened::Rejected(rejection) = opened else { return };
        let counter = match rejection {
            Rejection::Malformed => &mut self.counters.malformed,
            Rejection::Forged => &mut self.counters.forged,
            Rejection::Replayed => &mut self.counters.replayed,
            Rejection::NoSession => &mut self.counters.no_session,
            Rejection::UnderLoad => &mut self.counters.under_load,
            Rejection::NotIpv4 => &mut self.counters.not_ipv4,
            Rejection::Cookie | Rejection::Crossing => return,
        };
        *counter += 1;
    }
}

impl Message {
    /// WireGuard gives up a key before its counter comes this close to the end (`REJECT_AFTER_MESSAGES`), and the
    /// library's replay window is not made for what lies beyond.
    const LAST_COUNTER: u64 = u64::MAX - (1 << 13);

    fn of(datagram: &[u8]) -> Option<Self> {
        let (kind, rest) = datagram.split_first_chunk::<4>()?;
        match (u32::from_le_bytes(*kind), datagram.len()) {
            (1, 148) => Some(Self::Initiation),
            (2, 92) => Some(Self::Response),
            (3, 64) => Some(Self::Cookie),
            (4, 32..=Session::SCRATCH) => {
                let counter = rest.get(4..)?.first_chunk::<8>()?;
                (u64::from_le_bytes(*counter) < Self::LAST_COUNTER).then_some(Self::Data)
            }
            _ => None,
        }
    }
}

impl Rejection {
    fn of(error: &WireGuardError) -> Self {
        match error {
            WireGuardError::InvalidPacket
            | WireGuardError::IncorrectPacketLength
            | WireGuardError::WrongPacketType
            | WireGuardError::DestinationBufferTooSmall => Self::Malformed,
            WireGuardError::WrongKey
            | WireGuardError::InvalidMac
            | WireGuardError::InvalidAeadTag
            | WireGuardError::InvalidTai64nTimestamp
            | WireGuardError::LockFailed => Self::Forged,
            WireGuardError::InvalidCounter
            | WireGuardError::DuplicateCounter
            | WireGuardError::WrongTai64nTimestamp => Self::Replayed,
            WireGuardError::NoCurrentSession
            | WireGuardError::WrongIndex
            | WireGuardError::UnexpectedPacket
            | WireGuardError::ConnectionExpired => Self::NoSession,
            WireGuardError::UnderLoad => Self::UnderLoad,
        }
    }
}
