//! Requests and answers by UDP through a tunnel, and how long they took.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// A request every so often, each answered by an echo at the other end.
pub(crate) struct Requests {
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

struct State {
    start: Instant,
    sending: AtomicBool,
    listening: AtomicBool,
    requests: Mutex<Vec<Request>>,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    sent: Instant,
    answered: Option<Instant>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) sent: usize,
    pub(crate) unanswered: usize,
    /// The longest that any answer took.
    pub(crate) slowest: Duration,
    /// The longest time without an answer, from the start to the end.
    pub(crate) silence: Duration,
}

impl Requests {
    pub(crate) const PERIOD: Duration = Duration::from_millis(20);
    /// How long a late answer is waited for.
    const STRAGGLERS: Duration = Duration::from_millis(1_500);
    const GLANCE: Duration = Duration::from_millis(20);

    /// From one socket to another one, which is to be nobody else's.
    pub(crate) fn start(client: UdpSocket, server: UdpSocket) -> Self {
        let state = Arc::new(State {
            start: Instant::now(),
            sending: AtomicBool::new(true),
            listening: AtomicBool::new(true),
            requests: Mutex::default(),
        });
        let to = server.local_addr().unwrap();
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(Self::GLANCE)).unwrap();
        }
        let sender = client.try_clone().unwrap();
        let run = |work: Box<dyn FnOnce(&State) + Send>| {
            let state = Arc::clone(&state);
            thread::spawn(move || work(&state))
        };
        let threads = vec![
            run(Box::new(move |state| state.send(&sender, to))),
            run(Box::new(move |state| state.receive(&client))),
            run(Box::new(move |state| state.echo(&server))),
        ];
        Self { state, threads }
    }

    /// When the first request was answered that was sent after `moment`.
    pub(crate) fn answered_after(&self, moment: Instant) -> Option<Instant> {
        let requests = self.state.requests.lock().unwrap();
        let later = requests.iter().filter(|request| request.sent >= moment);
        later.filter_map(|request| request.answered).min()
    }

    /// Ends sending, waits for the last answers and sums up.
    pub(crate) fn finish(self) -> Report {
        self.state.sending.store(false, Ordering::Relaxed);
        let end = Instant::now();
        thread::sleep(Self::STRAGGLERS);
        self.state.listening.store(false, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let requests = self.state.requests.lock().unwrap();
        let taken = requests.iter().filter_map(|request| Some(request.answered? - request.sent));
        let mut moments: Vec<_> = requests.iter().filter_map(|request| request.answered).collect();
        moments.extend([self.state.start, end]);
        moments.sort_unstable();
        let silences = moments.windows(2).map(|pair| pair[1] - pair[0]);
        Report {
            sent: requests.len(),
            unanswered: requests.iter().filter(|request| request.answered.is_none()).count(),
            slowest: taken.max().unwrap_or_default(),
            silence: silences.max().unwrap_or_default(),
        }
    }
}

impl State {
    fn send(&self, socket: &UdpSocket, to: SocketAddr) {
        while self.sending.load(Ordering::Relaxed) {
            let number = {
                let mut requests = self.requests.lock().unwrap();
                requests.push(Request { sent: Instant::now(), answered: None });
                u32::try_from(requests.len() - 1).unwrap()
            };
            let _ = socket.send_to(&number.to_be_bytes(), to);
            thread::sleep(Requests::PERIOD);
        }
    }

    fn receive(&self, socket: &UdpSocket) {
        let mut number = [0; 4];
        while self.listening.load(Ordering::Relaxed) {
            if let Ok(4) = socket.recv(&mut number) {
                let request = u32::from_be_bytes(number) as usize;
                let mut requests = self.requests.lock().unwrap();
                requests[request].answered.get_or_insert_with(Instant::now);
            }
        }
    }

    fn echo(&self, socket: &UdpSocket) {
        let mut number = [0; 4];
        while self.listening.load(Ordering::Relaxed) {
            if let Ok((4, from)) = socket.recv_from(&mut number) {
                let _ = socket.send_to(&number, from);
            }
        }
    }
}
