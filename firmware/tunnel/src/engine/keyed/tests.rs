//! A device and a centre that knows its peers as WireGuard does: by their keys, and the addresses are one peer's. By a clock
//! of its own: hours pass in no time.

use std::{collections::VecDeque, net::Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::{Probing, TypeOfService};

const PLACE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 11, 10));
/// The world's clock goes on by so much at a time, in milliseconds.
const STEP: u64 = 10;
/// Half a round trip, in milliseconds.
const DELAY: u64 = 20;

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

/// A probe, its answer, or a packet with a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Load {
    Probe,
    Answer,
    Number(u32),
}

impl Load {
    fn packet(self) -> Vec<u8> {
        let (kind, number) = match self {
            Self::Probe => (0, 0),
            Self::Answer => (1, 0),
            Self::Number(number) => (2, number),
        };
        let mut packet = vec![0; 40];
        (packet[0], packet[3], packet[20]) = (0x45, 40, kind);
        packet[24..28].copy_from_slice(&number.to_be_bytes());
        packet
    }

    fn of(packet: &[u8]) -> Self {
        match packet[20] {
            0 => Self::Probe,
            1 => Self::Answer,
            _ => Self::Number(u32::from_be_bytes(packet[24..28].try_into().unwrap())),
        }
    }
}

/// The far end: sessions by their peer's key, and whose the addresses are.
struct Centre {
    key: SecretKey,
    peers: Vec<(PublicKey, Session)>,
    holder: Option<PublicKey>,
    made: u32,
    heard: Vec<u32>,
}

impl Centre {
    fn register(&mut self, peer: PublicKey) {
        if self.peers.iter().all(|(known, _)| *known != peer) {
            self.made += 1;
            self.peers.push((peer, Session::new(&self.key, peer, self.made, None)));
        }
    }

    fn give_addresses(&mut self, peer: PublicKey) {
        self.register(peer);
        self.holder = Some(peer);
    }

    fn remove(&mut self, peer: PublicKey) {
        self.peers.retain(|(known, _)| *known != peer);
        self.holder = self.holder.filter(|holder| *holder != peer);
    }

    fn restart(&mut self) {
        for peer in std::mem::take(&mut self.peers) {
            self.register(peer.0);
        }
    }

    fn open(&mut self, now: Instant, datagram: &[u8], bag: &mut Bag) {
        let initiation = Session::is_initiation(datagram);
        for (peer, session) in &mut self.peers {
            if !initiation && !session.is_addressed_by(datagram) {
                continue;
            }
            let mut opened = Bag::default();
            let what = session.open(now, PLACE, datagram, &mut opened);
            bag.network.append(&mut opened.network);
            // Cryptokey routing: what comes from the addresses of somebody else is dropped.
            for packet in opened.tunnel.iter().filter(|_| self.holder == Some(*peer)) {
                match Load::of(packet) {
                    Load::Probe => session.seal(now, &Load::Answer.packet(), bag),
                    Load::Answer => {}
                    Load::Number(number) => self.heard.push(number),
                }
            }
            if !matches!(what, Opened::Rejected(_)) {
                return;
            }
        }
    }

    fn seal(&mut self, now: Instant, load: Load, bag: &mut Bag) {
        let holder = self.peers.iter_mut().find(|(peer, _)| Some(*peer) == self.holder);
        if let Some((_, session)) = holder.filter(|(_, session)| session.established()) {
            session.seal(now, &load.packet(), bag);
        }
    }

    fn tick(&mut self, now: Instant, bag: &mut Bag) {
        self.peers.iter_mut().for_each(|(_, session)| session.tick(now, bag));
    }
}

struct World {
    device: Keyed,
    centre: Centre,
    keys: [SecretKey; 2],
    start: Instant,
    milliseconds: u64,
    /// Datagrams under way, with the time of their arrival: to the centre, to the device.
    flying: [VecDeque<(u64, Vec<u8>)>; 2],
    cut: bool,
    /// Numbered packets, one each step from either end, that were sent so far.
    sent: u32,
    heard: Vec<u32>,
    /// When the device last heard anything from the centre.
    last_heard: u64,
}

impl World {
    fn new() -> Self {
        let keys = [SecretKey::generate(), SecretKey::generate()];
        let key = SecretKey::generate();
        let (start, public) = (Instant::now(), key.public());
        let suspicion = Probing::default().suspicion();
        let mut centre =
            Centre { key, peers: Vec::new(), holder: None, made: 0, heard: Vec::new() };
        centre.give_addresses(keys[0].public());
        let mut world = Self {
            device: Keyed::new(Session::new(&keys[0], public, 1, None), suspicion),
            centre,
            keys,
            start,
            milliseconds: 0,
            flying: Default::default(),
            cut: false,
            sent: 0,
            heard: Vec::new(),
            last_heard: 0,
        };
        world.run(2_000);
        assert!(world.device.established());
        world
    }

    fn old(&self) -> PublicKey {
        self.keys[0].public()
    }

    fn new_one(&self) -> PublicKey {
        self.keys[1].public()
    }

    fn offer(&mut self) {
        let (key, centre) = (self.keys[1].clone(), self.centre.key.public());
        let stamped_after = self.device.last_stamp().unwrap_or(SystemTime::UNIX_EPOCH);
        self.device.offer(&key, centre, stamped_after);
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.milliseconds)
    }

    /// Lets time pass, with packets both ways all the time.
    fn run(&mut self, milliseconds: u64) {
        let end = self.milliseconds + milliseconds;
        while self.milliseconds < end {
            self.milliseconds += STEP;
            self.step();
        }
    }

    fn step(&mut self) {
        let (now, at) = (self.now(), self.milliseconds);
        let (mut up, mut down) = (Bag::default(), Bag::default());
        if at % 250 < STEP {
            // The clock of the system is the world's.
            let clock = SystemTime::now() + Duration::from_millis(at);
            self.device.tick(now, clock, &mut up);
            self.centre.tick(now, &mut down);
        }
        if at % 200 < STEP {
            if self.device.established() {
                let quiet = at >= self.last_heard + 500;
                self.device.suspect(quiet, now, &mut up);
                self.device.probe(now, &Load::Probe.packet(), &mut up);
            } else {
                self.device.connect(now, &mut up);
            }
        }
        let load = Load::Number(self.sent);
        self.sent += 1;
        self.device.speaking.seal(now, &load.packet(), &mut up);
        self.centre.seal(now, load, &mut down);
        for datagram in self.arrived(0) {
            self.centre.open(now, &datagram, &mut down);
        }
        let arrived = self.arrived(1);
        if self.device.renewing() {
            for datagram in arrived {
                self.device.open(now, PLACE, &datagram, &mut up);
            }
            self.device.turn(now, &mut up);
        } else {
            for datagram in arrived {
                self.device.speaking.open(now, PLACE, &datagram, &mut up);
            }
        }
        for packet in up.tunnel.drain(..) {
            self.last_heard = at;
            if let Load::Number(number) = Load::of(&packet) {
                self.heard.push(number);
            }
        }
        for (to, bag) in [(0, up), (1, down)] {
            let passing = bag.network.into_iter().filter(|_| !self.cut);
            self.flying[to].extend(passing.map(|datagram| (at + DELAY, datagram)));
        }
    }

    fn arrived(&mut self, to: usize) -> Vec<Vec<u8>> {
        let at = self.milliseconds;
        let flying = &mut self.flying[to];
        let count = flying.iter().take_while(|(due, _)| *due <= at).count();
        flying.drain(..count).map(|(_, datagram)| datagram).collect()
    }

    /// Lets an event happen and time pass: how many packets were lost upwards and downwards.
    fn losses(&mut self, event: impl FnOnce(&mut Self), milliseconds: u64) -> [u32; 2] {
        self.run(2 * DELAY);
        // What is under way now counts as well.
        let first = self.sent - u32::try_from(2 * DELAY / STEP).unwrap();
        event(self);
        self.run(milliseconds);
        let last = self.sent;
        self.run(4 * DELAY);
        let missing = |heard: &[u32]| {
            let mut there = vec![false; (last - first) as usize];
            for number in heard.iter().filter(|number| (first..last).contains(number)) {
                there[(number - first) as usize] = true;
            }
            u32::try_from(there.iter().filter(|there| !**there).count()).unwrap()
        };
        [missing(&self.centre.heard), missing(&self.heard)]
    }

    fn initiations(&self) -> u64 {
        self.device.counters().initiations
    }
}

/// Packets that are sent in so many milliseconds.
fn packets(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds / STEP).unwrap()
}

const NONE: [u32; 2] = [0, 0];

#[test]
fn a_key_that_nobody_registers_disturbs_nothing_for_hours() {
    let mut world = World::new();
    let before = world.initiations();
    assert_eq!(world.losses(World::offer, 2 * 3_600_000), NONE);
    assert_eq!(world.device.coming(), Some(ComingKey::Unknown));
    // One in five seconds, some quick ones at first, and rekeying.
    let tries = world.initiations() - before;
    assert!((1_300..1_600).contains(&tries), "{tries} handshakes in two hours");
}

#[test]
fn two_steps_cost_less_than_an_interval_of_probes_and_nothing_downwards() {
    let mut world = World::new();
    world.offer();
    let register = |world: &mut World| world.centre.register(world.new_one());
    assert_eq!(world.losses(register, 6_000), NONE);
    assert_eq!(world.device.coming(), Some(ComingKey::Known));
    assert_eq!(world.losses(|_| {}, 3_600_000), NONE, "a day may lie between the steps");
    assert_eq!(world.device.coming(), Some(ComingKey::Known));

    let give = |world: &mut World| world.centre.give_addresses(world.new_one());
    let [up, down] = world.losses(give, 1_000);
    // A packet of the platform is there a step after the choice, and half a round trip later it is known here.
    assert!(up <= packets(2 * DELAY + 2 * STEP), "{up} lost upwards");
    assert_eq!(down, 0);
    assert_eq!(world.device.coming(), Some(ComingKey::InUse));
    assert_eq!(world.losses(|_| {}, 600_000), NONE);
    assert_eq!(world.losses(|world| world.device.settle(), 600_000), NONE);
    assert_eq!(world.device.coming(), None);
    assert_eq!(world.losses(|world| world.centre.remove(world.old()), 600_000), NONE);
}

#[test]
fn one_step_is_noticed_before_the_centre_counts_as_silent() {
    let silence = Probing::default().silence().as_millis();
    // With the slow pace of a key that nobody has known for long.
    for waited in [1_000, 7_300, 601_700] {
        let mut world = World::new();
        world.offer();
        world.run(waited);
        let give = |world: &mut World| world.centre.give_addresses(world.new_one());
        let lost = world.losses(give, 5_000);
        assert_eq!(world.device.coming(), Some(ComingKey::InUse));
        assert!(lost.iter().all(|lost| u128::from(*lost) * u128::from(STEP) < silence), "{lost:?}");
        let replace = |world: &mut World| {
            world.centre.remove(world.old());
            world.device.settle();
        };
        assert_eq!(world.losses(replace, 300_000), NONE);
    }
}

#[test]
fn whoever_moves_the_addresses_back_has_the_old_key_back() {
    let mut world = World::new();
    world.offer();
    world.centre.register(world.new_one());
    world.run(10_000);
    for _ in 0..3 {
        world.centre.give_addresses(world.new_one());
        world.run(1_000);
        assert_eq!(world.device.coming(), Some(ComingKey::InUse));
        let lost = world.losses(|world| world.centre.give_addresses(world.old()), 2_000);
        assert_eq!(world.device.coming(), Some(ComingKey::Known));
        let [up, down] = lost;
        assert!(up <= packets(500 + 200 + 2 * DELAY + STEP) && down == 0, "{lost:?}");
    }
    assert_eq!(world.losses(|world| world.device.withdraw(), 300_000), NONE);
    assert_eq!(world.device.coming(), None);
}

#[test]
fn packets_of_the_old_session_that_are_late_turn_nothing_back() {
    let mut world = World::new();
    world.offer();
    world.centre.register(world.new_one());
    world.run(10_000);
    let mut late = Bag::default();
    let now = world.now();
    world.centre.seal(now, Load::Number(u32::MAX), &mut late);
    world.centre.give_addresses(world.new_one());
    world.run(1_000);
    let now = world.now();
    let (mut bag, heard) = (Bag::default(), late.network.len());
    for datagram in late.network {
        assert_eq!(world.device.open(now, PLACE, &datagram, &mut bag), Opened::Data);
    }
    assert!(heard == 1 && bag.tunnel.len() == 1, "what was under way is received");
    assert!(!world.device.turn(now, &mut bag));
    assert_eq!(world.device.coming(), Some(ComingKey::InUse));
}

#[test]
fn a_device_that_starts_amid_a_renewal_finds_the_key_that_counts() {
    for chosen in [0, 1] {
        let mut world = World::new();
        world.centre.register(world.new_one());
        world.centre.give_addresses(world.keys[chosen].public());
        let (key, centre) = (&world.keys[0], world.centre.key.public());
        let again = Session::new(key, centre, 1, None);
        // Its stamps go on.
        let stamp = world.device.last_stamp().unwrap();
        world.device = Keyed::new(again.stamped_after(stamp), Probing::default().suspicion());
        world.offer();
        world.run(1_500);
        let coming = if chosen == 1 { ComingKey::InUse } else { ComingKey::Known };
        assert_eq!(world.device.coming(), Some(coming));
        assert_eq!(world.losses(|_| {}, 10_000), NONE);
    }
}

#[test]
fn what_is_counted_never_goes_back() {
    let mut world = World::new();
    world.offer();
    let mut before = world.device.counters();
    let mut grows = |world: &World| {
        let now = world.device.counters();
        assert!(now.sealed_bytes >= before.sealed_bytes && now.opened_bytes >= before.opened_bytes);
        assert!(now.handshakes >= before.handshakes && now.initiations >= before.initiations);
        before = now;
    };
    world.centre.give_addresses(world.new_one());
    for _ in 0..100 {
        world.run(STEP);
        grows(&world);
    }
    world.device.settle();
    grows(&world);
    world.offer();
    world.run(1_000);
    world.device.withdraw();
    grows(&world);
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Register(usize),
    Give(usize),
    Remove(usize),
    Restart,
    Cut(bool),
    Offer,
    Wait(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let key = 0_usize..2;
    let event = prop_oneof![
        key.clone().prop_map(Event::Register),
        key.clone().prop_map(Event::Give),
        key.prop_map(Event::Remove),
        Just(Event::Restart),
        any::<bool>().prop_map(Event::Cut),
        Just(Event::Offer),
        (0_u64..4_000).prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the operator did and whenever: once one of the two keys has the addresses and the line is there, packets
    /// pass both ways, and the device knows which key counts.
    #[test]
    fn whatever_happened_the_key_with_the_addresses_speaks(events in events(), last in 0_usize..2) {
        let mut world = World::new();
        world.offer();
        for event in events {
            let key = |which: usize| world.keys[which].public();
            match event {
                Event::Register(which) => { let key = key(which); world.centre.register(key) }
                Event::Give(which) => { let key = key(which); world.centre.give_addresses(key) }
                Event::Remove(which) => { let key = key(which); world.centre.remove(key) }
                Event::Restart => world.centre.restart(),
                Event::Cut(cut) => world.cut = cut,
                Event::Offer => world.offer(),
                Event::Wait(time) => world.run(time),
            }
        }
        world.cut = false;
        world.centre.give_addresses(world.keys[last].public());
        // The slow pace, and a handshake that a peer's own rate limit may have refused.
        world.run(15_000);
        let in_use = world.device.coming() == Some(ComingKey::InUse);
        prop_assert_eq!(in_use, last == 1);
        prop_assert_eq!(world.losses(|_| {}, 2_000), NONE);
    }
}
