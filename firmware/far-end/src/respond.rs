//! The tunnel responder: one peer, one packet loop on the caller's thread, and a second thread for what may
//! take time (dial-back over HTTP, the command of `--on-carrier`).
//!
//! ```text
//! UDP ──> Session::open ──> Carrier ──> TUN, or the answering machine
//! UDP <── Session::seal <────────────── TUN, or the answering machine
//! ```
//!
//! The peer's endpoint is where its last authenticated datagram came from; until there is one, nothing is
//! sent. Nothing that the network sends ends the loop. It ends when it is stopped ([`Stopper`]) or the device
//! goes away.

mod inside;
mod side;
mod wake;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, bail};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use sekisho_design::PublicKey;
use sekisho_tunnel::{
    DatagramsIn, DatagramsOut, Ecn, Opened, Outbox, SecretKey, Session, Tun, TunnelError,
    TypeOfService, Udp,
};
use tokio::sync::mpsc;
use tokio_rustls::rustls::ServerConfig;

pub use self::wake::Waker;
use self::{inside::Inside, side::Side, wake::Wakeup};
use crate::{
    carrier::{Carrier, Passage},
    check::{self, Checks},
    dial_back::{Call, Dialler},
    dns::Zones,
    machine::Machine,
};

/// Calls from dial-back that wait for the packet loop: as many as there are requests at once.
const CALLS: usize = 64;

/// Requests for connection checks that wait for the second thread; a device has one.
const REQUESTS: usize = 4;

/// What a responder is made from.
#[derive(Debug)]
pub struct Config {
    /// The centre's own key.
    pub secret: SecretKey,
    /// The device's key.
    pub peer: PublicKey,
    /// Where the tunnel listens.
    pub listen: SocketAddr,
    /// What stands behind the tunnel.
    pub behind: Behind,
    /// Shell command that tells the platform that this centre carries the site's traffic.
    pub on_carrier: Option<String>,
    /// Where dial-back is asked for.
    pub dial_back: Option<SocketAddr>,
    /// The centre's own address: probes go there, dial-back comes from there.
    pub address: Option<Ipv4Addr>,
    /// The device's own address: where it is given, only echo requests from it are probes.
    pub device_address: Option<Ipv4Addr>,
    /// Connection checks, for the device to ask for; both addresses have to be given.
    pub check: Option<check::Config>,
}

/// What stands behind the tunnel.
#[derive(Debug)]
pub enum Behind {
    /// A TUN device of this name.
    Kernel(String),
    /// The answering machine.
    Machine {
        /// What it tells over DNS.
        zones: Zones,
        /// The tunnel's MTU in bytes.
        mtu: u16,
        /// Whose server it is over HTTPS; without it, HTTPS is refused.
        https: Option<Arc<ServerConfig>>,
    },
}

/// A responder that is ready to run.
pub struct Responder {
    session: Session,
    endpoint: Option<SocketAddr>,
    udp: Udp,
    datagrams_in: DatagramsIn,
    datagrams_out: DatagramsOut,
    inside: Inside,
    carrier: Option<Carrier>,
    side: Side,
    calls: mpsc::Receiver<Call>,
    wakeup: Wakeup,
    stop: Arc<AtomicBool>,
}

/// Ends a responder's loop from another thread.
#[derive(Clone)]
pub struct Stopper(Arc<AtomicBool>, Waker);

impl Stopper {
    /// Lets [`Responder::run`] return soon.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
        self.1.wake();
    }
}

impl Responder {
    /// Binds sockets, attaches to the device, starts the second thread.
    pub fn new(config: Config) -> anyhow::Result<Self> {
        let now = Instant::now();
        let socket = UdpSocket::bind(config.listen).with_context(|| {
            format!("listen on UDP {} (is the address this host's, and free?)", config.listen)
        })?;
        let (waker, wakeup) = Waker::pair().context("make the packet loop's alarm")?;
        let (calls_out, calls) = mpsc::channel(CALLS);
        let dialler = match config.behind {
            Behind::Kernel(_) => Dialler::Kernel(config.address),
            Behind::Machine { .. } => Dialler::Machine(calls_out, waker.clone()),
        };
        let nowhere = config.dial_back.is_some() && config.address.is_none();
        if nowhere && matches!(config.behind, Behind::Machine { .. }) {
            bail!("--dial-back needs --address here: calls have to come from somewhere");
        }
        let checks = match (config.check, config.address, config.device_address) {
            (None, ..) => None,
            (Some(check), Some(address), Some(device)) => {
                Some(Arc::new(Checks::new(check, address, device, dialler.clone())))
            }
            (Some(_), ..) => bail!("--check-port needs --address and --device-address"),
        };
        let mut desk = None;
        let inside = match config.behind {
            Behind::Kernel(name) => {
                let tun = Tun::attach(&name).with_context(|| {
                    format!(
                        "use --tun {name} ('ip tuntap add dev {name} mode tun' makes it; no other process may hold \
                         it, and attaching takes CAP_NET_ADMIN)"
                    )
                })?;
                Inside::kernel(tun)
            }
            Behind::Machine { zones, mtu, https } => {
                let seed = random_seed()?;
                // An address for documentation (RFC 5737): no packet of the machine's own leaves without
                // `--address`.
                let own = config.address.unwrap_or(Ipv4Addr::new(192, 0, 2, 1));
                let mut machine = Machine::new(own, mtu, Arc::new(zones), seed, now);
                machine.offer_time(host_clock);
                if let Some(server) = https {
                    machine.offer_https(server);
                }
                if let Some(checks) = &checks {
                    let (asked, orders) = mpsc::channel(REQUESTS);
                    machine.open_desk(checks.end(), asked);
                    desk = Some(orders);
                }
                Inside::machine(machine)
            }
        };
        let carrier = config
            .on_carrier
            .is_some()
            .then(|| Carrier::new(config.address, config.device_address));
        let checks = checks.map(|checks| (checks, desk));
        let side = Side::start(config.dial_back, dialler, checks, config.on_carrier, waker)?;
        Ok(Self {
            // One peer needs no telling apart, so any index does.
            session: Session::new(&config.secret, config.peer, 1, None),
            endpoint: None,
            udp: Udp::new(socket)?,
            datagrams_in: DatagramsIn::new(),
            datagrams_out: DatagramsOut::new(),
            inside,
            carrier,
            side,
            calls,
            wakeup,
            stop: Arc::new(AtomicBool::new(false)),
        })
    }

    /// Where the tunnel listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Where dial-back is asked for.
    pub fn dial_back_address(&self) -> Option<SocketAddr> {
        self.side.dial_back_address()
    }

    /// Where connection checks are asked for, where the kernel listens for them.
    pub fn check_address(&self) -> Option<SocketAddr> {
        self.side.check_address()
    }

    /// What ends [`Responder::run`].
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop), self.side.waker())
    }

    /// Carries traffic until it is stopped.
    ///
    /// # Errors
    /// The device went away, or the kernel can't wait for events.
    pub fn run(mut self) -> Result<(), TunnelError> {
        let mut next_tick = Instant::now();
        while !self.stop.load(Ordering::Acquire) {
            self.wait(next_tick)?;
            let now = Instant::now();
            self.wakeup.clear();
            if now >= next_tick {
                next_tick = now + Session::TICK;
                self.tick(now);
            }
            self.take_calls(now);
            self.receive(now)?;
            self.release(now);
            self.inside.settle(now)?;
            self.send(now)?;
        }
        Ok(())
    }

    fn wait(&mut self, next_tick: Instant) -> Result<(), TunnelError> {
        let now = Instant::now();
        let held = self.carrier.as_ref().and_then(Carrier::deadline);
        let wake_at = held.map_or(next_tick, |held| held.min(next_tick));
        let mut delay = wake_at.saturating_duration_since(now);
        if let Some(machine) = self.inside.delay(now) {
            delay = delay.min(machine);
        }
        let timeout = match delay {
            Duration::ZERO => PollTimeout::ZERO,
            // Rounded up, so that the loop doesn't spin through the last millisecond.
            delay => {
                PollTimeout::try_from(delay + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            }
        };
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(self.udp.as_fd()), readable(self.wakeup.as_fd())];
        fds.extend(self.inside.as_fd().map(readable));
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(TunnelError::Poll(error)),
        }
    }

    /// Runs the session's timers.
    fn tick(&mut self, now: Instant) {
        if let Some(to) = self.endpoint {
            let mut out = ToPeer { to, datagrams: &mut self.datagrams_out };
            self.session.tick(now, &mut out);
            self.datagrams_out.send(&self.udp);
        }
    }

    fn take_calls(&mut self, now: Instant) {
        while let Ok(call) = self.calls.try_recv() {
            self.inside.call(now, call);
        }
    }

    fn receive(&mut self, now: Instant) -> Result<(), TunnelError> {
        if let Err(error) = self.datagrams_in.receive(&self.udp) {
            // ICMP errors about datagrams sent before; the peer may be away for a while.
            tracing::trace!(%error, "receive from the network");
            return Ok(());
        }
        for (from, ecn, datagrams) in self.datagrams_in.runs() {
            for datagram in datagrams {
                let mut out = FromPeer {
                    from,
                    ecn,
                    now,
                    datagrams: &mut self.datagrams_out,
                    carrier: self.carrier.as_mut(),
                    inside: &mut self.inside,
                    side: &self.side,
                    failed: None,
                };
                let opened = self.session.open(now, from.ip(), datagram, &mut out);
                if let Some(error) = out.failed {
                    return Err(error);
                }
                match opened {
                    Opened::Rejected(rejection) => {
                        tracing::trace!(%from, ?rejection, "datagram dropped");
                    }
                    Opened::Data | Opened::Handshake | Opened::Keepalive => {
                        if self.endpoint != Some(from) {
                            tracing::info!(%from, "the device is here");
                            self.endpoint = Some(from);
                        }
                    }
                }
            }
        }
        self.datagrams_out.send(&self.udp);
        Ok(())
    }

    /// Lets packets go that waited for an announcement.
    fn release(&mut self, now: Instant) {
        let announced = self.side.take_announced();
        let Some(carrier) = &mut self.carrier else {
            return;
        };
        if announced || carrier.deadline().is_some_and(|deadline| now >= deadline) {
            for packet in carrier.release() {
                // A device that went away is found at once by `settle`.
                let _ = self.inside.take(now, &packet, Ecn::NotCapable);
            }
        }
    }

    /// Sends what the inside has for the peer. Without an endpoint it is dropped: nobody has called yet.
    fn send(&mut self, now: Instant) -> Result<(), TunnelError> {
        let endpoint = self.endpoint;
        let datagrams = &mut self.datagrams_out;
        let session = &mut self.session;
        self.inside.give(|packet| {
            if let Some(to) = endpoint {
                session.seal(now, packet, &mut ToPeer { to, datagrams: &mut *datagrams });
            }
        })?;
        self.datagrams_out.send(&self.udp);
        Ok(())
    }
}

/// Takes what the session makes while it sends or runs its timers: nothing for the inside.
struct ToPeer<'a> {
    to: SocketAddr,
    datagrams: &'a mut DatagramsOut,
}

impl Outbox for ToPeer<'_> {
    fn network(&mut self, datagram: &[u8], service: TypeOfService) {
        self.datagrams.push(self.to, datagram, service);
    }

    fn tunnel(&mut self, _: &[u8]) {}
}

/// Takes what the session makes of a datagram.
struct FromPeer<'a> {
    from: SocketAddr,
    ecn: Ecn,
    now: Instant,
    datagrams: &'a mut DatagramsOut,
    carrier: Option<&'a mut Carrier>,
    inside: &'a mut Inside,
    side: &'a Side,
    failed: Option<TunnelError>,
}

impl Outbox for FromPeer<'_> {
    fn network(&mut self, datagram: &[u8], service: TypeOfService) {
        self.datagrams.push(self.from, datagram, service);
    }

    fn tunnel(&mut self, packet: &[u8]) {
        let passage =
            self.carrier.as_mut().map_or(Passage::Pass, |carrier| carrier.see(self.now, packet));
        match passage {
            Passage::Pass => {
                if let Err(error) = self.inside.take(self.now, packet, self.ecn) {
                    self.failed = Some(error);
                }
            }
            Passage::Held => {}
            Passage::Announce => self.side.announce(),
        }
    }
}

/// A clock before 1970 is shown as 1970.
fn host_clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn random_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .ok()
        .context("read the kernel's random source")?;
    Ok(u64::from_le_bytes(bytes))
}
