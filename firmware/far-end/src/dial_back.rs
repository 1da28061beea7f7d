//! Dial-back: opens a TCP connection to a global address on request, so that an office learns whether its
//! servers are reached (R20). The request comes over HTTP on a local port.
//!
//! `POST /dial-back` with `{"to":"100.64.10.11:443"}`, and `"limit-ms":5000` where another limit is wanted,
//! answers `{"to":"100.64.10.11:443","outcome":"connected","milliseconds":12}`. The outcomes are those of
//! [`Outcome`]: `connected`, `refused`, `timed-out`, `unreachable`. Status 400 is a request that can't be
//! read, 503 too many calls.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

use crate::{
    http::{Head, Reader, Request},
    machine::Outcome,
    respond::Waker,
};

/// Time for a call where the request names none.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// The longest time that a request may name.
pub const MAX_LIMIT: Duration = Duration::from_mins(1);

/// Requests served at once, as many as the answering machine takes calls.
const MAX_REQUESTS: usize = 64;

/// How long a client may take to send its request or to take the answer.
const CLIENT_LIMIT: Duration = Duration::from_secs(10);

/// Who opens the connections.
#[derive(Clone)]
pub enum Dialler {
    /// The answering machine, behind the tunnel.
    Machine(mpsc::Sender<Call>, Waker),
    /// The kernel, from an address of this host where one is given.
    Kernel(Option<Ipv4Addr>),
}

/// A call for the answering machine.
#[derive(Debug)]
pub struct Call {
    /// Whom to call.
    pub to: SocketAddrV4,
    /// Time for it.
    pub limit: Duration,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<Outcome>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    to: SocketAddrV4,
    #[serde(default, rename = "limit-ms")]
    limit_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Report {
    to: SocketAddrV4,
    outcome: Outcome,
    milliseconds: u128,
}

impl Dialler {
    /// Opens a connection and closes it again; `None` where too many calls are under way.
    pub async fn dial(&self, to: SocketAddrV4, limit: Duration) -> Option<Outcome> {
        match self {
            Self::Machine(calls, waker) => {
                let (reply, outcome) = oneshot::channel();
                calls.try_send(Call { to, limit, reply }).ok()?;
                waker.wake();
                outcome.await.ok()
            }
            Self::Kernel(source) => Some(kernel_dial(*source, to, limit).await),
        }
    }
}

async fn kernel_dial(source: Option<Ipv4Addr>, to: SocketAddrV4, limit: Duration) -> Outcome {
    let connect = async {
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = source {
            socket.bind(SocketAddrV4::new(source, 0).into())?;
        }
        socket.connect(to.into()).await
    };
    match timeout(limit, connect).await {
        Err(_) => Outcome::TimedOut,
        Ok(Ok(_)) => Outcome::Connected,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Outcome::Refused,
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => Outcome::TimedOut,
        Ok(Err(error)) => {
            tracing::warn!(%to, %error, "dial-back found no way");
            Outcome::Unreachable
        }
    }
}

/// Serves requests until it is dropped.
pub async fn serve(listener: TcpListener, dialler: Dialler) {
    let places = Arc::new(Semaphore::new(MAX_REQUESTS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, from)) => {
                let dialler = dialler.clone();
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &dialler).await {
                        tracing::debug!(%from, %error, "a dial-back client went away");
                    }
                    drop(place);
                });
            }
            // Out of file descriptors most of all; others have to end first.
            Err(error) => {
                tracing::warn!(%error, "accept a dial-back client");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(mut stream: TcpStream, dialler: &Dialler) -> std::io::Result<()> {
    let mut reader = Reader::default();
    let mut input = [0; 4096];
    loop {
        let (status, body, keep_alive) = match reader.next_request() {
            Ok(Some(request)) => {
                let (status, body) = answer(&request, dialler).await;
                (status, body, request.keep_alive)
            }
            Err(refusal) => (refusal.status(), problem(refusal), false),
            Ok(None) => {
                let room = reader.room().min(input.len());
                match timeout(CLIENT_LIMIT, stream.read(&mut input[..room])).await?? {
                    0 => return Ok(()),
                    count => reader.take(&input[..count]),
                };
                continue;
            }
        };
        let head =
            Head { status, media_type: "application/json", length: body.len() as u64, keep_alive };
        let mut bytes = head.to_bytes();
        bytes.extend_from_slice(body.as_bytes());
        timeout(CLIENT_LIMIT, stream.write_all(&bytes)).await??;
        if !keep_alive {
            return stream.shutdown().await;
        }
    }
}

async fn answer(request: &Request, dialler: &Dialler) -> (&'static str, String) {
    if request.path != "/dial-back" {
        return ("404 Not Found", problem("ask for POST /dial-back"));
    }
    if request.method != "POST" {
        return ("405 Method Not Allowed", problem("ask with POST"));
    }
    let order: Order = match serde_json::from_slice(&request.body) {
        Ok(order) => order,
        Err(error) => {
            let shape = r#"send {"to":"ADDRESS:PORT"}, and "limit-ms" if need be"#;
            return ("400 Bad Request", problem(format!("{error}; {shape}")));
        }
    };
    let limit = order.limit_ms.map_or(DEFAULT_LIMIT, Duration::from_millis);
    if limit.is_zero() || limit > MAX_LIMIT {
        let longest = MAX_LIMIT.as_millis();
        return ("400 Bad Request", problem(format!("limit-ms is 1 to {longest}")));
    }
    let started = Instant::now();
    match dialler.dial(order.to, limit).await {
        Some(outcome) => {
            let milliseconds = started.elapsed().as_millis();
            let report = Report { to: order.to, outcome, milliseconds };
            ("200 OK", serde_json::json!(report).to_string() + "\n")
        }
        None => ("503 Service Unavailable", problem("too many calls at once; try again")),
    }
}

pub(crate) fn problem(text: impl std::fmt::Display) -> String {
    serde_json::json!({ "error": text.to_string() }).to_string() + "\n"
}

/// Binds the port for requests.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(dialler: Dialler, request: &str) -> String {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, dialler));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(Duration::from_secs(10), stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        server.abort();
        answer
    }

    fn post(body: &str) -> String {
        let length = body.len();
        format!(
            "POST /dial-back HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    #[tokio::test]
    async fn the_kernel_calls_and_tells_the_outcome() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let source = Some(Ipv4Addr::LOCALHOST);
        let answer = ask(Dialler::Kernel(source), &post(&format!(r#"{{"to":"{to}"}}"#))).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(r#""outcome":"connected""#), "{answer}");
        assert!(answer.contains(&format!(r#""to":"{to}""#)), "{answer}");
        drop(listener);
        let answer = ask(Dialler::Kernel(source), &post(&format!(r#"{{"to":"{to}"}}"#))).await;
        assert!(answer.contains(r#""outcome":"refused""#), "{answer}");
        // 127.0.0.1 can't reach an address beyond this host.
        let answer =
            ask(Dialler::Kernel(source), &post(r#"{"to":"192.0.2.1:9","limit-ms":300}"#)).await;
        assert!(answer.contains(r#""outcome":"#) && !answer.contains("connected"), "{answer}");
    }

    #[tokio::test]
    async fn a_machine_that_never_answers_is_not_waited_for_by_others() {
        let (calls, mut queue) = mpsc::channel(1);
        let dialler = Dialler::Machine(calls, Waker::pair().unwrap().0);
        let to = "100.64.10.11:443".parse().unwrap();
        let first = tokio::spawn({
            let dialler = dialler.clone();
            async move { dialler.dial(to, DEFAULT_LIMIT).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(dialler.dial(to, DEFAULT_LIMIT).await, None);
        queue.recv().await.unwrap().reply.send(Outcome::TimedOut).unwrap();
        assert_eq!(first.await.unwrap(), Some(Outcome::TimedOut));
    }

    #[tokio::test]
    async fn bad_requests_are_answered() {
        let table = [
            ("GET /dial-back HTTP/1.0\r\n\r\n".to_owned(), "405"),
            ("POST /other HTTP/1.0\r\n\r\n".to_owned(), "404"),
            (post(""), "400"),
            (post(r#"{"to":"somewhere"}"#), "400"),
            (post(r#"{"to":"[::1]:80"}"#), "400"),
            (post(r#"{"to":"192.0.2.1:80","limit-ms":0}"#), "400"),
            (post(r#"{"to":"192.0.2.1:80","limit-ms":60001}"#), "400"),
            (post(r#"{"to":"192.0.2.1:80","more":1}"#), "400"),
            ("\u{1}\r\n\r\n".to_owned(), "400"),
        ];
        for (request, status) in table {
            let answer = ask(Dialler::Kernel(None), &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        }
    }
}
