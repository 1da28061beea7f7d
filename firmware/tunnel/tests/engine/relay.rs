//! What stands between an engine and a centre in these tests: passes datagrams on, notes handshakes, and can be cut.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const GLANCE: Duration = Duration::from_millis(20);

/// Which of the two speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Speaker {
    Engine,
    Centre,
}

/// A handshake message that was passed on: when, whose, and its type.
pub(crate) type Seen = (Instant, Speaker, u8);

pub(crate) struct Relay {
    /// Where the engine finds the centre.
    pub(crate) for_engine: SocketAddr,
    /// Where the centre finds the engine.
    pub(crate) for_centre: SocketAddr,
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

struct State {
    cut: AtomicBool,
    ended: AtomicBool,
    /// The engine's address: wherever it was last heard from.
    engine: Mutex<Option<SocketAddr>>,
    seen: Mutex<Vec<Seen>>,
}

impl Relay {
    /// Between a centre that listens at `centre` and whatever engine calls.
    pub(crate) fn start(centre: SocketAddr) -> Self {
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let [for_engine, for_centre] = sockets.each_ref().map(|end| end.local_addr().unwrap());
        let state = Arc::new(State {
            cut: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            engine: Mutex::new(None),
            seen: Mutex::default(),
        });
        let threads = [Speaker::Engine, Speaker::Centre].map(|speaker| {
            let state = Arc::clone(&state);
            let [near, far] = sockets.each_ref().map(|socket| socket.try_clone().unwrap());
            let (from, to) = if speaker == Speaker::Engine { (near, far) } else { (far, near) };
            from.set_read_timeout(Some(GLANCE)).unwrap();
            thread::spawn(move || state.pass(speaker, &from, &to, centre))
        });
        Self { for_engine, for_centre, state, threads: threads.into() }
    }

    /// From now on nothing passes, or everything again.
    pub(crate) fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::Relaxed);
    }

    /// The handshake messages since the last time that this was asked.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.seen.lock().unwrap())
    }
}

impl State {
    fn pass(&self, speaker: Speaker, from: &UdpSocket, to: &UdpSocket, centre: SocketAddr) {
        let mut buffer = vec![0; 1 << 16];
        while !self.ended.load(Ordering::Relaxed) {
            // An error is the receive timeout, or that the other end of an earlier datagram was closed.
            let Ok((length, source)) = from.recv_from(&mut buffer) else { continue };
            if self.cut.load(Ordering::Relaxed) {
                continue;
            }
            if buffer[0] < 4 {
                self.seen.lock().unwrap().push((Instant::now(), speaker, buffer[0]));
            }
            let target = match speaker {
                Speaker::Engine => {
                    *self.engine.lock().unwrap() = Some(source);
                    Some(centre)
                }
                Speaker::Centre => *self.engine.lock().unwrap(),
            };
            if let Some(target) = target {
                let _ = to.send_to(&buffer[..length], target);
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
