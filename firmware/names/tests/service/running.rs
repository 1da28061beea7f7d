//! A running service, and clients of it.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RecordType,
};
use sekisho_design::{Lan, Method};
use sekisho_names::{Limits, QueryLog, ServerStatus, Service, Setup};
use socket2::{Domain, Socket, Type};

use crate::{
    messages::query,
    site::{Sockets, TERMINAL, design, listener},
};

/// How long a client waits; two silent servers over UDP take less.
const PATIENCE: Duration = Duration::from_secs(6);

pub(crate) struct Running(pub(crate) Service);

impl Running {
    pub(crate) fn start(method: Method) -> Self {
        Self::with(Limits::default(), Setup::of(&design(method)), None)
    }

    pub(crate) fn with(limits: Limits, setup: Setup, log: Option<Box<dyn QueryLog>>) -> Self {
        Self(Service::start(Arc::new(Sockets), setup, limits, log).unwrap())
    }

    pub(crate) fn count(&self, lan: Lan, what: &'static str) -> u64 {
        self.0.status().counts.get(&(lan, what)).copied().unwrap_or_default()
    }

    /// The platform's first zone's servers.
    pub(crate) fn servers(&self) -> Vec<ServerStatus> {
        self.0.status().groups[0].servers.clone()
    }
}

/// Asks as the head office's terminal.
pub(crate) fn ask(text: &str) -> Message {
    ask_kind(text, RecordType::A)
}

pub(crate) fn ask_kind(text: &str, kind: RecordType) -> Message {
    tell(Lan::HeadOffice, TERMINAL, &query(text, kind)).unwrap()
}

pub(crate) fn code(lan: Lan, from: Ipv4Addr, text: &str) -> ResponseCode {
    tell(lan, from, &query(text, RecordType::A)).unwrap().metadata.response_code
}

/// An answer, and after how long it came.
pub(crate) fn timed(text: &str) -> (Message, Duration) {
    let began = Instant::now();
    (ask(text), began.elapsed())
}

/// Sends a datagram and waits for the answer, if there is one.
pub(crate) fn tell(lan: Lan, from: Ipv4Addr, message: &Message) -> Option<Message> {
    let socket = client(lan, from);
    socket.send(&message.to_vec().unwrap()).unwrap();
    receive(&socket)
}

/// A client's socket.
pub(crate) fn client(lan: Lan, from: Ipv4Addr) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(listener(lan)).unwrap();
    socket
}

/// What comes next.
pub(crate) fn receive(socket: &UdpSocket) -> Option<Message> {
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).ok()?;
    Some(Message::from_vec(&buffer[..length]).unwrap())
}

pub(crate) fn connect(lan: Lan, from: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&listener(lan).into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Asks over a connection of its own.
pub(crate) fn tell_tcp(lan: Lan, from: Ipv4Addr, message: &Message) -> Option<Message> {
    let mut stream = connect(lan, from).ok()?;
    stream.write_all(&framed(message)).ok()?;
    receive_tcp(&mut stream)
}

/// A message with its length before it.
pub(crate) fn framed(message: &Message) -> Vec<u8> {
    let bytes = message.to_vec().unwrap();
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), &*bytes].concat()
}

pub(crate) fn receive_tcp(stream: &mut TcpStream) -> Option<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer).ok()?;
    Some(Message::from_vec(&answer).unwrap())
}

pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is() {
        assert!(Instant::now() < end, "waited for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
