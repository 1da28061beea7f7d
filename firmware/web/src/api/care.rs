//! Care of the box: its restart, and the certificate that browsers are to trust.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use sekisho_control::{PAGE_AUTHORITY, PageAuthority, RESTART, Restart};
use serde_json::json;

use crate::{
    access::Verb,
    app::App,
    device::{Answer, Fault},
    guard::Person,
    router::Handler,
};

pub(super) fn handlers() -> Vec<Handler> {
    vec![(Verb::Get, "/api/ca.pem", get(ca)), (Verb::Post, "/api/restart", post(restart))]
}

async fn restart(State(app): State<App>, person: Person) -> Result<Answer, Fault> {
    let wish = Restart { on_behalf: Some(person.principal()) };
    app.daemon.post(RESTART, json!(wish).to_string()).await
}

/// The CA's certificate, to be trusted by browsers. Where the page serves with a stop-gap, the daemon is asked.
async fn ca(State(app): State<App>) -> Result<Response, Response> {
    let pem = if let Some(pem) = &app.certificates.current().ca {
        pem.clone()
    } else {
        let answer = app.daemon.get(PAGE_AUTHORITY).await.map_err(Fault::into_response)?;
        answer.read::<PageAuthority>().map_err(Answer::into_response)?.ca
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sekisho-ca.pem\""),
    ];
    Ok((headers, pem).into_response())
}
