//! Two sessions that stand, and batches between them over loopback; superpackets, which the library of the device cuts and
//! joins.

mod superpacket;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sekisho_tunnel::{
    DatagramsIn, DatagramsOut, Ecn, Outbox, PacketsOut, SecretKey, Session, TypeOfService, Udp,
};

pub use superpacket::Segments;

const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Packets of a batch: two superpackets of the usual length, and as many as fit into [`PacketsOut`].
pub const BATCH: usize = PacketsOut::PACKETS;

/// Keeps what a session makes.
#[derive(Default)]
pub struct Bag {
    /// Datagrams, one after the other.
    pub network: Vec<Vec<u8>>,
    /// Bytes of the packets.
    pub opened: usize,
}

impl Outbox for Bag {
    fn network(&mut self, datagram: &[u8], _: TypeOfService) {
        self.network.push(datagram.to_vec());
    }

    fn tunnel(&mut self, packet: &[u8]) {
        self.opened += packet.len();
    }
}

/// Counts what a session makes, and copies nothing.
#[derive(Default)]
pub struct Counted(pub usize);

impl Outbox for Counted {
    fn network(&mut self, datagram: &[u8], _: TypeOfService) {
        self.0 += datagram.len();
    }

    fn tunnel(&mut self, packet: &[u8]) {
        self.0 += packet.len();
    }
}

/// Two sessions, the first of which has started the handshake.
pub struct Pair {
    /// Both stand.
    pub ends: [Session; 2],
    /// When the last keys were made; nothing here takes as long as they are good for.
    pub now: Instant,
}

impl Pair {
    /// By a handshake without a network.
    pub fn new() -> Self {
        let keys = [SecretKey::generate(), SecretKey::generate()];
        let session = |end: usize| Session::new(&keys[end], keys[1 - end].public(), 1, None);
        let mut pair = Self { ends: [session(0), session(1)], now: Instant::now() };
        pair.renew();
        pair
    }

    /// New keys, a little more than a second later.
    pub fn renew(&mut self) {
        self.now += Duration::from_millis(1_100);
        let mut bag = Bag::default();
        let before = self.ends[0].counters().handshakes;
        self.ends.iter_mut().for_each(|end| end.tick(self.now, &mut Bag::default()));
        self.ends[0].renew(self.now, &mut bag);
        for end in [1, 0, 1] {
            for datagram in std::mem::take(&mut bag.network) {
                self.ends[end].open(self.now, FROM, &datagram, &mut bag);
            }
        }
        assert!(self.ends.iter().all(Session::established), "the handshake is complete");
        // Until something comes by the new keys, the next ones have to wait longer each time.
        self.ends[1].seal(self.now, &packet(64), &mut bag);
        for datagram in bag.network {
            self.ends[0].open(self.now, FROM, &datagram, &mut Counted::default());
        }
        assert_eq!(self.ends[0].counters().handshakes, before + 1);
    }

    /// Datagrams that the second end opens, once.
    pub fn sealed(&mut self, packet: &[u8], count: usize) -> Vec<Vec<u8>> {
        let mut bag = Bag::default();
        (0..count).for_each(|_| self.ends[0].seal(self.now, packet, &mut bag));
        bag.network
    }

    /// Opens a datagram at the second end.
    pub fn open(&mut self, datagram: &[u8], out: &mut impl Outbox) {
        self.ends[1].open(self.now, FROM, datagram, out);
    }
}

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}

/// An IPv4 packet of this length.
pub fn packet(length: usize) -> Vec<u8> {
    let mut packet = vec![0x5a; length];
    packet[..2].copy_from_slice(&[0x45, 0]);
    packet[2..4].copy_from_slice(&u16::try_from(length).expect("a length of IPv4").to_be_bytes());
    packet
}

/// A pair, the batches of both ends and the sockets between them.
pub struct Path {
    pair: Pair,
    sockets: [Udp; 2],
    to: SocketAddr,
    datagrams_out: DatagramsOut,
    datagrams_in: DatagramsIn,
    packets_out: PacketsOut,
}

impl Path {
    /// Over loopback.
    pub fn new() -> Self {
        let sockets = [(); 2].map(|()| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
            Udp::new(socket).expect("a socket that can be prepared")
        });
        let to = sockets[1].local_addr().expect("an address");
        Self {
            pair: Pair::new(),
            sockets,
            to,
            datagrams_out: DatagramsOut::new(),
            datagrams_in: DatagramsIn::new(),
            packets_out: PacketsOut::new(),
        }
    }

    /// New keys for both ends.
    pub fn renew(&mut self) {
        self.pair.renew();
    }

    /// What the thread `tunnel-up` does with a batch, after it has read it. Callgrind counts it by its name.
    #[inline(never)]
    pub fn up(&mut self, packet: &[u8]) {
        let mut out = ToNetwork { to: self.to, datagrams: &mut self.datagrams_out };
        (0..BATCH).for_each(|_| self.pair.ends[0].seal(self.pair.now, packet, &mut out));
        self.datagrams_out.send(&self.sockets[0]);
        assert_eq!(self.datagrams_out.dropped(), 0);
    }

    /// Makes room for the packets of the next batch, which no device takes here.
    pub fn clear(&mut self) {
        self.packets_out = PacketsOut::new();
    }

    /// What the thread `tunnel-down` does with a batch, before it writes it. Callgrind counts it by its name.
    #[inline(never)]
    pub fn down(&mut self) {
        while self.packets_out.room() > 0 {
            let mut readable = [PollFd::new(self.sockets[1].as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut readable, PollTimeout::from(1_000_u16)).expect("a poll");
            assert_eq!(ready, 1, "nothing comes: {} packets are missing", self.packets_out.room());
            self.datagrams_in.receive(&self.sockets[1]).expect("a batch");
            for (from, ecn, datagrams) in self.datagrams_in.runs() {
                let mut out = ToDevice { ecn, packets: &mut self.packets_out };
                for datagram in datagrams {
                    self.pair.ends[1].open(self.pair.now, from.ip(), datagram, &mut out);
                }
            }
        }
        assert_eq!(self.packets_out.dropped(), 0);
    }
}

impl Default for Path {
    fn default() -> Self {
        Self::new()
    }
}

struct ToNetwork<'a> {
    to: SocketAddr,
    datagrams: &'a mut DatagramsOut,
}

impl Outbox for ToNetwork<'_> {
    fn network(&mut self, datagram: &[u8], service: TypeOfService) {
        self.datagrams.push(self.to, datagram, service);
    }

    fn tunnel(&mut self, _: &[u8]) {}
}

struct ToDevice<'a> {
    ecn: Ecn,
    packets: &'a mut PacketsOut,
}

impl Outbox for ToDevice<'_> {
    fn network(&mut self, _: &[u8], _: TypeOfService) {}

    fn tunnel(&mut self, packet: &[u8]) {
        self.packets.push(packet, self.ecn);
    }
}
