//! Before the handler of a route: session, right, token, body, audit trail.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use hyper::body::{Frame, SizeHint};
use jiff::Timestamp;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{Peer, Person, is_of};
use crate::{
    access::{Entry, Who},
    answer::{Refusal, RefusalKind},
    app::App,
    audit::{self, Event, Outcome},
    session::{self, Session, cookie},
};

/// How long a body may take to come, and how long to wait for room for it.
const ARRIVES: Duration = Duration::from_secs(30);
const ROOM: Duration = Duration::from_secs(5);

/// What bodies are.
const JSON: &str = "application/json";
const FILE: &str = "application/octet-stream";

/// The header that carries the session's token.
pub(crate) const TOKEN: &str = "x-sekisho-token";

/// A route and what it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) app: App,
    pub(crate) entry: Entry,
}

/// Lets a request through, or says why not.
pub(crate) async fn enter(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Gate { app, entry } = gate;
    match admit(&app, entry, request).await {
        Ok(Admitted { request, person, room }) => {
            let session = person.as_ref().map(|person| person.session);
            let response = if entry.changes {
                carry_out(app.clone(), person, request, next, room).await
            } else {
                next.run(request).await
            };
            match session {
                Some(session) => end_with(session, app, response),
                None => response,
            }
        }
        Err(refusal) => refusal.into_response(),
    }
}

struct Admitted {
    request: Request,
    person: Option<Person>,
    /// In memory, for its body.
    room: Option<OwnedSemaphorePermit>,
}

async fn admit(app: &App, entry: Entry, mut request: Request) -> Result<Admitted, Refusal> {
    let Some(peer) = request.extensions().get::<Peer>().cloned() else {
        return Err(Refusal::device(
            "a request has no connection",
            &"it was not served by the page",
        ));
    };
    if !entry.method.is_safe() {
        let wanted = if entry.streams { FILE } else { JSON };
        is_of(wanted, request.headers())?;
    }
    let person = match signed_in(app, entry, request.headers()) {
        Some((id, session)) => {
            peer.known.set();
            let person = Person {
                user: session.user.clone(),
                role: session.role,
                from: peer.from,
                local: peer.local,
                session: id,
            };
            if let Err(refusal) = allow(entry, &session, request.headers()) {
                if entry.changes {
                    let event = audit::asked(Some(&person), &request);
                    let about = Some(refusal.kind.to_string());
                    let denied = Event { result: Outcome::Refused, about, ..event };
                    // It is refused in any case.
                    let _ = audit::append(app, denied).await;
                }
                return Err(refusal);
            }
            Some(person)
        }
        None if entry.who == Who::Anyone => None,
        None => return Err(Refusal::no_session()),
    };
    let mut room = None;
    if !entry.streams {
        let (request_with_body, taken) = gather(app, entry, request).await?;
        request = request_with_body;
        room = Some(taken);
    }
    if let Some(person) = &person {
        request.extensions_mut().insert(person.clone());
    }
    Ok(Admitted { request, person, room })
}

/// The session of a request, if its user may still be in it.
fn signed_in(app: &App, entry: Entry, headers: &HeaderMap) -> Option<(session::Id, Session)> {
    let id = session::Id::of(cookie::read(headers)?);
    let session = app.sessions.find(id, !entry.unattended, app.now())?;
    let user = app.users.find(&session.user)?;
    let stands = user.role == session.role && user.right(Timestamp::now()).is_ok();
    stands.then_some((id, session))
}

fn allow(entry: Entry, session: &Session, headers: &HeaderMap) -> Result<(), Refusal> {
    if entry.who == Who::Anyone {
        return Ok(());
    }
    if session.must_change && entry.who != Who::Entering {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            RefusalKind::MustChange,
            "先にパスワードを変更してください。",
            "The password has to be changed first.",
        ));
    }
    if !entry.who.allows(session.role) {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            RefusalKind::Role,
            "この操作をする権限がありません。",
            "The user's role has no right to do this.",
        ));
    }
    let given = headers.get(TOKEN).and_then(|token| token.to_str().ok());
    let secret = cookie::read(headers).unwrap_or_default();
    if !entry.method.is_safe() && !given.is_some_and(|given| session::is_csrf(secret, given)) {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            RefusalKind::Token,
            "ページを再読み込みしてください。",
            "The session's token is missing or another one's (X-Sekisho-Token).",
        ));
    }
    Ok(())
}

/// Waits for the whole body, and for room for it before.
async fn gather(
    app: &App,
    entry: Entry,
    request: Request,
) -> Result<(Request, OwnedSemaphorePermit), Refusal> {
    let too_large = || {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            RefusalKind::TooLarge,
            "送られたデータが大きすぎます。",
            "The body is larger than this request may have.",
        )
    };
    let (parts, body) = request.into_parts();
    let hint = HttpBody::size_hint(&body);
    if hint.lower() > entry.largest as u64 {
        return Err(too_large());
    }
    let needed = hint.upper().unwrap_or(u64::MAX).min(entry.largest as u64);
    let needed = u32::try_from(needed).unwrap_or(u32::MAX);
    let room = timeout(ROOM, app.bodies.clone().acquire_many_owned(needed)).await;
    let Ok(Ok(room)) = room else {
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            RefusalKind::Busy,
            "混み合っています。少し待ってからもう一度お試しください。",
            "Too many large requests come at once.",
        )
        .retry_after(ROOM.as_secs()));
    };
    let body = match timeout(ARRIVES, to_bytes(body, entry.largest)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err(too_large()),
        Err(_) => {
            return Err(Refusal {
                status: StatusCode::REQUEST_TIMEOUT,
                ..Refusal::malformed("the request's body doesn't come")
            });
        }
    };
    let mut request = Request::from_parts(parts, Body::from(body));
    // The body is here already.
    request.headers_mut().remove(header::TRANSFER_ENCODING);
    Ok((request, room))
}

/// Carries a change out with its records around it. Whoever closes the browser meanwhile doesn't cut it off.
async fn carry_out(
    app: App,
    person: Option<Person>,
    request: Request,
    next: Next,
    room: Option<OwnedSemaphorePermit>,
) -> Response {
    let work = async move {
        let asked = audit::asked(person.as_ref(), &request);
        if let Err(refusal) = audit::begin(&app, asked.clone()).await {
            return refusal.into_response();
        }
        let response = next.run(request).await;
        drop(room);
        let ended = audit::ended(asked, &response);
        // Where it can't be written, the next change is refused until it can.
        let _ = audit::append(&app, ended).await;
        app.look();
        response
    };
    match tokio::spawn(work).await {
        Ok(response) => response,
        Err(fault) => Refusal::device("a request broke off", &fault).into_response(),
    }
}

/// An answer that goes on, a stream of events, ends when its session does.
fn end_with(session: session::Id, app: App, response: Response) -> Response {
    if HttpBody::size_hint(response.body()).exact().is_some() {
        return response;
    }
    response.map(|body| Body::new(EndsWithSession { body, session, app }))
}

struct EndsWithSession {
    body: Body,
    session: session::Id,
    app: App,
}

impl HttpBody for EndsWithSession {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.app.sessions.stands(self.session, self.app.now()) {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.body)
    }
}
