//! Records around each change, whatever its handler does.

use axum::{extract::Request, http::StatusCode, response::Response};
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{Event, Outcome};
use crate::{
    answer::{Refusal, RefusalKind},
    app::App,
    guard::{Peer, Person},
};

/// The longest path that a record has, in bytes.
const LONGEST: usize = 200;

/// What a handler has to say for its record; it goes into the response's extensions.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// What it was about, where the path doesn't say. Never a secret.
    pub about: Option<String>,
    /// How it was before.
    pub before: Option<Value>,
    /// How it is now.
    pub after: Option<Value>,
}

/// What a request is about to do. Whatever stands in the URL's query is left out.
pub(crate) fn asked(person: Option<&Person>, request: &Request) -> Event {
    let path = request.uri().path();
    let path = &path[..path.floor_char_boundary(LONGEST)];
    Event {
        user: person.map(|person| person.user.clone()),
        role: person.map(|person| person.role),
        from: request.extensions().get::<Peer>().map(|peer| peer.from),
        what: format!("{} {path}", request.method()),
        result: Outcome::Begun,
        about: None,
        before: None,
        after: None,
    }
}

/// How it ended.
pub(crate) fn ended(asked: Event, response: &Response) -> Event {
    let Note { about, before, after } =
        response.extensions().get::<Note>().cloned().unwrap_or_default();
    Event { result: outcome(response.status()), about, before, after, ..asked }
}

/// Records that a change begins.
///
/// # Errors
/// Where it can't be recorded; the change must not be carried out then.
pub(crate) async fn begin(app: &App, asked: Event) -> Result<(), Refusal> {
    append(app, asked).await.map_err(|fault| unwritable(&fault))
}

/// Puts an event into the trail.
pub(crate) async fn append(app: &App, event: Event) -> Result<(), String> {
    let trail = app.trail.clone();
    let appended = spawn_blocking(move || trail.append(Timestamp::now(), event)).await;
    match appended {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(fault)) => Err(fault.to_string()),
        Err(fault) => Err(fault.to_string()),
    }
}

fn outcome(status: StatusCode) -> Outcome {
    if status.is_success() {
        Outcome::Done
    } else if status.is_client_error() {
        Outcome::Refused
    } else {
        Outcome::Failed
    }
}

fn unwritable(fault: &str) -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        RefusalKind::AuditTrail,
        "監査記録を書き込めないため、変更を受け付けません。表示は続けられます。ディスクの空きと状態を確認してください。",
        "The audit trail can't be written, so nothing is changed; looking goes on.",
    )
    .way_out(&format!("see to the disk's room and health ({fault})"))
}
