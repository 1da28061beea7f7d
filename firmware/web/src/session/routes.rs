//! Signing in and out.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Id, Opened, Session, cookie};
use crate::{
    access::{Role, Verb},
    answer::{Asked, Done, Refusal, RefusalKind},
    app::App,
    audit::{self, Event, Outcome},
    guard::{Peer, Person},
    openapi::gives,
    router::Handler,
    users::{Code, Refused, User, rules},
};

pub(crate) fn handlers() -> Vec<Handler> {
    vec![
        (Verb::Get, "/api/session", get(session), gives::<Shown>()),
        (Verb::Post, "/api/login", post(login), gives::<Shown>().takes::<Login>()),
        (Verb::Post, "/api/logout", post(logout), gives::<Done>()),
    ]
}

/// A session, as the page gets it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Session")]
pub(crate) struct Shown {
    user: String,
    role: Role,
    csrf: String,
    must_change: bool,
    second_factor: bool,
    expires_in_s: u64,
    development: bool,
    /// How old the password is, once that is worth a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_age_days: Option<i64>,
}

fn show(app: &App, session: Session, user: &User) -> Json<Shown> {
    let age = Timestamp::now().duration_since(user.changed_at).as_hours() / 24;
    Json(Shown {
        user: session.user,
        role: session.role,
        csrf: session.csrf,
        must_change: session.must_change,
        second_factor: user.second_factor.is_some(),
        expires_in_s: session.expires_in_s,
        development: app.device.borrow().development,
        password_age_days: (age >= rules::OLD_DAYS).then_some(age),
    })
}

/// Opens a session and answers with it and its cookie. Whoever calls it has seen that the user has the right.
///
/// # Errors
/// [`Refusal`] where the user is gone or his right has ended.
pub(crate) fn open(app: &App, name: &str) -> Result<Response, Refusal> {
    let user = app.users.find(name).ok_or(Refused::Unknown)?;
    let right = user.right(Timestamp::now())?;
    let opened = app.sessions.open(name, user.role, user.must_change, right, app.now());
    let Opened { secret, session } =
        opened.map_err(|fault| Refusal::device("no session can be opened", &fault))?;
    let cookie = [(header::SET_COOKIE, cookie::set(&secret))];
    Ok((cookie, show(app, session, &user)).into_response())
}

async fn session(
    State(app): State<App>,
    headers: HeaderMap,
    person: Person,
) -> Result<Json<Shown>, Refusal> {
    let id = cookie::read(&headers).map(Id::of).ok_or_else(Refusal::no_session)?;
    let found = app.sessions.find(id, false, app.now()).ok_or_else(Refusal::no_session)?;
    let user = app.users.find(&person.user).ok_or_else(Refusal::no_session)?;
    Ok(show(&app, found, &user))
}

/// Name and password and, where set up, a code.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    user: String,
    password: String,
    #[serde(default)]
    code: Option<String>,
}

async fn login(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
    Asked(asked): Asked<Login>,
) -> Result<Response, Refusal> {
    let Login { user: name, password, code } = asked;
    // What isn't a name may be a password in the wrong field; it is neither remembered nor recorded.
    let name = if rules::is_name(&name) { name } else { String::new() };
    let wait = app.users.attempt(&name, peer.from, app.now());
    wait.map_err(|wait| locked(wait.0.as_secs() + 1))?;
    let (here, user, from) = (app.clone(), name.clone(), peer.from);
    // Whoever hangs up meanwhile is recorded all the same.
    let judging = tokio::spawn(async move {
        let judged = judge(&here, &user, password, code).await;
        record(&here, &user, from, &judged).await;
        judged
    });
    judging.await.map_err(|fault| Refusal::device("a login broke off", &fault))??;
    app.users.succeeded(&name, peer.from);
    // The session that was here before is given up.
    if let Some(before) = cookie::read(&headers) {
        app.sessions.end(Id::of(before));
    }
    peer.known.set();
    open(&app, &name)
}

async fn judge(
    app: &App,
    name: &str,
    password: String,
    code: Option<String>,
) -> Result<(), Refusal> {
    let Some(user) = app.users.find(name) else {
        app.desk.compare_with_nobody(password).await.map_err(Refused::from)?;
        return Err(wrong());
    };
    let found = app.desk.find(password, vec![user.hash.clone()]).await.map_err(Refused::from)?;
    found.ok_or_else(wrong)?;
    user.right(Timestamp::now())?;
    let (users, name) = (app.users.clone(), name.to_owned());
    let checked = spawn_blocking(move || users.check_code(&name, code.as_deref(), unix_time()));
    let checked =
        checked.await.map_err(|fault| Refusal::device("a code can't be looked at", &fault))?;
    match checked? {
        Code::NotAsked | Code::Right => Ok(()),
        Code::Missing => Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            RefusalKind::CodeNeeded,
            "認証アプリの6桁のコード（または回復コード）を入力してください。",
            "A code of the authenticator, or a recovery code, is needed.",
        )),
        Code::Wrong => Err(wrong_code(app)),
    }
}

/// Seconds since 1970, by the wall clock; authenticators go by it.
pub(crate) fn unix_time() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

fn wrong() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        RefusalKind::Wrong,
        "利用者名またはパスワードが違います。",
        "The name or the password is wrong.",
    )
}

/// A wrong code, with a word about the clock where the device's may be wrong.
pub(crate) fn wrong_code(app: &App) -> Refusal {
    let (ja, en) = ("コードが違います。", "The code is wrong, or was used before.");
    if app.device.borrow().synchronised != Some(false) {
        return Refusal::new(StatusCode::UNAUTHORIZED, RefusalKind::Wrong, ja, en);
    }
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        RefusalKind::Wrong,
        &format!("{ja}装置の時計が時刻サーバと同期していません。ずれている間は回復コードを使ってください。"),
        &format!("{en} The device's clock isn't synchronised; a recovery code helps while it is off."),
    )
    .way_out("use a recovery code, or see to the device's time servers")
}

/// Too many wrong ones.
pub(crate) fn locked(seconds: u64) -> Refusal {
    Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        RefusalKind::Locked,
        &format!("失敗が続いたため、あと{seconds}秒は受け付けません。"),
        &format!("Too many tries were wrong; the next one is taken in {seconds} s."),
    )
    .retry_after(seconds)
}

/// Looks at the password of somebody who is signed in: who sits down at a page that was left open mustn't guess it either.
///
/// # Errors
/// [`Refusal`]: wrong, or not time yet.
pub(crate) async fn again(app: &App, person: &Person, password: String) -> Result<User, Refusal> {
    let wait = app.users.attempt(&person.user, person.from, app.now());
    wait.map_err(|wait| locked(wait.0.as_secs() + 1))?;
    let user = app.users.find(&person.user).ok_or_else(Refusal::no_session)?;
    let found = app.desk.find(password, vec![user.hash.clone()]).await.map_err(Refused::from)?;
    if found.is_none() {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            RefusalKind::Wrong,
            "現在のパスワードが違います。",
            "The present password is wrong.",
        ));
    }
    app.users.succeeded(&person.user, person.from);
    Ok(user)
}

async fn record(app: &App, name: &str, from: std::net::IpAddr, judged: &Result<(), Refusal>) {
    let event = Event {
        user: Some(name.to_owned()).filter(|name| !name.is_empty()),
        role: None,
        from: Some(from),
        what: "POST /api/login".to_owned(),
        result: if judged.is_ok() { Outcome::Done } else { Outcome::Refused },
        about: judged.as_ref().err().map(|refusal| refusal.kind.to_string()),
        before: None,
        after: None,
    };
    // Somebody has to be able to come and look why nothing is recorded.
    let _ = audit::append(app, event).await;
}

async fn logout(State(app): State<App>, person: Person) -> Response {
    app.sessions.end(person.session);
    let event = Event {
        user: Some(person.user),
        role: Some(person.role),
        from: Some(person.from),
        what: "POST /api/logout".to_owned(),
        result: Outcome::Done,
        about: None,
        before: None,
        after: None,
    };
    let _ = audit::append(&app, event).await;
    ([(header::SET_COOKIE, cookie::clear())], Json(Done {})).into_response()
}
