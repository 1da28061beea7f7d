//! Care of the box: backups, its restart, and the certificate that browsers are to trust.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use sekisho_host::files;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::{
    access::Verb,
    answer::{Asked, Refusal},
    app::App,
    device::{Answer, Fault},
    guard::Person,
    router::Handler,
};

const BACKUP: &str = "/v1/backup";
const OPEN: &str = "/v1/backup/open";
const RESTART: &str = "/v1/restart";
const CA: &str = "/v1/page/ca";

/// The largest file of users that goes into a backup, in bytes.
const USERS: u64 = 1 << 20;

pub(super) fn handlers() -> Vec<Handler> {
    vec![
        (Verb::Post, "/api/backup", post(backup)),
        (Verb::Post, "/api/backup/open", post(open)),
        (Verb::Post, "/api/restart", post(restart)),
        (Verb::Get, "/api/ca.pem", get(ca)),
    ]
}

/// What goes into a backup. No `Debug`: a passphrase isn't for the log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    passphrase: String,
    #[serde(default)]
    with_key: bool,
    /// Users with the hashes of their passwords.
    #[serde(default)]
    with_users: bool,
}

async fn backup(
    State(app): State<App>,
    Asked(Wish { passphrase, with_key, with_users }): Asked<Wish>,
) -> Result<Answer, Refusal> {
    let mut request = json!({ "passphrase": passphrase, "with_key": with_key });
    if with_users {
        request["users"] = users(&app).await?.into();
    }
    Ok(app.daemon.post(BACKUP, request.to_string()).await?)
}

async fn users(app: &App) -> Result<String, Refusal> {
    let file = app.state.join("users.json");
    let read = spawn_blocking(move || {
        let text = files::read_secret(&file, USERS).map_err(|fault| fault.to_string())?;
        String::from_utf8(text).map_err(|fault| fault.to_string())
    });
    let read = read.await.map_err(|fault| Refusal::device("users can't be read", &fault))?;
    read.map_err(|fault| Refusal::device("users can't be read", &fault))
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    passphrase: String,
    /// Base64.
    capsule: String,
}

async fn open(State(app): State<App>, Asked(opening): Asked<Opening>) -> Result<Answer, Refusal> {
    Ok(app.daemon.post(OPEN, json!(opening).to_string()).await?)
}

async fn restart(State(app): State<App>, person: Person) -> Result<Answer, Fault> {
    app.daemon.post(RESTART, json!({ "on_behalf": person.on_behalf() }).to_string()).await
}

#[derive(Deserialize)]
struct Authority {
    ca: String,
}

/// The CA's certificate, to be trusted by browsers. Where the page serves with a stop-gap, the daemon is asked.
async fn ca(State(app): State<App>) -> Result<Response, Response> {
    let pem = if let Some(pem) = &app.certificates.current().ca {
        pem.clone()
    } else {
        let answer = app.daemon.get(CA).await.map_err(Fault::into_response)?;
        answer.read::<Authority>().map_err(Answer::into_response)?.ca
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sekisho-ca.pem\""),
    ];
    Ok((headers, pem).into_response())
}
