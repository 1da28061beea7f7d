//! The device's figures for a collector: `GET /metrics` in Prometheus' text form, without TLS and without a password.
//!
//! Who gets here is the packet filter's business: nobody, unless the design names him. One task takes connections, a few at a
//! time; each answers one request and ends within 15 seconds. What was found is good for five seconds, so that readers
//! together cost the daemon no more than one.

mod families;
mod figures;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use prometheus::TEXT_FORMAT;
use sekisho_control::{HEALTH, STATUS, TRAFFIC};
use serde::de::DeserializeOwned;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, warn};

use self::figures::Seen;
use crate::{device::Daemon, serve::told};

/// Connections at one time: two collectors that ask again before they have been answered.
const AT_ONCE: usize = 4;

/// How long a connection may take, from its first byte to the last that is acknowledged.
const CONNECTION: Duration = Duration::from_secs(15);

/// The longest head, in bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// How long the daemon may take for each answer: a collector waits ten seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long figures are good for.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// Time until the next attempt where a connection can't be taken.
const RETRY: Duration = Duration::from_secs(1);

/// The figures, and how they are found.
#[derive(Debug)]
struct Figures {
    daemon: Daemon,
    kept: Mutex<Option<(Instant, String)>>,
}

impl Figures {
    /// The figures as text, by what the daemon says now or said a moment ago.
    async fn text(&self) -> Result<String, prometheus::Error> {
        let mut kept = self.kept.lock().await;
        if let Some((at, text)) = kept.as_ref()
            && at.elapsed() < GOOD_FOR
        {
            return Ok(text.clone());
        }
        let text = figures::text(&self.look().await)?;
        *kept = Some((Instant::now(), text.clone()));
        Ok(text)
    }

    async fn look(&self) -> Seen {
        // Without a status there is no daemon to ask for the rest.
        let Some(status) = self.ask(STATUS).await else { return Seen::default() };
        let (health, traffic) = (self.ask(HEALTH).await, self.ask(TRAFFIC).await);
        Seen { status: Some(status), health, traffic }
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let answer = self.daemon.get(path).await;
        let answer = answer.inspect_err(|fault| debug!(%fault, path, "no answer for the figures"));
        answer.ok()?.read().ok()
    }
}

/// Serves the figures until `stop` says so.
pub async fn serve(listener: TcpListener, daemon: Daemon, mut stop: watch::Receiver<bool>) {
    let daemon = daemon.patience(PATIENCE);
    let figures = Arc::new(Figures { daemon, kept: Mutex::default() });
    let router = Router::new().route("/metrics", get(answer)).with_state(figures);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            Some(_) = connections.join_next() => continue,
            () = told(&mut stop) => break,
            taken = listener.accept() => match taken {
                Ok((stream, _)) => stream,
                Err(fault) => {
                    warn!(%fault, "no connection for figures can be taken; trying again");
                    sleep(RETRY).await;
                    continue;
                }
            },
        };
        // Who comes while there is no place is told at once, by the end of his connection.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let router = router.clone();
        connections.spawn(async move {
            let _place = place;
            if timeout(CONNECTION, connection(stream, router)).await.is_err() {
                debug!("a connection for figures takes too long");
            }
        });
    }
}

async fn connection(stream: TcpStream, router: Router) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).keep_alive(false).max_header_size(LONGEST_HEAD);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(fault) = served.await {
        debug!(%fault, "a connection for figures broke");
    }
}

async fn answer(State(figures): State<Arc<Figures>>) -> Response {
    match figures.text().await {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(fault) => (StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()).into_response(),
    }
}
