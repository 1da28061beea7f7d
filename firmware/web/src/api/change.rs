//! Changes of the design: applied, confirmed, taken back; each with the name of who wants it.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use schemars::JsonSchema;
use sekisho_control::{
    APPLY, Applied, Apply, CONFIRM, Confirmation, Decision, GENERATIONS, Principal, Proof,
    ROLL_BACK, Settled, Stored, Token,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::warn;

use crate::{
    access::{Role, Verb},
    answer::{Asked, Refusal, RefusalKind},
    app::App,
    audit::Note,
    device::{Answer, Fault},
    guard::Person,
    openapi::gives,
    router::Handler,
};

pub(super) fn handlers() -> Vec<Handler> {
    vec![
        (Verb::Post, "/api/apply", post(apply), gives::<AppliedHere>().takes::<Apply>()),
        (Verb::Post, "/api/confirm", post(confirm), gives::<Settled>().takes::<Confirmed>()),
        (Verb::Post, "/api/roll-back", post(roll_back), gives::<Settled>().takes::<Decision>()),
    ]
}

/// Who wants something, for the daemon to keep; what the browser says of that doesn't count.
pub(super) fn principal(user: &str, role: Role, from: IpAddr) -> Principal {
    Principal { user: user.to_owned(), role: role.to_string(), from }
}

impl Person {
    pub(crate) fn principal(&self) -> Principal {
        principal(&self.user, self.role, self.from)
    }
}

/// The device's address that a request arrived at; none on the box itself.
fn came_by(local: IpAddr) -> Result<Option<Ipv4Addr>, NoWay> {
    match local {
        local if local.is_loopback() => Ok(None),
        IpAddr::V4(local) => Ok(Some(local)),
        IpAddr::V6(_) => Err(NoWay),
    }
}

/// The daemon knows no such way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct NoWay;

impl From<NoWay> for Refusal {
    fn from(_: NoWay) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            RefusalKind::Way,
            "設定の変更は、装置のIPv4アドレスで開いたページから行ってください。",
            "A change needs the page at one of the device's IPv4 addresses.",
        )
        .way_out("open the page at an IPv4 address of the device")
    }
}

/// A design is in force, as the page tells it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Applied")]
struct AppliedHere {
    #[serde(flatten)]
    applied: Applied,
    /// Six digits, to be typed at the new address where the link can't be followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

async fn apply(
    State(app): State<App>,
    person: Person,
    Asked(asked): Asked<Apply>,
) -> Result<Response, Response> {
    let came_by = came_by(person.local).map_err(|way| Refusal::from(way).into_response())?;
    if person.role == Role::Operator {
        leaves_the_site(&app, &asked).await?;
    }
    let (seen, reason) = (asked.seen, asked.reason.clone());
    let on_behalf = Some(person.principal());
    let apply = Apply { came_by, answer_first: true, on_behalf, ..asked };
    let answer =
        app.daemon.post(APPLY, json!(apply).to_string()).await.map_err(Fault::into_response)?;
    let applied: Applied = answer.read().map_err(Answer::into_response)?;
    let note =
        Note { about: reason, before: Some(seen.into()), after: Some(applied.generation.into()) };
    let mut shown = AppliedHere { applied, code: None };
    let applied = &shown.applied;
    if let (Some(seconds), Some(proof)) = (applied.confirm_within_s, &applied.carry) {
        let until = app.now() + Duration::from_secs(seconds.into());
        let code =
            app.arrivals.expect(applied.generation, &person.user, proof.token.clone(), until);
        match code {
            Ok(code) => shown.code = Some(code),
            Err(fault) => warn!(%fault, "a change has no six digits; its link does"),
        }
    }
    Ok(noted(note, Json(shown).into_response()))
}

/// An operator's change is about the profile: its site design is the one that was in force for him.
async fn leaves_the_site(app: &App, asked: &Apply) -> Result<(), Response> {
    let others = || {
        Refusal::new(
            StatusCode::FORBIDDEN,
            RefusalKind::Role,
            "運用担当が変更できるのはプロファイルだけです。拠点の設計は管理者が変更します。",
            "An operator changes the profile only; the site design is the administrator's.",
        )
        .way_out("apply the profile with the site design in force, or ask the administrator")
        .into_response()
    };
    if asked.seen == 0 {
        return Err(others());
    }
    let path = format!("{GENERATIONS}/{}", asked.seen);
    let answer = app.daemon.get(&path).await.map_err(Fault::into_response)?;
    let stored: Stored = answer.read().map_err(Answer::into_response)?;
    if stored.site == asked.proposal.site.text { Ok(()) } else { Err(others()) }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Confirmed {
    generation: u64,
    #[serde(default)]
    token: Option<Token>,
}

async fn confirm(
    State(app): State<App>,
    person: Person,
    Asked(asked): Asked<Confirmed>,
) -> Result<Response, Refusal> {
    let Confirmed { generation, token } = asked;
    let answer = settle(&app, generation, token, person.local, person.principal()).await?;
    Ok(about(generation, answer.into_response()))
}

/// Confirms at the daemon. A proof is shown at the address that the request came to.
pub(super) async fn settle(
    app: &App,
    generation: u64,
    token: Option<Token>,
    local: IpAddr,
    person: Principal,
) -> Result<Answer, Refusal> {
    let shown = match (token, local) {
        (Some(token), IpAddr::V4(at)) => Some(Proof { token, at }),
        (Some(_), IpAddr::V6(_)) => {
            came_by(local)?;
            None
        }
        (None, _) => None,
    };
    let confirmation = Confirmation { generation, shown, on_behalf: Some(person) };
    let answer = app.daemon.post(CONFIRM, json!(confirmation).to_string()).await?;
    if answer.status == StatusCode::OK {
        app.arrivals.settled(generation);
    }
    Ok(answer)
}

async fn roll_back(
    State(app): State<App>,
    person: Person,
    Asked(asked): Asked<Decision>,
) -> Result<Response, Refusal> {
    let generation = asked.generation;
    let decision = Decision { on_behalf: Some(person.principal()), ..asked };
    let answer = app.daemon.post(ROLL_BACK, json!(decision).to_string()).await?;
    if answer.status == StatusCode::OK {
        app.arrivals.settled(generation);
    }
    Ok(about(generation, answer.into_response()))
}

fn about(generation: u64, response: Response) -> Response {
    let about = Some(format!("generation {generation}"));
    noted(Note { about, ..Note::default() }, response)
}

fn noted(note: Note, mut response: Response) -> Response {
    response.extensions_mut().insert(note);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_an_ipv4_address_of_the_device() {
        let by = |local: &str| came_by(local.parse().unwrap()).map_err(|_| ());
        assert_eq!(by("127.0.0.1"), Ok(None));
        assert_eq!(by("::1"), Ok(None));
        assert_eq!(by("192.168.1.1"), Ok(Some([192, 168, 1, 1].into())));
        assert_eq!(by("fe80::1"), Err(()));
    }
}
