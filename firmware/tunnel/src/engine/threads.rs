//! The two threads.

use std::{
    any::Any,
    error::Error,
    net::SocketAddr,
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering,
    time::{Duration, Instant, SystemTime},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::{
    rest::Rest,
    shared::{Link, Sealing, Shared, lock},
};
use crate::{
    DatagramsIn, DatagramsOut, Ecn, Outbox, PacketsIn, PacketsOut, Prober, Reply, Session,
    TunnelError, TypeOfService, tap::Sieve,
};

/// How often the status is published when nothing happens.
const PUBLISH: Duration = Duration::from_secs(1);

/// How long the log is silent about another holder of the key after it has told.
const ALARM_AGAIN: Duration = Duration::from_mins(10);

/// Runs a thread's work and says why it ended, if that was not asked for.
pub(super) fn supervise(
    name: &str,
    run: impl FnOnce() -> Result<(), TunnelError>,
) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            Err(format!("{name}: {error}{source}"))
        }
        Err(panic) => Err(format!("{name}: panicked: {}", message(&*panic))),
    }
}

/// Device to network, and all timers.
pub(super) fn up(shared: &Shared) -> Result<(), TunnelError> {
    let mut packets = PacketsIn::new();
    let mut datagrams = DatagramsOut::new();
    let mut timers = Timers::new(Instant::now());
    let mut rest = Rest::default();
    loop {
        let now = Instant::now();
        timers.run(shared, now, &mut datagrams);
        datagrams.send(&shared.udp);
        let timeout = timers.deadline(shared).saturating_duration_since(now);
        match wait(&shared.tun, &shared.hangup, Some(timeout))? {
            Wake::Stop => return Ok(()),
            Wake::Timeout => {}
            Wake::Ready => {
                packets.read(&shared.tun)?;
                match shared.watched() {
                    None => seal_all(shared.target(), packets.iter(), &mut datagrams),
                    Some(watched) => {
                        let sieve = watched.sieve();
                        let others = packets.iter().filter(|packet| !sieve.takes(packet));
                        seal_all(shared.target(), others, &mut datagrams);
                    }
                }
                datagrams.send(&shared.udp);
                if pause(&mut rest, !packets.is_empty(), &shared.hangup)? == Wake::Stop {
                    return Ok(());
                }
            }
        }
        shared.drops.unread.store(packets.refused(), Ordering::Relaxed);
        shared.drops.unreadable.store(packets.unreadable(), Ordering::Relaxed);
        shared.drops.unsent_up.store(datagrams.dropped(), Ordering::Relaxed);
    }
}

/// Network to device.
pub(super) fn down(shared: &Shared) -> Result<(), TunnelError> {
    let mut batch = DatagramsIn::new();
    let mut opening = Opening::new(shared.prober);
    let mut rest = Rest::default();
    loop {
        if wait(&shared.udp, &shared.hangup, None)? == Wake::Stop {
            return Ok(());
        }
        if let Err(error) = batch.receive(&shared.udp) {
            tracing::debug!(%error, "the uplink refused a read");
            shared.drops.unreceived.fetch_add(1, Ordering::Relaxed);
        }
        if pause(&mut rest, !batch.is_empty(), &shared.hangup)? == Wake::Stop {
            return Ok(());
        }
        let now = Instant::now();
        open(shared, &batch, now, &mut opening)?;
        opening.packets.write(&shared.tun)?;
        opening.datagrams.send(&shared.udp);
        if !opening.answers.is_empty() || !opening.heard.is_empty() {
            shared.decide(|failover| {
                opening.heard.drain(..).for_each(|centre| failover.heard(centre, now));
                opening.answers.drain(..).fold(false, |changed, (centre, sequence)| {
                    failover.answered(centre, sequence, now) || changed
                })
            });
        }
        for (centre, size) in opening.sizes.drain(..) {
            if lock(&shared.centres[centre].path).answered(size, now) {
                shared.publish();
            }
        }
        shared.drops.unwritten.store(opening.packets.dropped(), Ordering::Relaxed);
        shared.drops.unsent_down.store(opening.datagrams.dropped(), Ordering::Relaxed);
    }
}

/// When the timers of the up thread are due next.
struct Timers {
    tick: Instant,
    publish: Instant,
    /// Before this, the log is silent about another holder of the key.
    alarm: Instant,
}

impl Timers {
    fn new(now: Instant) -> Self {
        Self { tick: now, publish: now + PUBLISH, alarm: now }
    }

    fn run(&mut self, shared: &Shared, now: Instant, datagrams: &mut DatagramsOut) {
        let tick = now >= self.tick;
        if tick {
            self.tick = now + Session::TICK;
        }
        let probe = shared.ask(|failover| failover.probes_due(now));
        if tick || probe {
            let carrier = shared.ask(|failover| failover.carrier());
            let clock = SystemTime::now();
            for (index, centre) in shared.centres.iter().enumerate() {
                let Some(to) = centre.endpoint() else { continue };
                let mut sessions = lock(&centre.sessions);
                let mut out = Sealing { to, datagrams };
                if tick {
                    sessions.tick(now, clock, &mut out);
                    let alive_since = shared.ask(|failover| failover.liveness(index).alive_since);
                    for size in lock(&centre.path).advance(alive_since, now) {
                        let request = shared.prober.request_of_size(centre.probe, *size);
                        sessions.speaking.seal(now, &request, &mut out);
                    }
                }
                if probe && sessions.established() {
                    let quiet = shared.ask(|failover| failover.quiet(index, now));
                    sessions.suspect(quiet, now, &mut out);
                    let sequence = shared.ask(|failover| failover.probe_sent(index, now));
                    sessions.probe(now, &shared.prober.request(centre.probe, sequence), &mut out);
                    if carrier == Some(index) && sessions.speaking.established() {
                        let announcement = shared.prober.announcement(centre.probe);
                        sessions.speaking.seal(now, &announcement, &mut out);
                    }
                } else if probe {
                    sessions.connect(now, &mut out);
                }
            }
        }
        shared.decide(|failover| failover.advance(now));
        if now >= self.publish {
            self.publish = now + PUBLISH;
            self.alarm(shared, now);
            shared.publish();
        }
    }

    /// Tells whoever reads the log that the device's key is used elsewhere too.
    fn alarm(&mut self, shared: &Shared, now: Instant) {
        for centre in &shared.centres {
            let seen = lock(&centre.sessions).rival_seen();
            if seen.is_some_and(|at| at >= self.alarm) {
                self.alarm = now + ALARM_AGAIN;
                tracing::error!(
                    centre = centre.name.as_str(),
                    "somebody else uses this device's key, a copy of the device or a spare beside it, and each takes \
                     the session from the other; find it and switch it off, or make a new key here and have the \
                     operator register it"
                );
            }
        }
    }

    fn deadline(&self, shared: &Shared) -> Instant {
        self.tick.min(self.publish).min(shared.ask(|failover| failover.next_deadline()))
    }
}

/// Seals packets for a centre, all at one time; they wait while nobody knows where it listens.
pub(crate) fn seal_all<'a>(
    centre: &Link,
    packets: impl Iterator<Item = &'a [u8]>,
    datagrams: &mut DatagramsOut,
) {
    let now = Instant::now();
    let mut sessions = lock(&centre.sessions);
    let session = &mut sessions.speaking;
    match centre.endpoint() {
        Some(to) => {
            let mut out = Sealing { to, datagrams };
            packets.for_each(|packet| session.seal(now, packet, &mut out));
        }
        None => packets.for_each(|packet| session.hold(now, packet)),
    }
}

/// What opening a batch makes.
struct Opening {
    prober: Prober,
    packets: PacketsOut,
    datagrams: DatagramsOut,
    /// Centre and sequence number of the probes answered.
    answers: Vec<(usize, u16)>,
    /// Centre and size of the packets that came back to tell what a path carries.
    sizes: Vec<(usize, u16)>,
    /// Centres that anything else came through.
    heard: Vec<usize>,
}

impl Opening {
    /// More answers than any batch brings while the centres are honest.
    const ANSWERS: usize = 64;

    fn new(prober: Prober) -> Self {
        Self {
            prober,
            packets: PacketsOut::new(),
            datagrams: DatagramsOut::new(),
            answers: Vec::with_capacity(Self::ANSWERS),
            sizes: Vec::with_capacity(Self::ANSWERS),
            heard: Vec::new(),
        }
    }
}

fn open(
    shared: &Shared,
    batch: &DatagramsIn,
    now: Instant,
    opening: &mut Opening,
) -> Result<(), TunnelError> {
    let watched = shared.watched();
    let sieve = watched.as_ref().map(|watched| watched.sieve());
    let mut locked = None;
    for (source, ecn, datagrams) in batch.runs() {
        let Some(index) = shared.centre_at(source) else {
            shared.drops.foreign.fetch_add(datagrams.count() as u64, Ordering::Relaxed);
            continue;
        };
        // The device is written without the lock, so that the other thread can go on.
        if opening.packets.room() < PacketsOut::PACKETS / 2 {
            locked = None;
            opening.packets.write(&shared.tun)?;
        }
        if locked.as_ref().is_none_or(|(holder, _)| *holder != index) {
            drop(locked.take());
            locked = Some((index, lock(&shared.centres[index].sessions)));
        }
        let Some((_, sessions)) = &mut locked else { continue };
        let centre = &shared.centres[index];
        let sieve = sieve.as_ref();
        let mut out = FromCentre { index, centre, to: source, ecn, sieve, opening };
        if sessions.renewing() {
            for datagram in datagrams {
                sessions.open(now, source.ip(), datagram, &mut out);
            }
            if sessions.turn(now, &mut out) {
                tracing::info!(
                    centre = centre.name.as_str(),
                    key = ?sessions.coming(),
                    "the device speaks by its other key"
                );
            }
            continue;
        }
        for datagram in datagrams {
            let opened = sessions.speaking.open(now, source.ip(), datagram, &mut out);
            tracing::trace!(centre = out.centre.name.as_str(), ?opened, length = datagram.len());
        }
    }
    Ok(())
}

/// Takes what a session opens: answers to probes stay here, everything else goes to the device.
struct FromCentre<'a> {
    index: usize,
    centre: &'a Link,
    to: SocketAddr,
    ecn: Ecn,
    /// Takes what a tap watches, while it watches anything.
    sieve: Option<&'a Sieve<'a>>,
    opening: &'a mut Opening,
}

impl Outbox for FromCentre<'_> {
    fn network(&mut self, datagram: &[u8], service: TypeOfService) {
        self.opening.datagrams.push(self.to, datagram, service);
    }

    fn tunnel(&mut self, packet: &[u8]) {
        match self.opening.prober.reply(self.centre.probe, packet) {
            None => {
                if self.sieve.is_none_or(|sieve| !sieve.takes(packet)) {
                    self.opening.packets.push(packet, self.ecn);
                }
                if self.opening.heard.last() != Some(&self.index) {
                    self.opening.heard.push(self.index);
                }
            }
            Some(Reply::Probe(sequence)) => {
                if self.opening.answers.len() < Opening::ANSWERS {
                    self.opening.answers.push((self.index, sequence));
                }
            }
            Some(Reply::Size(size)) => {
                if self.opening.sizes.len() < Opening::ANSWERS {
                    self.opening.sizes.push((self.index, size));
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wake {
    Stop,
    Ready,
    Timeout,
}

/// Waits until something can be read, the engine stops, or time is up; `None` waits for ever.
fn wait(
    source: &impl AsFd,
    hangup: &impl AsFd,
    timeout: Option<Duration>,
) -> Result<Wake, TunnelError> {
    let timeout = timeout.map_or(PollTimeout::NONE, milliseconds);
    let mut fds = [
        PollFd::new(source.as_fd(), PollFlags::POLLIN),
        PollFd::new(hangup.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut fds, timeout) {
        Ok(0) | Err(Errno::EINTR) => Ok(Wake::Timeout),
        Ok(_) if fds[1].any() != Some(false) => Ok(Wake::Stop),
        Ok(_) => Ok(Wake::Ready),
        Err(error) => Err(TunnelError::Poll(error)),
    }
}

/// Does nothing for as long as a thread should that was woken, unless the engine stops.
fn pause(rest: &mut Rest, brought: bool, hangup: &impl AsFd) -> Result<Wake, TunnelError> {
    let Some(time) = rest.after(brought) else { return Ok(Wake::Ready) };
    match poll(&mut [PollFd::new(hangup.as_fd(), PollFlags::POLLIN)], milliseconds(time)) {
        Ok(0) | Err(Errno::EINTR) => Ok(Wake::Timeout),
        Ok(_) => Ok(Wake::Stop),
        Err(error) => Err(TunnelError::Poll(error)),
    }
}

/// Rounded up: waking a moment too early would only poll again.
fn milliseconds(time: Duration) -> PollTimeout {
    PollTimeout::from(u16::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u16::MAX))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_by_itself_says_why() {
        assert_eq!(supervise("t", || Ok(())), Ok(()));
        let gone = std::io::Error::from(Errno::EBADFD);
        let reason = supervise("t", || Err(TunnelError::Device(gone))).unwrap_err();
        assert!(reason.starts_with("t: read the tunnel device: "), "{reason}");
        let reason = supervise("t", || panic!("at packet {}", 7)).unwrap_err();
        assert_eq!(reason, "t: panicked: at packet 7");
    }

    #[test]
    fn waiting_ends_by_traffic_time_and_hangup() {
        let (quiet, _writer) = std::io::pipe().unwrap();
        let (hangup, stop) = std::io::pipe().unwrap();
        assert_eq!(wait(&quiet, &hangup, Some(Duration::from_millis(1))).unwrap(), Wake::Timeout);
        let (busy, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"x").unwrap();
        assert_eq!(wait(&busy, &hangup, None).unwrap(), Wake::Ready);
        drop(stop);
        assert_eq!(wait(&busy, &hangup, None).unwrap(), Wake::Stop);
    }
}
