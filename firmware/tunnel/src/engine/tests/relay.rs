//! A line between two engines that loses, doubles and delays, and tells what passes.

use std::collections::BTreeMap;

use super::*;

/// Of a hundred datagrams, how many are lost, come twice, and are late by up to 30 ms.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) lost: u8,
    pub(super) doubled: u8,
    pub(super) late: u8,
}

pub(super) struct Relay {
    /// Where each engine finds the other: a copy of the socket that the line speaks to it from.
    pub(super) sides: [UdpSocket; 2],
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    weather: Mutex<Weather>,
    /// Cookies that the first engine has sent.
    cookies: Mutex<usize>,
    ended: AtomicBool,
}

impl Relay {
    /// Two engines with this line between them.
    pub(super) fn join() -> (Joined, Self) {
        let sides = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let state = Arc::<State>::default();
        let mut threads = Vec::new();
        let joined = Joined::by(|engines| {
            for (end, target) in [(0, engines[1]), (1, engines[0])] {
                let [from, to] = [end, 1 - end].map(|side| sides[side].try_clone().unwrap());
                from.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                let state = Arc::clone(&state);
                threads.push(thread::spawn(move || state.pass(end == 0, &from, &to, target)));
            }
            sides.each_ref().map(|side| side.local_addr().unwrap())
        });
        (joined, Self { sides, state, threads })
    }

    pub(super) fn set(&self, weather: Weather) {
        *self.state.weather.lock().unwrap() = weather;
    }

    /// How many cookies the first engine has sent.
    pub(super) fn cookies(&self) -> usize {
        *self.state.cookies.lock().unwrap()
    }
}

impl State {
    fn pass(&self, first: bool, from: &UdpSocket, to: &UdpSocket, target: SocketAddr) {
        let mut dice = Dice(u64::from(first));
        let (mut late, mut number) = (BTreeMap::<(Instant, u64), Vec<u8>>::new(), 0_u64);
        let mut buffer = vec![0; 1 << 16];
        while !self.ended.load(Ordering::Relaxed) {
            let now = Instant::now();
            while let Some(entry) = late.first_entry().filter(|entry| entry.key().0 <= now) {
                let datagram = entry.remove();
                let _ = to.send_to(&datagram, target);
            }
            let Ok(length) = from.recv(&mut buffer) else { continue };
            if first && buffer[0] == 3 {
                *self.cookies.lock().unwrap() += 1;
            }
            let weather = *self.weather.lock().unwrap();
            if dice.roll(100) < weather.lost {
                continue;
            }
            let copies = if dice.roll(100) < weather.doubled { 2 } else { 1 };
            for _ in 0..copies {
                if dice.roll(100) < weather.late {
                    number += 1;
                    let due = now + Duration::from_millis(u64::from(dice.roll(30)));
                    late.insert((due, number), buffer[..length].to_vec());
                } else {
                    let _ = to.send_to(&buffer[..length], target);
                }
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Numerical Recipes' generator: all that a line needs.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u8) -> u8 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 56) as u8 % sides
    }
}
