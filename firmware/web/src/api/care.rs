//! Care of the box: backups, its restart, and the certificate that browsers are to trust.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use sekisho_control::{
    BACKUP, Backup, BackupWish, CANCEL_RENEWAL, Identity, Key, OPEN_BACKUP, Opened, PAGE_AUTHORITY,
    PageAuthority, RENEW_IDENTITY, RESTART, Renewal, Restart, Restarting, TAKE_IDENTITY, Unlocking,
};
use serde_json::json;

use crate::{
    access::Verb,
    answer::Asked,
    app::App,
    device::{Answer, Fault},
    guard::Person,
    openapi::{gives, gives_text},
    router::Handler,
};

pub(super) fn handlers() -> Vec<Handler> {
    vec![
        (Verb::Post, "/api/backup", post(back_up), gives::<Backup>().takes::<BackupWish>()),
        (Verb::Post, "/api/backup/open", post(open), gives::<Opened>().takes::<Unlocking>()),
        (
            Verb::Post,
            "/api/backup/identity",
            post(take_identity),
            gives::<Key>().takes::<Unlocking>(),
        ),
        (Verb::Post, "/api/identity/renew", post(renew), gives::<Identity>()),
        (Verb::Post, "/api/identity/cancel-renewal", post(cancel_renewal), gives::<Identity>()),
        (Verb::Post, "/api/restart", post(restart), gives::<Restarting>()),
        (Verb::Get, "/api/ca.pem", get(ca), gives_text("application/x-pem-file")),
    ]
}

async fn back_up(
    State(app): State<App>,
    person: Person,
    Asked(wish): Asked<BackupWish>,
) -> Result<Answer, Fault> {
    let wish = BackupWish { on_behalf: Some(person.principal()), ..wish };
    app.daemon.post(BACKUP, json!(wish).to_string()).await
}

async fn open(
    State(app): State<App>,
    person: Person,
    Asked(unlocking): Asked<Unlocking>,
) -> Result<Answer, Fault> {
    let unlocking = Unlocking { on_behalf: Some(person.principal()), ..unlocking };
    app.daemon.post(OPEN_BACKUP, json!(unlocking).to_string()).await
}

async fn take_identity(
    State(app): State<App>,
    person: Person,
    Asked(unlocking): Asked<Unlocking>,
) -> Result<Answer, Fault> {
    let unlocking = Unlocking { on_behalf: Some(person.principal()), ..unlocking };
    app.daemon.post(TAKE_IDENTITY, json!(unlocking).to_string()).await
}

async fn renew(State(app): State<App>, person: Person) -> Result<Answer, Fault> {
    let wish = Renewal { on_behalf: Some(person.principal()) };
    app.daemon.post(RENEW_IDENTITY, json!(wish).to_string()).await
}

async fn cancel_renewal(State(app): State<App>, person: Person) -> Result<Answer, Fault> {
    let wish = Renewal { on_behalf: Some(person.principal()) };
    app.daemon.post(CANCEL_RENEWAL, json!(wish).to_string()).await
}

async fn restart(State(app): State<App>, person: Person) -> Result<Answer, Fault> {
    let wish = Restart { on_behalf: Some(person.principal()) };
    app.daemon.post(RESTART, json!(wish).to_string()).await
}

/// The CA's certificate, to be trusted by browsers. Where the page serves with a stop-gap, the daemon is asked.
async fn ca(State(app): State<App>) -> Result<Response, Response> {
    let pem = if let Some(pem) = &app.certificates.current().ca {
        pem.clone()
    } else {
        let answer = app.daemon.get(PAGE_AUTHORITY).await.map_err(Fault::into_response)?;
        answer.read::<PageAuthority>().map_err(Answer::into_response)?.ca
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sekisho-ca.pem\""),
    ];
    Ok((headers, pem).into_response())
}
