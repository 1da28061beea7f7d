//! The router, made from the table of routes and from what the modules offer for it.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    routing::MethodRouter,
};

use crate::{
    access::{Entry, Verb},
    answer::Refusal,
    api,
    app::App,
    assets::Assets,
    audit, design,
    guard::{self, Gate},
    live,
    openapi::{self, Shape},
    session, update, users,
};

/// What a module offers: the handler of a route that the table has, and what it takes and gives.
pub type Handler = (Verb, &'static str, MethodRouter<App>, Shape);

/// The table and the handlers don't match.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// An entry that nothing would carry out.
    #[error("{0} {1} stands in the table of routes and has no handler")]
    NoHandler(Verb, &'static str),
    /// A handler that nobody has given a right to.
    #[error("{0} {1} has a handler and doesn't stand in the table of routes")]
    NoEntry(Verb, &'static str),
    /// One of two.
    #[error("{0} {1} has two handlers or stands in the table of routes twice")]
    Twice(Verb, &'static str),
}

/// The handlers of this crate.
pub fn handlers() -> Vec<Handler> {
    [
        session::routes::handlers(),
        users::routes::handlers(),
        audit::routes::handlers(),
        design::handlers(),
        api::handlers(),
        update::handlers(),
        live::routes::handlers(),
        openapi::handlers(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The page's router: each entry with its handler behind the guard, and assets for everything else.
///
/// # Errors
/// [`Mismatch`].
pub fn build(
    app: &App,
    table: &[Entry],
    handlers: Vec<Handler>,
    assets: Assets,
) -> Result<Router, Mismatch> {
    let mut offered = BTreeMap::new();
    for (verb, path, handler, _) in handlers {
        if offered.insert((verb, path), handler).is_some() {
            return Err(Mismatch::Twice(verb, path));
        }
    }
    let mut taken = std::collections::BTreeSet::new();
    let mut router = Router::new();
    for &entry in table {
        let key = (entry.method, entry.path);
        if !taken.insert(key) {
            return Err(Mismatch::Twice(entry.method, entry.path));
        }
        let handler = offered.remove(&key).ok_or(Mismatch::NoHandler(entry.method, entry.path))?;
        let gate = Gate { app: app.clone(), entry };
        router =
            router.route(entry.path, handler.route_layer(from_fn_with_state(gate, guard::enter)));
    }
    if let Some((verb, path)) = offered.into_keys().next() {
        return Err(Mismatch::NoEntry(verb, path));
    }
    Ok(router
        .route("/api/{*path}", axum::routing::any(no_such_route))
        .method_not_allowed_fallback(no_such_method)
        .fallback_service(assets.router())
        // The guard has the body whole, and within the table's limit.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), guard::outer))
        .layer(from_fn(log))
        .with_state(app.clone()))
}

async fn no_such_route() -> Refusal {
    Refusal { status: StatusCode::NOT_FOUND, ..Refusal::malformed("there is no such resource") }
}

async fn no_such_method() -> Refusal {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Refusal { status, ..Refusal::malformed("the resource has no such method") }
}

/// A line for each request, without anything that its sender or the answer keeps secret: no query, header or body.
async fn log(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}
