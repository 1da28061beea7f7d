//! Hands the LANs' questions for the time to chrony on the box's loopback, and its answers back by the LAN that asked.
//!
//! A thread of its own: a long change would keep questions waiting, and a client takes half of that for an error of its
//! clock. Each LAN has a socket of its own, bound to its port. A question is a task; there are [`ROOM`] at most, and more
//! find no answer. Where chrony is silent the client is told what chrony tells before it knows the time.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use sekisho_control::Failure;
use sekisho_design::{Design, PortName};
use sekisho_host::bind_udp;
use tokio::{
    net::UdpSocket,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::warn;

use crate::daemon::fault::device_failure;

/// Where chrony answers.
pub(super) const CHRONY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT);

/// The port of NTP (RFC 5905, 7.2).
const PORT: u16 = 123;

/// Questions on their way at one time.
const ROOM: usize = 64;

/// How long chrony may take; on loopback it takes less than a millisecond.
const PATIENCE: Duration = Duration::from_millis(500);

/// Time between two attempts to listen.
const RETRY: Duration = Duration::from_secs(2);

/// The header, and the longest message: extension fields may follow (RFC 5905, 7.5).
const HEADER: usize = 48;
const LONGEST: usize = 1024;

/// A LAN's port and the device's address there.
type Served = (PortName, Ipv4Addr);

/// Serves the LANs of the design in force.
pub(super) struct Relay {
    lans: watch::Sender<Vec<Served>>,
    fault: Arc<Mutex<Option<Failure>>>,
}

impl Relay {
    /// Starts the thread; it waits for a design, and ends with this value.
    pub(super) fn start() -> io::Result<Self> {
        let (lans, wanted) = watch::channel(Vec::new());
        let fault = Arc::default();
        let told = Arc::clone(&fault);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("time".to_owned());
        thread.spawn(move || runtime.block_on(run(wanted, told)))?;
        Ok(Self { lans, fault })
    }

    /// Another design is in force, or none is any more.
    pub(super) fn follow(&self, design: Option<&Design>) {
        let lans = design.iter().flat_map(|design| design.lans.values());
        let lans = lans.map(|lan| (lan.port.clone(), lan.address.address())).collect();
        self.lans.send_if_modified(|before| {
            let other = *before != lans;
            *before = lans;
            other
        });
    }

    /// Why a LAN isn't served.
    pub(super) fn fault(&self) -> Option<Failure> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves until nobody wants it any more.
async fn run(mut wanted: watch::Receiver<Vec<Served>>, told: Arc<Mutex<Option<Failure>>>) {
    loop {
        let lans = wanted.borrow_and_update().clone();
        *told.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let room = Arc::new(Semaphore::new(ROOM));
        let mut serving = JoinSet::new();
        for lan in lans {
            serving.spawn(serve(lan, Arc::clone(&room), Arc::clone(&told)));
        }
        // What serves the design before ends with the set.
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

/// Serves a LAN, and listens anew where that fails.
async fn serve((link, own): Served, room: Arc<Semaphore>, told: Arc<Mutex<Option<Failure>>>) {
    loop {
        let socket = bind_udp(&link, SocketAddrV4::new(own, PORT));
        let socket = socket
            .map_err(anyhow::Error::from)
            .and_then(|socket| UdpSocket::from_std(socket).map_err(anyhow::Error::from));
        let fault = match socket {
            Ok(socket) => answer(Arc::new(socket), &room).await,
            Err(fault) => fault,
        };
        let message = format!("{link} isn't served the time: {}", crate::daemon::reasons(&fault));
        let way_out = "see that no other program listens on UDP port 123 of the device";
        let fault = device_failure(message, Some(way_out.to_owned()));
        {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.as_ref() != Some(&fault) {
                warn!(%fault, "trying again");
            }
            *told = Some(fault);
        }
        sleep(RETRY).await;
    }
}

/// Answers what comes to a socket, until it fails.
async fn answer(socket: Arc<UdpSocket>, room: &Arc<Semaphore>) -> anyhow::Error {
    let mut buffer = [0; LONGEST + 1];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(fault) => return fault.into(),
        };
        let Some(question) = question(&buffer[..length]).map(<[u8]>::to_vec) else { continue };
        let Ok(permit) = Arc::clone(room).try_acquire_owned() else { continue };
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            let answer = match timeout(PATIENCE, ask(&question, CHRONY)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => unknown(&question),
            };
            // A client that can't be reached asks again.
            drop(socket.send_to(&answer, client).await);
            drop(permit);
        });
    }
}

/// A client's question (mode 3 of versions 1 to 4); nothing else is handed over.
fn question(datagram: &[u8]) -> Option<&[u8]> {
    let first = *datagram.first()?;
    let fits = (HEADER..=LONGEST).contains(&datagram.len());
    (fits && first & 0b111 == 3 && (1..=4).contains(&(first >> 3 & 0b111))).then_some(datagram)
}

/// chrony's answer to a question: the one that repeats the question's stamp.
async fn ask(question: &[u8], server: SocketAddrV4) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length >= HEADER && answer[24..32] == question[40..48] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

/// What a server says that doesn't know the time: leap indicator 3, stratum 0 (RFC 5905, 7.3).
fn unknown(question: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; HEADER];
    answer[0] = 0b1100_0000 | question[0] & 0b0011_1000 | 4;
    answer[2] = question[2];
    answer[24..32].copy_from_slice(&question[40..48]);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Vec<u8> {
        let mut question = vec![0; HEADER];
        question[0] = 4 << 3 | 3;
        question[40..48].copy_from_slice(b"a stamp!");
        question
    }

    #[test]
    fn only_questions_of_clients_are_handed_over() {
        assert_eq!(question(&asked()), Some(&*asked()));
        for (version, mode) in [(0, 3), (5, 3), (7, 3), (4, 0), (4, 1), (4, 4), (4, 6), (2, 7)] {
            let mut other = asked();
            other[0] = version << 3 | mode;
            assert_eq!(question(&other), None, "version {version}, mode {mode}");
        }
        assert_eq!(question(&asked()[..HEADER - 1]), None);
        assert_eq!(question(&[]), None);
        let mut long = asked();
        long.resize(LONGEST, 0);
        assert!(question(&long).is_some());
        long.push(0);
        assert_eq!(question(&long), None);
    }

    #[test]
    fn who_doesnt_know_the_time_says_so() {
        let answer = unknown(&asked());
        assert_eq!((answer[0] >> 6, answer[0] >> 3 & 7, answer[0] & 7), (3, 4, 4));
        assert_eq!(answer[1], 0, "stratum");
        assert_eq!(&answer[24..32], b"a stamp!");
    }

    #[tokio::test]
    async fn an_answer_to_something_else_is_none() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        let answers = tokio::spawn(async move {
            let mut buffer = [0; LONGEST];
            let (length, client) = server.recv_from(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], asked());
            server.send_to(b"short", client).await.unwrap();
            server.send_to(&[7; HEADER], client).await.unwrap();
            let mut answer = unknown(&asked());
            answer[1] = 3;
            server.send_to(&answer, client).await.unwrap();
        });
        let answer = ask(&asked(), SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert_eq!(answer[1], 3);
        answers.await.unwrap();
    }
}
