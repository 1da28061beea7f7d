//! From the bytes of a client to the bytes of an answer, over UDP and TCP.
//!
//! Messages are read and written by hickory-server's types. Its own listeners would start a task for each datagram and
//! connection, without bound, and count nothing that they can't read; so the loops are ours.

use std::{
    collections::HashMap,
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::{Duration, Instant},
};

use hickory_net::xfer::Protocol;
use hickory_proto::{
    op::{Edns, Message, MessageType, Metadata, OpCode, ResponseCode},
    rr::{DNSClass, Record},
    serialize::binary::BinEncoder,
};
use hickory_server::{server::Request, zone_handler::MessageResponseBuilder};
use sekisho_design::Lan;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    time::timeout,
};
use tracing::debug;

use crate::{
    QueryEntry, QueryLog,
    ask::LARGEST_DATAGRAM,
    core::{Asker, Core, Reply},
    decide::Refusal,
    question::Question,
    rate::Admission,
    service::code,
};

/// The largest datagram that a client may send; a question takes 300 bytes.
const LARGEST_QUESTION: usize = 4096;
/// What a client without EDNS takes (RFC 1035, 4.2.1).
const PLAIN_DATAGRAM: u16 = 512;
/// How long a connection may be idle, and may take for one question (RFC 7766, 6.2.3: a few seconds).
const IDLE: Duration = Duration::from_secs(10);
/// Connections at once, of all clients of a LAN and of one.
const CONNECTIONS: usize = 64;
const CONNECTIONS_EACH: usize = 8;

/// Where queries are logged.
pub(crate) type Log = Arc<Mutex<Box<dyn QueryLog>>>;

/// Answers a LAN.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) core: Arc<Core>,
    pub(crate) lan: Lan,
    pub(crate) log: Option<Log>,
    /// Questions over UDP that wait for servers.
    pub(crate) waiting: Arc<Semaphore>,
}

impl Desk {
    /// The bytes of the answer to some bytes; `None` where nothing is said.
    pub(crate) async fn handle(
        &self,
        bytes: Vec<u8>,
        from: SocketAddr,
        protocol: Protocol,
    ) -> Option<Vec<u8>> {
        let IpAddr::V4(client) = from.ip() else { return None };
        let started = Instant::now();
        match self.core.admit(self.lan, client) {
            Admission::Admitted => {}
            Admission::Silent => return None,
            Admission::Refused => return error(&bytes, ResponseCode::Refused),
        }
        let request = match Request::from_bytes(bytes, from, protocol) {
            Ok(request) => request,
            Err(fault) => {
                debug!(%client, %fault, "no question");
                self.core.count(self.lan, "malformed");
                return None;
            }
        };
        // Answers are nothing to answer; whoever sends them wants two servers to talk for ever.
        if request.metadata.message_type != MessageType::Query {
            self.core.count(self.lan, "malformed");
            return None;
        }
        let reply = self.reply(&request, client).await;
        self.note(&request, client, &reply, started);
        written(&request, &reply, protocol)
    }

    async fn reply(&self, request: &Request, client: Ipv4Addr) -> Reply {
        let fault = |code, what| {
            self.core.count(self.lan, what);
            Reply { code, ..Reply::refused(Refusal::Kind) }
        };
        if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
            return fault(ResponseCode::BADVERS, "malformed");
        }
        if request.metadata.op_code != OpCode::Query {
            return fault(ResponseCode::NotImp, Refusal::Kind.as_str());
        }
        let [query] = request.queries.queries() else {
            return fault(ResponseCode::FormErr, "malformed");
        };
        if query.query_class() != DNSClass::IN {
            return fault(ResponseCode::Refused, Refusal::Kind.as_str());
        }
        let question = Question {
            name: query.name().into(),
            kind: query.query_type(),
            signatures: request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok),
            unchecked: request.metadata.checking_disabled,
        };
        self.core.answer(self.lan, Asker::Client(client), &question).await
    }

    fn note(&self, request: &Request, client: Ipv4Addr, reply: &Reply, started: Instant) {
        let Some(log) = self.log.as_ref().filter(|_| self.core.setup().logged) else { return };
        let Some(query) = request.queries.queries().first() else { return };
        let entry = QueryEntry {
            lan: self.lan,
            client,
            name: query.name().to_string(),
            kind: query.query_type().to_string(),
            code: code(reply.code),
            rule: reply.rule,
            took: started.elapsed(),
        };
        log.lock().unwrap_or_else(PoisonError::into_inner).note(&entry);
    }

    /// Answers datagrams until it is dropped. What is known is told at once; what servers must be asked about waits in a
    /// task of its own, as long as not too many wait.
    pub(crate) async fn datagrams(self, socket: Arc<UdpSocket>) {
        let mut buffer = [0; LARGEST_QUESTION];
        loop {
            let (length, from) = match socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                Err(fault) => {
                    debug!(%fault, "a datagram can't be received");
                    continue;
                }
            };
            let (desk, bytes) = (self.clone(), buffer[..length].to_vec());
            let mut handling =
                Box::pin(async move { desk.handle(bytes, from, Protocol::Udp).await });
            match poll_fn(|context| Poll::Ready(handling.as_mut().poll(context))).await {
                Poll::Ready(Some(answer)) => send(&socket, &answer, from).await,
                Poll::Ready(None) => {}
                Poll::Pending => {
                    let Ok(permit) = Arc::clone(&self.waiting).try_acquire_owned() else {
                        self.core.count(self.lan, "busy");
                        continue;
                    };
                    // Whoever waits doesn't keep the address from the next who listens there.
                    let socket = Arc::downgrade(&socket);
                    tokio::spawn(async move {
                        let _permit = permit;
                        let answer = handling.await;
                        if let (Some(answer), Some(socket)) = (answer, socket.upgrade()) {
                            send(&socket, &answer, from).await;
                        }
                    });
                }
            }
        }
    }

    /// Answers connections until it is dropped.
    pub(crate) async fn connections(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let clients: Arc<Mutex<HashMap<IpAddr, usize>>> = Arc::default();
        loop {
            // While all places are taken the kernel keeps a few waiting.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, from)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let Some(seat) = Seat::take(&clients, from.ip()) else {
                self.core.count(self.lan, "busy");
                continue;
            };
            let desk = self.clone();
            tokio::spawn(async move {
                let _held = (place, seat);
                desk.connection(stream, from).await;
            });
        }
    }

    async fn connection(&self, mut stream: TcpStream, from: SocketAddr) {
        loop {
            let question = async {
                let length = stream.read_u16().await.ok()?;
                let mut bytes = vec![0; length.into()];
                stream.read_exact(&mut bytes).await.ok()?;
                Some(bytes)
            };
            let Ok(Some(bytes)) = timeout(IDLE, question).await else { return };
            let Some(answer) = self.handle(bytes, from, Protocol::Tcp).await else { return };
            let length = u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes();
            let whole = [&length[..], &answer].concat();
            if !matches!(timeout(IDLE, stream.write_all(&whole)).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// One of the connections that a client may have.
struct Seat(Arc<Mutex<HashMap<IpAddr, usize>>>, IpAddr);

impl Seat {
    fn take(clients: &Arc<Mutex<HashMap<IpAddr, usize>>>, client: IpAddr) -> Option<Self> {
        let mut held = clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(client).or_default();
        if *count >= CONNECTIONS_EACH {
            return None;
        }
        *count += 1;
        Some(Self(Arc::clone(clients), client))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.1);
            }
        }
    }
}

async fn send(socket: &UdpSocket, answer: &[u8], to: SocketAddr) {
    if let Err(fault) = socket.send_to(answer, to).await {
        debug!(%to, %fault, "an answer can't be sent");
    }
}

/// An answer that only says what is wrong, to whatever has a number.
fn error(bytes: &[u8], code: ResponseCode) -> Option<Vec<u8>> {
    let id = u16::from_be_bytes(*bytes.first_chunk()?);
    Message::error_msg(id, OpCode::Query, code).to_vec().ok()
}

/// The reply as bytes: cut, and marked so, where the client's datagrams don't hold it.
fn written(request: &Request, reply: &Reply, protocol: Protocol) -> Option<Vec<u8>> {
    let edns = request.edns.as_ref().map(|asked| {
        let mut edns = Edns::new();
        let largest = asked.max_payload().clamp(PLAIN_DATAGRAM, LARGEST_DATAGRAM);
        edns.set_max_payload(largest).set_dnssec_ok(asked.flags().dnssec_ok);
        edns.set_rcode_high(reply.code.high());
        edns
    });
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = reply.code;
    metadata.recursion_available = true;
    metadata.authoritative = false;
    let wanted =
        request.metadata.authentic_data || edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
    metadata.authentic_data = reply.checked && wanted;
    let largest = if protocol == Protocol::Tcp {
        u16::MAX
    } else {
        edns.as_ref().map_or(PLAIN_DATAGRAM, Edns::max_payload)
    };
    let emit = |metadata, [answers, authorities, additionals]: [&[Record]; 3]| {
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let response = builder.build(metadata, answers, authorities, [], additionals);
        let mut bytes = Vec::with_capacity(PLAIN_DATAGRAM.into());
        let mut encoder = BinEncoder::new(&mut bytes);
        encoder.set_max_size(largest);
        let written = response.destructive_emit(&mut encoder).ok()?;
        Some((bytes, written.truncation))
    };
    let Reply { answers, authorities, additionals, .. } = reply;
    // What stands beside the answer is left out before the answer is cut (RFC 2181, 9).
    for additionals in [&additionals[..], &[]] {
        let (bytes, cut) = emit(metadata, [answers, authorities, additionals])?;
        if !cut {
            return Some(bytes);
        }
    }
    // Nobody uses what is left of a cut answer, and without it there is room for EDNS, which must be told (RFC 6891, 7).
    metadata.truncation = true;
    emit(metadata, [&[], &[], &[]]).map(|(bytes, _)| bytes)
}
