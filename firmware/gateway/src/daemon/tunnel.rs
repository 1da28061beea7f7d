//! The tunnel as the daemon looks after it: started for a design, restarted when it fails, new connections refused at
//! once while no centre answers.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant, SystemTime},
};

use sekisho_control::{CentreStatus, TunnelStatus};
use sekisho_design::{Design, DnsName, Lan, Name, PortName};
use sekisho_host::{HostError, Kernel, bind_udp};
use sekisho_plan::{TUNNEL, lan_number, ruleset, tunnel_mtu};
use sekisho_tunnel::{Centre, Config, Engine, Probing, Tap, TapPackets, TunnelError};
use tracing::{error, info, warn};

use super::{
    known::Known,
    places::Places,
    renewal::{self, Keys},
    stamps::Stamps,
};

/// How long no centre may answer before new connections are told so at once instead of waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time between two attempts to start a tunnel that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Why the tunnel doesn't start.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// The socket on the LGWAN port can't be had.
    #[error(transparent)]
    Socket(#[from] HostError),
    /// The engine itself.
    #[error("can't {source}: {}", reason(source))]
    Engine {
        #[from]
        source: TunnelError,
    },
}

fn reason(error: &TunnelError) -> String {
    std::error::Error::source(error)
        .map_or_else(|| "no reason given".to_owned(), ToString::to_string)
}

impl StartError {
    pub(super) fn way_out(&self) -> Option<String> {
        match self {
            Self::Socket(fault) => fault.way_out().map(str::to_owned),
            Self::Engine { .. } => Some(
                "see that no other program uses the tunnel device, then apply again".to_owned(),
            ),
        }
    }
}

/// What of a design the engine depends on.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// While this stays the same, the engine goes on.
    engine: ForEngine,
    /// Where each centre listens now; a centre that moves takes its session along.
    places: Places,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct ForEngine {
    port: PortName,
    local: SocketAddrV4,
    device_address: Ipv4Addr,
    centres: Vec<sekisho_design::Centre>,
    /// The largest packet that the design lets into the tunnel.
    largest: u16,
    lans: Vec<Lan>,
}

impl Wanted {
    /// Takes a design as it is written, and what its names stand for.
    pub(super) fn of(design: &Design, known: &Known) -> Self {
        let local = SocketAddrV4::new(design.lgwan.address.address(), ruleset::TUNNEL_PORT);
        Self {
            engine: ForEngine {
                port: design.lgwan.port.clone(),
                local,
                device_address: design.profile.device_address.get(),
                centres: design.profile.centres.clone(),
                largest: u16::try_from(tunnel_mtu(design)).unwrap_or(u16::MAX),
                lans: design.lans.keys().copied().collect(),
            },
            places: Places::of(&known.put_into(design)),
        }
    }

    fn start(&self, keys: Keys<'_>, stamps: &Stamps) -> Result<Engine, StartError> {
        let Self { engine: wanted, places } = self;
        let centres = wanted.centres.iter().map(|centre| Centre {
            name: centre.name.clone(),
            endpoint: places.of_centre(&centre.name).map(Into::into),
            public_key: centre.public_key,
            probe: centre.probe,
        });
        Ok(Engine::start(Config {
            tun: TUNNEL.to_owned(),
            socket: bind_udp(&wanted.port, wanted.local)?,
            key: keys.own.clone(),
            coming: keys.coming.cloned(),
            centres: centres.collect(),
            device_address: wanted.device_address,
            largest: wanted.largest,
            probing: Probing::default(),
            stamped_after: stamps.after(),
        })?)
    }
}

/// The tunnel of the design in force.
pub(super) struct Tunnel {
    wanted: Wanted,
    engine: Option<Engine>,
    /// Since when there is no engine; without one there is no carrier either.
    down_since: Instant,
    /// When a failed engine is started again.
    retry: Instant,
    /// What the kernel's set was last told; `None` while it may hold what an earlier daemon left.
    cut_off: Option<bool>,
}

impl Tunnel {
    /// Starts the tunnel of a design.
    pub(super) fn start(
        wanted: Wanted,
        keys: Keys<'_>,
        stamps: &Stamps,
    ) -> Result<Self, StartError> {
        let engine = Some(wanted.start(keys, stamps)?);
        Ok(Self { engine, ..Self::waiting(wanted) })
    }

    /// A tunnel that isn't running yet; [`Tunnel::look_after`] starts it.
    pub(super) fn waiting(wanted: Wanted) -> Self {
        let now = Instant::now();
        Self { wanted, engine: None, down_since: now, retry: now + RETRY, cut_off: None }
    }

    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Whether this tunnel's engine serves another wish as well.
    pub(super) fn serves(&self, wanted: &Wanted) -> bool {
        self.wanted.engine == wanted.engine
    }

    /// Goes where the centres are now. The packet filter admits these places already.
    pub(super) fn follow(&mut self, wanted: Wanted) {
        self.wanted.places.follow(wanted.places);
        self.move_centres();
    }

    fn move_centres(&self) {
        let Some(engine) = &self.engine else { return };
        for (name, place) in self.wanted.places.current() {
            if let Err(fault) = engine.move_centre(name, place.into()) {
                warn!(%fault, centre = %name, "a centre can't be followed");
            }
        }
    }

    /// The names of centres that don't answer: somebody should ask where they are now.
    pub(super) fn sought(&self) -> BTreeSet<DnsName> {
        let alive: BTreeSet<_> = self.alive();
        let silent = |centre: &&sekisho_design::Centre| !alive.contains(&centre.name);
        let silent = self.wanted.engine.centres.iter().filter(silent);
        silent.filter_map(|centre| centre.endpoint.host.name().cloned()).collect()
    }

    fn alive(&self) -> BTreeSet<Name> {
        let centres = self.engine.iter().flat_map(|engine| engine.status().centres);
        centres.filter(|centre| centre.alive_since.is_some()).map(|centre| centre.name).collect()
    }

    /// Restarts a failed engine, and opens or cuts off new connections as centres answer or not.
    pub(super) async fn look_after(
        &mut self,
        kernel: &Kernel,
        keys: Keys<'_>,
        stamps: &mut Stamps,
        now: Instant,
    ) {
        stamps.note(self.last_stamp(), now);
        if let Some(reason) = self.engine.as_ref().and_then(Engine::failed) {
            error!(reason, "the tunnel failed and is started again");
            self.engine = None;
            (self.down_since, self.retry) = (now, now + RETRY);
        }
        if self.engine.is_none() && now >= self.retry {
            self.retry = now + RETRY;
            match self.wanted.start(keys, stamps) {
                Ok(engine) => self.engine = Some(engine),
                Err(fault) => warn!(%fault, "the tunnel can't be started; trying again"),
            }
        }
        let alive = self.alive();
        if self.wanted.places.turn(&alive, now) {
            self.move_centres();
        }
        let silent_since = match &self.engine {
            Some(engine) => engine.status().silent_since,
            None => Some(self.down_since),
        };
        let silent = silent_since.is_some_and(|since| now >= since + PATIENCE);
        if self.cut_off != Some(silent) {
            self.cut_off(kernel, silent).await;
        }
    }

    /// Brings the kernel's set in line with what was decided; needed after the table was laid anew.
    pub(super) async fn restore(&mut self, kernel: &Kernel) {
        if self.is_cut_off() {
            self.cut_off(kernel, true).await;
        }
    }

    /// Whether new connections are cut off, because no centre has answered for some seconds.
    pub(super) fn is_cut_off(&self) -> bool {
        self.cut_off == Some(true)
    }

    async fn cut_off(&mut self, kernel: &Kernel, cut: bool) {
        let marks = self.wanted.engine.lans.iter().map(|lan| lan_number(*lan).into());
        let elements: Vec<serde_json::Value> = if cut { marks.collect() } else { Vec::new() };
        if let Err(fault) = kernel.fill_set(ruleset::CUT_OFF, &elements).await {
            // Tried again at the next look.
            error!(%fault, cut, "can't change how new connections are met");
            return;
        }
        if cut {
            warn!("no centre answers: new connections to the platform are refused at once");
        } else {
            info!("connections to the platform are let through");
        }
        self.cut_off = Some(cut);
    }

    pub(super) fn status(&self, now: Instant) -> TunnelStatus {
        let cut_off = self.is_cut_off();
        let Some(engine) = &self.engine else {
            return TunnelStatus { carrier: None, cut_off, centres: Vec::new() };
        };
        let status = engine.status();
        let named = |name: &Name| {
            let mut centres = self.wanted.engine.centres.iter();
            let centre = centres.find(|centre| centre.name == *name)?;
            centre.endpoint.host.name().map(ToString::to_string)
        };
        let centres = status.centres.into_iter().map(|centre| CentreStatus {
            host: named(&centre.name),
            name: centre.name,
            endpoint: centre.endpoint,
            alive: centre.alive_since.is_some(),
            round_trip_us: centre
                .round_trip
                .map(|trip| trip.as_micros().try_into().unwrap_or(u64::MAX)),
            handshake_age_s: centre
                .last_handshake
                .map(|at| now.saturating_duration_since(at).as_secs()),
            carries: centre.carries,
            rival_age_s: centre.rival_seen.map(|at| now.saturating_duration_since(at).as_secs()),
            received: centre.counters.opened_bytes,
            sent: centre.counters.sealed_bytes,
            rejected: {
                let counters = centre.counters;
                counters.malformed + counters.forged + counters.replayed + counters.no_session
            },
        });
        TunnelStatus { carrier: status.carrier, cut_off, centres: centres.collect() }
    }

    /// A key is to come, isn't any more, or is the device's own from now on.
    pub(super) fn renew(&self, act: impl FnOnce(&Engine)) {
        if let Some(engine) = &self.engine {
            act(engine);
        }
    }

    /// What the centres make of the coming key, where there is one.
    pub(super) fn renewal(&self) -> Vec<renewal::Centre> {
        let Some(status) = self.engine.as_ref().map(Engine::status) else { return Vec::new() };
        let in_front = status.carrier;
        let seen = |centre: sekisho_tunnel::CentreStatus| {
            let carries = in_front.as_ref() == Some(&centre.name);
            let (name, alive) = (centre.name, centre.alive_since.is_some());
            centre.coming_key.map(|key| renewal::Centre { name, alive, carries, key })
        };
        status.centres.into_iter().filter_map(seen).collect()
    }

    /// The centre that carries.
    pub(super) fn carrier(&self) -> Option<Name> {
        self.engine.as_ref()?.status().carrier
    }

    /// The largest packet that the way to that centre carries, as far as it is known.
    pub(super) fn carries(&self) -> Option<u16> {
        let status = self.engine.as_ref()?.status();
        let carrier =
            status.centres.into_iter().find(|centre| Some(&centre.name) == status.carrier.as_ref());
        carrier?.carries
    }

    /// A way to speak inside the tunnel.
    pub(super) fn tap(&self) -> Option<(Tap, TapPackets)> {
        self.engine
            .as_ref()?
            .tap()
            .inspect_err(|fault| warn!(%fault, "no self-test inside the tunnel"))
            .ok()
    }

    /// Why nobody serves the tunnel device; nothing where somebody does.
    pub(super) fn fault(&self) -> Option<String> {
        match &self.engine {
            Some(engine) => engine.failed().map(str::to_owned),
            None => Some("the tunnel waits to be started again".to_owned()),
        }
    }

    fn last_stamp(&self) -> Option<SystemTime> {
        self.engine.as_ref().and_then(|engine| engine.status().last_stamp)
    }

    /// Stops the engine: the latest stamp that it has sent.
    pub(super) fn end(mut self) -> Option<SystemTime> {
        let latest = self.last_stamp();
        self.engine = None;
        latest
    }

    /// Stops the engine and cuts new connections off: nobody reads the tunnel device from now on. Tells the latest stamp
    /// that it has sent.
    pub(super) async fn stop(mut self, kernel: &Kernel) -> Option<SystemTime> {
        let latest = self.last_stamp();
        self.engine = None;
        self.cut_off(kernel, true).await;
        latest
    }
}
