//! The gateway's end of the tunnel: one device, one socket, a warm session with every centre, one of them carrying.
//!
//! Two threads do everything. `tunnel-up` reads the device, seals and sends, and runs all timers on its poll's timeout:
//! handshakes, keepalives, probes, fail-over, status. `tunnel-down` receives, opens and writes the device. They share
//! one lock per centre, taken once a batch. Both end when the engine is dropped, which waits a bounded time for them;
//! when one ends by itself, an error of the device or a panic, [`Status::failure`] says so and the daemon starts anew.

use std::{
    io::PipeWriter,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use sekisho_design::{Name, PublicKey};
use tokio::sync::watch;

use crate::{DatagramsOut, Probing, SecretKey, Status, Tap, TapPackets, Tun, TunnelError, Udp};

mod keyed;
mod rest;
mod shared;
#[cfg(test)]
mod tests;
mod threads;

use shared::{Sealing, lock};

pub(crate) use shared::Shared;
pub(crate) use threads::seal_all;

/// What an engine is started with.
#[derive(Debug)]
pub struct Config {
    /// The name of the tunnel device, which exists.
    pub tun: String,
    /// The socket to the centres, bound to the uplink by the caller.
    pub socket: UdpSocket,
    /// The device's own key.
    pub key: SecretKey,
    /// The key that is to take its place, where there is one: see [`Engine::offer_key`].
    pub coming: Option<SecretKey>,
    /// The centres in order of preference, at least one.
    pub centres: Vec<Centre>,
    /// The device's own address on the platform, the source of probes.
    pub device_address: Ipv4Addr,
    /// The largest packet that the device takes, in bytes: what the way to each centre carries of it is found out.
    pub largest: u16,
    /// How centres are probed.
    pub probing: Probing,
    /// Handshakes bear later stamps than this: the latest [`Status::last_stamp`] of all earlier runs with this key, or
    /// when the firmware was built if that is later. A centre doesn't hear stamps that go back (R62).
    pub stamped_after: SystemTime,
}

/// A [`Config`] without its ends.
struct Parties {
    key: SecretKey,
    coming: Option<SecretKey>,
    centres: Vec<Centre>,
    device_address: Ipv4Addr,
    largest: u16,
    probing: Probing,
    stamped_after: SystemTime,
}

/// One centre.
#[derive(Clone, Debug)]
pub struct Centre {
    /// Its name.
    pub name: Name,
    /// Where its tunnel end listens. Datagrams from elsewhere are not heard. `None` while that isn't known, until
    /// [`Engine::move_centre`] tells: nothing is sent to it, and packets wait their time.
    pub endpoint: Option<SocketAddr>,
    /// Its public key.
    pub public_key: PublicKey,
    /// The address inside it that answers probes.
    pub probe: Ipv4Addr,
}

/// A running tunnel. Dropping it stops it and lets go of the device, whose routes and connections stay.
pub struct Engine {
    shared: Arc<Shared>,
    /// Both threads wait for its other end: it hangs up when this is dropped.
    stop: Option<PipeWriter>,
    threads: Vec<JoinHandle<()>>,
    /// Closed when both threads have ended; nothing is ever sent.
    ended: mpsc::Receiver<()>,
}

impl Engine {
    /// How much later than [`Status::last_stamp`] the time should be that is kept for [`Config::stamped_after`] while
    /// the engine runs. Handshakes follow each other every two minutes, so with this there is time to write, and a crash
    /// in between costs nothing.
    pub const STAMP_LEAD: Duration = Duration::from_mins(10);

    /// How long a stop waits for the threads. Neither ever blocks for more than a few milliseconds.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Attaches to the device, starts the threads, and with them a handshake with every centre.
    ///
    /// # Errors
    /// Any [`TunnelError`]; nothing keeps running then.
    pub fn start(config: Config) -> Result<Self, TunnelError> {
        if config.centres.is_empty() {
            return Err(TunnelError::NoCentre);
        }
        for (index, centre) in config.centres.iter().enumerate() {
            if let Some(endpoint) = centre.endpoint
                && config.centres[..index].iter().any(|other| other.endpoint == Some(endpoint))
            {
                return Err(TunnelError::SharedEndpoint(endpoint));
            }
        }
        let (tun, udp) = (Tun::attach(&config.tun)?, Udp::new(config.socket)?);
        let parties = Parties {
            key: config.key,
            coming: config.coming,
            centres: config.centres,
            device_address: config.device_address,
            largest: config.largest,
            probing: config.probing,
            stamped_after: config.stamped_after,
        };
        Self::over(tun, udp, parties)
    }

    fn over(tun: Tun, udp: Udp, parties: Parties) -> Result<Self, TunnelError> {
        let (hangup, stop) = std::io::pipe().map_err(TunnelError::Thread)?;
        let shared = Arc::new(Shared::new(tun, udp, hangup, parties, Instant::now()));
        let (alive, ended) = mpsc::channel();
        let mut engine = Self { shared, stop: Some(stop), threads: Vec::new(), ended };
        engine.spawn("tunnel-up", alive.clone(), threads::up)?;
        engine.spawn("tunnel-down", alive, threads::down)?;
        Ok(engine)
    }

    /// A centre listens elsewhere from now on. Its session goes on, and where the centre has forgotten it there, a new
    /// one follows within a second or two. Nothing happens where this is known already.
    ///
    /// # Errors
    /// [`TunnelError::NoSuchCentre`] and [`TunnelError::SharedEndpoint`]; everything stays as it was then.
    pub fn move_centre(&self, name: &Name, endpoint: SocketAddr) -> Result<(), TunnelError> {
        self.shared.move_centre(name, endpoint)
    }

    /// The state now.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// The state whenever a centre falls silent or comes back, whenever the carrier changes, when a thread fails, and
    /// about once a second.
    pub fn subscribe(&self) -> watch::Receiver<Status> {
        self.shared.subscribe()
    }

    /// Why a thread ended by itself, if one did. The engine is then of no more use: drop it and start another.
    pub fn failed(&self) -> Option<&str> {
        self.shared.failure()
    }

    /// A way to speak inside the tunnel, and what it hears. One at a time: the next can be had once what this one hears is
    /// dropped.
    ///
    /// # Errors
    /// [`TunnelError::Tapped`].
    pub fn tap(&self) -> Result<(Tap, TapPackets), TunnelError> {
        self.shared.tap()
    }

    /// Fail-over, rehearsed: the carrier counts as silent for [`Failover::REHEARSAL`](crate::Failover::REHEARSAL), and
    /// must then answer for [`Failover::REHEARSED_HOLD_DOWN`](crate::Failover::REHEARSED_HOLD_DOWN) before traffic
    /// goes back. [`Engine::subscribe`] tells what happens meanwhile.
    ///
    /// # Errors
    /// [`TunnelError::NoOtherCentre`] and [`TunnelError::Rehearsing`]; nothing changes then.
    pub fn rehearse(&self) -> Result<(), TunnelError> {
        self.shared.rehearse(Instant::now())
    }

    /// Another key is to take the place of the device's own. Each centre is asked for a session with it, beside the one that
    /// stands, and the device speaks by it to a centre as soon as that centre's packets come by it:
    /// [`CentreStatus::coming_key`](crate::CentreStatus::coming_key). Both are heard until
    /// [`Engine::settle_key`] or [`Engine::withdraw_key`]. One that was offered before is withdrawn.
    pub fn offer_key(&self, key: &SecretKey) {
        self.shared.offer_key(key);
    }

    /// The coming key isn't wanted any more, and the device speaks by its own alone.
    pub fn withdraw_key(&self) {
        self.shared.withdraw_key();
    }

    /// The coming key is the device's own from now on, and the only one.
    pub fn settle_key(&self) {
        self.shared.settle_key();
    }

    /// Starts a handshake beside each session that stands, as its age does every two minutes; at most one a second. For
    /// showing that traffic doesn't notice.
    pub fn rekey(&self) {
        let mut datagrams = DatagramsOut::new();
        for centre in &self.shared.centres {
            if let Some(to) = centre.endpoint() {
                let mut out = Sealing { to, datagrams: &mut datagrams };
                lock(&centre.sessions).speaking.renew(Instant::now(), &mut out);
            }
        }
        datagrams.send(&self.shared.udp);
    }

    /// Stops and waits, at most 2 s. `false` where a thread did not end in that time.
    pub fn stop(mut self) -> bool {
        self.halt()
    }

    fn spawn(
        &mut self,
        name: &'static str,
        alive: mpsc::Sender<()>,
        run: fn(&Shared) -> Result<(), TunnelError>,
    ) -> Result<(), TunnelError> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _alive = alive;
            if let Err(reason) = threads::supervise(name, || run(&shared)) {
                shared.fail(reason);
            }
        });
        self.threads.push(thread.map_err(TunnelError::Thread)?);
        Ok(())
    }

    fn halt(&mut self) -> bool {
        self.stop = None;
        let ended =
            self.ended.recv_timeout(Self::PATIENCE) == Err(mpsc::RecvTimeoutError::Disconnected);
        if ended {
            for thread in self.threads.drain(..) {
                // A panic has been caught and reported inside the thread.
                let _ = thread.join();
            }
            // A tap's call may be under way, for milliseconds; the device is let go with it.
            let end = Instant::now() + Self::PATIENCE;
            while Arc::strong_count(&self.shared) > 1 && Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
            }
        } else {
            tracing::error!("a thread of the tunnel did not end");
        }
        ended
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.stop.is_some() {
            self.halt();
        }
    }
}
