//! Speaking inside the tunnel without the kernel: as a global address to the platform, or as the platform to the office.
//!
//! A [`Tap`] sends single packets either way and takes the answers out of the traffic: those of the flows that it watches,
//! exactly, and no others. Packets that it is too slow for are dropped, and what it watches never reaches the device or
//! a centre. It keeps no engine alive: once the engine is gone, every call says so.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak, atomic::Ordering},
    time::Instant,
};

use sekisho_design::Name;
use tokio::sync::{mpsc, watch};

use crate::{
    DatagramsOut, Ecn, PacketsOut, Status, TunnelError,
    engine::{Shared, seal_all},
};

mod flow;

pub use self::flow::{TapFlow, TapProtocol};

/// Packets that wait for whoever holds the tap: 6 MB of the longest, a tenth of a second of a full line.
const WAITING: usize = 4_096;

/// Flows watched at once; a test of a whole site has a few dozen at a time.
const FLOWS: usize = 1_024;

/// Sends packets past the kernel and watches flows. Its copies are one tap.
#[derive(Clone)]
pub struct Tap {
    engine: Weak<Shared>,
    watched: Arc<Watched>,
    out: Arc<Mutex<Out>>,
}

/// What the watched flows brought, in order. The next tap can be made once this is dropped.
pub type TapPackets = mpsc::Receiver<Vec<u8>>;

/// Ends the watching of its flow when it is dropped.
#[must_use = "the flow is watched as long as this lives"]
pub struct TapGuard {
    engine: Weak<Shared>,
    watched: Arc<Watched>,
    flow: TapFlow,
}

/// Batches of its own, since the threads never lend theirs.
struct Out {
    datagrams: DatagramsOut,
    packets: PacketsOut,
}

/// What a tap watches, seen from the engine.
pub(crate) struct Watched {
    /// How many guards each flow has.
    flows: RwLock<HashMap<TapFlow, usize>>,
    packets: mpsc::Sender<Vec<u8>>,
}

impl Tap {
    /// A tap, and what the engine's threads need of it.
    pub(crate) fn new(engine: &Arc<Shared>) -> (Self, Arc<Watched>, TapPackets) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let watched = Arc::new(Watched { flows: RwLock::default(), packets: sender });
        let out = Out { datagrams: DatagramsOut::new(), packets: PacketsOut::new() };
        let tap = Self {
            engine: Arc::downgrade(engine),
            watched: Arc::clone(&watched),
            out: Arc::new(Mutex::new(out)),
        };
        (tap, watched, receiver)
    }

    /// Seals packets and sends them at once, through a centre or else through the one that carries; never through the
    /// device. Without a session they wait with it, a bounded number for a bounded time.
    ///
    /// # Errors
    /// [`TunnelError::Ended`] and [`TunnelError::NoSuchCentre`]; nothing is sent then.
    pub fn to_platform<'a>(
        &self,
        centre: Option<&Name>,
        packets: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), TunnelError> {
        let engine = self.engine.upgrade().ok_or(TunnelError::Ended)?;
        let centre = match centre {
            Some(name) => engine.centre(name)?,
            None => engine.target(),
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        seal_all(centre, packets.into_iter(), &mut out.datagrams);
        out.datagrams.send(&engine.udp);
        Ok(())
    }

    /// Writes packets into the device, as if a centre had sent them.
    ///
    /// # Errors
    /// [`TunnelError::Ended`], and [`TunnelError::Device`] where the device went away.
    pub fn to_office<'a>(
        &self,
        packets: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), TunnelError> {
        let engine = self.engine.upgrade().ok_or(TunnelError::Ended)?;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        for packet in packets {
            if out.packets.room() == 0 {
                out.packets.write(&engine.tun)?;
            }
            out.packets.push(packet, Ecn::NotCapable);
        }
        out.packets.write(&engine.tun)
    }

    /// Rehearses fail-over, as [`Engine::rehearse`](crate::Engine::rehearse): who carried until now, and what happens from
    /// now on.
    ///
    /// # Errors
    /// [`TunnelError::Ended`], and those of a rehearsal.
    pub fn rehearse(&self) -> Result<(Name, watch::Receiver<Status>), TunnelError> {
        let engine = self.engine.upgrade().ok_or(TunnelError::Ended)?;
        let carrier = engine.status().carrier.ok_or(TunnelError::NoOtherCentre)?;
        let told = engine.subscribe();
        engine.rehearse(Instant::now())?;
        Ok((carrier, told))
    }

    /// Watches a flow: from now on its packets come to [`TapPackets`], whether they leave the tunnel or the device, and so
    /// do ICMP errors that quote what was sent on it.
    ///
    /// # Errors
    /// [`TunnelError::Ended`], and [`TunnelError::TooManyFlows`].
    pub fn watch(&self, flow: TapFlow) -> Result<TapGuard, TunnelError> {
        let engine = self.engine.upgrade().ok_or(TunnelError::Ended)?;
        let mut flows = self.watched.flows.write().unwrap_or_else(PoisonError::into_inner);
        if flows.len() >= FLOWS {
            return Err(TunnelError::TooManyFlows);
        }
        *flows.entry(flow).or_default() += 1;
        engine.watching.fetch_add(1, Ordering::Relaxed);
        let engine = Weak::clone(&self.engine);
        Ok(TapGuard { engine, watched: Arc::clone(&self.watched), flow })
    }
}

impl Drop for TapGuard {
    fn drop(&mut self) {
        let mut flows = self.watched.flows.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(guards) = flows.get_mut(&self.flow) {
            *guards -= 1;
            if *guards == 0 {
                flows.remove(&self.flow);
            }
        }
        if let Some(engine) = self.engine.upgrade() {
            engine.watching.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Watched {
    /// Whether anybody still takes packets.
    pub(crate) fn in_use(&self) -> bool {
        !self.packets.is_closed()
    }

    /// For a batch of packets.
    pub(crate) fn sieve(&self) -> Sieve<'_> {
        let flows = self.flows.read().unwrap_or_else(PoisonError::into_inner);
        Sieve { flows, packets: &self.packets }
    }
}

/// Takes packets of watched flows out of a batch.
pub(crate) struct Sieve<'a> {
    flows: RwLockReadGuard<'a, HashMap<TapFlow, usize>>,
    packets: &'a mpsc::Sender<Vec<u8>>,
}

impl Sieve<'_> {
    /// Whether this packet is the tap's. It is then with the tap, or dropped where too many wait there already.
    pub(crate) fn takes(&self, packet: &[u8]) -> bool {
        let ours = TapFlow::arriving(packet).is_some_and(|flow| self.flows.contains_key(&flow));
        if ours {
            let _ = self.packets.try_send(packet.to_vec());
        }
        ours
    }
}
