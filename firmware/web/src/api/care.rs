//! Care of the box: backups, its restart, and the certificate that browsers are to trust.

use axum::{
    Extension, Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use schemars::JsonSchema;
use sekisho_control::{
    BACKUP, BACKUP_USERS, Backup, BackupUsers, BackupWish, CANCEL_RENEWAL, Hidden, Identity, Key,
    OPEN_BACKUP, Opened, PAGE_AUTHORITY, PageAuthority, RENEW_IDENTITY, RESTART, Renewal, Restart,
    Restarting, TAKE_IDENTITY, Unlocking,
};
use serde::Serialize;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::{
    access::Verb,
    answer::{Asked, Refusal},
    app::App,
    audit::Note,
    device::{Answer, Fault},
    guard::Person,
    openapi::{gives, gives_text},
    router::Handler,
    users::Taken,
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
        (
            Verb::Post,
            "/api/backup/users",
            post(take_users),
            gives::<UsersTaken>().takes::<Unlocking>(),
        ),
        (Verb::Post, "/api/restart", post(restart), gives::<Restarting>()),
        (Verb::Get, "/api/ca.pem", get(ca), gives_text("application/x-pem-file")),
    ]
}

async fn back_up(
    State(app): State<App>,
    person: Person,
    Asked(wish): Asked<BackupWish>,
) -> Result<Answer, Response> {
    // Whatever a browser names as users, those of the page go in.
    let users = app.users.for_backup().map_err(|fault| Refusal::from(fault).into_response())?;
    let users = Some(Hidden::new(users));
    let wish = BackupWish { users, on_behalf: Some(person.principal()), ..wish };
    app.daemon.post(BACKUP, json!(wish).to_string()).await.map_err(Fault::into_response)
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

/// The trail has which key is to come.
async fn renew(State(app): State<App>, person: Person) -> Result<Response, Response> {
    let wish = Renewal { on_behalf: Some(person.principal()) };
    let answer = app.daemon.post(RENEW_IDENTITY, json!(wish).to_string()).await;
    let answer = answer.map_err(Fault::into_response)?;
    let identity: Identity = answer.read().map_err(Answer::into_response)?;
    let coming = identity.coming.as_ref().map(|coming| json!({ "coming": coming.public_key }));
    let note = Note { after: coming, ..Note::default() };
    Ok((Extension(note), Json(identity)).into_response())
}

async fn cancel_renewal(State(app): State<App>, person: Person) -> Result<Answer, Fault> {
    let wish = Renewal { on_behalf: Some(person.principal()) };
    app.daemon.post(CANCEL_RENEWAL, json!(wish).to_string()).await
}

/// Who may sign in now.
#[derive(JsonSchema, Serialize)]
struct UsersTaken {
    users: Vec<String>,
    /// Whether the session of whoever asked has ended: the backup has another role for him, or doesn't know him.
    signed_out: bool,
}

/// Takes a backup's users. Sessions of those who aren't what they were end; who asked knows what he did, and stays signed in as
/// long as his name and role are the backup's too.
async fn take_users(
    State(app): State<App>,
    person: Person,
    Asked(unlocking): Asked<Unlocking>,
) -> Result<Response, Response> {
    let unlocking = Unlocking { on_behalf: Some(person.principal()), ..unlocking };
    let answer = app.daemon.post(BACKUP_USERS, json!(unlocking).to_string()).await;
    let answer = answer.map_err(Fault::into_response)?;
    let BackupUsers { file } = answer.read().map_err(Answer::into_response)?;
    let users = app.users.clone();
    let taken = spawn_blocking(move || users.take(file.expose())).await;
    let Taken { users, others } = match taken {
        Ok(taken) => taken.map_err(|fault| Refusal::from(fault).into_response())?,
        Err(fault) => return Err(Refusal::device("users can't be written", &fault).into_response()),
    };
    let stays = app.users.find(&person.user).is_some_and(|user| user.role == person.role);
    for name in &others {
        let but = (stays && *name == person.user).then_some(person.session);
        app.sessions.end_all_of(name, but);
    }
    let note = Note { after: Some(json!({ "users": users })), ..Note::default() };
    let taken = UsersTaken { users, signed_out: !stays };
    Ok((Extension(note), Json(taken)).into_response())
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
