//! The control API's server: HTTP in front of the loop's queue of requests. It holds no state and decides nothing.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{
        ConnectInfo, DefaultBodyLimit, Path as Segment, State,
        connect_info::Connected,
        rejection::{JsonRejection, PathRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::IncomingStream,
};
use sekisho_control::{
    APPLY, Apply, Author, CONFIRM, Decision, Failure, FailureKind, GENERATIONS, KEY, LARGEST_BODY,
    PLAN, Packet, Proposal, ROLL_BACK, STATUS, TRACE,
};
use sekisho_host::user_name;
use serde::Serialize;
use tokio::{
    net::UnixListener,
    sync::{mpsc, oneshot},
};
use tracing::error;

use super::Request;

/// Owner and group may speak to the daemon; the group is the web page's.
const SOCKET_MODE: u32 = 0o660;

/// Opens the control socket. The state folder's lock has shown that no other daemon uses it.
pub(super) fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    let what = || format!("can't open the control socket {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(what)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(what);
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(what)?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).with_context(what)?;
    Ok(listener)
}

/// Serves until aborted.
pub(super) async fn serve(listener: UnixListener, requests: mpsc::Sender<Request>) {
    let router = Router::new()
        .route(STATUS, get(status))
        .route(KEY, get(key))
        .route(PLAN, post(plan))
        .route(APPLY, post(apply))
        .route(TRACE, post(trace))
        .route(CONFIRM, post(confirm))
        .route(ROLL_BACK, post(roll_back))
        .route(GENERATIONS, get(generations))
        .route(&format!("{GENERATIONS}/{{number}}"), get(generation))
        .fallback(|| async { malformed("there is no such resource".to_owned()) })
        .method_not_allowed_fallback(|| async {
            malformed("the resource has no such method".to_owned())
        })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(Queue(requests))
        .into_make_service_with_connect_info::<Peer>();
    if let Err(fault) = axum::serve(listener, router).await {
        error!(%fault, "the control API ended; restart sekishod");
    }
}

type Reply<T> = oneshot::Sender<Result<T, Failure>>;

type Body<T> = Result<Json<T>, JsonRejection>;

/// Who asks, by the kernel's word.
#[derive(Clone, Copy)]
struct Peer(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| peer.uid()))
    }
}

#[derive(Clone)]
struct Queue(mpsc::Sender<Request>);

impl Queue {
    /// Puts a request into the queue and waits for its answer.
    async fn ask<T: Serialize>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Response {
        let (reply, answer) = oneshot::channel();
        if self.0.send(request(reply)).await.is_ok()
            && let Ok(answer) = answer.await
        {
            return match answer {
                Ok(value) => Json(value).into_response(),
                Err(failure) => refuse(failure),
            };
        }
        let message = "the daemon is ending".to_owned();
        refuse(Failure { kind: FailureKind::Device, message, way_out: None, problems: Vec::new() })
    }

    async fn pass<B, T: Serialize>(
        &self,
        body: Body<B>,
        request: impl FnOnce(B, Reply<T>) -> Request,
    ) -> Response {
        match body {
            Ok(Json(body)) => self.ask(|reply| request(body, reply)).await,
            Err(rejection) => malformed(rejection.body_text()),
        }
    }
}

async fn status(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Status).await
}

async fn key(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Key).await
}

async fn plan(State(queue): State<Queue>, body: Body<Proposal>) -> Response {
    queue.pass(body, Request::Plan).await
}

async fn apply(
    State(queue): State<Queue>,
    ConnectInfo(Peer(uid)): ConnectInfo<Peer>,
    body: Body<Apply>,
) -> Response {
    let Some(uid) = uid else { return malformed("the kernel doesn't say who asks".to_owned()) };
    let author = Author { uid, name: user_name(uid) };
    queue.pass(body, |apply, reply| Request::Apply(apply, author, reply)).await
}

async fn confirm(State(queue): State<Queue>, body: Body<Decision>) -> Response {
    queue.pass(body, Request::Confirm).await
}

async fn roll_back(State(queue): State<Queue>, body: Body<Decision>) -> Response {
    queue.pass(body, Request::RollBack).await
}

async fn generations(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Generations).await
}

async fn generation(
    State(queue): State<Queue>,
    number: Result<Segment<u64>, PathRejection>,
) -> Response {
    match number {
        Ok(Segment(number)) => queue.ask(|reply| Request::Generation(number, reply)).await,
        Err(rejection) => malformed(rejection.body_text()),
    }
}

async fn trace(State(queue): State<Queue>, body: Body<Packet>) -> Response {
    queue.pass(body, Request::Trace).await
}

fn malformed(message: String) -> Response {
    refuse(Failure { kind: FailureKind::Malformed, message, way_out: None, problems: Vec::new() })
}

fn refuse(failure: Failure) -> Response {
    let status = match failure.kind {
        FailureKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        FailureKind::Malformed => StatusCode::BAD_REQUEST,
        FailureKind::Conflict => StatusCode::CONFLICT,
        FailureKind::RolledBack | FailureKind::RollbackFailed | FailureKind::Device => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    (status, Json(failure)).into_response()
}
