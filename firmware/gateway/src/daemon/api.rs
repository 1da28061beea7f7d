//! The control API's server: HTTP in front of the loop's queue of requests. It holds no state and decides nothing.
//!
//! A connection carries one request. There are [`CONNECTIONS`] at most, and each has a bounded time; where one more comes,
//! the oldest goes. So what somebody opens and leaves there never keeps anybody else out.

use std::{
    collections::VecDeque, fs, io, os::unix::fs::PermissionsExt as _, path::Path, time::Duration,
};

use anyhow::Context;
use axum::{
    Extension, Json, Router,
    body::HttpBody as _,
    extract::{
        self, DefaultBodyLimit, FromRequest, Path as Segment, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use sekisho_control::{
    APPLY, Apply, Author, BACKUP, BACKUP_USERS, BackupWish, CANCEL_RENEWAL, CONFIRM,
    CertificateRequest, Confirmation, Decision, FLOWS, Failure, FailureKind, FlowQuery,
    GENERATIONS, HEALTH, IDENTITY, INSTALL, InstallWish, KEY, LARGEST_BODY, LONGEST_NAME,
    NAME_QUERY, NAMES, NIGHTLY_BACKUP, NameQuery, NightlyOutcome, OPEN_BACKUP, PAGE_AUTHORITY,
    PAGE_CERTIFICATE, PLAN, Packet, Principal, Proposal, REFUSALS, RENEW_IDENTITY, RESTART,
    ROLL_BACK, Renewal, Restart, SELF_TEST, SELF_TESTS, SNMP, SNMP_USER, STATUS, SelfTestWish,
    SnmpRenewal, TAKE_IDENTITY, TRACE, TRAFFIC, UPDATE, Unlocking, ZONE_DATA,
};
use sekisho_host::user_name;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::Request;

/// Connections at one time; each may hold a body of the largest size in memory.
const CONNECTIONS: usize = 32;

/// How long the head of a request may take, and its body. Both come over a socket of the box itself.
const ARRIVES: Duration = Duration::from_secs(5);

/// How long a connection may take in all: as long as the self-test of a large site whose servers are all off.
const LONGEST: Duration = Duration::from_mins(15);

/// Time until the next attempt where a connection can't be taken: somebody has to give descriptors back.
const RETRY: Duration = Duration::from_secs(1);

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
        .route(IDENTITY, get(identity))
        .route(RENEW_IDENTITY, post(renew_identity))
        .route(CANCEL_RENEWAL, post(cancel_renewal))
        .route(PAGE_CERTIFICATE, post(page_certificate))
        .route(PAGE_AUTHORITY, get(page_authority))
        .route(PLAN, post(plan))
        .route(APPLY, post(apply))
        .route(TRACE, post(trace))
        .route(TRAFFIC, get(traffic))
        .route(NAMES, get(names))
        .route(NAME_QUERY, post(name_query))
        .route(ZONE_DATA, get(zone_data))
        .route(REFUSALS, get(refusals))
        .route(FLOWS, get(flows))
        .route(SELF_TEST, get(last_self_test).post(self_test))
        .route(SELF_TESTS, get(self_tests))
        .route(&format!("{SELF_TESTS}/{{number}}"), get(kept_self_test))
        .route(HEALTH, get(health))
        .route(CONFIRM, post(confirm))
        .route(ROLL_BACK, post(roll_back))
        .route(BACKUP, post(back_up))
        .route(OPEN_BACKUP, post(open_backup))
        .route(TAKE_IDENTITY, post(take_identity))
        .route(BACKUP_USERS, post(backup_users))
        .route(NIGHTLY_BACKUP, get(nightly).post(night_over))
        .route(SNMP, get(snmp))
        .route(SNMP_USER, post(snmp_user))
        .route(RESTART, post(restart))
        .route(UPDATE, get(update))
        .route(INSTALL, post(install))
        .route(GENERATIONS, get(generations))
        .route(&format!("{GENERATIONS}/{{number}}"), get(generation))
        .fallback(|| async { malformed("there is no such resource".to_owned()) })
        .method_not_allowed_fallback(|| async {
            malformed("the resource has no such method".to_owned())
        })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(Queue(requests));
    let mut open: VecDeque<AbortHandle> = VecDeque::with_capacity(CONNECTIONS);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(fault) => {
                warn!(%fault, "no connection to the control API can be taken; trying again");
                sleep(RETRY).await;
                continue;
            }
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() == CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            debug!("the oldest connection to the control API goes: there are too many");
            oldest.abort();
        }
        let peer = Peer(stream.peer_cred().ok().map(|peer| peer.uid()));
        let connection = answer(stream, router.clone().layer(Extension(peer)));
        open.push_back(tokio::spawn(connection).abort_handle());
    }
}

/// Answers the one request of a connection. A change that is on its way by the end of the time goes on.
async fn answer(stream: UnixStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(LONGEST, served).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => debug!(%fault, "a connection to the control API broke"),
        Err(_) => debug!("a connection to the control API took too long"),
    }
}

type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// A request's body, which has to be there whole in time.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: extract::Request, state: &S) -> Result<Self, Response> {
        // Refused before it is asked for, a client that waits to be asked doesn't send it in vain.
        if request.body().size_hint().lower() > LARGEST_BODY as u64 {
            return Err(malformed(format!("the body is longer than {LARGEST_BODY} bytes")));
        }
        match timeout(ARRIVES, Json::from_request(request, state)).await {
            Ok(Ok(Json(body))) => Ok(Self(body)),
            Ok(Err(rejection)) => Err(malformed(rejection.body_text())),
            Err(_) => Err(malformed("the request's body doesn't come".to_owned())),
        }
    }
}

/// Who asks, by the kernel's word.
#[derive(Clone, Copy)]
struct Peer(Option<u32>);

impl Peer {
    /// The author of a change that this process asks for, on whosever behalf.
    fn author(self, principal: Option<Principal>) -> Result<Author, String> {
        let uid = self.0.ok_or("the kernel doesn't say who asks")?;
        let fits = |name: &String| {
            (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
        };
        if principal.as_ref().is_some_and(|who| !fits(&who.user) || !fits(&who.role)) {
            return Err(format!(
                "a user and a role have names of one line and at most {LONGEST_NAME} bytes"
            ));
        }
        Ok(Author { uid, name: user_name(uid), principal })
    }
}

#[derive(Clone)]
struct Queue(mpsc::Sender<Request>);

impl Queue {
    /// Puts a request into the queue and waits for its answer.
    async fn ask<T: Serialize>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Response {
        match self.answer(request).await {
            Ok(value) => Json(value).into_response(),
            Err(failure) => refuse(failure),
        }
    }

    async fn answer<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        if self.0.send(request(reply)).await.is_ok()
            && let Ok(answer) = answer.await
        {
            return answer;
        }
        let message = "the daemon is ending".to_owned();
        Err(Failure {
            kind: FailureKind::Device,
            message,
            way_out: None,
            both: None,
            problems: Vec::new(),
        })
    }
}

async fn status(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Status).await
}

async fn key(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Key).await
}

async fn identity(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Identity).await
}

async fn renew_identity(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(Renewal { on_behalf }): Body<Renewal>,
) -> Response {
    match peer.author(on_behalf) {
        Ok(author) => queue.ask(|reply| Request::RenewIdentity(author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn cancel_renewal(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(Renewal { on_behalf }): Body<Renewal>,
) -> Response {
    match peer.author(on_behalf) {
        Ok(author) => queue.ask(|reply| Request::CancelRenewal(author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn page_certificate(
    State(queue): State<Queue>,
    Body(request): Body<CertificateRequest>,
) -> Response {
    queue.ask(|reply| Request::PageCertificate(request, reply)).await
}

async fn page_authority(State(queue): State<Queue>) -> Response {
    queue.ask(Request::PageAuthority).await
}

async fn plan(State(queue): State<Queue>, Body(proposal): Body<Proposal>) -> Response {
    queue.ask(|reply| Request::Plan(proposal, reply)).await
}

async fn apply(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(mut apply): Body<Apply>,
) -> Response {
    match peer.author(apply.on_behalf.take()) {
        Ok(author) => queue.ask(|reply| Request::Apply(apply, author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn confirm(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(mut confirmation): Body<Confirmation>,
) -> Response {
    match peer.author(confirmation.on_behalf.take()) {
        Ok(author) => queue.ask(|reply| Request::Confirm(confirmation, author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn roll_back(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(mut decision): Body<Decision>,
) -> Response {
    match peer.author(decision.on_behalf.take()) {
        Ok(author) => queue.ask(|reply| Request::RollBack(decision, author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn back_up(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(mut wish): Body<BackupWish>,
) -> Response {
    match peer.author(wish.on_behalf.take()) {
        Ok(author) => queue.ask(|reply| Request::BackUp(wish, author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn open_backup(State(queue): State<Queue>, Body(opening): Body<Unlocking>) -> Response {
    queue.ask(|reply| Request::OpenBackup(opening, reply)).await
}

async fn take_identity(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(mut opening): Body<Unlocking>,
) -> Response {
    match peer.author(opening.on_behalf.take()) {
        Ok(author) => queue.ask(|reply| Request::TakeIdentity(opening, author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn backup_users(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(mut opening): Body<Unlocking>,
) -> Response {
    match peer.author(opening.on_behalf.take()) {
        Ok(author) => queue.ask(|reply| Request::BackupUsers(opening, author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn nightly(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Nightly).await
}

async fn night_over(State(queue): State<Queue>, Body(outcome): Body<NightlyOutcome>) -> Response {
    queue.ask(|reply| Request::NightOver(outcome, reply)).await
}

async fn restart(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(Restart { on_behalf }): Body<Restart>,
) -> Response {
    match peer.author(on_behalf) {
        Ok(author) => queue.ask(|reply| Request::Restart(author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn update(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Update).await
}

async fn install(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(mut wish): Body<InstallWish>,
) -> Response {
    match peer.author(wish.on_behalf.take()) {
        Ok(author) => queue.ask(|reply| Request::Install(wish, author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn snmp(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Snmp).await
}

async fn snmp_user(
    State(queue): State<Queue>,
    Extension(peer): Extension<Peer>,
    Body(SnmpRenewal { on_behalf }): Body<SnmpRenewal>,
) -> Response {
    match peer.author(on_behalf) {
        Ok(author) => queue.ask(|reply| Request::SnmpUser(author, reply)).await,
        Err(message) => malformed(message),
    }
}

async fn generations(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Generations).await
}

/// What stands for a number in the path.
type Number = Result<Segment<u64>, PathRejection>;

async fn generation(State(queue): State<Queue>, number: Number) -> Response {
    match number {
        Ok(Segment(number)) => queue.ask(|reply| Request::Generation(number, reply)).await,
        Err(rejection) => malformed(rejection.body_text()),
    }
}

async fn traffic(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Traffic).await
}

async fn names(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Names).await
}

async fn name_query(State(queue): State<Queue>, Body(query): Body<NameQuery>) -> Response {
    queue.ask(|reply| Request::NameQuery(query, reply)).await
}

/// Begins a self-test; its events are the answer's body, as they happen.
async fn self_test(State(queue): State<Queue>, Body(wish): Body<SelfTestWish>) -> Response {
    let events = match queue.answer(|reply| Request::SelfTest(wish, reply)).await {
        Ok(events) => events,
        Err(failure) => return refuse(failure),
    };
    let lines = stream::unfold(events, |mut events| async {
        let event = events.recv().await?;
        let line = serde_json::to_vec(&event).map(|mut line| {
            line.push(b'\n');
            line
        });
        Some((line, events))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], axum::body::Body::from_stream(lines))
        .into_response()
}

async fn last_self_test(State(queue): State<Queue>) -> Response {
    queue.ask(Request::LastSelfTest).await
}

async fn self_tests(State(queue): State<Queue>) -> Response {
    queue.ask(Request::SelfTests).await
}

async fn kept_self_test(State(queue): State<Queue>, number: Number) -> Response {
    match number {
        Ok(Segment(number)) => queue.ask(|reply| Request::KeptSelfTest(number, reply)).await,
        Err(rejection) => malformed(rejection.body_text()),
    }
}

async fn health(State(queue): State<Queue>) -> Response {
    queue.ask(Request::Health).await
}

async fn zone_data(State(queue): State<Queue>) -> Response {
    queue.ask(Request::ZoneData).await
}

/// How many refused packets are looked at where nobody says.
const USUAL_LAST: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    last: Option<usize>,
}

async fn refusals(
    State(queue): State<Queue>,
    query: Result<Query<Last>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(Last { last })) => {
            queue.ask(|reply| Request::Refusals(last.unwrap_or(USUAL_LAST), reply)).await
        }
        Err(rejection) => malformed(rejection.body_text()),
    }
}

async fn flows(
    State(queue): State<Queue>,
    query: Result<Query<FlowQuery>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(query)) => queue.ask(|reply| Request::Flows(query, reply)).await,
        Err(rejection) => malformed(rejection.body_text()),
    }
}

async fn trace(State(queue): State<Queue>, Body(packet): Body<Packet>) -> Response {
    queue.ask(|reply| Request::Trace(packet, reply)).await
}

fn malformed(message: String) -> Response {
    refuse(Failure {
        kind: FailureKind::Malformed,
        message,
        way_out: None,
        both: None,
        problems: Vec::new(),
    })
}

fn refuse(failure: Failure) -> Response {
    let status = match failure.kind {
        FailureKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        FailureKind::Malformed => StatusCode::BAD_REQUEST,
        FailureKind::Conflict => StatusCode::CONFLICT,
        FailureKind::Unproven => StatusCode::FORBIDDEN,
        FailureKind::RolledBack | FailureKind::RollbackFailed | FailureKind::Device => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        FailureKind::Elsewhere => StatusCode::BAD_GATEWAY,
    };
    (status, Json(failure)).into_response()
}
