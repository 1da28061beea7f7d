//! The name service as the daemon looks after it: it follows the design in force and asks the daemon's own questions. Its
//! thread is its own, so that a long change doesn't keep clients waiting.
//!
//! A service that can't listen is told in `sekisho names` and tried again; it takes nothing else down.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use sekisho_control::{
    CacheStatus, Failure, FailureKind, HostStatus, NameAnswer, NameQuery, NamesStatus,
    UpstreamStatus, ZoneData, ZoneOwner, ZoneStatus,
};
use sekisho_design::{Design, DnsName, Lan, PortName};
use sekisho_host::{HostError, bind_udp, listen_tcp, open_tcp};
use sekisho_names::{
    AskFault, GroupStatus, Limits, NamesError, Network, Owner, Realm, ServerStatus, Service, Setup,
    Way,
};
use sekisho_plan::TUNNEL;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::{
    fault::{device_failure, malformed},
    known::{Answer, Known},
    query_log::QueryFiles,
};

/// Where DNS is served.
const PORT: u16 = 53;

/// Time between two attempts to bring a service in line that failed.
const RETRY: Duration = Duration::from_secs(2);

/// Answers to the daemon's own questions that may wait for its next look; more names than any design has.
const WAITING_ANSWERS: usize = 1024;

/// The name service of the design in force.
pub(super) struct Names {
    service: Option<Arc<Service>>,
    links: Arc<Links>,
    log: QueryFiles,
    /// What the service is to follow, while it doesn't yet.
    wanted: Option<Design>,
    retry: Duration,
    fault: Option<Failure>,
    answered: mpsc::Sender<Answered>,
    answers: mpsc::Receiver<Answered>,
}

/// What came of a question of the daemon's own.
type Answered = (DnsName, Answer);

impl Names {
    /// No service yet; it begins with the first design.
    pub(super) fn new(state: &Path) -> Self {
        let (answered, answers) = mpsc::channel(WAITING_ANSWERS);
        Self {
            service: None,
            links: Arc::default(),
            log: QueryFiles::new(state),
            wanted: None,
            retry: Duration::ZERO,
            fault: None,
            answered,
            answers,
        }
    }

    /// Another design is in force and the kernel holds its addresses, or none is any more.
    pub(super) fn follow(&mut self, design: Option<&Design>, now: Duration) {
        if design.is_none() {
            (self.service, self.fault) = (None, None);
        }
        self.wanted = design.cloned();
        self.retry = now;
        self.catch_up(now);
    }

    /// Brings the service in line where that failed before.
    pub(super) fn catch_up(&mut self, now: Duration) {
        let Some(design) = self.wanted.as_ref().filter(|_| now >= self.retry) else { return };
        self.links.follow(design);
        self.log.keep(design.names.as_ref().and_then(|names| names.query_log_days));
        match self.bring(Setup::of(design)) {
            Ok(()) => (self.wanted, self.fault) = (None, None),
            Err(fault) => {
                self.retry = now + RETRY;
                let way_out = "see that no other program listens on port 53 of the device";
                let fault = device_failure(fault.to_string(), Some(way_out.to_owned()));
                if self.fault.as_ref() != Some(&fault) {
                    warn!(%fault, "names aren't served as the design says; trying again");
                }
                self.fault = Some(fault);
            }
        }
    }

    /// Has the service work by a setup, and starts it where there is none.
    fn bring(&mut self, setup: Setup) -> Result<(), NamesError> {
        let service = if let Some(service) = &self.service {
            service
        } else {
            let network: Arc<dyn Network> = Arc::<Links>::clone(&self.links);
            let log = Some(Box::new(self.log.writer()) as _);
            let started = Service::start(network, setup.clone(), Limits::default(), log)?;
            self.service.insert(Arc::new(started))
        };
        service.change(setup)
    }

    /// Asks what a name of the design stands for. What comes of it is found by [`Self::answered`].
    pub(super) fn ask(&self, realm: Realm, name: DnsName) {
        let answers = self.answered.clone();
        let Some(service) = self.service.clone() else {
            // The next question comes soon.
            drop(answers.try_send((name, Err("the name service doesn't run".to_owned()))));
            return;
        };
        tokio::spawn(async move {
            let told = service.resolve(realm, &name).await;
            let answer =
                told.map(|told| (told.addresses, told.ttl)).map_err(|fault| fault.to_string());
            // The daemon is ending where nobody takes it.
            drop(answers.send((name, answer)).await);
        });
    }

    /// How names are resolved.
    pub(super) fn status(&self, design: Option<&Design>, known: &Known) -> NamesStatus {
        let hosts = known.hosts().map(|(name, host)| HostStatus {
            name: name.clone(),
            addresses: host.addresses.clone(),
            fault: host.fault.clone(),
        });
        let status = NamesStatus {
            method: design.and_then(|design| design.names.as_ref()).map(|names| names.method),
            fault: self.fault.clone(),
            hosts: hosts.collect(),
            ..NamesStatus::default()
        };
        let Some(found) = self.service.as_ref().map(|service| service.status()) else {
            return status;
        };
        let [hits, misses, stale] = found.uses;
        let (entries, bytes) = found.cached;
        let counts = found.counts.into_iter();
        NamesStatus {
            listening: found.listening,
            zones: found.groups.into_iter().map(zone).collect(),
            cache: CacheStatus { entries, bytes, hits, misses, stale },
            counts: counts.map(|((lan, what), count)| (format!("{lan}/{what}"), count)).collect(),
            ..status
        }
    }

    /// Answers a question beside the daemon's other work.
    pub(super) fn query(
        &self,
        design: Option<&Design>,
        query: NameQuery,
        reply: oneshot::Sender<Result<NameAnswer, Failure>>,
    ) {
        let lan = query.lan.or_else(|| design?.lans.keys().next().copied());
        let (Some(service), Some(lan)) = (self.service.clone(), lan) else {
            drop(reply.send(Err(nothing_in_force())));
            return;
        };
        tokio::spawn(async move {
            let told = service.query(lan, &query.name, &query.kind).await;
            let answer = told.map(|told| NameAnswer {
                rule: told.rule.to_owned(),
                from: told.from,
                code: told.code,
                records: told.records,
                addresses: told.addresses,
                microseconds: told.took.as_micros().try_into().unwrap_or(u64::MAX),
            });
            drop(reply.send(answer.map_err(|fault| unanswered(&fault))));
        });
    }

    /// Fetches the platform's zones beside the daemon's other work.
    pub(super) fn zone_data(&self, reply: oneshot::Sender<Result<ZoneData, Failure>>) {
        let Some(service) = self.service.clone() else {
            drop(reply.send(Err(nothing_in_force())));
            return;
        };
        tokio::spawn(async move {
            let names = service.zone_data().await.map(|names| ZoneData { names });
            drop(reply.send(names.map_err(|fault| unanswered(&fault))));
        });
    }

    /// The next answer that has come.
    pub(super) fn answered(&mut self) -> Option<(DnsName, Answer)> {
        self.answers.try_recv().ok()
    }
}

fn zone(group: GroupStatus) -> ZoneStatus {
    let upstream = |server: ServerStatus| UpstreamStatus {
        address: SocketAddrV4::new(server.address, PORT),
        answers: server.answers,
        failures: server.failures,
        round_trip_us: server.round_trip.and_then(|trip| trip.as_micros().try_into().ok()),
    };
    let (of, lan) = match group.of {
        Owner::Platform => (ZoneOwner::Platform, None),
        Owner::Lgwan => (ZoneOwner::Lgwan, None),
        Owner::Office(lan) => (ZoneOwner::Office, Some(lan)),
    };
    let upstreams = group.servers.into_iter().map(upstream).collect();
    ZoneStatus { zone: group.zone, of, lan, upstreams }
}

fn nothing_in_force() -> Failure {
    let way_out = Some("apply a design first".to_owned());
    device_failure("no design is in force: there is nobody to ask".to_owned(), way_out)
}

fn unanswered(fault: &AskFault) -> Failure {
    let mut failure = at_the_device(fault);
    if let AskFault::Zone { .. } | AskFault::Unanswered | AskFault::Refused(_) = fault {
        failure.kind = FailureKind::Elsewhere;
    }
    failure
}

fn at_the_device(fault: &AskFault) -> Failure {
    let way_out = match fault {
        AskFault::Zone { source, .. } => {
            return Failure { message: fault.to_string(), ..at_the_device(source) };
        }
        AskFault::Malformed(..) => {
            let way_out = "write a name like web.platform.example and a type like A, PTR or TXT";
            return malformed(fault.to_string(), way_out.to_owned());
        }
        AskFault::NotServed(_) => {
            "choose a LAN that is served, or the method 'device' or 'forward' in [names]"
        }
        AskFault::NoZone => "see the zones of the platform profile",
        AskFault::Unanswered => "see sekisho names and sekisho status",
        AskFault::Refused(_) => {
            "the operator must allow it for the device's address, or enter the names in [names]"
        }
        AskFault::Ending => "ask again once the daemon runs",
    };
    device_failure(fault.to_string(), Some(way_out.to_owned()))
}

/// The links that the service speaks through, as the design in force has them.
#[derive(Debug, Default)]
struct Links(RwLock<Option<Ends>>);

/// Links with the device's address on each.
#[derive(Debug)]
struct Ends {
    lgwan: (PortName, Ipv4Addr),
    platform: (PortName, Ipv4Addr),
    lans: BTreeMap<Lan, (PortName, Ipv4Addr)>,
}

impl Links {
    fn follow(&self, design: &Design) {
        let lgwan = (design.lgwan.port.clone(), design.lgwan.address.address());
        let tunnel = TUNNEL.parse().expect("the constant is a port name");
        let lan = |(lan, interface): (&Lan, &sekisho_design::LanInterface)| {
            (*lan, (interface.port.clone(), interface.address.address()))
        };
        let ends = Ends {
            lgwan,
            platform: (tunnel, design.profile.device_address.get()),
            lans: design.lans.iter().map(lan).collect(),
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(ends);
    }

    fn socket<S>(
        &self,
        way: Way,
        port: u16,
        open: fn(&PortName, SocketAddrV4) -> Result<S, HostError>,
    ) -> io::Result<S> {
        let ends = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let end = ends.as_ref().and_then(|ends| match way {
            Way::Platform => Some(&ends.platform),
            Way::Lgwan => Some(&ends.lgwan),
            Way::Office(lan) => ends.lans.get(&lan),
        });
        let (link, address) = end.ok_or(io::ErrorKind::AddrNotAvailable)?;
        open(link, SocketAddrV4::new(*address, port)).map_err(io::Error::other)
    }
}

impl Network for Links {
    fn listen_udp(&self, lan: Lan) -> io::Result<UdpSocket> {
        self.socket(Way::Office(lan), PORT, bind_udp)
    }

    fn listen_tcp(&self, lan: Lan) -> io::Result<TcpListener> {
        self.socket(Way::Office(lan), PORT, listen_tcp)
    }

    fn udp(&self, way: Way) -> io::Result<UdpSocket> {
        self.socket(way, 0, bind_udp)
    }

    fn tcp(&self, way: Way) -> io::Result<TcpStream> {
        self.socket(way, 0, open_tcp)
    }
}
