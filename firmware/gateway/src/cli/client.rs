//! A client of the control API: one request, one connection.

use std::{
    io,
    marker::PhantomData,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use sekisho_control::{Failure, LARGEST_BODY};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    net::UnixStream,
    time::{Instant, timeout_at},
};

/// How long an answer may take. A large design is applied in seconds; a daemon that needs longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// The daemon can't be reached.
    #[error("can't reach the daemon at {}: {source}", socket.display())]
    Unreachable {
        socket: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The connection broke, or what came back isn't the control API's.
    #[error("the daemon's answer can't be understood: {0}")]
    Garbled(Box<dyn std::error::Error + Send + Sync>),
    /// The daemon doesn't answer in time.
    #[error("the daemon didn't answer within {} seconds", PATIENCE.as_secs())]
    Silent,
    /// The daemon says why it didn't do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

pub(super) async fn get<T: DeserializeOwned>(socket: &Path, path: &str) -> Result<T, ClientError> {
    exchange(socket, Method::GET, path, Vec::new()).await
}

pub(super) async fn post<T: DeserializeOwned>(
    socket: &Path,
    path: &str,
    body: &impl Serialize,
) -> Result<T, ClientError> {
    let body = serde_json::to_vec(body).map_err(garbled)?;
    exchange(socket, Method::POST, path, body).await
}

/// Posts; the answer is one JSON value a line, each as it comes.
pub(super) async fn post_lines<T: DeserializeOwned>(
    socket: &Path,
    path: &str,
    body: &impl Serialize,
) -> Result<Lines<T>, ClientError> {
    let body = serde_json::to_vec(body).map_err(garbled)?;
    let stream = connect(socket).await?;
    let until = Instant::now() + PATIENCE;
    let answer = timeout_at(until, send(stream, Method::POST, path, body))
        .await
        .map_err(|_| ClientError::Silent)??;
    if answer.status() == StatusCode::OK {
        let body = answer.into_body();
        let (waiting, read) = (Vec::new(), 0);
        return Ok(Lines { body, waiting, read, until, of: PhantomData });
    }
    let whole = timeout_at(until, whole(answer)).await.map_err(|_| ClientError::Silent)??;
    Err(serde_json::from_slice::<Failure>(&whole).map_err(garbled)?.into())
}

/// The lines of an answer.
pub(super) struct Lines<T> {
    body: Incoming,
    /// What came of a line that isn't whole yet, or of the lines after it.
    waiting: Vec<u8>,
    /// All that came, in bytes.
    read: usize,
    /// When the daemon is taken for one that hangs.
    until: Instant,
    of: PhantomData<T>,
}

impl<T: DeserializeOwned> Lines<T> {
    /// The next one; none at the end. Whoever gives up waiting for it loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.waiting.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return serde_json::from_slice(&line).map(Some).map_err(garbled);
            }
            let frame = timeout_at(self.until, self.body.frame());
            match frame.await.map_err(|_| ClientError::Silent)? {
                None if self.waiting.trim_ascii().is_empty() => return Ok(None),
                None => return Err(garbled("it ends within a line")),
                Some(frame) => {
                    let data = frame.map_err(garbled)?.into_data().unwrap_or_default();
                    self.until = Instant::now() + PATIENCE;
                    self.read += data.len();
                    if self.read > LARGEST_BODY {
                        return Err(garbled(format!("it is longer than {LARGEST_BODY} bytes")));
                    }
                    self.waiting.extend_from_slice(&data);
                }
            }
        }
    }
}

async fn connect(socket: &Path) -> Result<UnixStream, ClientError> {
    UnixStream::connect(socket)
        .await
        .map_err(|source| ClientError::Unreachable { socket: socket.to_owned(), source })
}

async fn exchange<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<T, ClientError> {
    let stream = connect(socket).await?;
    let exchange = async {
        let answer = send(stream, method, path, body).await?;
        Ok::<_, ClientError>((answer.status(), whole(answer).await?))
    };
    let (status, body) =
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| ClientError::Silent)??;
    if status == StatusCode::OK {
        serde_json::from_slice(&body).map_err(garbled)
    } else {
        Err(serde_json::from_slice::<Failure>(&body).map_err(garbled)?.into())
    }
}

async fn send(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<Response<Incoming>, ClientError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(garbled)?;
    // It ends with the answer; its error shows in the answer's.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "sekishod")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(garbled)?;
    sender.send_request(request).await.map_err(garbled)
}

async fn whole(answer: Response<Incoming>) -> Result<Bytes, ClientError> {
    let body = Limited::new(answer.into_body(), LARGEST_BODY).collect().await;
    Ok(body.map_err(garbled)?.to_bytes())
}

fn garbled(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
    ClientError::Garbled(error.into())
}
