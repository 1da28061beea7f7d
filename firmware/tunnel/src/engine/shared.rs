//! What both threads hold in common. Where two locks are taken, a session's comes before the fail-over's and a path's.

use std::{
    io::PipeReader,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Instant, SystemTime},
};

use sekisho_design::{Name, PublicKey};
use tokio::sync::watch;

use super::{Parties, keyed::Keyed};
use crate::{
    CentreStatus, DatagramsOut, Failover, Outbox, PathMtu, Prober, ProberId, SecretKey, Session,
    Status, Tap, TapPackets, Tun, TunnelError, TypeOfService, Udp, tap::Watched,
};

pub(crate) struct Shared {
    pub(crate) tun: Tun,
    pub(crate) udp: Udp,
    /// Hangs up when the engine stops.
    pub(super) hangup: PipeReader,
    pub(super) centres: Vec<Link>,
    pub(super) prober: Prober,
    pub(super) drops: Drops,
    /// Flows that a tap watches, of this tap and of any before it.
    pub(crate) watching: AtomicUsize,
    tap: Mutex<Option<Arc<Watched>>>,
    failover: Mutex<Failover>,
    /// Held while a centre's endpoint changes.
    moving: Mutex<()>,
    /// Where packets from the device go: the carrier, or else the centre of highest preference, which holds them.
    target: AtomicUsize,
    /// Handshakes of new sessions bear later stamps than this, and than those before them.
    stamped_after: SystemTime,
    failure: OnceLock<String>,
    status: watch::Sender<Status>,
}

/// A centre and the sessions with it.
pub(crate) struct Link {
    pub(super) name: Name,
    pub(super) probe: Ipv4Addr,
    public_key: PublicKey,
    pub(super) sessions: Mutex<Keyed>,
    /// What the way there carries. Taken after the sessions' lock where both are.
    pub(super) path: Mutex<PathMtu>,
    endpoint: RwLock<Option<SocketAddr>>,
}

impl Link {
    /// Where the centre listens, as far as that is known.
    pub(super) fn endpoint(&self) -> Option<SocketAddr> {
        *self.endpoint.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What each thread has dropped so far, and reads that it was refused, stored by its own thread only.
#[derive(Default)]
pub(super) struct Drops {
    pub(super) foreign: AtomicU64,
    pub(super) unsent_up: AtomicU64,
    pub(super) unsent_down: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) unwritten: AtomicU64,
    pub(super) unread: AtomicU64,
    pub(super) unreceived: AtomicU64,
}

/// Takes what a session makes without opening anything: it all goes to the centre's endpoint.
pub(super) struct Sealing<'a> {
    pub(super) to: SocketAddr,
    pub(super) datagrams: &'a mut DatagramsOut,
}

impl Outbox for Sealing<'_> {
    fn network(&mut self, datagram: &[u8], service: TypeOfService) {
        self.datagrams.push(self.to, datagram, service);
    }

    fn tunnel(&mut self, _: &[u8]) {
        debug_assert!(false, "only opening a datagram makes a packet");
    }
}

impl Shared {
    pub(super) fn new(
        tun: Tun,
        udp: Udp,
        hangup: PipeReader,
        parties: Parties,
        now: Instant,
    ) -> Self {
        let Parties { key, coming, centres, device_address, largest, probing, stamped_after } =
            parties;
        // Probes keep a session warm; a keepalive of its own would never be due.
        let session =
            |index, peer| Session::new(&key, peer, index, None).stamped_after(stamped_after);
        let centres: Vec<Link> = (1..)
            .zip(centres)
            .map(|(index, centre)| Link {
                name: centre.name,
                probe: centre.probe,
                public_key: centre.public_key,
                sessions: Mutex::new(Keyed::new(
                    session(index, centre.public_key),
                    probing.suspicion(),
                )),
                path: Mutex::new(PathMtu::new(largest, now)),
                endpoint: RwLock::new(centre.endpoint),
            })
            .collect();
        let failover = Failover::new(centres.len(), probing, now);
        let drops = Drops::default();
        let status = watch::Sender::new(status(&centres, &failover, &drops, None));
        let shared = Self {
            tun,
            udp,
            hangup,
            centres,
            prober: Prober::new(device_address, ProberId::random()),
            drops,
            watching: AtomicUsize::new(0),
            tap: Mutex::new(None),
            failover: Mutex::new(failover),
            moving: Mutex::new(()),
            target: AtomicUsize::new(0),
            stamped_after,
            failure: OnceLock::new(),
            status,
        };
        if let Some(coming) = coming {
            shared.offer_key(&coming);
        }
        shared
    }

    /// A key that is to come is tried from now on.
    pub(super) fn offer_key(&self, key: &SecretKey) {
        let stamped_after = self.status().last_stamp.max(Some(self.stamped_after));
        let stamped_after = stamped_after.unwrap_or(self.stamped_after);
        for centre in &self.centres {
            lock(&centre.sessions).offer(key, centre.public_key, stamped_after);
        }
    }

    /// It isn't wanted any more.
    pub(super) fn withdraw_key(&self) {
        self.centres.iter().for_each(|centre| lock(&centre.sessions).withdraw());
    }

    /// It is the device's own from now on.
    pub(super) fn settle_key(&self) {
        self.centres.iter().for_each(|centre| lock(&centre.sessions).settle());
    }

    /// The centre to seal for.
    pub(crate) fn target(&self) -> &Link {
        &self.centres[self.target.load(Ordering::Relaxed)]
    }

    /// The centre whose endpoint this is, by its place in the order.
    pub(super) fn centre_at(&self, source: SocketAddr) -> Option<usize> {
        self.centres.iter().position(|centre| centre.endpoint() == Some(source))
    }

    /// The centre of this name.
    pub(crate) fn centre(&self, name: &Name) -> Result<&Link, TunnelError> {
        let centre = self.centres.iter().find(|centre| centre.name == *name);
        centre.ok_or_else(|| TunnelError::NoSuchCentre(name.clone()))
    }

    /// A centre listens elsewhere from now on.
    pub(super) fn move_centre(&self, name: &Name, endpoint: SocketAddr) -> Result<(), TunnelError> {
        let moving = self.centre(name)?;
        // One at a time, so that two centres can't end up at the same place.
        let _moving = lock(&self.moving);
        if moving.endpoint() == Some(endpoint) {
            return Ok(());
        }
        if self.centre_at(endpoint).is_some() {
            return Err(TunnelError::SharedEndpoint(endpoint));
        }
        tracing::info!(centre = name.as_str(), %endpoint, "the centre moved");
        *moving.endpoint.write().unwrap_or_else(PoisonError::into_inner) = Some(endpoint);
        Ok(())
    }

    /// Makes a tap where there is none.
    pub(super) fn tap(self: &Arc<Self>) -> Result<(Tap, TapPackets), TunnelError> {
        let mut place = lock(&self.tap);
        if place.as_ref().is_some_and(|watched| watched.in_use()) {
            return Err(TunnelError::Tapped);
        }
        let (tap, watched, packets) = Tap::new(self);
        *place = Some(watched);
        Ok((tap, packets))
    }

    /// The tap, if it watches anything. Without a self-test this is one relaxed load a batch; a flow that is watched
    /// from now on may miss the batch in hand, which its answers aren't in.
    pub(super) fn watched(&self) -> Option<Arc<Watched>> {
        if self.watching.load(Ordering::Relaxed) == 0 {
            return None;
        }
        lock(&self.tap).clone()
    }

    /// The carrier counts as silent for a moment.
    pub(crate) fn rehearse(&self, now: Instant) -> Result<(), TunnelError> {
        let mut begun = Ok(());
        self.decide(|failover| {
            begun = failover.rehearse(now);
            begun.is_ok()
        });
        begun
    }

    /// Lets the fail-over machine see something; publishes when that changed liveness or the carrier.
    pub(super) fn decide(&self, event: impl FnOnce(&mut Failover) -> bool) {
        let mut failover = lock(&self.failover);
        let before = failover.carrier();
        let changed = event(&mut failover);
        let carrier = failover.carrier();
        self.target.store(carrier.unwrap_or(0), Ordering::Relaxed);
        drop(failover);
        if carrier != before {
            let name = |centre: Option<usize>| {
                centre.map_or("none", |index| self.centres[index].name.as_str())
            };
            if carrier.is_some() {
                tracing::info!(from = name(before), to = name(carrier), "the carrier changed");
            } else {
                tracing::warn!(last = name(before), "no centre answers");
            }
        }
        if changed {
            self.publish();
        }
    }

    /// Asks the fail-over machine.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&mut Failover) -> T) -> T {
        question(&mut lock(&self.failover))
    }

    pub(super) fn publish(&self) {
        self.status.send_replace(self.status());
    }

    pub(crate) fn status(&self) -> Status {
        let failover = lock(&self.failover).clone();
        status(&self.centres, &failover, &self.drops, self.failure())
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// A thread ended by itself. The first reason stands; the other thread's is likely its consequence.
    pub(super) fn fail(&self, reason: String) {
        tracing::error!(%reason, "the tunnel failed");
        let _ = self.failure.set(reason);
        self.publish();
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }
}

/// Locks even after a panic of the other thread: the status must be readable to report it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn status(centres: &[Link], failover: &Failover, drops: &Drops, failure: Option<&str>) -> Status {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Status {
        centres: centres
            .iter()
            .enumerate()
            .map(|(index, centre)| {
                let liveness = failover.liveness(index);
                let sessions = lock(&centre.sessions);
                CentreStatus {
                    name: centre.name.clone(),
                    endpoint: centre.endpoint(),
                    established: sessions.speaking.established(),
                    alive_since: liveness.alive_since,
                    last_answer: liveness.last_answer,
                    round_trip: liveness.round_trip,
                    last_handshake: sessions.speaking.last_handshake(),
                    carries: lock(&centre.path).carried(),
                    coming_key: sessions.coming(),
                    rival_seen: sessions.rival_seen(),
                    counters: sessions.counters(),
                }
            })
            .collect(),
        carrier: failover.carrier().map(|index| centres[index].name.clone()),
        silent_since: failover.silent_since(),
        last_stamp: centres.iter().filter_map(|centre| lock(&centre.sessions).last_stamp()).max(),
        foreign_datagrams: count(&drops.foreign),
        unsent_datagrams: count(&drops.unsent_up) + count(&drops.unsent_down),
        device_drops: count(&drops.unreadable) + count(&drops.unwritten),
        refused_reads: count(&drops.unread) + count(&drops.unreceived),
        failure: failure.map(str::to_owned),
    }
}
