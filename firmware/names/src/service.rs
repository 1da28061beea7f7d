//! The running service: a thread of its own with everything on it, and what the daemon asks it.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    str::FromStr as _,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::A},
};
use sekisho_design::{DnsName, Lan};
use tokio::{
    net::{TcpListener, UdpSocket},
    runtime::Handle,
    sync::{Semaphore, oneshot},
    task::AbortHandle,
    time::timeout,
};

use crate::{
    Network, QueryLog, Way,
    ask::{self, PORT},
    core::{Asker, Core, From, Trouble, name},
    question::Question,
    serve::{Desk, Log},
    setup::{Group, Listener, Setup},
    status::Status,
};

/// How long a stop waits for the thread, which never blocks.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a whole zone may take.
const ZONE_PATIENCE: Duration = Duration::from_secs(20);
/// The most records of a zone that are taken.
const LARGEST_ZONE: usize = 200_000;

/// What the service may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Questions a second of one client; a busy terminal asks a few.
    pub per_client: u32,
    /// Questions a second of one of the office's servers, which asks for all.
    pub per_server: u32,
    /// Clients whose rate is remembered.
    pub clients: NonZeroUsize,
    /// Answers that are remembered.
    pub cache_entries: usize,
    /// Their memory, in bytes.
    pub cache_bytes: usize,
    /// Questions that servers are being asked at once, by all clients.
    pub in_flight: usize,
}

impl Default for Limits {
    /// For a box with little memory between some hundred terminals and a slow line.
    fn default() -> Self {
        Self {
            per_client: 200,
            per_server: 5_000,
            clients: NonZeroUsize::new(4_096).unwrap_or(NonZeroUsize::MIN),
            cache_entries: 150_000,
            cache_bytes: 32 << 20,
            in_flight: 512,
        }
    }
}

/// What keeps the service from starting or from following a design.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// A LAN can't be listened to.
    #[error("can't serve names on {lan}: {source}")]
    Listen {
        /// The LAN.
        lan: Lan,
        /// What the host said.
        source: io::Error,
    },
    /// No thread, or no runtime in it.
    #[error("can't start the name service: {0}")]
    Start(#[source] io::Error),
}

/// Why a question of the device itself has no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AskFault {
    /// The text is no name, or names no type of record.
    #[error("'{0}' is no {1}")]
    Malformed(String, &'static str),
    /// The device serves nobody on that LAN.
    #[error("names aren't served on {0}")]
    NotServed(Lan),
    /// No servers are known for such a name.
    #[error("the name lies in no zone of the platform")]
    NoZone,
    /// No server answers as it should.
    #[error("no name server answers")]
    Unanswered,
    /// The servers answer, with this.
    #[error("the name servers say {0}")]
    Refused(String),
    /// A zone can't be had.
    #[error("zone {zone} can't be fetched from {server}: {source}")]
    Zone {
        /// Which.
        zone: String,
        /// The server that was asked last.
        server: Ipv4Addr,
        /// Why.
        source: Box<AskFault>,
    },
    /// The service is ending.
    #[error("the name service is ending")]
    Ending,
}

/// Whose names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Realm {
    /// LGWAN's.
    Lgwan,
    /// The platform's.
    Platform,
}

/// What a name stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolved {
    /// Its addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// How long that holds.
    pub ttl: Duration,
}

/// What a client would be told, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explained {
    /// The rule that decided.
    pub rule: &'static str,
    /// Where the answer came from: `static`, `cache`, `stale`, a server, or `nobody`.
    pub from: String,
    /// The response code.
    pub code: String,
    /// The records of the answer.
    pub records: Vec<String>,
    /// The addresses among them.
    pub addresses: Vec<Ipv4Addr>,
    /// How long it took.
    pub took: Duration,
}

/// The running service. Dropping it stops it.
pub struct Service {
    core: Arc<Core>,
    log: Option<Log>,
    waiting: Arc<Semaphore>,
    runtime: Handle,
    listening: Mutex<BTreeMap<Lan, Listening>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    ended: Mutex<Receiver<()>>,
}

/// What serves a LAN.
struct Listening {
    at: Listener,
    tasks: [AbortHandle; 2],
    /// Closed when both tasks are gone, and their sockets with them; nothing is ever sent.
    ended: Receiver<()>,
}

impl Drop for Listening {
    /// Waits for the sockets to be closed: the next may want the same address.
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

impl Service {
    /// Starts the thread and listens as the setup says. A LAN that can't be listened to yet is no failure: the device's own
    /// questions need none, and [`Service::change`] with the same setup tries again and tells.
    ///
    /// # Errors
    /// [`NamesError::Start`]; nothing keeps running then.
    pub fn start(
        network: Arc<dyn Network>,
        setup: Setup,
        limits: Limits,
        log: Option<Box<dyn QueryLog>>,
    ) -> Result<Self, NamesError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(NamesError::Start)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (alive, ended) = channel();
        let run = move || {
            let _alive: Sender<()> = alive;
            // Either word or the sender's end will do.
            drop(runtime.block_on(stopped));
        };
        let thread = thread::Builder::new().name("names".to_owned()).spawn(run);
        let service = Self {
            core: Arc::new(Core::new(network, setup.clone(), limits)),
            log: log.map(|log| Arc::new(Mutex::new(log))),
            waiting: Arc::new(Semaphore::new(limits.in_flight)),
            runtime: handle,
            listening: Mutex::default(),
            stop: Some(stop),
            thread: Some(thread.map_err(NamesError::Start)?),
            ended: Mutex::new(ended),
        };
        // Told by the next call with the same setup, which tries again.
        drop(service.change(setup));
        Ok(service)
    }

    /// Works by another setup. Sockets, memory and knowledge of what stays the same go on.
    ///
    /// # Errors
    /// [`NamesError::Listen`]; the LANs that can be served are, by the new setup.
    pub fn change(&self, setup: Setup) -> Result<(), NamesError> {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        listening
            .retain(|lan, held| setup.views.get(lan).is_some_and(|view| view.listener == held.at));
        let missing = setup.views.iter().filter(|(lan, _)| !listening.contains_key(lan));
        let missing: Vec<_> = missing.map(|(lan, view)| (*lan, view.listener.clone())).collect();
        self.core.follow(setup);
        let mut failed = None;
        for (lan, at) in missing {
            match self.listen(lan, at) {
                Ok(begun) => drop(listening.insert(lan, begun)),
                Err(source) => failed = Some(NamesError::Listen { lan, source }),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn listen(&self, lan: Lan, at: Listener) -> io::Result<Listening> {
        let (udp, tcp) = (self.core.network.listen_udp(lan)?, self.core.network.listen_tcp(lan)?);
        let _inside = self.runtime.enter();
        let (udp, tcp) = (UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?);
        let desk = Desk {
            core: Arc::clone(&self.core),
            lan,
            log: self.log.clone(),
            waiting: Arc::clone(&self.waiting),
        };
        let (alive, ended) = channel::<()>();
        let (held, other) = (alive.clone(), desk.clone());
        let datagrams = self.runtime.spawn(async move {
            let _alive = held;
            other.datagrams(Arc::new(udp)).await;
        });
        let connections = self.runtime.spawn(async move {
            let _alive = alive;
            desk.connections(tcp).await;
        });
        let tasks = [datagrams.abort_handle(), connections.abort_handle()];
        Ok(Listening { at, tasks, ended })
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        Status::of(&self.core, listening.keys().copied().collect())
    }

    /// What a client of a LAN would be told about a name, and why.
    ///
    /// # Errors
    /// [`AskFault`] where the question is none.
    pub async fn query(&self, lan: Lan, text: &str, kind: &str) -> Result<Explained, AskFault> {
        let kind = RecordType::from_str(&kind.to_ascii_uppercase())
            .map_err(|_| AskFault::Malformed(kind.to_owned(), "type of record"))?;
        let name = match text.parse::<Ipv4Addr>() {
            Ok(address) if kind == RecordType::PTR => Name::from(address),
            _ => Name::from_ascii(text)
                .ok()
                .filter(|name| !name.is_root())
                .ok_or_else(|| AskFault::Malformed(text.to_owned(), "name"))?,
        };
        if !self.core.setup().views.contains_key(&lan) {
            return Err(AskFault::NotServed(lan));
        }
        let question = Question::plain(&fully(name), kind);
        let core = Arc::clone(&self.core);
        self.on_thread(async move {
            let started = Instant::now();
            let reply = core.answer(lan, Asker::Device, &question).await;
            Explained {
                rule: reply.rule,
                from: match reply.from {
                    From::Static => "static".to_owned(),
                    From::Cache => "cache".to_owned(),
                    From::Stale => "stale".to_owned(),
                    From::Server(address) => format!("{address}:{PORT}"),
                    From::Nobody => "nobody".to_owned(),
                },
                code: code(reply.code),
                records: reply.answers.iter().map(ToString::to_string).collect(),
                addresses: addresses(&reply.answers),
                took: started.elapsed(),
            }
        })
        .await
    }

    /// What a name of the design stands for, by the servers of its realm; never by static entries or from memory: whoever
    /// asks has waited until it is due, or looks for a host that has moved.
    ///
    /// # Errors
    /// [`AskFault`].
    pub async fn resolve(&self, realm: Realm, host: &DnsName) -> Result<Resolved, AskFault> {
        let group = match realm {
            Realm::Lgwan => Group::Lgwan,
            Realm::Platform => {
                let setup = self.core.setup();
                let zones = setup.zones.iter().filter(|zone| host.is_in(zone));
                let zone = zones.max_by_key(|zone| zone.len()).ok_or(AskFault::NoZone)?;
                Group::Platform(zone.clone())
            }
        };
        let question = Question::plain(&name(host), RecordType::A);
        let core = Arc::clone(&self.core);
        let told = self.on_thread(async move { core.fetch(group, question).await }).await?;
        let message = match (told.message, told.from) {
            (Ok(_), From::Stale) | (Err(Trouble::Unanswered | Trouble::Busy), _) => {
                return Err(AskFault::Unanswered);
            }
            (Err(Trouble::Outside), _) => {
                return Err(AskFault::Refused("an address outside the platform".to_owned()));
            }
            (Ok(message), _) => message,
        };
        if message.metadata.response_code != ResponseCode::NoError {
            return Err(AskFault::Refused(code(message.metadata.response_code)));
        }
        let ttl = message.answers.iter().map(|record| record.ttl).min().unwrap_or(0);
        Ok(Resolved {
            addresses: addresses(&message.answers),
            ttl: Duration::from_secs(ttl.into()),
        })
    }

    /// The names and addresses of every zone of the platform, as the first server that gives it hands it out (AXFR,
    /// RFC 5936). Addresses that lie outside the platform are left out.
    ///
    /// # Errors
    /// [`AskFault`] where a zone can't be had.
    pub async fn zone_data(&self) -> Result<BTreeMap<DnsName, Vec<Ipv4Addr>>, AskFault> {
        let core = Arc::clone(&self.core);
        self.on_thread(async move {
            let setup = core.setup();
            let mut names: BTreeMap<DnsName, Vec<Ipv4Addr>> = BTreeMap::new();
            for zone in &setup.zones {
                let servers = setup.groups.get(&Group::Platform(zone.clone()));
                let mut fault = AskFault::NoZone;
                let mut taken = None;
                for server in servers.into_iter().flatten() {
                    let transfer = timeout(ZONE_PATIENCE, transfer(&core.network, *server, zone));
                    match transfer.await.unwrap_or(Err(AskFault::Unanswered)) {
                        Ok(found) => {
                            taken = Some(found);
                            break;
                        }
                        Err(source) => {
                            let (zone, source) = (zone.clone(), Box::new(source));
                            fault = AskFault::Zone { zone, server: *server, source };
                        }
                    }
                }
                for (name, address) in taken.ok_or(fault)? {
                    if setup.leads_inside(address) {
                        names.entry(name).or_default().push(address);
                    }
                }
            }
            for addresses in names.values_mut() {
                addresses.sort_unstable();
                addresses.dedup();
            }
            Ok(names)
        })
        .await?
    }

    /// Runs something on the service's thread, where its sockets are.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, AskFault> {
        self.runtime.spawn(work).await.map_err(|_| AskFault::Ending)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = ended.recv_timeout(PATIENCE);
        if ended == Err(RecvTimeoutError::Disconnected)
            && let Some(thread) = self.thread.take()
        {
            // A panic has been reported by the thread itself.
            drop(thread.join());
        }
    }
}

/// A name from the root on, as all names on the wire are.
fn fully(mut name: Name) -> Name {
    name.set_fqdn(true);
    name
}

fn addresses(records: &[Record]) -> Vec<Ipv4Addr> {
    let address = |record: &Record| {
        if let RData::A(A(address)) = &record.data { Some(*address) } else { None }
    };
    records.iter().filter_map(address).collect()
}

/// A response code as dig writes it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the registry of codes grows")]
pub(crate) fn code(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => other.to_string(),
    }
}

/// A whole zone from one server: names with their addresses.
async fn transfer(
    network: &Arc<dyn Network>,
    server: Ipv4Addr,
    zone: &str,
) -> Result<Vec<(DnsName, Ipv4Addr)>, AskFault> {
    let place = SocketAddr::from((server, PORT));
    let unanswered = |_| AskFault::Unanswered;
    let mut stream =
        ask::connect(network, Way::Platform, place).await.map_err(|_| AskFault::Unanswered)?;
    let apex = fully(Name::from_ascii(zone).map_err(|_| AskFault::NoZone)?);
    let mut request = Message::new(ask::random(), MessageType::Query, OpCode::Query);
    request.add_query(Query::query(apex, RecordType::AXFR));
    ask::send(&mut stream, &request).await.map_err(unanswered)?;
    let (mut found, mut ends, mut records) = (Vec::new(), 0, 0);
    // The zone's SOA comes first and last.
    while ends < 2 {
        let answer = ask::receive(&mut stream).await.map_err(|_| AskFault::Unanswered)?;
        if answer.metadata.id != request.metadata.id {
            return Err(AskFault::Unanswered);
        }
        if answer.metadata.response_code != ResponseCode::NoError {
            let said = code(answer.metadata.response_code);
            return Err(AskFault::Refused(said));
        }
        records += answer.answers.len();
        if answer.answers.is_empty() || records > LARGEST_ZONE {
            return Err(AskFault::Refused(format!("no whole zone {zone}")));
        }
        for record in &answer.answers {
            if let RData::A(A(address)) = &record.data {
                // Names that no hosts file can hold, a wildcard's, are left out.
                found.extend(record.name.to_ascii().parse().ok().map(|name| (name, *address)));
            } else if record.record_type() == RecordType::SOA {
                ends += 1;
            }
        }
    }
    Ok(found)
}
