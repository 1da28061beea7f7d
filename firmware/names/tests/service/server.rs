//! Name servers that say what a test wants, by datagram and by connection.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use hickory_proto::op::ResponseCode;

use crate::messages::{a, asked_name, bytes, reply};

/// What a server makes of a question: the messages that it says, none where it is silent.
type Script = dyn Fn(&[u8], Carrier) -> Vec<Vec<u8>> + Send + Sync;

type Asked = Mutex<Vec<(Vec<u8>, Carrier, SocketAddr)>>;

/// What carried a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Carrier {
    Udp,
    Tcp,
}

/// A name server. Dropping it ends it.
pub(crate) struct Server {
    asked: Arc<Asked>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

const TICK: Duration = Duration::from_millis(20);

impl Server {
    pub(crate) fn start(
        address: Ipv4Addr,
        script: impl Fn(&[u8], Carrier) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let udp = UdpSocket::bind((address, 53)).unwrap();
        udp.set_read_timeout(Some(TICK)).unwrap();
        let tcp = TcpListener::bind((address, 53)).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let script: Arc<Script> = Arc::new(script);
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::<Asked>::default());
        let shared = || (Arc::clone(&script), Arc::clone(&stop), Arc::clone(&asked));
        let (by_udp, by_tcp) = (shared(), shared());
        let threads = vec![
            thread::spawn(move || datagrams(&udp, &*by_udp.0, &by_udp.1, &by_udp.2)),
            thread::spawn(move || connections(&tcp, &*by_tcp.0, &by_tcp.1, &by_tcp.2)),
        ];
        Self { asked, stop, threads }
    }

    /// One that gives every name one address.
    pub(crate) fn giving(at: Ipv4Addr, address: &'static str) -> Self {
        Self::start(at, move |question, _| {
            let answer = a(&asked_name(question), 300, address);
            bytes(&reply(question, ResponseCode::NoError, vec![answer]))
        })
    }

    pub(crate) fn silent(at: Ipv4Addr) -> Self {
        Self::start(at, |_, _| Vec::new())
    }

    /// How often it was asked by one carrier.
    pub(crate) fn count(&self, carrier: Carrier) -> usize {
        self.asked.lock().unwrap().iter().filter(|(_, by, _)| *by == carrier).count()
    }

    /// Every question that it was asked by datagram, and from which port.
    pub(crate) fn datagrams(&self) -> Vec<(Vec<u8>, u16)> {
        let asked = self.asked.lock().unwrap();
        let by_datagram = asked.iter().filter(|(_, by, _)| *by == Carrier::Udp);
        by_datagram.map(|(bytes, _, from)| (bytes.clone(), from.port())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic has been reported by the thread itself.
            drop(thread.join());
        }
    }
}

fn datagrams(socket: &UdpSocket, script: &Script, stop: &AtomicBool, asked: &Asked) {
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let question = &buffer[..length];
        asked.lock().unwrap().push((question.to_vec(), Carrier::Udp, from));
        for message in script(question, Carrier::Udp) {
            // Whoever has an answer may have closed the port.
            drop(socket.send_to(&message, from));
        }
    }
}

fn connections(listener: &TcpListener, script: &Script, stop: &AtomicBool, asked: &Asked) {
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            // One after the other is enough.
            Ok((stream, from)) => drop(talk(stream, from, script, asked)),
            Err(_) => thread::sleep(TICK),
        }
    }
}

fn talk(mut stream: TcpStream, from: SocketAddr, script: &Script, asked: &Asked) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut question = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut question)?;
        asked.lock().unwrap().push((question.clone(), Carrier::Tcp, from));
        for message in script(&question, Carrier::Tcp) {
            let length = u16::try_from(message.len()).unwrap();
            stream.write_all(&[&length.to_be_bytes(), &*message].concat())?;
        }
    }
}
