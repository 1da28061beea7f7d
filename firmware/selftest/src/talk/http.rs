//! HTTP/1.1 over any stream: one request, one answer.

use std::{error::Error as _, io};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1,
    header::{CONNECTION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Broken;

/// A request, whole.
pub type HttpRequest = Request<Full<Bytes>>;

/// A request for a page.
///
/// # Errors
/// [`Broken::NoHttp`] where the host or the path can't be written in a request.
pub fn get(host: &str, path: &str) -> Result<HttpRequest, Broken> {
    request("GET", host, path, Bytes::new())
}

/// A request that brings JSON.
///
/// # Errors
/// As [`get`].
pub fn post(host: &str, path: &str, json: Vec<u8>) -> Result<HttpRequest, Broken> {
    request("POST", host, path, json.into())
}

fn request(method: &str, host: &str, path: &str, body: Bytes) -> Result<HttpRequest, Broken> {
    let mut request =
        Request::builder().method(method).uri(path).header(HOST, host).header(CONNECTION, "close");
    if !body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    request.body(Full::new(body)).map_err(|_| Broken::NoHttp)
}

/// Sends a request and gives back the answer's status once its head is there. Pieces of the body go to `more` until it
/// says `false`; it isn't read at all where the first question, with an empty piece, is answered so. The time that this
/// takes is bounded by the caller.
///
/// # Errors
/// [`Broken`].
pub async fn exchange<S, F>(stream: S, request: HttpRequest, mut more: F) -> Result<u16, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    F: FnMut(&[u8]) -> bool + Send,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let conversation = async {
        let mut response = sender.send_request(request).await.map_err(broken)?;
        let mut wanted = more(&[]);
        while wanted && let Some(frame) = response.frame().await {
            if let Some(piece) = frame.map_err(broken)?.data_ref() {
                wanted = more(piece);
            }
        }
        Ok(response.status().as_u16())
    };
    tokio::pin!(conversation, connection);
    tokio::select! {
        ended = &mut conversation => ended,
        // The host may close as soon as it has answered; what it said is still in the conversation.
        _ = &mut connection => conversation.await,
    }
}

fn broken(error: hyper::Error) -> Broken {
    if error.is_parse() {
        return Broken::NoHttp;
    }
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match source {
        Some(source) => io::Error::new(source.kind(), source.to_string()).into(),
        None if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => {
            Broken::CutOff
        }
        None => Broken::Stream(io::Error::other(error)),
    }
}
