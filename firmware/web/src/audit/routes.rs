//! Looking into the audit trail.

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures_util::stream;
use tokio::task::spawn_blocking;

use super::{
    Page, Trail, Verification, Wish,
    query::{Export, up_to},
    trail::{Fault, read},
};
use crate::{
    access::Verb,
    answer::Refusal,
    app::App,
    openapi::{gives, gives_text},
    router::Handler,
};

pub(crate) fn handlers() -> Vec<Handler> {
    vec![
        (Verb::Get, "/api/audit", get(page), gives::<Page>().query::<Wish>()),
        (Verb::Get, "/api/audit/export", get(export), gives_text("application/x-ndjson")),
        (Verb::Get, "/api/audit/verify", get(verify), gives::<Verification>()),
    ]
}

async fn page(
    State(app): State<App>,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Json<Page>, Refusal> {
    let Query(wish) = wish.map_err(|fault| Refusal::malformed(fault.body_text()))?;
    look(&app, move |trail| trail.page(&wish)).await.map(Json)
}

async fn verify(State(app): State<App>) -> Result<Json<Verification>, Refusal> {
    look(&app, Trail::verify).await.map(Json)
}

/// One segment after the other, so that the whole trail is never in memory.
async fn export(State(app): State<App>) -> Result<Response, Refusal> {
    let Export { segments, end, last } = look(&app, Trail::export).await?;
    let parts = segments.into_iter().map(Some).chain([None]);
    let text = stream::unfold((parts, end), move |(mut parts, end)| async move {
        let part = match parts.next()? {
            Some(segment) => spawn_blocking(move || read(&segment).map(|text| up_to(&text, last)))
                .await
                .map_err(std::io::Error::other)
                .and_then(|read| read.map_err(std::io::Error::other)),
            None => Ok(end.clone()),
        };
        Some((part, (parts, end)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sekisho-audit.jsonl\""),
    ];
    Ok((headers, Body::from_stream(text)).into_response())
}

async fn look<T: Send + 'static>(
    app: &App,
    look: impl FnOnce(&Trail) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Refusal> {
    let trail = app.trail.clone();
    match spawn_blocking(move || look(&trail)).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(fault)) => Err(Refusal::device("the audit trail can't be read", &fault)),
        Err(fault) => Err(Refusal::device("the audit trail can't be read", &fault)),
    }
}
