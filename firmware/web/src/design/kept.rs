//! The draft on the box: what one editor has written so far, so that another PC or another person can go on.
//!
//! ```text
//! draft.json
//! ```

use std::{
    io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    routing::{delete, get, put},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use sekisho_host::{HostError, files};
use serde::{Deserialize, Serialize};

use super::{
    draft::{Holder, Lock},
    tools::off_the_loop,
};
use crate::{
    access::{LARGE, Role, Verb},
    answer::{Asked, Refusal, RefusalKind},
    app::App,
    guard::Person,
    openapi::{gives, gives_nothing},
    router::Handler,
};

const FILE: &str = "draft.json";

/// Only the page reads it: a design tells an attacker where the servers are.
const MODE: u32 = 0o600;

/// Who may write the draft, and whose turn it is: what one writes is on the disk before another is let in.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    lock: Mutex<Lock>,
    turn: tokio::sync::Mutex<()>,
}

/// A draft.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
struct Draft {
    site: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// The generation that it began from, 0 for none.
    generation: u64,
}

/// A draft, and who kept it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[schemars(rename = "KeptDraft")]
struct Kept {
    #[serde(flatten)]
    draft: Draft,
    by: String,
    at: Timestamp,
}

/// A draft to be kept.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "DraftWish")]
struct Wish {
    #[serde(flatten)]
    draft: Draft,
    /// When the draft was kept that this one was made from; none for the first one. Another one by now is not written over.
    #[serde(default)]
    after: Option<Timestamp>,
    /// Whether it is meant to take the place of whatever is there, and of whoever holds it.
    #[serde(default)]
    take_over: bool,
}

/// Who edits, for one who asks.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DraftLock")]
struct Held {
    user: String,
    since: Timestamp,
    mine: bool,
}

/// The draft on the box and who edits it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DraftAnswer")]
struct Told {
    lock: Option<Held>,
    draft: Option<Kept>,
}

pub(super) fn handlers() -> Vec<Handler> {
    const PATH: &str = "/api/design/draft";
    vec![
        (Verb::Get, PATH, get(tell), gives::<Told>()),
        (Verb::Put, PATH, put(keep), gives::<Told>().takes::<Wish>()),
        (Verb::Delete, PATH, delete(discard), gives_nothing()),
    ]
}

async fn tell(State(app): State<App>, person: Person) -> Result<Json<Told>, Refusal> {
    let state = app.state.clone();
    let draft = off_the_loop(move || read(&state)).await??;
    Ok(Json(Told { lock: held(&app, &person), draft }))
}

async fn keep(
    State(app): State<App>,
    person: Person,
    Asked(Wish { draft, after, take_over }): Asked<Wish>,
) -> Result<Json<Told>, Refusal> {
    let _turn = app.drafts.turn.lock().await;
    let others = held(&app, &person).is_some_and(|held| !held.mine);
    if take_over && others && person.role != Role::Administrator {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            RefusalKind::Role,
            "ほかの人の編集を引き継げるのは管理者だけです。",
            "Only an administrator takes over what somebody else edits.",
        ));
    }
    let now = Timestamp::now();
    with_lock(&app, |lock, stands| {
        lock.take((&person.user, person.session), take_over, (app.now(), now), stands)
    })
    .map_err(|holder| taken(&holder))?;
    let state = app.state.clone();
    let before = off_the_loop(move || read(&state)).await??;
    if !take_over && before.map(|kept| kept.at) != after {
        return Err(another());
    }
    let kept = Kept { draft, by: person.user.clone(), at: now };
    let (state, written) = (app.state.clone(), kept.clone());
    off_the_loop(move || write(&state, &written)).await??;
    Ok(Json(Told { lock: held(&app, &person), draft: Some(kept) }))
}

async fn discard(State(app): State<App>, person: Person) -> Result<StatusCode, Refusal> {
    let _turn = app.drafts.turn.lock().await;
    with_lock(&app, |lock, stands| match lock.holder(app.now(), stands) {
        Some(holder) if holder.session != person.session => Err(holder.clone()),
        _ => {
            lock.give_back();
            Ok(())
        }
    })
    .map_err(|holder| taken(&holder))?;
    drop_it(&app).await.map(|()| StatusCode::NO_CONTENT)
}

/// A user's draft has come in force: it is done with, unless somebody else edits meanwhile. A disk that refuses keeps it for the
/// next editor, who sees that it is what is in force.
pub(crate) async fn settled(app: &App, user: &str) {
    let _turn = app.drafts.turn.lock().await;
    let done = with_lock(app, |lock, stands| {
        let done = lock.holder(app.now(), stands).is_none_or(|holder| holder.user == user);
        if done {
            lock.give_back();
        }
        done
    });
    if done {
        drop(drop_it(app).await);
    }
}

async fn drop_it(app: &App) -> Result<(), Refusal> {
    let state = app.state.clone();
    off_the_loop(move || match std::fs::remove_file(state.join(FILE)) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
            Err(Refusal::device("the draft can't be dropped", &fault))
        }
        _ => Ok(()),
    })
    .await?
}

fn with_lock<T>(
    app: &App,
    work: impl FnOnce(&mut Lock, &dyn Fn(crate::session::Id) -> bool) -> T,
) -> T {
    let mut lock = app.drafts.lock.lock().unwrap_or_else(PoisonError::into_inner);
    work(&mut lock, &|session| app.sessions.stands(session, app.now()))
}

fn held(app: &App, person: &Person) -> Option<Held> {
    with_lock(app, |lock, stands| {
        let Holder { user, since, session, .. } = lock.holder(app.now(), stands)?.clone();
        Some(Held { user, since, mine: session == person.session })
    })
}

fn taken(holder: &Holder) -> Refusal {
    let (user, since) = (&holder.user, holder.since);
    Refusal::new(
        StatusCode::CONFLICT,
        RefusalKind::Conflict,
        &format!("{user} さんが編集中です（{since:.0} から）。"),
        &format!("{user} edits the design, since {since:.0}."),
    )
}

fn another() -> Refusal {
    Refusal::new(
        StatusCode::CONFLICT,
        RefusalKind::Changed,
        "下書きは、ほかの画面で変わっています。装置にある下書きを見て、上書きするか、自分の下書きを捨ててください。",
        "The draft was changed in another window.",
    )
    .way_out("look at the draft on the box, then write over it or drop your own")
}

fn read(state: &Path) -> Result<Option<Kept>, Refusal> {
    let path = state.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read(&path, 2 * LARGE as u64).map_err(|fault| unreadable(&fault))?;
    // A draft that can't be read any more is nobody's loss but its own: the design in force is the daemon's.
    Ok(serde_json::from_slice(&bytes).ok())
}

fn write(state: &Path, kept: &Kept) -> Result<(), Refusal> {
    let failed = |fault: &dyn std::fmt::Display| Refusal::device("the draft can't be kept", fault);
    let bytes = serde_json::to_vec(kept).map_err(|fault| failed(&fault))?;
    files::write(&state.join(FILE), &bytes, MODE).map_err(|fault| failed(&fault))
}

fn unreadable(fault: &HostError) -> Refusal {
    Refusal::device("the draft can't be read", fault)
}
