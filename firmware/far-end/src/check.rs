//! The far end's half of a connection check: calls that the device asks for from inside the tunnel (R20).
//!
//! `POST /connection-check` at the centre's own address, from the device's, with
//! `{"test-number":"2026-0142","calls":[{"to":"100.64.10.11:443","declared":true}]}` is answered with a
//! [`FarHalf`] in JSON. A check has 64 calls at most; each takes 2 s at the longest, and 16 are under way at once. The number
//! may be missing, then one is made up. Status 400 is a request that can't be read or asks for too much, 403 somebody else
//! than the device, 503 too many checks at once.

use std::{
    fs::{self, File},
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use ipnet::Ipv4Net;
use jiff::Timestamp;
use sekisho_control::{CallOutcome, FarCall, FarHalf, TestNumber};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

use crate::{
    dial_back::{Dialler, problem},
    http::{Head, Reader, Request},
    machine::Outcome,
    respond::Waker,
};

/// Time for a call.
const CALL_LIMIT: Duration = Duration::from_secs(2);

/// Calls of one check.
const MAX_CALLS: usize = 64;

/// Calls under way at once, of all checks.
const CALLS_AT_ONCE: usize = 16;

/// Checks under way at once; a device has one.
const MAX_CHECKS: usize = 4;

/// Clients served at once. One that says nothing holds its place for [`CLIENT_LIMIT`].
const MAX_CLIENTS: usize = 16;

/// How long a client may take to send its request or to take the answer.
const CLIENT_LIMIT: Duration = Duration::from_secs(10);

/// What checks are made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The TCP port at the centre's own address where they are asked for.
    pub port: u16,
    /// What is reached through the tunnel; anything, where nothing is named.
    pub pool: Vec<Ipv4Net>,
    /// Where each half is kept, as `NUMBER.json`.
    pub reports: Option<PathBuf>,
}

/// Makes checks.
pub struct Checks {
    config: Config,
    /// Where calls come from.
    address: Ipv4Addr,
    /// Who may ask.
    device: Ipv4Addr,
    dialler: Dialler,
    places: Semaphore,
    calls: Arc<Semaphore>,
}

/// A request that came to the answering machine.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// Who asks.
    pub from: Ipv4Addr,
    /// Where the answer goes, head and body.
    pub reply: oneshot::Sender<Vec<u8>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Order {
    #[serde(default)]
    test_number: Option<TestNumber>,
    calls: Vec<OrderedCall>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderedCall {
    to: SocketAddrV4,
    declared: bool,
}

type Answer = (&'static str, String);

impl Checks {
    /// Calls come from `address`, and `device` may ask for them.
    pub fn new(config: Config, address: Ipv4Addr, device: Ipv4Addr, dialler: Dialler) -> Self {
        Self {
            config,
            address,
            device,
            dialler,
            places: Semaphore::new(MAX_CHECKS),
            calls: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
        }
    }

    /// Where checks are asked for.
    pub fn end(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, self.config.port)
    }

    async fn answer(&self, request: &Request, from: Ipv4Addr) -> Answer {
        if from != self.device {
            return ("403 Forbidden", problem("only the device of this tunnel may ask"));
        }
        if request.path != "/connection-check" {
            return ("404 Not Found", problem("ask for POST /connection-check"));
        }
        if request.method != "POST" {
            return ("405 Method Not Allowed", problem("ask with POST"));
        }
        let order = match self.read(&request.body) {
            Ok(order) => order,
            Err(wrong) => return ("400 Bad Request", problem(wrong)),
        };
        let Ok(_place) = self.places.try_acquire() else {
            return ("503 Service Unavailable", problem("too many checks at once; try again"));
        };
        let half = self.make(order).await;
        if let Some(folder) = self.config.reports.clone() {
            let kept = half.clone();
            let kept = tokio::task::spawn_blocking(move || keep(&folder, &kept)).await;
            if let Ok(Err(error)) = kept {
                tracing::warn!(number = %half.test_number, %error, "keep the report of a check");
            }
        }
        ("200 OK", serde_json::json!(half).to_string() + "\n")
    }

    fn read(&self, body: &[u8]) -> Result<Order, String> {
        let shape = r#"send {"calls":[{"to":"ADDRESS:PORT","declared":true}]}, and "test-number" if there is one"#;
        let order: Order =
            serde_json::from_slice(body).map_err(|error| format!("{error}; {shape}"))?;
        if order.calls.len() > MAX_CALLS {
            return Err(format!("ask for {MAX_CALLS} calls at most, not {}", order.calls.len()));
        }
        let reached = |to: SocketAddrV4| {
            let pool = &self.config.pool;
            to.port() != 0
                && (pool.is_empty() || pool.iter().any(|prefix| prefix.contains(to.ip())))
        };
        match order.calls.iter().find(|call| !reached(call.to)) {
            Some(call) => Err(format!("{} is not reached through this tunnel", call.to)),
            None => Ok(order),
        }
    }

    /// Makes every call, and tells of them in the order in which they were asked for.
    async fn make(&self, order: Order) -> FarHalf {
        let at = Timestamp::now();
        let mut under_way = JoinSet::new();
        for (place, call) in order.calls.into_iter().enumerate() {
            let (dialler, calls) = (self.dialler.clone(), Arc::clone(&self.calls));
            under_way.spawn(async move {
                let _room = calls.acquire_owned().await;
                let started = Instant::now();
                // A machine without room for a call has reached nobody.
                let outcome = dialler.dial(call.to, CALL_LIMIT).await;
                let outcome = told(outcome.unwrap_or(Outcome::Unreachable));
                let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                (place, FarCall { to: call.to, declared: call.declared, outcome, milliseconds })
            });
        }
        let mut calls = under_way.join_all().await;
        calls.sort_by_key(|(place, _)| *place);
        let calls = calls.into_iter().map(|(_, call)| call).collect();
        let test_number = order.test_number.unwrap_or_else(|| made_up(at));
        FarHalf { test_number, at, from: self.address, calls }
    }
}

fn told(outcome: Outcome) -> CallOutcome {
    match outcome {
        Outcome::Connected => CallOutcome::Connected,
        Outcome::Refused => CallOutcome::Refused,
        Outcome::TimedOut => CallOutcome::TimedOut,
        Outcome::Unreachable => CallOutcome::Unreachable,
    }
}

/// A number for a check without one, by the time.
fn made_up(at: Timestamp) -> TestNumber {
    let number = format!("F-{}", at.as_second()).parse();
    number.expect("letters, digits and hyphens, and fewer than 32")
}

/// Keeps a half under its number; an earlier one of that number goes. After a crash there is one or the other, whole.
fn keep(folder: &Path, half: &FarHalf) -> io::Result<()> {
    let number = &half.test_number;
    let (beside, path) =
        (folder.join(format!("{number}.json.new")), folder.join(format!("{number}.json")));
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec_pretty(half)?)?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    File::open(folder)?.sync_all()
}

/// An answer after which the connection ends.
pub(crate) fn last_words((status, body): (&str, String)) -> Vec<u8> {
    let length = body.len() as u64;
    let head = Head { status, media_type: "application/json", length, keep_alive: false };
    let mut bytes = head.to_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// Serves whoever connects, until it is dropped.
pub async fn serve(listener: TcpListener, checks: Arc<Checks>) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut clients = JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        while clients.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, SocketAddr::V4(from))) => {
                let checks = Arc::clone(&checks);
                clients.spawn(async move {
                    if let Err(error) = converse(stream, *from.ip(), &checks).await {
                        tracing::debug!(%from, %error, "who asked for a check went away");
                    }
                    drop(place);
                });
            }
            Ok((_, SocketAddr::V6(_))) => {}
            // Out of file descriptors most of all; others have to end first.
            Err(error) => {
                tracing::warn!(%error, "accept who asks for a check");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves what comes to the answering machine, until that is gone.
pub async fn serve_machine(mut asked: mpsc::Receiver<Asked>, checks: Arc<Checks>, waker: Waker) {
    let mut under_way = JoinSet::new();
    while let Some(Asked { request, from, reply }) = asked.recv().await {
        while under_way.try_join_next().is_some() {}
        let (checks, waker) = (Arc::clone(&checks), waker.clone());
        under_way.spawn(async move {
            let answer = checks.answer(&request, from).await;
            // Whoever asked may have gone.
            let _ = reply.send(last_words(answer));
            waker.wake();
        });
    }
}

async fn converse(mut stream: TcpStream, from: Ipv4Addr, checks: &Checks) -> io::Result<()> {
    let mut reader = Reader::default();
    let mut input = [0; 4096];
    let answer = loop {
        match reader.next_request() {
            Ok(Some(request)) => break checks.answer(&request, from).await,
            Err(refusal) => break (refusal.status(), problem(refusal)),
            Ok(None) => {}
        }
        let room = reader.room().min(input.len());
        match timeout(CLIENT_LIMIT, stream.read(&mut input[..room])).await?? {
            0 => return Ok(()),
            count => reader.take(&input[..count]),
        };
    };
    timeout(CLIENT_LIMIT, stream.write_all(&last_words(answer))).await??;
    stream.shutdown().await
}

#[cfg(test)]
mod tests;
