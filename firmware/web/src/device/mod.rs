//! The page's client of the control API: one request, one connection.
//!
//! Handlers pass most requests through as they are, so answers stay text here. An answer is in memory whole, up to [`LARGEST`]
//! bytes, and only a few are; but the self-test's, which goes through line by line. What the page asks again and again is
//! [`Shared`] by all who ask.

mod exchange;
mod fault;
mod shared;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use self::exchange::Exchange;
pub use self::{fault::Fault, shared::Shared};
use crate::answer::Refusal;

/// The largest answer, in bytes.
pub const LARGEST: usize = 8 << 20;

/// Questions on their way at one time. The daemon has 32 connections for everybody.
const AT_ONCE: usize = 8;

/// How long an answer may take, a place in the queue with it; while a test runs, each part of it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The daemon, as the page reaches it.
#[derive(Clone, Debug)]
pub struct Daemon {
    socket: Arc<Path>,
    at_once: Arc<Semaphore>,
    /// Beginnings and ends of what was asked to be done.
    changes: Arc<AtomicU64>,
    patience: Duration,
}

/// What the daemon says, whether it did what was asked or not.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP's word for it.
    pub status: StatusCode,
    /// JSON.
    pub body: Bytes,
}

impl Daemon {
    /// The daemon at a socket.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.into(),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            changes: Arc::default(),
            patience: PATIENCE,
        }
    }

    /// The same with another patience.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Asks.
    ///
    /// # Errors
    /// [`Fault`] where there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer, Fault> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// [`Fault`] where there is no answer.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Answer, Fault> {
        self.changes.fetch_add(1, Ordering::Relaxed);
        let answer = self.ask(Method::POST, path, body.into()).await;
        self.changes.fetch_add(1, Ordering::Relaxed);
        answer
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, Fault> {
        let until = Instant::now() + self.patience;
        let place = timeout_at(until, self.at_once.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(Fault::Busy) };
        Exchange::begin(&self.socket, method, path, body, until).await?.whole(LARGEST).await
    }

    /// Asks for something whose answer goes on for long: it goes through as it comes, and no faster than its reader reads.
    ///
    /// # Errors
    /// [`Fault`] where there is no answer. One that breaks off later breaks the response off.
    pub async fn stream(&self, path: &str, body: Bytes) -> Result<Response, Fault> {
        let until = Instant::now() + self.patience;
        let exchange = Exchange::begin(&self.socket, Method::POST, path, body, until).await?;
        if exchange.status() != StatusCode::OK {
            return Ok(exchange.whole(LARGEST).await?.into_response());
        }
        let lines = Body::from_stream(exchange.parts(LARGEST, self.patience));
        Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
    }
}

impl Answer {
    /// What it says, where the daemon did what was asked.
    ///
    /// # Errors
    /// The answer for the browser: the daemon's refusal, or that its answer can't be understood.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Self> {
        if self.status != StatusCode::OK {
            return Err(self);
        }
        serde_json::from_slice(&self.body).map_err(|fault| {
            let refusal = Refusal::from(Fault::garbled(fault));
            let body = serde_json::to_vec(&refusal).unwrap_or_default().into();
            Self { status: refusal.status, body }
        })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        (self.status, [(header::CONTENT_TYPE, json)], self.body).into_response()
    }
}

#[cfg(test)]
mod tests;
