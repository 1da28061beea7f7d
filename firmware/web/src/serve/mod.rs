//! Connections: taken, bounded, served over TLS, ended.
//!
//! One task takes them; each connection has a task of its own, which [`serve`] aborts where room is needed and ends in good order
//! when it is told to stop. Every wait for a peer is bounded: hand-shake, head, body (by the guard), and bytes that nobody
//! acknowledges (by the kernel).

mod limits;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{Id, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tracing::{debug, warn};

use self::limits::{Admission, Table};
use crate::guard::Peer;

/// How long the TLS hand-shake may take.
const HAND_SHAKE: Duration = Duration::from_secs(10);

/// How long the head of a request may take, and how long a connection without one stays.
const HEAD: Duration = Duration::from_secs(20);

/// The longest head, in bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// How long bytes may wait for an acknowledgement (`TCP_USER_TIMEOUT`): who reads nothing holds no connection.
const UNREAD: Duration = Duration::from_secs(30);

/// Time until the next attempt where a connection can't be taken: somebody has to give descriptors back.
const RETRY: Duration = Duration::from_secs(1);

/// How long running requests have at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves until `stop` says so, and then until what runs has ended, or a few seconds are over.
pub async fn serve(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(config);
    let mut connections = Connections::default();
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            Some(ended) = connections.tasks.join_next_with_id() => {
                connections.ended(match ended {
                    Ok((id, ())) => id,
                    Err(broken) => broken.id(),
                });
                continue;
            }
            () = told(&mut stop) => break,
        };
        let (stream, from) = match taken {
            Ok(taken) => taken,
            Err(fault) => {
                warn!(%fault, "no connection can be taken; trying again");
                sleep(RETRY).await;
                continue;
            }
        };
        let Ok(local) = stream.local_addr() else { continue };
        let peer = Peer::new(from.ip(), local.ip());
        if !connections.make_room(&peer) {
            debug!(%from, "a connection is refused: there are too many");
            continue;
        }
        let router = router.clone().layer(Extension(peer.clone()));
        connections.add(&peer, connection(stream, from, acceptor.clone(), router, stop.clone()));
    }
    drop(listener);
    let rest = async { while connections.tasks.join_next().await.is_some() {} };
    if timeout(FAREWELL, rest).await.is_err() {
        debug!("requests that still run are broken off");
    }
}

#[derive(Default)]
struct Connections {
    table: Table,
    tasks: JoinSet<()>,
    numbers: std::collections::HashMap<Id, (u64, tokio::task::AbortHandle)>,
    next: u64,
}

impl Connections {
    /// Whether one of this peer may be added.
    fn make_room(&mut self, peer: &Peer) -> bool {
        match self.table.admit(peer.from) {
            Admission::Welcome => true,
            Admission::Full => false,
            Admission::InPlaceOf(number) => {
                self.table.remove(number);
                if let Some((_, task)) = self.numbers.values().find(|(held, _)| *held == number) {
                    task.abort();
                }
                true
            }
        }
    }

    fn add(&mut self, peer: &Peer, connection: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(connection);
        self.table.add(self.next, peer.from, peer.known.clone());
        self.numbers.insert(task.id(), (self.next, task));
        self.next += 1;
    }

    fn ended(&mut self, task: Id) {
        if let Some((number, _)) = self.numbers.remove(&task) {
            self.table.remove(number);
        }
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    acceptor: TlsAcceptor,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(fault) = SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD)) {
        debug!(%fault, "a connection may stay though its peer reads nothing");
    }
    // Events are small and shouldn't wait for each other.
    drop(stream.set_nodelay(true));
    let stream = match timeout(HAND_SHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(fault)) => return debug!(%from, %fault, "no TLS hand-shake"),
        Err(_) => return debug!(%from, "the TLS hand-shake takes too long"),
    };
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_header_size(LONGEST_HEAD);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = told(&mut stop) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(fault) = ended {
        debug!(%from, %fault, "a connection broke");
    }
}

/// Waits for the word to stop; whoever would say it being gone is the same.
pub(crate) async fn told(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
