//! Whatever arrives, and whenever: nothing panics, only packets that the peer sealed come out, and once the line is good
//! again packets pass both ways.
//!
//! The input is a row of events: a byte that says which, a byte of length, and as many bytes for it.

#![no_main]

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use libfuzzer_sys::fuzz_target;
use sekisho_tunnel::{
    Ecn, Opened, Outbox, PacketsOut, Prober, ProberId, SecretKey, Session, TypeOfService,
};

const SECRETS: [&str; 2] = [
    "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=",
];
const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 11, 10));
const INSIDE: Ipv4Addr = Ipv4Addr::new(100, 72, 250, 1);
const DEVICE: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 1);

#[derive(Default)]
struct Bag {
    network: Vec<Vec<u8>>,
    tunnel: Vec<Vec<u8>>,
}

impl Outbox for Bag {
    fn network(&mut self, datagram: &[u8], _: TypeOfService) {
        self.network.push(datagram.to_vec());
    }

    fn tunnel(&mut self, packet: &[u8]) {
        self.tunnel.push(packet.to_vec());
    }
}

/// Device and centre, and what each has sent that the other hasn't got yet.
struct Pair {
    ends: [Session; 2],
    sealed: [Vec<Vec<u8>>; 2],
    flying: [Vec<Vec<u8>>; 2],
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        let keys = SECRETS.map(|secret| secret.parse::<SecretKey>().expect("a key"));
        let session = |end: usize| Session::new(&keys[end], keys[1 - end].public(), 1, None);
        let ends = [session(0), session(1)];
        Self { ends, sealed: Default::default(), flying: Default::default(), now: Instant::now() }
    }

    fn seal(&mut self, end: usize, packet: &[u8]) {
        let mut bag = Bag::default();
        self.ends[end].seal(self.now, packet, &mut bag);
        self.sealed[end].push(packet.to_vec());
        self.flying[end].append(&mut bag.network);
    }

    /// What an end makes of a datagram. What comes out goes the way that the engine leads it.
    fn open(&mut self, end: usize, datagram: &[u8]) -> Vec<Vec<u8>> {
        let mut bag = Bag::default();
        let opened = self.ends[end].open(self.now, FROM, datagram, &mut bag);
        assert_eq!(opened == Opened::Data, !bag.tunnel.is_empty());
        for packet in &bag.tunnel {
            let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            assert_eq!((packet[0] >> 4, packet.len()), (4, length));
            let sealed = &self.sealed[1 - end];
            assert!(sealed.iter().any(|sealed| sealed.starts_with(packet)), "nobody sealed it");
            Prober::new(DEVICE, ProberId::new(1)).reply(INSIDE, packet);
        }
        self.flying[end].append(&mut bag.network);
        bag.tunnel
    }

    fn deliver(&mut self, to: usize) -> Vec<Vec<u8>> {
        let flying = std::mem::take(&mut self.flying[1 - to]);
        flying.iter().flat_map(|datagram| self.open(to, datagram)).collect()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for end in 0..2 {
            let mut bag = Bag::default();
            self.ends[end].tick(self.now, &mut bag);
            self.flying[end].append(&mut bag.network);
        }
    }
}

/// The shortest packet with this number.
fn packet(number: u8) -> [u8; 24] {
    let mut packet = [0; 24];
    (packet[0], packet[3], packet[23]) = (0x45, 24, number);
    packet
}

fuzz_target!(|bytes: &[u8]| {
    let mut pair = Pair::new();
    let mut batch = PacketsOut::new();
    let mut last = Vec::new();
    let mut rest = bytes;
    while let Some((&[event, length], after)) = rest.split_first_chunk() {
        let end = usize::from(event >> 7);
        let (contents, after) = after.split_at(after.len().min(usize::from(length)));
        rest = after;
        match event & 0b111 {
            // Bytes of a stranger.
            0 => drop(pair.open(end, contents)),
            // Any packet, sealed by the other end, and on its way.
            1 => pair.seal(1 - end, contents),
            2 => {
                for packet in pair.deliver(end) {
                    batch.push(&packet, Ecn::Congested);
                }
            }
            // What is on its way is lost, or the first of it comes damaged, cut, or twice.
            3 => last = pair.flying[1 - end].drain(..).next().unwrap_or(last),
            4 => {
                let mut damaged = last.clone();
                for (byte, change) in damaged.iter_mut().zip(contents) {
                    *byte ^= change;
                }
                pair.open(end, &damaged);
            }
            5 => drop(pair.open(end, &last[..last.len().min(contents.len())])),
            6 => drop(pair.open(end, &last.clone())),
            _ => pair.pass(Duration::from_millis(u64::from(length) * 100)),
        }
    }
    // A good line from here on, with a packet each way every quarter of a second.
    let mut heard = [false; 2];
    for number in 0..=160 {
        pair.pass(Session::TICK);
        for end in 0..2 {
            pair.seal(end, &packet(number));
        }
        for _ in 0..3 {
            for end in 0..2 {
                heard[end] |= pair.deliver(end).iter().any(|heard| *heard == packet(number));
            }
        }
        if heard == [true; 2] {
            return;
        }
    }
    panic!("nothing passes for 40 s on a good line: {heard:?}");
});
