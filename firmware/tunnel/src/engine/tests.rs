//! Two engines in one process, each the other's only centre: real sockets between them, and devices without a kernel, so
//! that every system call of one of them can be refused.

mod bursts;
mod faults;
mod flood;
mod relay;
mod weather;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::net::UnixDatagram,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use super::*;
use crate::{
    transport::faulty::{Cable, Faults, Faulty},
    udp::Socket,
};

/// How long anything may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 64, 10, 1), Ipv4Addr::new(100, 72, 1, 10)];

/// Both engines and the offices behind them. The calls of the first engine pass its faults.
struct Joined {
    engines: [Engine; 2],
    offices: [Office; 2],
    /// Copies of the engines' sockets.
    sockets: [UdpSocket; 2],
    keys: [SecretKey; 2],
    faults: Faults,
}

impl Joined {
    /// Joined by nothing but loopback.
    fn new() -> Self {
        Self::by(|[one, other]| [other, one])
    }

    /// `route` is told where both engines listen, and says where each finds the other. Returns once both carry.
    fn by(route: impl FnOnce([SocketAddr; 2]) -> [SocketAddr; 2]) -> Self {
        let keys = [SecretKey::generate(), SecretKey::generate()];
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let endpoints = route(sockets.each_ref().map(|socket| socket.local_addr().unwrap()));
        let faults = Faults::default();
        let (mut offices, mut engines) = (Vec::new(), Vec::new());
        for (end, socket) in
            sockets.each_ref().map(|socket| socket.try_clone().unwrap()).into_iter().enumerate()
        {
            let (cable, office) = Cable::new();
            offices.push(Office::open(office));
            let faults = if end == 0 { faults.clone() } else { Faults::default() };
            let device = Faulty { inner: cable, faults: faults.clone() };
            let network = Faulty { inner: Socket::new(socket).unwrap(), faults };
            let parties = Parties {
                key: keys[end].clone(),
                coming: None,
                centres: vec![Centre {
                    name: "other".parse().unwrap(),
                    endpoint: Some(endpoints[end]),
                    public_key: keys[1 - end].public(),
                    probe: ADDRESSES[1 - end],
                }],
                device_address: ADDRESSES[end],
                largest: 1420,
                probing: Probing::default(),
                stamped_after: SystemTime::UNIX_EPOCH,
            };
            engines.push(Engine::over(Tun::over(device), Udp::over(network), parties).unwrap());
        }
        let (Ok(engines), Ok(offices)) = (engines.try_into(), offices.try_into()) else {
            panic!("two of each")
        };
        let joined = Self { engines, offices, sockets, keys, faults };
        joined.wait_until("both carry", Self::carries);
        joined
    }

    fn carries(&self) -> bool {
        self.engines.iter().all(|engine| engine.status().carrier.is_some())
    }

    fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition(self) {
            let states = self.engines.each_ref().map(Engine::status);
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}: {states:#?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends packets with these numbers from both offices, ten at a time, for 20 ms each ten.
    fn send(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            self.offices.iter().for_each(|office| office.send(number));
            if number % 10 == 9 {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Sends this number again and again, until it has passed both ways.
    fn passes(&self, number: u32) {
        self.wait_until("a packet passes both ways", |joined| {
            joined.send(number..number + 1);
            joined.offices.iter().all(|office| office.heard(number..number + 1) == 1)
        });
    }

    /// Renews the first engine's session, and waits for that.
    fn rekey(&self) {
        let handshakes = |joined: &Self| joined.engines[0].status().centres[0].counters.handshakes;
        let before = handshakes(self);
        self.wait_until("a handshake", |joined| {
            joined.engines[0].rekey();
            handshakes(joined) > before
        });
    }

    /// Stops both, which have to be whole.
    fn stop(self) {
        for engine in self.engines {
            assert_eq!(engine.failed(), None);
            assert!(engine.stop(), "the threads end in time");
        }
    }
}

/// What is behind a device: answers probes, sends numbered packets, and notes those that arrive.
struct Office {
    socket: UnixDatagram,
    heard: Arc<Mutex<Vec<u32>>>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Office {
    const LENGTH: usize = 1_000;

    fn open(socket: UnixDatagram) -> Self {
        let (heard, closed) = (Arc::<Mutex<Vec<u32>>>::default(), Arc::<AtomicBool>::default());
        let ours = socket.try_clone().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (noting, ending) = (Arc::clone(&heard), Arc::clone(&closed));
        let thread = thread::spawn(move || {
            let mut packet = [0; 2_048];
            while !ending.load(Ordering::Relaxed) {
                let Ok(length) = ours.recv(&mut packet) else { continue };
                match (packet[9], packet[20]) {
                    (ICMP, ECHO_REQUEST) => drop(ours.send(&echo_reply(&packet[..length]))),
                    (ICMP, _) => {}
                    _ => noting.lock().unwrap().push(number_of(&packet)),
                }
            }
        });
        Self { socket, heard, closed, thread: Some(thread) }
    }

    fn send(&self, number: u32) {
        self.socket.send(&packet(number, Self::LENGTH)).unwrap();
    }

    /// How many of these numbers have arrived, each counted once.
    fn heard(&self, numbers: std::ops::Range<u32>) -> usize {
        let heard = self.heard.lock().unwrap();
        numbers.filter(|number| heard.contains(number)).count()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

const ICMP: u8 = 1;
const ECHO_REQUEST: u8 = 8;

/// Swapping addresses leaves the IP checksum; the type weighs 0x0800.
fn echo_reply(request: &[u8]) -> Vec<u8> {
    let mut reply = request.to_vec();
    reply[12..20].rotate_left(4);
    reply[20] = 0;
    let sum = u32::from(u16::from_be_bytes([reply[22], reply[23]])) + 0x0800;
    let folded = (sum & 0xffff) + (sum >> 16);
    reply[22..24].copy_from_slice(&folded.to_be_bytes()[2..]);
    reply
}

/// An IPv4 packet of a protocol that nobody knows, with a number.
fn packet(number: u32, length: usize) -> Vec<u8> {
    let mut packet = vec![0; length];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    packet[9] = 253;
    packet[20..24].copy_from_slice(&number.to_be_bytes());
    packet
}

fn number_of(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[20..24].try_into().unwrap())
}
