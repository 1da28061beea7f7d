//! What stands before every handler.
//!
//! ```text
//! outer   all requests    the host that is asked for, same origin, headers of the answer
//! enter   each route      JSON or a file, session, right, token, body, audit trail; the answer ends with its session
//! ```

mod headers;
mod origin;
mod person;
mod route;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

pub(crate) use self::person::Known;
pub use self::person::{Peer, Person};
pub(crate) use self::route::{Gate, TOKEN, enter};
use crate::{answer::Refusal, app::App};

/// Before everything: the router, and what it doesn't know.
pub(crate) async fn outer(State(app): State<App>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let mut response = match check(&app, &request, api) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    headers::put(&mut response, api);
    response
}

fn check(app: &App, request: &Request, api: bool) -> Result<(), Refusal> {
    let Some(peer) = request.extensions().get::<Peer>() else {
        return Err(Refusal::device(
            "a request has no connection",
            &"it was not served by the page",
        ));
    };
    let host = origin::host(request.headers(), &app.certificates.current().names, peer.local)?;
    if api {
        origin::check(request.method(), request.headers(), host)?;
    }
    Ok(())
}

/// A form of another site can send anything but JSON, and a file by itself.
fn is_of(wanted: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
        && !headers.contains_key(header::TRANSFER_ENCODING);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    match kind {
        Some(kind) if kind.eq_ignore_ascii_case(wanted) => Ok(()),
        None if empty => Ok(()),
        _ => Err(Refusal {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ..Refusal::malformed(format!("the body has to be {wanted}"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_or_none() {
        let with = |pairs: &[(header::HeaderName, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
        };
        let is_json = |headers: &HeaderMap| is_of("application/json", headers);
        let json = (header::CONTENT_TYPE, "application/json; charset=utf-8");
        let form = (header::CONTENT_TYPE, "text/plain");
        assert!(is_json(&with(&[json])).is_ok());
        assert!(is_json(&with(&[])).is_ok());
        assert!(is_json(&with(&[(header::CONTENT_LENGTH, "0")])).is_ok());
        for bad in [
            with(&[form]),
            with(&[(header::CONTENT_LENGTH, "2")]),
            with(&[(header::TRANSFER_ENCODING, "chunked")]),
        ] {
            assert_eq!(is_json(&bad).unwrap_err().status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }
}
