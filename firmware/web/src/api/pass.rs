//! Requests that go to the daemon as they are, and whose answers come back as they are.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::Response,
    routing::{MethodRouter, get, post},
};
use schemars::JsonSchema;
use sekisho_control::{
    FLOWS, FlowPage, FlowQuery, GENERATIONS, Generation, HEALTH, Health, IDENTITY, Identity, KEY,
    KeptSelfTest, Key, LiveTrace, NAME_QUERY, NAMES, NameAnswer, NameQuery, NamesStatus, PLAN,
    Packet, Plan, Proposal, REFUSALS, RefusedFlows, SELF_TEST, SELF_TESTS, STATUS, SelfTestEvent,
    SelfTestReport, SelfTestWish, Status, Stored, TRACE, TRAFFIC, Traffic, ZONE_DATA, ZoneData,
};

use crate::{
    access::Verb,
    answer::Refusal,
    app::App,
    device::{Fault, Shared},
    openapi::{gives, gives_lines},
    router::Handler,
};

/// The query of a look at refusals; the daemon reads it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema counts")]
struct Last {
    /// So many packets at most.
    last: Option<usize>,
}

pub(super) fn handlers() -> Vec<Handler> {
    vec![
        (Verb::Get, "/api/status", look(STATUS), gives::<Status>()),
        (Verb::Get, "/api/key", read(KEY), gives::<Key>()),
        (Verb::Get, "/api/identity", read(IDENTITY), gives::<Identity>()),
        (Verb::Get, "/api/names", look(NAMES), gives::<NamesStatus>()),
        (Verb::Get, "/api/names/zone-data", read(ZONE_DATA), gives::<ZoneData>()),
        (Verb::Get, "/api/refusals", search(REFUSALS), gives::<RefusedFlows>().query::<Last>()),
        (Verb::Get, "/api/traffic", look(TRAFFIC), gives::<Traffic>()),
        (Verb::Get, "/api/flows", search(FLOWS), gives::<FlowPage>().query::<FlowQuery>()),
        (Verb::Get, "/api/health", look(HEALTH), gives::<Health>()),
        (Verb::Get, "/api/self-test", read(SELF_TEST), gives::<SelfTestReport>()),
        (
            Verb::Post,
            "/api/self-test",
            post(self_test),
            gives_lines::<SelfTestEvent>().takes::<SelfTestWish>(),
        ),
        (Verb::Get, "/api/self-tests", read(SELF_TESTS), gives::<Vec<KeptSelfTest>>()),
        (
            Verb::Get,
            "/api/self-tests/{number}",
            one_of(SELF_TESTS),
            gives::<SelfTestReport>().path::<u64>(),
        ),
        (Verb::Get, "/api/generations", look(GENERATIONS), gives::<Vec<Generation>>()),
        (
            Verb::Get,
            "/api/generations/{number}",
            one_of(GENERATIONS),
            gives::<Stored>().path::<u64>(),
        ),
        (Verb::Post, "/api/plan", ask(PLAN), gives::<Plan>().takes::<Proposal>()),
        (Verb::Post, "/api/trace", ask(TRACE), gives::<LiveTrace>().takes::<Packet>()),
        (
            Verb::Post,
            "/api/names/query",
            ask(NAME_QUERY),
            gives::<NameAnswer>().takes::<NameQuery>(),
        ),
    ]
}

fn read(path: &'static str) -> MethodRouter<App> {
    get(async move |State(app): State<App>| app.daemon.get(path).await)
}

/// The same for what the page asks by itself, as often as there are browsers.
fn look(path: &'static str) -> MethodRouter<App> {
    let shared = Arc::new(Shared::new(path));
    get(async move |State(app): State<App>| shared.get(&app.daemon).await)
}

/// Reads what the query asks for. The daemon looks at the query.
fn search(path: &'static str) -> MethodRouter<App> {
    get(async move |State(app): State<App>, RawQuery(query): RawQuery| match query {
        Some(query) => app.daemon.get(&format!("{path}?{query}")).await,
        None => app.daemon.get(path).await,
    })
}

fn ask(path: &'static str) -> MethodRouter<App> {
    post(async move |State(app): State<App>, body: Bytes| app.daemon.post(path, body).await)
}

/// Reads one of a list, by its number.
fn one_of(list: &'static str) -> MethodRouter<App> {
    get(async move |State(app): State<App>, number: Result<Path<u64>, PathRejection>| {
        let Path(number) = number.map_err(|fault| Refusal::malformed(fault.body_text()))?;
        Ok::<_, Refusal>(app.daemon.get(&format!("{list}/{number}")).await?)
    })
}

/// The test's events, as they happen.
async fn self_test(State(app): State<App>, body: Bytes) -> Result<Response, Fault> {
    app.daemon.stream(SELF_TEST, body).await
}
