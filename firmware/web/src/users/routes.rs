//! One's own password and second factor, and the administrator's list of users.

use axum::{
    Extension, Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{
    Refused, User, Users, invent,
    rules::{self, Weakness},
    totp,
};
use crate::{
    access::{Role, Verb},
    answer::{Asked, Done, Refusal},
    app::App,
    audit::Note,
    guard::Person,
    openapi::gives,
    router::Handler,
    session::routes::{self as session, again, open, unix_time, wrong_code},
};

pub(crate) fn handlers() -> Vec<Handler> {
    vec![
        (
            Verb::Post,
            "/api/password",
            post(change_password),
            gives::<session::Shown>().takes::<NewPassword>(),
        ),
        (Verb::Post, "/api/second-factor/begin", post(begin), gives::<Begun>()),
        (
            Verb::Post,
            "/api/second-factor/confirm",
            post(confirm),
            gives::<Recovery>().takes::<FirstCode>(),
        ),
        (
            Verb::Post,
            "/api/second-factor/remove",
            post(remove),
            gives::<Done>().takes::<Password>(),
        ),
        (Verb::Get, "/api/users", get(list), gives::<List>()),
        (Verb::Post, "/api/users", post(make), gives::<Made>().takes::<NewUser>()),
        (Verb::Post, "/api/users/{name}", post(change), gives::<Changed>().takes::<Change>()),
        (Verb::Delete, "/api/users/{name}", axum::routing::delete(delete), gives::<Done>()),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    old: String,
    new: String,
}

async fn change_password(
    State(app): State<App>,
    person: Person,
    Asked(NewPassword { old, new }): Asked<NewPassword>,
) -> Result<Response, Refusal> {
    let user = again(&app, &person, old).await?;
    rules::check(&new, &person.user).map_err(Refused::Weak)?;
    let before = app.desk.find(new.clone(), user.hashes()).await.map_err(Refused::from)?;
    if before.is_some() {
        return Err(Refused::Weak(Weakness::Used).into());
    }
    let hash = app.desk.hash(new).await.map_err(Refused::from)?;
    let name = person.user.clone();
    let now = Timestamp::now();
    write(&app, move |users| users.set_password(&name, &user.hash, hash, false, now)).await?;
    app.sessions.end_all_of(&person.user, None);
    open(&app, &person.user)
}

/// A second factor's secret, to be shown to an authenticator.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SecondFactor")]
struct Begun {
    secret: String,
    /// The same for a camera (`otpauth`).
    uri: String,
}

async fn begin(State(app): State<App>, person: Person) -> Result<Json<Begun>, Refusal> {
    let secret = app.users.begin_second_factor(&person.user, app.now())?;
    let uri = totp::uri(&person.user, &secret);
    Ok(Json(Begun { secret, uri }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FirstCode {
    code: String,
}

/// Codes for whoever has lost the authenticator. They are told this once.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "RecoveryCodes")]
struct Recovery {
    recovery_codes: Vec<String>,
}

async fn confirm(
    State(app): State<App>,
    person: Person,
    Asked(FirstCode { code }): Asked<FirstCode>,
) -> Result<Json<Recovery>, Refusal> {
    let now = app.now();
    let confirmed = write(&app, move |users| {
        users.confirm_second_factor(&person.user, code.trim(), unix_time(), now)
    });
    match confirmed.await? {
        Some(recovery_codes) => Ok(Json(Recovery { recovery_codes })),
        // The session is good; 401 would end it in the page's eyes.
        None => Err(Refusal {
            status: axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            ..wrong_code(&app)
        }),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    password: String,
}

async fn remove(
    State(app): State<App>,
    person: Person,
    Asked(Password { password }): Asked<Password>,
) -> Result<Json<Done>, Refusal> {
    again(&app, &person, password).await?;
    write(&app, move |users| users.remove_second_factor(&person.user)).await?;
    Ok(Json(Done {}))
}

/// A user, as administrators see one.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "User")]
struct Shown {
    name: String,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    must_change: bool,
    second_factor: bool,
    recovery_codes_left: usize,
    password_age_days: i64,
    password_old: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_for_s: Option<u64>,
    sessions: usize,
}

fn show(app: &App, name: &str, user: &User) -> Shown {
    let age = Timestamp::now().duration_since(user.changed_at).as_hours() / 24;
    let factor = user.second_factor.as_ref();
    Shown {
        name: name.to_owned(),
        role: user.role,
        until: user.until,
        must_change: user.must_change,
        second_factor: factor.is_some(),
        recovery_codes_left: factor.map_or(0, |factor| factor.recovery.len()),
        password_age_days: age,
        password_old: age >= rules::OLD_DAYS,
        locked_for_s: app.users.locked(name, app.now()).map(|left| left.as_secs() + 1),
        sessions: app.sessions.count(name, app.now()),
    }
}

/// The users of the page.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Users")]
struct List {
    users: Vec<Shown>,
}

async fn list(State(app): State<App>) -> Json<List> {
    let users = app.users.all().iter().map(|(name, user)| show(&app, name, user)).collect();
    Json(List { users })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    role: Role,
    #[serde(default)]
    until: Option<Timestamp>,
}

/// The new user's first password. It is told this once.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "FirstPassword")]
struct Made {
    password: String,
}

async fn make(
    State(app): State<App>,
    Asked(NewUser { name, role, until }): Asked<NewUser>,
) -> Result<Response, Refusal> {
    let (password, hash) = new_password(&app).await?;
    let note = Note {
        about: Some(name.clone()).filter(|name| rules::is_name(name)),
        before: None,
        after: Some(json!({ "role": role, "until": until })),
    };
    let now = Timestamp::now();
    write(&app, move |users| users.change(|book| book.add(&name, role, until, hash, now))).await?;
    Ok((Extension(note), Json(Made { password })).into_response())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserChange")]
struct Change {
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    reset_password: bool,
    #[serde(default)]
    unlock: bool,
    /// An engineer's, where it changes.
    #[serde(default)]
    until: Option<Timestamp>,
}

/// A user as he is now.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "UserChanged")]
struct Changed {
    user: Shown,
    /// The new password, where one was made. It is told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

async fn change(
    State(app): State<App>,
    person: Person,
    Path(name): Path<String>,
    Asked(asked): Asked<Change>,
) -> Result<Response, Refusal> {
    let before = app.users.find(&name).ok_or(Refused::Unknown)?;
    let role = asked.role.unwrap_or(before.role);
    let until = asked.until.or(before.until.filter(|_| role == Role::Engineer));
    let reassigned = (role, until) != (before.role, before.until);
    if name == person.user && (reassigned || asked.reset_password) {
        return Err(Refused::Oneself.into());
    }
    let made = if asked.reset_password { Some(new_password(&app).await?) } else { None };
    let (password, hash) = made.unzip();
    let (now, of, seen) = (Timestamp::now(), name.clone(), before.hash.clone());
    write(&app, move |users| {
        users.change(|book| {
            if reassigned {
                book.reassign(&of, role, until, now)?;
            }
            let user = book.users.get_mut(&of).ok_or(Refused::Unknown)?;
            match hash {
                Some(_) if user.hash != seen => return Err(Refused::Changed),
                Some(hash) => user.put_password(hash, true, now),
                None => {}
            }
            Ok(())
        })
    })
    .await?;
    if reassigned || asked.reset_password {
        app.sessions.end_all_of(&name, None);
    }
    if asked.unlock || asked.reset_password {
        app.users.unlock(&name);
    }
    let note = Note {
        about: None,
        before: Some(json!({ "role": before.role, "until": before.until })),
        after: Some(json!({
            "role": role,
            "until": until,
            "reset_password": asked.reset_password,
            "unlock": asked.unlock,
        })),
    };
    let after = app.users.find(&name).ok_or(Refused::Unknown)?;
    let changed = Changed { user: show(&app, &name, &after), password };
    Ok((Extension(note), Json(changed)).into_response())
}

async fn delete(
    State(app): State<App>,
    person: Person,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    if name == person.user {
        return Err(Refused::Oneself.into());
    }
    let of = name.clone();
    let gone = write(&app, move |users| users.change(|book| book.remove(&of))).await?;
    app.sessions.end_all_of(&name, None);
    app.users.unlock(&name);
    let before = Some(json!({ "role": gone.role, "until": gone.until }));
    Ok((Extension(Note { before, ..Note::default() }), Json(Done {})).into_response())
}

async fn new_password(app: &App) -> Result<(String, String), Refusal> {
    let password = invent().map_err(Refused::from)?;
    let hash = app.desk.hash(password.clone()).await.map_err(Refused::from)?;
    Ok((password, hash))
}

/// Writes to the disk beside the loop.
async fn write<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Users) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refusal> {
    let users = app.users.clone();
    match spawn_blocking(move || work(&users)).await {
        Ok(done) => Ok(done?),
        Err(fault) => Err(Refusal::device("users can't be written", &fault)),
    }
}
