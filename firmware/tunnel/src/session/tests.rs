//! Two sessions and a link between them that delays, loses, reorders and duplicates as its seed says, by a clock of its
//! own: minutes pass in no time.

mod crossing;
mod hostile;
mod time;

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::*;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 11, 10));

#[derive(Default)]
struct Bag {
    network: Vec<Vec<u8>>,
    /// Of each datagram for the network.
    dscp: Vec<u8>,
    tunnel: Vec<Vec<u8>>,
}

impl Outbox for Bag {
    fn network(&mut self, datagram: &[u8], service: TypeOfService) {
        self.network.push(datagram.to_vec());
        self.dscp.push(service.dscp());
    }

    fn tunnel(&mut self, packet: &[u8]) {
        self.tunnel.push(packet.to_vec());
    }
}

/// Numerical Recipes' generator: all that a link needs.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % sides
    }

    fn place(&mut self, length: usize) -> usize {
        self.roll(u32::try_from(length).unwrap()) as usize
    }
}

/// Of a hundred datagrams, how many are lost and how many come twice; milliseconds of delay at most.
#[derive(Clone, Copy)]
struct Weather {
    lost: u32,
    doubled: u32,
    delay: u32,
}

const CALM: Weather = Weather { lost: 0, doubled: 0, delay: 0 };

struct Pair {
    ends: [Session; 2],
    keys: [SecretKey; 2],
    received: [Vec<Vec<u8>>; 2],
    sent: u64,
    weather: Weather,
    dice: Dice,
    start: Instant,
    milliseconds: u64,
    ticked: u64,
    /// Datagrams on their way, by arrival and order of sending: to which end, and what.
    flying: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    /// Everything that was ever sent, for replaying.
    tape: Vec<(usize, Vec<u8>)>,
}

impl Pair {
    fn new(seed: u64, weather: Weather) -> Self {
        let keys = [SecretKey::generate(), SecretKey::generate()];
        let session = |end: usize| Session::new(&keys[end], keys[1 - end].public(), 1, None);
        Self {
            ends: [session(0), session(1)],
            received: Default::default(),
            keys,
            sent: 0,
            weather,
            dice: Dice(seed),
            start: Instant::now(),
            milliseconds: 0,
            ticked: 0,
            flying: BTreeMap::new(),
            tape: Vec::new(),
        }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.milliseconds)
    }

    fn at(&mut self, end: usize, act: impl FnOnce(&mut Session, Instant, &mut Bag)) {
        let mut bag = Bag::default();
        let now = self.now();
        act(&mut self.ends[end], now, &mut bag);
        self.received[end].append(&mut bag.tunnel);
        for datagram in bag.network {
            self.tape.push((1 - end, datagram.clone()));
            let copies = if self.dice.roll(100) < self.weather.doubled { 2 } else { 1 };
            for _ in 0..copies {
                if self.dice.roll(100) >= self.weather.lost {
                    let arrival =
                        self.milliseconds + u64::from(self.dice.roll(self.weather.delay + 1));
                    self.sent += 1;
                    self.flying.insert((arrival, self.sent), (1 - end, datagram.clone()));
                }
            }
        }
    }

    fn send(&mut self, end: usize, packet: &[u8]) {
        self.at(end, |session, now, bag| session.seal(now, packet, bag));
    }

    /// Delivers what arrives within this time.
    fn run(&mut self, milliseconds: u64) {
        let end = self.milliseconds + milliseconds;
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= end) {
            self.milliseconds = self.milliseconds.max(entry.key().0);
            let (to, datagram) = entry.remove();
            self.at(to, |session, now, bag| {
                session.open(now, PEER, &datagram, bag);
            });
        }
        self.milliseconds = end;
    }

    /// Lets time pass for both ends, timers included, in steps of 50 ms.
    fn pass(&mut self, milliseconds: u64) {
        let end = self.milliseconds + milliseconds;
        while self.milliseconds < end {
            self.run(50.min(end - self.milliseconds));
            if self.milliseconds >= self.ticked + 250 {
                self.ticked = self.milliseconds;
                self.at(0, Session::tick);
                self.at(1, Session::tick);
            }
        }
    }

    /// Lets time pass until the condition holds: how many milliseconds that took.
    fn wait_for(&mut self, limit: u64, done: impl Fn(&Self) -> bool) -> u64 {
        let start = self.milliseconds;
        while !done(self) {
            assert!(self.milliseconds - start < limit, "not within {limit} ms");
            self.pass(50);
        }
        self.milliseconds - start
    }

    /// An end forgets everything but its key and the stamps that it has sent, as a process that starts anew.
    fn restart(&mut self, end: usize) {
        let stamp = self.ends[end].last_stamp().unwrap_or(SystemTime::UNIX_EPOCH);
        self.ends[end] = self.other_holder(end).stamped_after(stamp);
    }

    /// One more session with the key of an end.
    fn other_holder(&self, end: usize) -> Session {
        Session::new(&self.keys[end], self.keys[1 - end].public(), 2, None)
    }

    /// How the end that starts gets its session, and the other one with the first data.
    fn connected() -> Self {
        Self::started_by(0)
    }

    fn started_by(end: usize) -> Self {
        let mut pair = Self::new(1, CALM);
        pair.at(end, Session::connect);
        pair.run(1);
        assert!(pair.ends.iter().all(Session::established));
        pair
    }
}

/// An IPv4 packet that carries a number, as long as its length field says.
fn packet(number: u32, length: usize) -> Vec<u8> {
    let mut packet = vec![0; length.max(24)];
    packet[0] = 0x45;
    let length = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet[20..24].copy_from_slice(&number.to_be_bytes());
    packet
}

fn numbers(packets: &[Vec<u8>]) -> Vec<u32> {
    packets.iter().map(|packet| u32::from_be_bytes(packet[20..24].try_into().unwrap())).collect()
}

#[test]
fn data_passes_both_ways_through_bad_weather_at_most_once() {
    let mut pair = Pair::connected();
    pair.weather = Weather { lost: 10, doubled: 10, delay: 20 };
    for number in 0..2_000 {
        pair.send(0, &packet(number, 1_400));
        pair.send(1, &packet(number, 60));
        pair.run(1);
    }
    pair.run(100);
    for end in 0..2 {
        let mut heard = numbers(&pair.received[end]);
        let (all, half) = (heard.len(), heard.windows(2).filter(|pair| pair[0] > pair[1]).count());
        assert!((1_700..1_950).contains(&all), "{all} of 2000 passed 10 % loss");
        assert!(half > 100, "the link did reorder");
        heard.sort_unstable();
        heard.dedup();
        assert_eq!(heard.len(), all, "a packet came twice");
        let counters = pair.ends[end].counters();
        assert_eq!(counters.opened_packets, all as u64);
        assert!(counters.replayed > 100, "{counters:?}");
        assert_eq!(counters.forged + counters.malformed + counters.no_session, 0);
    }
}

#[test]
fn what_waits_is_bounded_in_time_and_number() {
    let mut pair = Pair::new(1, Weather { lost: 100, ..CALM });
    pair.send(0, &packet(0, 100));
    pair.run(2_100);
    for number in 1..=1_000 {
        pair.send(0, &packet(number, 100));
    }
    let waiting = &pair.ends[0].held;
    assert_eq!(waiting.size().0, Held::PACKETS);
    assert_eq!(waiting.first(), Some(&*packet(745, 100)), "the newest are kept");
    assert_eq!(pair.ends[0].counters().held_too_long, 745);
    for number in 0..100 {
        pair.send(0, &packet(number, 60_000));
    }
    assert!(pair.ends[0].held.size().1 <= Held::BYTES);
    assert_eq!(pair.tape.len(), 2, "one initiation for the first, and one for all others");
    pair.run(2_100);
    pair.at(0, Session::tick);
    assert_eq!(pair.ends[0].held.size(), (0, 0));
}

/// What is sealed bears the codepoint of its packet, also when it waited; what the tunnel itself says is of the highest
/// class (R35).
#[test]
fn a_datagram_bears_the_codepoint_of_what_is_inside() {
    let marked = |dscp: u8| {
        let mut packet = packet(1, 100);
        packet[1] = dscp << 2 | 0b01;
        packet
    };
    let mut device = Bag::default();
    let mut centre = Bag::default();
    let Pair { ends: [mut one, mut other], start, .. } = Pair::new(1, CALM);
    for dscp in [10, 0] {
        one.seal(start, &marked(dscp), &mut device);
    }
    assert_eq!(device.dscp, [18], "the initiation");
    other.open(start, PEER, &device.network[0], &mut centre);
    assert_eq!(centre.dscp, [18], "the answer");
    one.open(start, PEER, &centre.network[0], &mut device);
    one.seal(start, &marked(46), &mut device);
    assert_eq!(device.dscp, [18, 18, 10, 0, 46], "a keepalive tells that the session stands");
    let later = start + Duration::from_secs(11);
    for datagram in &device.network[1..] {
        other.open(later, PEER, datagram, &mut centre);
    }
    other.tick(later, &mut centre);
    assert_eq!(centre.tunnel.len(), 3);
    assert!(centre.dscp.iter().all(|dscp| *dscp == 18), "{:?}", centre.dscp);
}

#[test]
fn the_longest_packet_passes_and_longer_ones_do_not() {
    let mut pair = Pair::connected();
    pair.send(0, &packet(1, Session::LONGEST_PACKET));
    pair.send(0, &packet(2, Session::LONGEST_PACKET + 1));
    pair.send(0, &[]);
    pair.send(0, &[0x60; 40]);
    pair.run(1);
    assert_eq!(pair.received[1], [packet(1, Session::LONGEST_PACKET)]);
    assert_eq!(pair.ends[0].counters().not_ipv4, 3);
}

#[test]
fn inner_packets_are_cut_to_their_length_and_must_be_ipv4() {
    let mut pair = Pair::connected();
    let mut padded = packet(1, 50);
    padded.extend([0; 14]);
    let mut short = packet(2, 50);
    short.truncate(40);
    let mut v6 = [0_u8; 40];
    v6[0] = 0x60;
    let with_length = |length: u8| {
        let mut packet = packet(3, 50);
        packet[3] = length;
        packet
    };
    let inner: [(&[u8], Opened); 7] = [
        (&padded, Opened::Data),
        (&short, Opened::Rejected(Rejection::NotIpv4)),
        (&with_length(0), Opened::Rejected(Rejection::NotIpv4)),
        (&with_length(19), Opened::Rejected(Rejection::NotIpv4)),
        (&v6, Opened::Rejected(Rejection::NotIpv4)),
        (&[0], Opened::Rejected(Rejection::NotIpv4)),
        (&[], Opened::Keepalive),
    ];
    for (packet, expected) in inner {
        let mut sealed = Bag::default();
        let mut bag = Bag::default();
        // Past the check that an honest peer makes.
        pair.ends[0].encapsulate(pair.start, packet, &mut sealed);
        assert_eq!(pair.ends[1].open(pair.start, PEER, &sealed.network[0], &mut bag), expected);
        let given: &[Vec<u8>] = if expected == Opened::Data { &[self::packet(1, 50)] } else { &[] };
        assert_eq!(bag.tunnel, given);
    }
    assert_eq!(pair.ends[1].counters().not_ipv4, 5);
}
