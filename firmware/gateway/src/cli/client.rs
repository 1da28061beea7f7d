//! A client of the control API: one request, one connection.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use sekisho_control::{Failure, LARGEST_BODY};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;

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

async fn exchange<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<T, ClientError> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|source| ClientError::Unreachable { socket: socket.to_owned(), source })?;
    let (status, body) = tokio::time::timeout(PATIENCE, send(stream, method, path, body))
        .await
        .map_err(|_| ClientError::Silent)??;
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
) -> Result<(StatusCode, Bytes), ClientError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(garbled)?;
    // It ends with the sender; its error shows in the answer's.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "sekishod")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(garbled)?;
    let answer = sender.send_request(request).await.map_err(garbled)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST_BODY).collect().await;
    Ok((status, body.map_err(garbled)?.to_bytes()))
}

fn garbled(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
    ClientError::Garbled(error.into())
}
