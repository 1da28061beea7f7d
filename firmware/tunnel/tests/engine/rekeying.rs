//! What traffic notices of new keys, and of strangers who ask for them: nothing that a hash or a clock would show.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::time::{ClockId, clock_gettime};
use ring::digest::{Context, Digest, SHA256};
use sekisho_design::PublicKey;
use sekisho_tunnel::{Engine, Outbox, SecretKey, Session, TypeOfService};

use crate::{
    joined::Joined,
    namespace::{Namespace, alone_within, ip},
};

/// The engine starts no more than one handshake a second.
const PAUSE: Duration = Duration::from_millis(1_050);
const MINUTE: Duration = Duration::from_mins(1);

/// A stream that repeats nothing (xorshift).
struct Noise(u64);

impl Noise {
    fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_exact_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            word.copy_from_slice(&self.0.to_le_bytes());
        }
    }
}

/// Sends so many bytes at least, and until it is enough: the hash of what was sent.
fn send(mut stream: &TcpStream, seed: u64, least: u64, enough: &AtomicBool) -> (Digest, u64) {
    let (mut noise, mut chunk) = (Noise(seed), vec![0; 1 << 17]);
    let (mut hash, mut sent) = (Context::new(&SHA256), 0);
    while sent < least || !enough.load(Ordering::Relaxed) {
        noise.fill(&mut chunk);
        stream.write_all(&chunk).unwrap();
        hash.update(&chunk);
        sent += chunk.len() as u64;
    }
    stream.shutdown(Shutdown::Write).unwrap();
    (hash.finish(), sent)
}

/// Receives until the end: the hash of what came, and the longest time without anything.
fn receive(mut stream: &TcpStream) -> (Digest, Duration) {
    let (mut chunk, mut hash) = (vec![0; 1 << 18], Context::new(&SHA256));
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    while let count @ 1.. = stream.read(&mut chunk).unwrap() {
        hash.update(&chunk[..count]);
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    (hash.finish(), longest)
}

fn handshakes(engine: &Engine) -> u64 {
    engine.status().centres[0].counters.handshakes
}

/// Sends so many bytes at least both ways at once, by two connections, with new keys all the time, three at least.
fn both_ways(joined: &Joined, least: u64) {
    let (engine, before) = (&joined.engines[0], handshakes(&joined.engines[0]));
    let (streams, enough) = ([joined.connection(), joined.connection()], &AtomicBool::new(false));
    let [[near_up, far_up], [near_down, far_down]] = &streams;
    let begun = Instant::now();
    let results = thread::scope(|scope| {
        let ways = [(near_up, far_up, 1), (far_down, near_down, 2)];
        let running = ways.map(|(from, to, seed)| {
            (scope.spawn(move || send(from, seed, least, enough)), scope.spawn(move || receive(to)))
        });
        while running.iter().any(|(_, received)| !received.is_finished()) {
            engine.rekey();
            thread::sleep(PAUSE);
            enough.store(handshakes(engine) >= before + 3, Ordering::Relaxed);
        }
        running.map(|(sent, received)| (sent.join(), received.join()))
    });
    let (took, renewed) = (begun.elapsed(), handshakes(&joined.engines[0]) - before);
    for (way, (sent, received)) in ["up", "down"].iter().zip(results) {
        let ((sent, bytes), (received, silence)) = (sent.unwrap(), received.unwrap());
        println!(
            "{way}: {bytes} bytes in {took:?}, {renewed} handshakes, {silence:?} silent at most, {sent:?}"
        );
        assert_eq!(sent.as_ref(), received.as_ref(), "{way}: not the same bytes");
        // A session that is stuck is deaf for 15 s.
        assert!(silence < Duration::from_secs(10), "{way}: {silence:?} without a byte");
    }
    assert!(renewed >= 3, "{renewed} handshakes");
    for engine in &joined.engines {
        let status = engine.status();
        let counters = status.centres[0].counters;
        assert_eq!((status.failure, counters.given_up, counters.forged), (None, 0, 0));
    }
}

#[test]
fn new_keys_cost_no_byte() {
    alone_within(2 * MINUTE, "rekeying::new_keys_cost_no_byte", || {
        both_ways(&Joined::new(), 1_000_000);
    });
}

#[test]
#[ignore = "takes minutes"]
fn long_ten_gigabytes_both_ways_while_rekeying() {
    alone_within(30 * MINUTE, "rekeying::long_ten_gigabytes_both_ways_while_rekeying", || {
        both_ways(&Joined::new(), 10_000_000_000);
    });
}

/// A connection that is as full as it gets, until it is dropped.
struct Load {
    streams: [TcpStream; 2],
    received: AtomicU64,
    ended: AtomicBool,
}

impl Load {
    fn on(joined: &Joined) -> Self {
        Self {
            streams: joined.connection(),
            received: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        }
    }

    /// Does something while it runs.
    fn during<T>(&self, act: impl FnOnce() -> T) -> T {
        let [mut near, mut far] = self.streams.each_ref();
        self.ended.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            scope.spawn(move || {
                let chunk = vec![7; 1 << 17];
                while !self.ended.load(Ordering::Relaxed) {
                    near.write_all(&chunk).unwrap();
                }
                // The receiver goes on until it sees this.
                near.write_all(&[1]).unwrap();
            });
            scope.spawn(move || {
                let mut chunk = vec![0; 1 << 18];
                loop {
                    let count = far.read(&mut chunk).unwrap();
                    self.received.fetch_add(count as u64, Ordering::Relaxed);
                    if count == 0 || chunk[count - 1] == 1 {
                        return;
                    }
                }
            });
            let result = act();
            self.ended.store(true, Ordering::Relaxed);
            result
        })
    }

    /// Looks at it for half a second, after a moment to begin.
    fn rate(&self) -> Rate {
        self.during(|| {
            thread::sleep(Duration::from_millis(100));
            let look = || (Instant::now(), processor_time(), self.received.load(Ordering::Relaxed));
            let before = look();
            thread::sleep(Duration::from_millis(500));
            let after = look();
            let megabits = u32::try_from((after.2 - before.2) / 125_000).unwrap();
            Rate {
                each_second: f64::from(megabits) / (after.0 - before.0).as_secs_f64(),
                each_processor_second: f64::from(megabits)
                    / after.1.saturating_sub(before.1).as_secs_f64(),
            }
        })
    }
}

/// Megabits that pass.
#[derive(Clone, Copy)]
struct Rate {
    each_second: f64,
    /// Of this whole process. What else the machine does changes this much less.
    each_processor_second: f64,
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}

/// Measures one after the other, each first in its turn: the medians of the ratios of neighbours.
fn median_ratio(pairs: usize, one: impl Fn() -> Rate, other: impl Fn() -> Rate) -> Rate {
    let measure = |pair| {
        let [one, other]: [&dyn Fn() -> Rate; 2] = [&one, &other];
        if pair % 2 == 0 {
            (one(), other())
        } else {
            let second = other();
            (one(), second)
        }
    };
    let measured: Vec<_> = (0..pairs).map(measure).collect();
    let median = |of: fn(Rate) -> f64| {
        let ratios = measured.iter().map(|(one, other)| of(*one) / of(*other));
        let mut ratios: Vec<_> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        let [quarter, half, rest] = [1, 2, 3].map(|quarters| ratios[pairs * quarters / 4]);
        println!("{pairs} ratios: quartiles {quarter:.3}, {half:.3}, {rest:.3}");
        half
    };
    Rate {
        each_second: median(|rate| rate.each_second),
        each_processor_second: median(|rate| rate.each_processor_second),
    }
}

#[test]
#[ignore = "takes two minutes"]
fn long_thirty_new_keys_cost_no_throughput() {
    alone_within(10 * MINUTE, "rekeying::long_thirty_new_keys_cost_no_throughput", || {
        let home = Namespace::new();
        let start = || {
            let joined = Joined::new();
            let load = Load::on(&joined);
            (joined, load)
        };
        let (aged, aged_load) = start();
        let (_fresh, fresh_load) = home.within(|| {
            ip("link set lo up");
            start()
        });
        let before = handshakes(&aged.engines[0]);
        aged_load.during(|| {
            while handshakes(&aged.engines[0]) < before + 30 {
                aged.engines[0].rekey();
                thread::sleep(PAUSE);
            }
        });
        let ratio = median_ratio(51, || aged_load.rate(), || fresh_load.rate());
        println!(
            "after 30 new keys: {:.3} of the throughput before, and {:.3} for each second of a processor",
            ratio.each_second, ratio.each_processor_second
        );
        // The processors are the limit here, and where they have other work the first figure is a matter of luck.
        assert!(ratio.each_processor_second >= 0.95);
    });
}

#[derive(Default)]
struct Bag(Vec<Vec<u8>>);

impl Outbox for Bag {
    fn network(&mut self, datagram: &[u8], _: TypeOfService) {
        self.0.push(datagram.to_vec());
    }

    fn tunnel(&mut self, _: &[u8]) {}
}

/// Initiations for a key, each by a key of its own.
fn initiations(key: PublicKey) -> Vec<Vec<u8>> {
    let mut bag = Bag::default();
    for _ in 0..32 {
        let mut stranger = Session::new(&SecretKey::generate(), key, 1, None);
        stranger.connect(Instant::now(), &mut bag);
    }
    bag.0
}

/// Sends them again and again, so many a second.
fn flood(initiations: &[Vec<u8>], from: &UdpSocket, to: SocketAddr, rate: u32, ended: &AtomicBool) {
    let (begun, mut sent) = (Instant::now(), 0);
    for initiation in initiations.iter().cycle() {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        let _ = from.send_to(initiation, to);
        sent += 1;
        if sent % 20 == 0 {
            thread::sleep((Duration::from_secs(1) * sent / rate).saturating_sub(begun.elapsed()));
        }
    }
}

#[test]
#[ignore = "takes a minute"]
fn long_a_flood_of_initiations_leaves_four_fifths() {
    alone_within(10 * MINUTE, "rekeying::long_a_flood_of_initiations_leaves_four_fifths", || {
        let joined = Joined::new();
        let load = Load::on(&joined);
        let (initiations, from) = (initiations(joined.key), &joined.sockets[1]);
        let to = joined.sockets[0].local_addr().unwrap();
        let flooded = || {
            let ended = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| flood(&initiations, from, to, 10_000, &ended));
                let rate = load.rate();
                ended.store(true, Ordering::Relaxed);
                rate
            })
        };
        let ratio = median_ratio(51, flooded, || load.rate());
        let (ratio, met) =
            (ratio.each_second, joined.engines[0].status().centres[0].counters.under_load);
        println!(
            "beside 10,000 initiations a second: {ratio:.3} of the throughput; {met} were met by cookies"
        );
        assert!(ratio >= 0.8 && met > 10_000, "{ratio}, {met}");
        assert!(joined.engines[0].status().carrier.is_some());
    });
}
