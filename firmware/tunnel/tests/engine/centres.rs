//! One engine with two centres that the test plays itself: fail-over, bad input, stopping, and what a fault looks like.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use sekisho_design::{Name, PublicKey};
use sekisho_tunnel::{
    Centre, Config, Engine, Outbox, Probing, SecretKey, Session, Tun, TunnelError, TypeOfService,
};

use crate::namespace::{DEVICE, alone, ip, make_device};

pub(crate) const DEVICE_ADDRESS: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 1);
const HOLD_DOWN: Duration = Duration::from_secs(2);
pub(crate) const PLATFORM: &str = "100.72.1.10:9";

/// A centre: answers probes while it is up, and hands on every other packet that the device seals for it.
pub(crate) struct FakeCentre {
    pub(crate) endpoint: SocketAddr,
    public_key: PublicKey,
    probe: Ipv4Addr,
    up: Arc<AtomicBool>,
    /// Announcements heard: echo replies that it didn't ask for.
    announced: Arc<AtomicU64>,
    packets: mpsc::Receiver<Vec<u8>>,
    /// Sends from the centre's endpoint, past its session.
    socket: UdpSocket,
}

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

impl FakeCentre {
    fn new(device: PublicKey, probe: Ipv4Addr) -> Self {
        let key = SecretKey::generate();
        let public_key = key.public();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let up = Arc::new(AtomicBool::new(true));
        let announced = Arc::new(AtomicU64::new(0));
        let (sender, packets) = mpsc::channel();
        let centre = Self {
            endpoint: socket.local_addr().unwrap(),
            public_key,
            probe,
            up: Arc::clone(&up),
            announced: Arc::clone(&announced),
            packets,
            socket: socket.try_clone().unwrap(),
        };
        let mut session = Session::new(&key, device, 1, None);
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            loop {
                let Ok((length, source)) = socket.recv_from(&mut buffer) else { continue };
                if !up.load(Ordering::Relaxed) {
                    continue;
                }
                let (now, mut bag) = (Instant::now(), Bag::default());
                session.open(now, source.ip(), &buffer[..length], &mut bag);
                for packet in std::mem::take(&mut bag.tunnel) {
                    if packet[9] == 1 && packet[16..20] == probe.octets() {
                        match packet[20] {
                            ECHO_REQUEST => session.seal(now, &echo_reply(packet), &mut bag),
                            ECHO_REPLY => drop(announced.fetch_add(1, Ordering::Relaxed)),
                            other => panic!("ICMP type {other} to the probe address"),
                        }
                    } else if sender.send(packet).is_err() {
                        return;
                    }
                }
                for datagram in bag.network {
                    socket.send_to(&datagram, source).unwrap();
                }
            }
        });
        centre
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    /// Waits for an announcement.
    fn hears_announcement(&self) {
        let before = self.announced.load(Ordering::Relaxed);
        let end = Instant::now() + PATIENCE;
        while self.announced.load(Ordering::Relaxed) == before {
            assert!(Instant::now() < end, "no announcement in {PATIENCE:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether a packet with this payload has arrived by now.
    fn has_heard(&self, payload: &[u8]) -> bool {
        self.packets.try_iter().any(|packet| packet.ends_with(payload))
    }

    /// Waits for a packet with this payload.
    fn hears(&self, payload: &[u8]) {
        heard_by(&[self], payload);
    }
}

/// Sends again and again, until the payload has arrived at one of these centres.
pub(crate) fn heard_again_by(centres: &[&FakeCentre], send: impl Fn() -> &'static [u8]) {
    let end = Instant::now() + PATIENCE;
    loop {
        let payload = send();
        thread::sleep(Duration::from_millis(20));
        if centres.iter().any(|centre| centre.has_heard(payload)) {
            return;
        }
        assert!(Instant::now() < end, "{:?} never arrived", String::from_utf8_lossy(payload));
    }
}

/// Waits for a packet with this payload at one of these centres.
fn heard_by(centres: &[&FakeCentre], payload: &[u8]) {
    let end = Instant::now() + PATIENCE;
    while !centres.iter().any(|centre| centre.has_heard(payload)) {
        assert!(Instant::now() < end, "{:?} did not arrive", String::from_utf8_lossy(payload));
        thread::sleep(Duration::from_millis(5));
    }
}

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// Turns an ICMP echo request into its reply. Swapping addresses leaves the IP checksum; the type weighs 0x0800.
fn echo_reply(mut packet: Vec<u8>) -> Vec<u8> {
    let (source, destination) = packet[12..20].split_at_mut(4);
    source.swap_with_slice(destination);
    packet[20] = ECHO_REPLY;
    let sum = u32::from(u16::from_be_bytes([packet[22], packet[23]])) + 0x0800;
    let folded = (sum & 0xffff) + (sum >> 16);
    packet[22..24].copy_from_slice(&folded.to_be_bytes()[2..]);
    packet
}

pub(crate) struct Scene {
    pub(crate) east: FakeCentre,
    pub(crate) west: FakeCentre,
    key: SecretKey,
}

impl Scene {
    pub(crate) fn new() -> Self {
        make_device("100.64.10.1", "100.72.0.0/16");
        let key = SecretKey::generate();
        Self {
            east: FakeCentre::new(key.public(), Ipv4Addr::new(100, 72, 250, 1)),
            west: FakeCentre::new(key.public(), Ipv4Addr::new(100, 72, 250, 2)),
            key,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let centre = |name: &str, fake: &FakeCentre| Centre {
            name: name.parse().unwrap(),
            endpoint: Some(fake.endpoint),
            public_key: fake.public_key,
            probe: fake.probe,
        };
        Config {
            tun: DEVICE.to_owned(),
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            key: self.key.clone(),
            coming: None,
            centres: vec![centre("east", &self.east), centre("west", &self.west)],
            device_address: DEVICE_ADDRESS,
            largest: 1420,
            probing: Probing { hold_down: HOLD_DOWN, ..Probing::default() },
            stamped_after: SystemTime::UNIX_EPOCH,
        }
    }
}

/// How long anything may take on a machine that is busy with other tests. How fast the machine decides is shown
/// without a clock, in the tests of `failover`.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for the carrier that the engine publishes.
pub(crate) fn carried_by(engine: &Engine, name: Option<&str>) {
    let mut status = engine.subscribe();
    let end = Instant::now() + PATIENCE;
    while status.borrow_and_update().carrier.as_ref().map(Name::as_str) != name {
        assert!(Instant::now() < end, "{name:?} in {PATIENCE:?}: {:?}", engine.status());
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn traffic_moves_to_the_centre_that_answers() {
    alone("centres::traffic_moves_to_the_centre_that_answers", || {
        let scene = Scene::new();
        let client = UdpSocket::bind((DEVICE_ADDRESS, 0)).unwrap();
        let engine = Engine::start(scene.config()).unwrap();
        // Held until there is a session, with whichever centre was the first to have one. The kernel itself drops what
        // is sent before it has noticed that somebody reads the device.
        heard_again_by(&[&scene.east, &scene.west], || {
            client.send_to(b"early", PLATFORM).unwrap();
            b"early"
        });
        carried_by(&engine, Some("east"));
        client.send_to(b"first", PLATFORM).unwrap();
        scene.east.hears(b"first");
        assert!(engine.status().silent_since.is_none());
        scene.east.hears_announcement();
        let before = scene.west.announced.load(Ordering::Relaxed);
        scene.east.hears_announcement();
        assert_eq!(
            scene.west.announced.load(Ordering::Relaxed),
            before,
            "only the carrier is told"
        );

        scene.east.set_up(false);
        carried_by(&engine, Some("west"));
        // The carrier knows before the office sends anything.
        scene.west.hears_announcement();
        client.send_to(b"second", PLATFORM).unwrap();
        scene.west.hears(b"second");
        let status = engine.status();
        assert!(status.centres[0].alive_since.is_none() && status.centres[1].alive_since.is_some());
        assert!(status.centres[1].round_trip.is_some());

        scene.west.set_up(false);
        carried_by(&engine, None);
        assert!(engine.status().silent_since.is_some());

        scene.west.set_up(true);
        carried_by(&engine, Some("west"));
        let back = Instant::now();
        scene.east.set_up(true);
        carried_by(&engine, Some("east"));
        assert!(back.elapsed() >= HOLD_DOWN, "held down for {:?} only", back.elapsed());
        assert!(engine.stop());
    });
}

#[test]
fn bad_input_costs_bounded_memory_and_changes_nothing() {
    alone("centres::bad_input_costs_bounded_memory_and_changes_nothing", || {
        let scene = Scene::new();
        let config = scene.config();
        let target = config.socket.local_addr().unwrap();
        let engine = Engine::start(config).unwrap();
        carried_by(&engine, Some("east"));
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut noise: Vec<u8> =
            (0..65_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        noise[..4].copy_from_slice(&[4, 0, 0, 0]);
        let resident = resident_kilobytes();
        for round in 0..30_000_usize {
            let length = if round % 100 == 0 { noise.len() } else { round % 200 };
            stranger.send_to(&noise[..length], target).unwrap();
            scene.east.socket.send_to(&noise[..length], target).unwrap();
        }
        let client = UdpSocket::bind((DEVICE_ADDRESS, 0)).unwrap();
        thread::sleep(Duration::from_millis(300));
        client.send_to(b"still here", PLATFORM).unwrap();
        heard_by(&[&scene.east, &scene.west], b"still here");
        let status = engine.status();
        let rejected = status.centres[0].counters;
        assert!(status.foreign_datagrams > 5_000, "{status:?}");
        assert!(rejected.malformed > 1_000 && rejected.no_session > 1_000, "{rejected:?}");
        assert_eq!(status.failure, None);
        assert!(rejected.handshakes <= rejected.initiations, "{rejected:?}");
        let grown = resident_kilobytes().saturating_sub(resident);
        assert!(grown < 16_384, "{grown} kB more than before");
        assert!(engine.stop());
    });
}

#[test]
fn starting_and_stopping() {
    alone("centres::starting_and_stopping", || {
        let scene = Scene::new();
        let without = |change: fn(&mut Config)| {
            let mut config = scene.config();
            change(&mut config);
            Engine::start(config).map(|_| ()).unwrap_err()
        };
        assert!(matches!(without(|config| config.centres.clear()), TunnelError::NoCentre));
        assert!(matches!(
            without(|config| config.centres[1].endpoint = config.centres[0].endpoint),
            TunnelError::SharedEndpoint(_)
        ));
        assert!(matches!(
            without(|config| config.tun = "absent".to_owned()),
            TunnelError::NoDevice { .. }
        ));

        // Again and again on the same device, and never two at once.
        for _ in 0..3 {
            let engine = Engine::start(scene.config()).unwrap();
            assert!(
                matches!(Tun::attach(DEVICE), Err(TunnelError::Attach { .. })),
                "the device is taken"
            );
            assert!(engine.stop());
        }
        drop(Tun::attach(DEVICE).unwrap());
    });
}

#[test]
fn a_device_that_is_down_for_a_while_loses_nothing_else() {
    alone("centres::a_device_that_is_down_for_a_while_loses_nothing_else", || {
        let scene = Scene::new();
        let engine = Engine::start(scene.config()).unwrap();
        carried_by(&engine, Some("east"));
        ip(&format!("link set {DEVICE} down"));
        thread::sleep(Duration::from_millis(1_500));
        carried_by(&engine, Some("east"));
        ip(&format!("link set {DEVICE} up"));
        ip(&format!("route add 100.72.0.0/16 dev {DEVICE}"));
        let client = UdpSocket::bind((DEVICE_ADDRESS, 0)).unwrap();
        client.send_to(b"up again", PLATFORM).unwrap();
        scene.east.hears(b"up again");
        assert_eq!(engine.failed(), None);
        assert!(engine.stop());
    });
}

#[test]
fn a_device_that_goes_away_is_reported() {
    alone("centres::a_device_that_goes_away_is_reported", || {
        let scene = Scene::new();
        let engine = Engine::start(scene.config()).unwrap();
        assert_eq!(engine.failed(), None);
        let status = engine.subscribe();
        ip(&format!("link delete {DEVICE}"));
        let end = Instant::now() + PATIENCE;
        while status.borrow().failure.is_none() {
            assert!(Instant::now() < end, "nothing was reported");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(
            engine.failed().unwrap().contains("read the tunnel device"),
            "{:?}",
            engine.failed()
        );
        assert!(engine.stop());
    });
}

fn resident_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
