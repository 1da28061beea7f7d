//! The request of somebody who arrives at the device's new address.
//!
//! Anybody may make it, so the audit trail isn't written for each: the handler writes it, once somebody is awaited at all.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use sekisho_control::Settled;
use serde::Deserialize;

use super::{
    arrival::{Arrived, Stranger},
    change::{principal, settle},
};
use crate::{
    access::{Role, Verb},
    answer::{Asked, Refusal, RefusalKind},
    app::App,
    audit::{self, Event, Outcome},
    design,
    device::Answer,
    guard::Peer,
    openapi::gives,
    router::Handler,
    session,
};

pub(super) fn handlers() -> Vec<Handler> {
    vec![(Verb::Post, PATH, post(arrive), gives::<session::routes::Shown>().takes::<Arriving>())]
}

const PATH: &str = "/api/arrive";

/// Who arrives, by the link's token or by six digits.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arriving {
    generation: u64,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    code: Option<String>,
}

async fn arrive(
    State(app): State<App>,
    peer: Peer,
    Asked(asked): Asked<Arriving>,
) -> Result<Response, Refusal> {
    // By its source alone: nobody else's tries keep somebody from arriving.
    let source = format!("arriving from {}", peer.from);
    let wait = app.users.attempt(&source, peer.from, app.now());
    wait.map_err(|wait| session::routes::locked(wait.0.as_secs() + 1))?;
    let event = |user, role, result| Event {
        user,
        role,
        from: Some(peer.from),
        what: format!("POST {PATH}"),
        result,
        about: Some(format!("generation {}", asked.generation)),
        before: None,
        after: None,
    };
    let looked = look(&app, &asked);
    let looked = looked.ok_or_else(|| Refusal::malformed("either a token or a code is shown"))?;
    let arrived = match looked {
        Ok(arrived) => arrived,
        Err(stranger) => {
            if stranger != Stranger::Nobody {
                // It is refused in any case.
                let _ = audit::append(&app, event(None, None, Outcome::Refused)).await;
            }
            return Err(stranger.into());
        }
    };
    app.users.succeeded(&source, peer.from);
    // Who lost the right meanwhile confirms nothing.
    let user = app.users.find(&arrived.user).filter(|user| user.right(Timestamp::now()).is_ok());
    let role = user.ok_or_else(Refusal::no_session)?.role;
    let event = event(Some(arrived.user.clone()), Some(role), Outcome::Begun);
    // Whoever closes the browser meanwhile doesn't cut it off.
    let confirming = tokio::spawn(confirm(app, asked.generation, arrived, role, peer, event));
    confirming.await.map_err(|fault| Refusal::device("a request broke off", &fault))?
}

/// Whether he is the one; none where he shows nothing, or two things.
fn look(app: &App, asked: &Arriving) -> Option<Result<Arrived, Stranger>> {
    match (&asked.token, &asked.code) {
        (Some(token), None) => Some(app.arrivals.by_token(asked.generation, token, app.now())),
        (None, Some(code)) => Some(app.arrivals.by_code(asked.generation, code.trim(), app.now())),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// Confirms for the user who made the change and opens a session for him.
async fn confirm(
    app: App,
    generation: u64,
    Arrived { user, token }: Arrived,
    role: Role,
    peer: Peer,
    event: Event,
) -> Result<Response, Refusal> {
    audit::begin(&app, event.clone()).await?;
    let person = principal(&user, role, peer.from);
    let settled = match settle(&app, generation, Some(token), peer.local, person).await {
        Ok(answer) => answer.read::<Settled>().map_err(Answer::into_response),
        Err(refusal) => Err(refusal.into_response()),
    };
    let result = if settled.is_ok() { Outcome::Done } else { Outcome::Refused };
    // Where it can't be written, the next change is refused until it can.
    let _ = audit::append(&app, Event { result, ..event }).await;
    app.look();
    if let Err(refusal) = settled {
        return Ok(refusal);
    }
    // What he wrote is in force now; the page that he wrote it on is out of reach.
    design::settled(&app, &user).await;
    peer.known.set();
    session::routes::open(&app, &user)
}

impl From<Stranger> for Refusal {
    fn from(stranger: Stranger) -> Self {
        let (status, kind, ja, en, way_out) = match stranger {
            Stranger::Nobody => (
                StatusCode::CONFLICT,
                RefusalKind::Conflict,
                "この変更は確認を待っていません。時間が過ぎた場合は、自動的に元の設定に戻っています。",
                "No such change awaits confirmation; where its time is over, it was taken back.",
                "open the page at the address before the change and sign in there",
            ),
            Stranger::Wrong => (
                StatusCode::UNAUTHORIZED,
                RefusalKind::Wrong,
                "確認コードが違います。変更を行った画面に表示された6桁の数字を入力してください。",
                "The code is wrong; it is the six digits that the page showed after the change.",
                "type the six digits of the page where the change was made",
            ),
            Stranger::TriedOut => (
                StatusCode::TOO_MANY_REQUESTS,
                RefusalKind::Locked,
                "確認コードの入力回数を超えました。変更を行った画面のリンクを使ってください。",
                "The code was tried too often; the link on the page of the change still counts.",
                "use the link on the page where the change was made, or let the change be taken back",
            ),
        };
        Self::new(status, kind, ja, en).way_out(way_out)
    }
}
