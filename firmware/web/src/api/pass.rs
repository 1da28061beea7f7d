//! Requests that go to the daemon as they are, and whose answers come back as they are.

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::Response,
    routing::{MethodRouter, get, post},
};
use sekisho_control::{
    FLOWS, GENERATIONS, HEALTH, KEY, NAME_QUERY, NAMES, PLAN, REFUSALS, SELF_TEST, STATUS, TRACE,
    TRAFFIC, ZONE_DATA,
};

use crate::{
    access::Verb,
    answer::Refusal,
    app::App,
    device::{Answer, Fault},
    router::Handler,
};

/// `GET`: who the device is.
const IDENTITY: &str = "/v1/identity";

pub(super) fn handlers() -> Vec<Handler> {
    vec![
        (Verb::Get, "/api/status", read(STATUS)),
        (Verb::Get, "/api/key", read(KEY)),
        (Verb::Get, "/api/identity", read(IDENTITY)),
        (Verb::Get, "/api/names", read(NAMES)),
        (Verb::Get, "/api/names/zone-data", read(ZONE_DATA)),
        (Verb::Get, "/api/refusals", search(REFUSALS)),
        (Verb::Get, "/api/traffic", read(TRAFFIC)),
        (Verb::Get, "/api/flows", search(FLOWS)),
        (Verb::Get, "/api/health", read(HEALTH)),
        (Verb::Get, "/api/self-test", read(SELF_TEST)),
        (Verb::Post, "/api/self-test", post(self_test)),
        (Verb::Get, "/api/generations", read(GENERATIONS)),
        (Verb::Get, "/api/generations/{number}", get(generation)),
        (Verb::Post, "/api/plan", ask(PLAN)),
        (Verb::Post, "/api/trace", ask(TRACE)),
        (Verb::Post, "/api/names/query", ask(NAME_QUERY)),
    ]
}

fn read(path: &'static str) -> MethodRouter<App> {
    get(async move |State(app): State<App>| app.daemon.get(path).await)
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

async fn generation(
    State(app): State<App>,
    number: Result<Path<u64>, PathRejection>,
) -> Result<Answer, Refusal> {
    let Path(number) = number.map_err(|fault| Refusal::malformed(fault.body_text()))?;
    Ok(app.daemon.get(&format!("{GENERATIONS}/{number}")).await?)
}

/// The test's events, as they happen.
async fn self_test(State(app): State<App>, body: Bytes) -> Result<Response, Fault> {
    app.daemon.stream(SELF_TEST, body).await
}
