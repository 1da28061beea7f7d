//! One request on its way, and its answer.

use std::{io, path::Path, time::Duration};

use axum::{
    body::Bytes,
    http::{Method, Request, Response, StatusCode, header},
};
use futures_util::{Stream, stream};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::UnixStream,
    time::{Instant, timeout, timeout_at},
};

use super::{Answer, Fault};

/// An answer whose head has come.
pub(super) struct Exchange {
    answer: Response<Incoming>,
    until: Instant,
}

impl Exchange {
    /// Sends a request and waits for the answer's head.
    pub(super) async fn begin(
        socket: &Path,
        method: Method,
        path: &str,
        body: Bytes,
        until: Instant,
    ) -> Result<Self, Fault> {
        let answer = timeout_at(until, send(socket, method, path, body));
        let answer = answer.await.map_err(|_| Fault::Silent)??;
        Ok(Self { answer, until })
    }

    pub(super) fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// Waits for all of it.
    pub(super) async fn whole(self, largest: usize) -> Result<Answer, Fault> {
        let status = self.answer.status();
        let body = Limited::new(self.answer.into_body(), largest).collect();
        let body = timeout_at(self.until, body).await.map_err(|_| Fault::Silent)?;
        Ok(Answer { status, body: body.map_err(Fault::garbled)?.to_bytes() })
    }

    /// Its parts as they come, `largest` bytes in all; each may take the patience.
    pub(super) fn parts(
        self,
        largest: usize,
        patience: Duration,
    ) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static {
        let body = Limited::new(self.answer.into_body(), largest);
        stream::try_unfold(body, move |mut body| async move {
            let frame = timeout(patience, body.frame()).await;
            let frame = frame.map_err(|_| io::Error::other(Fault::Silent))?;
            let Some(frame) = frame else { return Ok(None) };
            let part = frame.map_err(io::Error::other)?.into_data().unwrap_or_default();
            Ok(Some((part, body)))
        })
    }
}

async fn send(
    socket: &Path,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Response<Incoming>, Fault> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(Fault::garbled)?;
    // It ends with the answer; its error shows in the answer's.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "sekishod")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(Fault::garbled)?;
    sender.send_request(request).await.map_err(Fault::garbled)
}
