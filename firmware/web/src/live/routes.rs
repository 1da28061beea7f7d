//! Listening, and looking back.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use sekisho_control::{Health, Status};
use serde::Deserialize;

use super::{
    Seen, Traffic,
    history::{Shown, Span},
};
use crate::{
    access::Verb,
    answer::Refusal,
    app::App,
    openapi::{gives, gives_events},
    router::Handler,
};

pub(crate) fn handlers() -> Vec<Handler> {
    let events = gives_events()
        .event::<Status>("status")
        .event::<Health>("health")
        .event::<Traffic>("traffic")
        .event::<Refusal>("daemon-away");
    vec![
        (Verb::Get, "/api/live", get(live), events),
        (Verb::Get, "/api/history", get(history), gives::<Shown>().query::<Wish>()),
    ]
}

/// A stream looks at its session with each event; where the daemon has nothing to say, an empty one comes.
const ALIVE: Duration = Duration::from_secs(3);

async fn live(State(app): State<App>) -> impl IntoResponse {
    let start = (app.live.listen(), Arc::<Seen>::default());
    let events = stream::unfold(start, async |(mut receiver, before)| {
        receiver.changed().await.ok()?;
        let now = Arc::clone(&receiver.borrow_and_update());
        let events = events(&before, &now);
        Some((stream::iter(events.map(Ok::<_, Infallible>)), (receiver, now)))
    });
    Sse::new(events.flatten()).keep_alive(KeepAlive::new().interval(ALIVE))
}

/// What a listener hasn't got yet.
fn events(before: &Seen, now: &Seen) -> impl Iterator<Item = Event> + use<> {
    let new = |name, before: &Option<String>, now: &Option<String>| {
        let text = now.as_ref().filter(|_| now != before)?;
        Some(Event::default().event(name).data(text))
    };
    [
        new("status", &before.status, &now.status),
        new("health", &before.health, &now.health),
        new("traffic", &before.traffic, &now.traffic),
        new("daemon-away", &before.away, &now.away),
    ]
    .into_iter()
    .flatten()
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    span: Span,
}

async fn history(
    State(app): State<App>,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Json<Shown>, Refusal> {
    let Query(Wish { span }) = wish.map_err(|fault| Refusal::malformed(fault.body_text()))?;
    Ok(Json(app.live.show(span)))
}
