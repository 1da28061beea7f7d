//! The two questions that the page itself has for the daemon.

use std::{io, path::Path, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use sekisho_control::Status;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest answer, in bytes.
const LARGEST: usize = 1 << 20;

/// `POST` a request for a certificate.
const CERTIFICATE: &str = "/v1/page/certificate";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Nobody is at the socket.
    #[error("the daemon can't be reached: {0}")]
    Unreachable(#[from] io::Error),
    /// It took too long.
    #[error("the daemon doesn't answer")]
    Silent,
    /// What came isn't an answer of the control API.
    #[error("the daemon's answer can't be understood: {0}")]
    Garbled(Box<dyn std::error::Error + Send + Sync>),
    /// The daemon says no.
    #[error("the daemon refuses ({status}): {message}")]
    Refused { status: u16, message: String },
}

/// How the device is.
pub(super) async fn status(socket: &Path) -> Result<Status, Fault> {
    exchange(socket, Method::GET, sekisho_control::STATUS, Vec::new()).await
}

#[derive(Deserialize)]
struct Signed {
    chain: String,
}

#[derive(Deserialize)]
struct Failed {
    message: String,
}

/// The chain for a request.
pub(super) async fn certificate(socket: &Path, csr: &str) -> Result<String, Fault> {
    let body = serde_json::json!({ "csr": csr }).to_string();
    let Signed { chain } = exchange(socket, Method::POST, CERTIFICATE, body.into_bytes()).await?;
    Ok(chain)
}

async fn exchange<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<T, Fault> {
    let exchange = async {
        let stream = UnixStream::connect(socket).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(garbled)?;
        // It ends with the answer; its error shows in the answer's.
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
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(garbled)?;
        Ok::<_, Fault>((status, body.to_bytes()))
    };
    let (status, body) = timeout(PATIENCE, exchange).await.map_err(|_| Fault::Silent)??;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(garbled);
    }
    let Failed { message } = serde_json::from_slice(&body).map_err(garbled)?;
    Err(Fault::Refused { status: status.as_u16(), message })
}

fn garbled(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::Garbled(error.into())
}
