//! The stack: smoltcp for connections, a table of flows for everything, and the task that drives both.
//!
//! The task takes what the tap brings, lets smoltcp work, sends what comes of it, and wakes whoever can go on. Nobody holds
//! the lock while packets are sent or anything is waited for.

use std::{
    any::Any,
    collections::HashMap,
    future::poll_fn,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use sekisho_tunnel::{TapFlow, TapPackets, TapProtocol};
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    socket::tcp,
    wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint},
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};

use super::{
    AGAIN, REST,
    link::{Link, Side},
    packet::{self, Heard},
    ports::{self, Taken},
    raw::{self, Raw},
    stream::Stream,
};
use crate::{probe::Answer, queue::Queue};

/// Packets that smoltcp may leave in one go before they are sent.
const OUTBOUND: usize = 512;

/// Packets taken from the tap in one go.
const INBOUND: usize = 256;

/// Ports tried for a question. On an address with a busy server a few may be taken, never this many in a row.
const TRIES: usize = 16;

/// How long a connection that was shut down may take to close before it is reset.
const CLOSING: Duration = Duration::from_secs(1);

/// How long the task sleeps where nothing is due.
const IDLE: Duration = Duration::from_mins(1);

/// How long the task sleeps at most while connections close.
const REAP: Duration = Duration::from_millis(50);

/// smoltcp wants an address of its own. Nobody speaks as this one (RFC 5737).
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The stack and its task.
pub(super) struct Stack {
    shared: Arc<Shared>,
    taken: Taken,
    task: JoinHandle<()>,
}

/// What questions and the task share.
pub(super) struct Shared {
    link: Box<dyn Link>,
    state: Mutex<State>,
    stirred: Notify,
}

struct State {
    interface: Interface,
    queue: Queue,
    sockets: SocketSet<'static>,
    flows: HashMap<TapFlow, Flow>,
    epoch: Instant,
    port: u16,
    /// Why the tunnel takes nothing any more.
    failed: Option<String>,
}

struct Flow {
    side: Side,
    kind: Kind,
    /// The flow is watched as long as this is here.
    _watched: Box<dyn Any + Send>,
}

enum Kind {
    Raw(mpsc::Sender<(Instant, Vec<u8>)>),
    Connection(Connection),
}

struct Connection {
    handle: SocketHandle,
    wakers: Wakers,
    /// Its first packet, to be sent again.
    opening: Option<Vec<u8>>,
    /// When it was established.
    opened: Option<Instant>,
    /// The ICMP error about it.
    error: Option<(Instant, Heard)>,
    /// Nobody holds it any more; by when it is to be gone.
    gone_by: Option<Instant>,
}

/// Who waits for a connection.
#[derive(Default)]
pub(super) struct Wakers {
    pub(super) read: Option<Waker>,
    pub(super) write: Option<Waker>,
}

impl Stack {
    pub(super) fn new(link: Box<dyn Link>, packets: TapPackets, mtu: u16, taken: Taken) -> Self {
        let mut queue = Queue::new(mtu, OUTBOUND);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = u64::from(packet::number()) << 16 | u64::from(packet::number());
        let mut interface = Interface::new(config, &mut queue, smoltcp::time::Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // One address always fits: smoltcp's smallest table has room for two.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(NOBODY), 32));
        });
        // A route to the own address makes every address one that smoltcp speaks as (`set_any_ip`).
        let _ = interface.routes_mut().add_default_ipv4_route(NOBODY);
        interface.set_any_ip(true);
        let state = State {
            interface,
            queue,
            sockets: SocketSet::new(Vec::new()),
            flows: HashMap::new(),
            epoch: Instant::now(),
            port: ports::OURS.start() + packet::number() % 3_500,
            failed: None,
        };
        let shared = Arc::new(Shared { link, state: Mutex::new(state), stirred: Notify::new() });
        let task = tokio::spawn(drive(Arc::clone(&shared), packets));
        Self { shared, taken, task }
    }

    /// Opens a connection, and says how long that took.
    pub(super) async fn connect(
        &self,
        side: &Side,
        from: Ipv4Addr,
        to: SocketAddrV4,
        buffer: usize,
    ) -> Result<(Stream, Duration), Answer> {
        let begun = Instant::now();
        let flow = self.claim(TapProtocol::Tcp, side, from, to, |state, flow| {
            let mut socket = socket(buffer);
            let (theirs, ours) = (endpoint(flow.theirs), endpoint(flow.ours));
            let context = state.interface.context();
            socket
                .connect(context, theirs, ours)
                .map_err(|error| busy(format!("{to}: {error}")))?;
            Ok(Kind::Connection(Connection {
                handle: state.sockets.add(socket),
                wakers: Wakers::default(),
                opening: None,
                opened: None,
                error: None,
                gone_by: None,
            }))
        });
        let flow = flow.await?;
        let stream = Stream::new(Arc::clone(&self.shared), flow);
        self.shared.stir();
        let mut opened = timeout(AGAIN, self.shared.opened(flow)).await;
        if opened.is_err() {
            self.shared.open_again(flow)?;
            opened = timeout(REST, self.shared.opened(flow)).await;
        }
        let after = |at: Instant| at.saturating_duration_since(begun);
        match opened.unwrap_or(Err(Unopened::Silent)) {
            Ok(at) => Ok((stream, after(at))),
            Err(Unopened::Refused) => Err(Answer::Refused { after: begun.elapsed() }),
            Err(Unopened::Error(at, by, kind, code)) => {
                Err(Answer::Icmp { by, kind, code, after: after(at) })
            }
            Err(Unopened::Silent) => Err(Answer::Silent { sought: None }),
            Err(Unopened::Failed(why)) => Err(Answer::Busy { why }),
        }
    }

    /// A flow without a connection.
    pub(super) async fn raw(
        &self,
        protocol: TapProtocol,
        side: &Side,
        from: Ipv4Addr,
        to: (Ipv4Addr, u16),
    ) -> Result<Raw, Answer> {
        let (sender, packets) = mpsc::channel(raw::WAITING);
        let to = SocketAddrV4::new(to.0, to.1);
        let flow = self.claim(protocol, side, from, to, |_, _| Ok(Kind::Raw(sender))).await?;
        Ok(Raw::new(Arc::clone(&self.shared), flow, packets))
    }

    /// Finds a port that nobody has, and watches it.
    async fn claim(
        &self,
        protocol: TapProtocol,
        side: &Side,
        from: Ipv4Addr,
        to: SocketAddrV4,
        make: impl FnOnce(&mut State, TapFlow) -> Result<Kind, Answer>,
    ) -> Result<TapFlow, Answer> {
        let candidates: Vec<_> = {
            let mut state = self.shared.state();
            let next = || {
                state.port = ports::after(state.port);
                TapFlow { protocol, ours: SocketAddrV4::new(from, state.port), theirs: to }
            };
            std::iter::repeat_with(next).take(TRIES).collect()
        };
        let taken = self.taken.among(&candidates).await;
        let taken = taken.map_err(|error| {
            busy(format!("which ports the host itself uses can't be seen: {error}"))
        })?;
        let mut state = self.shared.state();
        if let Some(why) = &state.failed {
            return Err(busy(why.clone()));
        }
        let free = candidates
            .into_iter()
            .find(|flow| !taken.contains(flow) && !state.flows.contains_key(flow));
        let flow = free.ok_or_else(|| busy(format!("no port of {from} is free towards {to}")))?;
        let watched = self.shared.link.watch(flow).map_err(|error| busy(error.to_string()))?;
        let kind = make(&mut state, flow)?;
        state.flows.insert(flow, Flow { side: side.clone(), kind, _watched: watched });
        Ok(flow)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why a connection wasn't opened.
enum Unopened {
    Refused,
    Error(Instant, Ipv4Addr, u8, u8),
    Silent,
    Failed(String),
}

fn busy(why: String) -> Answer {
    Answer::Busy { why }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is to be done.
    pub(super) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Does something with a connection's socket; `None` where there is none any more.
    pub(super) fn with_socket<T>(
        &self,
        flow: TapFlow,
        act: impl FnOnce(&mut tcp::Socket<'static>, &mut Wakers) -> T,
    ) -> Option<T> {
        let mut state = self.state();
        let State { sockets, flows, failed, .. } = &mut *state;
        match flows.get_mut(&flow).map(|flow| &mut flow.kind) {
            Some(Kind::Connection(connection)) if failed.is_none() => {
                Some(act(sockets.get_mut(connection.handle), &mut connection.wakers))
            }
            _ => None,
        }
    }

    /// Waits until a connection is established, or can't be.
    async fn opened(&self, flow: TapFlow) -> Result<Instant, Unopened> {
        poll_fn(|context| {
            let mut state = self.state();
            let State { sockets, flows, failed, .. } = &mut *state;
            if let Some(why) = failed {
                return Poll::Ready(Err(Unopened::Failed(why.clone())));
            }
            let Some(Flow { kind: Kind::Connection(connection), .. }) = flows.get_mut(&flow) else {
                return Poll::Ready(Err(Unopened::Silent));
            };
            if let Some(at) = connection.opened {
                return Poll::Ready(Ok(at));
            }
            if let Some((at, Heard::Error { by, kind, code })) = connection.error {
                return Poll::Ready(Err(Unopened::Error(at, by, kind, code)));
            }
            let socket = sockets.get::<tcp::Socket<'_>>(connection.handle);
            if socket.state() == tcp::State::Closed {
                return Poll::Ready(Err(Unopened::Refused));
            }
            connection.wakers.read = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Sends a connection's first packet again: smoltcp itself would only do so after a second.
    fn open_again(&self, flow: TapFlow) -> Result<(), Answer> {
        let opening = match self.state().flows.get(&flow).map(|flow| &flow.kind) {
            Some(Kind::Connection(connection)) => connection.opening.clone(),
            _ => None,
        };
        opening.map_or(Ok(()), |packet| self.send_on(flow, packet))
    }

    /// Sends a packet of a flow.
    pub(super) fn send_on(&self, flow: TapFlow, packet: Vec<u8>) -> Result<(), Answer> {
        let side = self.state().flows.get(&flow).map(|flow| flow.side.clone());
        let side = side.ok_or_else(|| busy("the tunnel has ended".to_owned()))?;
        self.link.send(&side, &[packet]).map_err(|error| busy(error.to_string()))
    }

    /// A flow without a connection is over.
    pub(super) fn forget(&self, flow: TapFlow) {
        self.state().flows.remove(&flow);
    }

    /// Nobody holds a connection any more.
    pub(super) fn hang_up(&self, flow: TapFlow) {
        let mut state = self.state();
        let State { sockets, flows, .. } = &mut *state;
        if let Some(Flow { kind: Kind::Connection(connection), .. }) = flows.get_mut(&flow) {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(connection.handle);
            if socket.may_send() || socket.state() == tcp::State::SynSent {
                socket.abort();
            }
            connection.gone_by = Some(Instant::now() + CLOSING);
        }
        drop(state);
        self.stir();
    }

    /// One round; says how long the next may wait.
    fn turn(&self, now: Instant, packets: &mut Vec<Vec<u8>>) -> Duration {
        let (outgoing, wakers, delay) = {
            let mut state = self.state();
            packets.drain(..).for_each(|packet| state.receive(now, packet));
            let delay = state.poll(now);
            let outgoing = state.outgoing();
            // What is over goes only now, so that its last words have left.
            let delay = if state.reap(now) { delay.min(REAP) } else { delay };
            (outgoing, state.wakers(now), delay)
        };
        for (side, packets) in outgoing {
            if let Err(error) = self.link.send(&side, &packets) {
                self.state().failed = Some(error.to_string());
            }
        }
        wakers.into_iter().for_each(Waker::wake);
        delay
    }
}

async fn drive(shared: Arc<Shared>, mut packets: TapPackets) {
    let mut batch = Vec::with_capacity(INBOUND);
    loop {
        let delay = shared.turn(Instant::now(), &mut batch);
        tokio::select! {
            count = packets.recv_many(&mut batch, INBOUND) => if count == 0 {
                shared.state().failed = Some("the tunnel has ended".to_owned());
                shared.turn(Instant::now(), &mut batch);
                return;
            },
            () = shared.stirred.notified() => {}
            () = tokio::time::sleep(delay) => {}
        }
    }
}

impl State {
    fn receive(&mut self, now: Instant, packet: Vec<u8>) {
        let Some(arriving) = TapFlow::arriving(&packet) else { return };
        let Some(flow) = self.flows.get_mut(&arriving) else { return };
        match &mut flow.kind {
            // Whoever doesn't read in time has more answers than questions.
            Kind::Raw(sender) => drop(sender.try_send((now, packet))),
            Kind::Connection(connection) => match packet::read(&packet) {
                Some(error @ Heard::Error { .. }) => {
                    connection.error.get_or_insert((now, error));
                }
                Some(Heard::Echo { .. } | Heard::Datagram(_)) => {}
                None => self.queue.inbound.push_back(packet),
            },
        }
    }

    /// Lets smoltcp work.
    fn poll(&mut self, now: Instant) -> Duration {
        let time = self.time(now);
        self.interface.poll(time, &mut self.queue, &mut self.sockets);
        let delay = self.interface.poll_delay(time, &self.sockets);
        delay.map_or(IDLE, Duration::from).min(IDLE)
    }

    /// Takes away connections that nobody holds and that are over; whether some are left that are not over yet.
    fn reap(&mut self, now: Instant) -> bool {
        let sockets = &mut self.sockets;
        let mut left = false;
        self.flows.retain(|_, flow| {
            let Kind::Connection(connection) = &mut flow.kind else { return true };
            let Some(gone_by) = connection.gone_by else { return true };
            let socket = sockets.get_mut::<tcp::Socket<'_>>(connection.handle);
            if matches!(socket.state(), tcp::State::Closed | tcp::State::TimeWait) {
                sockets.remove(connection.handle);
                return false;
            }
            if now >= gone_by {
                socket.abort();
            }
            left = true;
            true
        });
        left
    }

    /// What is to be sent, by side.
    fn outgoing(&mut self) -> Vec<(Side, Vec<Vec<u8>>)> {
        let mut sides: Vec<(Side, Vec<Vec<u8>>)> = Vec::new();
        for packet in self.queue.outbound.drain(..) {
            let flow = TapFlow::leaving(&packet).and_then(|flow| self.flows.get_mut(&flow));
            // smoltcp resets what it doesn't know; whoever sent that is nobody's business any more.
            let Some(Flow { side, kind: Kind::Connection(connection), .. }) = flow else {
                continue;
            };
            let socket = self.sockets.get::<tcp::Socket<'_>>(connection.handle);
            if socket.state() == tcp::State::SynSent && connection.opening.is_some() {
                // Sent again by whoever waits for it, and not by smoltcp after a second.
                continue;
            }
            connection.opening.get_or_insert_with(|| packet.clone());
            match sides.iter_mut().find(|(known, _)| known == side) {
                Some((_, packets)) => packets.push(packet),
                None => sides.push((side.clone(), vec![packet])),
            }
        }
        sides
    }

    /// Who can go on.
    fn wakers(&mut self, now: Instant) -> Vec<Waker> {
        let mut able = Vec::new();
        for flow in self.flows.values_mut() {
            let Kind::Connection(connection) = &mut flow.kind else { continue };
            let socket = self.sockets.get::<tcp::Socket<'_>>(connection.handle);
            if connection.opened.is_none() && socket.may_send() {
                connection.opened = Some(now);
            }
            let failed = self.failed.is_some();
            if failed || socket.can_recv() || !socket.may_recv() {
                able.extend(connection.wakers.read.take());
            }
            if failed || socket.can_send() || !socket.may_send() {
                able.extend(connection.wakers.write.take());
            }
        }
        able
    }

    fn time(&self, now: Instant) -> smoltcp::time::Instant {
        smoltcp::time::Instant::ZERO + now.saturating_duration_since(self.epoch).into()
    }
}

fn socket(buffer: usize) -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; buffer]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    // Both would only delay what is a request and its answer.
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket
}

fn endpoint(end: SocketAddrV4) -> IpEndpoint {
    IpEndpoint::new(IpAddress::Ipv4(*end.ip()), end.port())
}
