//! Routes of updates.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::{Body, HttpBody as _},
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{delete, get, post, put},
};
use schemars::JsonSchema;
use sekisho_control::{INSTALL, InstallWish, UPDATE, UpdateStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Bundle, receive::busy};
use crate::{
    access::Verb,
    answer::{Asked, Refusal, RefusalKind},
    app::App,
    audit::Note,
    device::{Answer, Fault},
    guard::Person,
    openapi::{gives, gives_nothing},
    router::Handler,
};

const BUNDLE: &str = "/api/update/bundle";

pub(crate) fn handlers() -> Vec<Handler> {
    vec![
        (Verb::Get, "/api/update", get(tell), gives::<Told>()),
        (Verb::Put, BUNDLE, put(receive), gives::<Bundle>().takes_bytes().query::<Named>()),
        (Verb::Delete, BUNDLE, delete(give_up), gives_nothing()),
        (
            Verb::Post,
            "/api/update/install",
            post(install),
            gives::<UpdateStatus>().takes::<InstallWish>(),
        ),
    ]
}

/// The firmware of the box, and what was sent for it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "UpdatePage")]
struct Told {
    /// The slots, and how far an installation is.
    status: UpdateStatus,
    /// The file that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Bundle>,
    /// The largest file that may be sent, in bytes.
    largest: u64,
}

async fn tell(State(app): State<App>) -> Result<Response, Response> {
    let answer = app.daemon.get(UPDATE).await.map_err(Fault::into_response)?;
    let status = answer.read::<UpdateStatus>().map_err(Answer::into_response)?;
    let (sent, largest) = (app.updates.sent(), app.updates.bounds.largest);
    Ok(Json(Told { status, sent, largest }).into_response())
}

/// What a file is called.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Its name on the user's machine; it ends in `.raucb`.
    name: String,
}

async fn receive(
    State(app): State<App>,
    person: Person,
    named: Result<Query<Named>, QueryRejection>,
    body: Body,
) -> Result<Response, Refusal> {
    let name = named.map(|Query(Named { name })| name);
    let name = name.map_err(|fault| Refusal::malformed(fault.body_text()))?;
    let bytes = body.size_hint().exact();
    // Who sends a file uses the session; whose session ends meanwhile, sends no more.
    let stands = || app.sessions.find(person.session, true, app.now()).is_some();
    let bundle = app.updates.receive(&name, bytes, body, stands).await?;
    Ok((Extension(note(&bundle)), Json(bundle)).into_response())
}

async fn give_up(State(app): State<App>) -> Result<StatusCode, Refusal> {
    let _one = app.updates.one.clone().try_acquire_owned().map_err(|_| busy())?;
    let cleared = app.updates.clear();
    cleared.map_err(|fault| Refusal::device("an update can't be removed", &fault))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn install(
    State(app): State<App>,
    person: Person,
    Asked(wish): Asked<InstallWish>,
) -> Result<Response, Refusal> {
    let updates = Arc::clone(&app.updates);
    let Some(bundle) = updates.sent() else {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            RefusalKind::Conflict,
            "更新ファイルがまだ送られていません。先に送ってください。",
            "No update has been sent. Send one first.",
        ));
    };
    let wish = InstallWish { on_behalf: Some(person.principal()), ..wish };
    let answer = app.daemon.post(INSTALL, json!(wish).to_string()).await?;
    Ok((Extension(note(&bundle)), answer).into_response())
}

fn note(Bundle { name, sha256, .. }: &Bundle) -> Note {
    Note { about: Some(format!("{name} sha256 {sha256}")), ..Note::default() }
}
