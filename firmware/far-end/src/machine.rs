//! The answering machine: smoltcp behind the tunnel, speaking as any platform address. Pure: packets and time
//! come in, packets go out.
//!
//! It answers ICMP echo, TCP echo (7), discard (9), HTTP (80) and DNS (53) at every address, where they are asked for HTTPS
//! (443) and NTP (123) too, refuses other TCP ports, and opens connections on request ([`Machine::dial`]). A listening
//! socket of smoltcp takes one connection, so one is made for each opening packet just before that packet is handed over.

mod device;
mod dial;

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};

use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    socket::{tcp, udp},
    wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint},
};

use tokio::sync::mpsc;
use tokio_rustls::rustls::ServerConfig;

pub use self::dial::{DialId, Outcome};
use self::{device::Queue, dial::Dials};
use crate::{
    check::Asked,
    dns::{Transport, Zones},
    ntp,
    talk::{Asking, Ends, Https, Service, Talk},
    wire::{self, Inbound},
};

/// Connections served at once; more are not answered until one ends. With their buffers about 34 MB.
const MAX_TALKS: usize = 256;

/// Bytes of each buffer of a connection, one each way.
const BUFFER: usize = 64 * 1024;

/// How long a silent peer's connection lives: it is asked every [`KEEP_ALIVE`].
const PEER_LIMIT: Duration = Duration::from_mins(3);

/// How often a silent peer is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_mins(1);

/// Questions over UDP that wait for an answer, at each port.
const QUESTIONS: usize = 64;

/// The port of HTTPS.
const HTTPS: u16 = 443;

/// The port of NTP.
const NTP: u16 = 123;

/// Tells the time, counted from the beginning of 1970.
pub type Clock = fn() -> Duration;

/// The answering machine.
pub struct Machine {
    interface: Interface,
    queue: Queue,
    sockets: SocketSet<'static>,
    names: SocketHandle,
    zones: Arc<Zones>,
    talks: Vec<Conversation>,
    dials: Dials,
    /// Where connection checks are asked for, and who makes them.
    desk: Option<(SocketAddrV4, mpsc::Sender<Asked>)>,
    https: Option<Arc<ServerConfig>>,
    /// Where the time is asked for, and who knows it.
    time: Option<(SocketHandle, Clock)>,
    epoch: Instant,
}

struct Conversation {
    ends: Ends,
    handle: SocketHandle,
    talk: Talk,
}

impl Machine {
    /// A machine that calls from `address` and answers at all. `mtu` is the tunnel's, in bytes. `seed` makes
    /// sequence numbers hard to guess.
    pub fn new(address: Ipv4Addr, mtu: u16, zones: Arc<Zones>, seed: u64, now: Instant) -> Self {
        let mut queue = Queue::new(mtu);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut queue, smoltcp::time::Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // One address always fits: smoltcp's smallest table has room for two.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(address), 32));
        });
        // A route to the own address makes every address one that smoltcp answers for (`set_any_ip`).
        let _ = interface.routes_mut().add_default_ipv4_route(address);
        interface.set_any_ip(true);
        let mut sockets = SocketSet::new(Vec::new());
        let names = sockets.add(udp_socket(Service::Dns.port()));
        Self {
            interface,
            queue,
            sockets,
            names,
            zones,
            talks: Vec::new(),
            dials: Dials::new(address),
            desk: None,
            https: None,
            time: None,
            epoch: now,
        }
    }

    /// Hands requests that come to an end of the machine's to whoever makes connection checks. Answers are sent with the next
    /// [`Machine::poll`].
    pub fn open_desk(&mut self, end: SocketAddrV4, desk: mpsc::Sender<Asked>) {
        self.desk = Some((end, desk));
    }

    /// Offers the pages over TLS, too.
    pub fn offer_https(&mut self, server: Arc<ServerConfig>) {
        self.https = Some(server);
    }

    /// Tells the time over NTP. The clock is read as a question is answered: the host's may be set meanwhile.
    pub fn offer_time(&mut self, clock: Clock) {
        if self.time.is_none() {
            self.time = Some((self.sockets.add(udp_socket(NTP)), clock));
        }
    }

    /// Takes a packet out of the tunnel. What follows from it is done in [`Machine::poll`].
    pub fn receive(&mut self, now: Instant, packet: &[u8]) {
        let opened = match wire::inspect(packet) {
            Inbound::Echo(reply) => return self.queue.outbound.push_back(reply),
            Inbound::Error(ends, outcome) => return self.dials.fail(ends, outcome),
            Inbound::Open(ends) => self.open(ends),
            Inbound::Other => None,
        };
        self.queue.inbound.push_back(packet.to_vec());
        let now = self.time(now);
        self.interface.poll_ingress_single(now, &mut self.queue, &mut self.sockets);
        // A packet that smoltcp threw away leaves its socket listening, where another client's packet would
        // find it.
        if let Some(handle) = opened
            && self.sockets.get::<tcp::Socket<'_>>(handle).is_listening()
        {
            self.talks.pop();
            self.sockets.remove(handle);
        }
    }

    /// Does all that is due: answers, calls, timers. Afterwards [`Machine::transmit`] has what is to be sent.
    pub fn poll(&mut self, now: Instant) {
        let time = self.time(now);
        loop {
            self.interface.poll(time, &mut self.queue, &mut self.sockets);
            self.answer_names();
            self.tell_time();
            let mut busy = false;
            for conversation in &mut self.talks {
                let socket = self.sockets.get_mut(conversation.handle);
                busy |= serve(socket, &mut conversation.talk);
            }
            self.dials.advance(now, &mut self.sockets);
            if !busy || !self.queue.has_room() {
                break;
            }
        }
        // What the services said last, and closes, leave with this round.
        self.interface.poll(time, &mut self.queue, &mut self.sockets);
        self.reap(|state| state == tcp::State::Closed);
    }

    /// The next packet for the tunnel.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        self.queue.outbound.pop_front()
    }

    /// How long [`Machine::poll`] may wait if nothing comes.
    pub fn delay(&mut self, now: Instant) -> Option<Duration> {
        let time = self.time(now);
        let timers = self.interface.poll_delay(time, &self.sockets).map(Duration::from);
        let calls = self.dials.deadline().map(|at| at.saturating_duration_since(now));
        timers.into_iter().chain(calls).min()
    }

    /// Opens a TCP connection; the outcome comes from [`Machine::outcomes`] within `limit`. `None` where too
    /// many calls are under way.
    pub fn dial(&mut self, now: Instant, to: SocketAddrV4, limit: Duration) -> Option<DialId> {
        self.dials.start(now, to, limit, &mut self.interface, &mut self.sockets)
    }

    /// How calls ended since the last time that this was asked.
    pub fn outcomes(&mut self) -> Vec<(DialId, Outcome)> {
        self.dials.outcomes()
    }

    /// Connections that are being served, closing ones included.
    pub fn connections(&self) -> usize {
        self.talks.len()
    }

    /// Makes a socket that takes the connection whose first packet has come.
    fn open(&mut self, ends: Ends) -> Option<SocketHandle> {
        let talk = self.talk(ends)?;
        if let Some(known) = self.talks.iter().position(|talk| talk.ends == ends) {
            let handle = self.talks[known].handle;
            let socket = self.sockets.get::<tcp::Socket<'_>>(handle);
            if !matches!(socket.state(), tcp::State::TimeWait | tcp::State::Closed) {
                return None;
            }
            // The client uses a port again; its last connection is over on both sides.
            self.sockets.remove(handle);
            self.talks.swap_remove(known);
        }
        if self.talks.len() >= MAX_TALKS {
            self.reap(|state| matches!(state, tcp::State::TimeWait | tcp::State::Closed));
        }
        if self.talks.len() >= MAX_TALKS {
            return None;
        }
        let mut socket = tcp_socket(BUFFER);
        socket.set_timeout(Some(PEER_LIMIT.into()));
        socket.set_keep_alive(Some(KEEP_ALIVE.into()));
        socket.listen(endpoint(ends.local)).ok()?;
        let handle = self.sockets.add(socket);
        self.talks.push(Conversation { ends, handle, talk });
        Some(handle)
    }

    /// What answers at an end; `None` where nobody does.
    fn talk(&self, ends: Ends) -> Option<Talk> {
        match &self.desk {
            Some((end, desk)) if *end == ends.local => {
                Some(Talk::Asking(Box::new(Asking::new(*ends.remote.ip(), desk.clone()))))
            }
            _ => match &self.https {
                Some(server) if ends.local.port() == HTTPS => {
                    Some(Talk::Https(Box::new(Https::new(ends, Arc::clone(server)))))
                }
                _ => Some(Talk::new(Service::at(ends.local.port())?, ends, &self.zones)),
            },
        }
    }

    fn reap(&mut self, over: impl Fn(tcp::State) -> bool) {
        self.talks.retain(|conversation| {
            let state = self.sockets.get::<tcp::Socket<'_>>(conversation.handle).state();
            if over(state) {
                self.sockets.remove(conversation.handle);
            }
            !over(state)
        });
    }

    fn answer_names(&mut self) {
        let socket = self.sockets.get_mut(self.names);
        answer_each(socket, |question| self.zones.answer(question, Transport::Udp));
    }

    fn tell_time(&mut self) {
        if let Some((handle, clock)) = self.time {
            let socket = self.sockets.get_mut(handle);
            answer_each(socket, |question| ntp::answer(question, clock()));
        }
    }

    fn time(&self, now: Instant) -> smoltcp::time::Instant {
        let elapsed = now.saturating_duration_since(self.epoch);
        smoltcp::time::Instant::ZERO + elapsed.into()
    }
}

/// Moves bytes between a socket and its service; whether any moved.
fn serve(socket: &mut tcp::Socket<'_>, talk: &mut Talk) -> bool {
    let mut busy = false;
    loop {
        let heard = socket.recv(|bytes| twice(talk.hear(bytes))).unwrap_or(0);
        let said = socket.send(|room| twice(talk.say(room))).unwrap_or(0);
        if heard + said == 0 {
            break;
        }
        busy = true;
    }
    if socket.state() == tcp::State::CloseWait && socket.recv_queue() == 0 {
        talk.end();
    }
    // With room left in the socket, the service has nothing more to say: the loop above has asked.
    if socket.can_send() && talk.finished() {
        socket.close();
        busy = true;
    }
    busy
}

fn twice(count: usize) -> (usize, usize) {
    (count, count)
}

fn tcp_socket(buffer: usize) -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; buffer]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    // Both would only delay what is a request and its answer.
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket
}

/// Answers what has come over UDP, as far as the answers have room.
fn answer_each<A: AsRef<[u8]>>(socket: &mut udp::Socket<'_>, answer: impl Fn(&[u8]) -> Option<A>) {
    while socket.can_send() {
        let Ok((question, from)) = socket.recv() else {
            return;
        };
        // `from` also holds the address that was asked, so the answer comes from there.
        if let Some(answer) = answer(question) {
            // Refused only where the answer is larger than the whole buffer, which its limit rules out.
            let _ = socket.send_slice(answer.as_ref(), from);
        }
    }
}

fn udp_socket(port: u16) -> udp::Socket<'static> {
    let buffer = || {
        let slots = vec![udp::PacketMetadata::EMPTY; QUESTIONS];
        udp::PacketBuffer::new(slots, vec![0; QUESTIONS * 1500])
    };
    let mut socket = udp::Socket::new(buffer(), buffer());
    // Refused only for port 0 or a second time.
    let _ = socket.bind(port);
    socket
}

fn endpoint(end: SocketAddrV4) -> IpEndpoint {
    IpEndpoint::new(IpAddress::Ipv4(*end.ip()), end.port())
}

#[cfg(test)]
mod tests;
