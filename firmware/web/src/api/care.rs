//! Care of the box: the certificate that browsers are to trust.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
    routing::get,
};
use sekisho_control::{PAGE_AUTHORITY, PageAuthority};

use crate::{
    access::Verb,
    app::App,
    device::{Answer, Fault},
    openapi::gives_text,
    router::Handler,
};

pub(super) fn handlers() -> Vec<Handler> {
    vec![(Verb::Get, "/api/ca.pem", get(ca), gives_text("application/x-pem-file"))]
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
