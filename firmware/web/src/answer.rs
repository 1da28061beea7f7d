//! Answers that aren't what was asked for, and bodies of requests.

use std::fmt;

use axum::{
    Json,
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use sekisho_design::{Both, Report};
use serde::{Serialize, de::DeserializeOwned};
use tracing::error;

/// Why a request wasn't carried out, for programs. What the daemon refuses goes through, so its kinds are among them.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// The audit trail can't be written, so nothing is changed.
    AuditTrail,
    /// Others are before; it may be asked again soon.
    Busy,
    /// Somebody else wrote meanwhile.
    Changed,
    /// A code of the second factor is asked for.
    CodeNeeded,
    /// Somebody else's change stands in the way; nothing was touched.
    Conflict,
    /// Another site's page asks.
    CrossOrigin,
    /// The daemon doesn't answer.
    DaemonAway,
    /// The device couldn't do it.
    Device,
    /// A server that the device asked refuses or is silent; the device is well.
    Elsewhere,
    /// The user's right to sign in is over.
    Ended,
    /// There is one of this name already.
    Exists,
    /// It was asked for under a name that isn't the device's.
    Host,
    /// Nobody could look after users any more.
    LastAdministrator,
    /// Too many tries were wrong; the next one has to wait.
    Locked,
    /// The request breaks the API.
    Malformed,
    /// The password has to be changed first.
    MustChange,
    /// The name isn't one.
    Name,
    /// The disk has no room for it.
    NoRoom,
    /// Nobody is signed in.
    NoSession,
    /// The file is no update of the firmware.
    NoUpdate,
    /// No second factor awaits a code.
    NotBegun,
    /// One can't do that to oneself.
    Oneself,
    /// The design breaks rules; nothing was touched.
    Refused,
    /// The role may not do it.
    Role,
    /// A step failed and so did its roll-back.
    RollbackFailed,
    /// A step failed and the state before it is back.
    RolledBack,
    /// The session's token is missing.
    Token,
    /// The body is larger than the route takes.
    TooLarge,
    /// There is no room for another one.
    TooMany,
    /// There is none of this name.
    Unknown,
    /// Nobody has shown that he reaches the device by the new way; nothing was touched.
    Unproven,
    /// An end is missing, too far, or for somebody who has none.
    Until,
    /// The change takes away the way that its user came by.
    Way,
    /// The password breaks a rule.
    WeakPassword,
    /// The name, the password or the code is wrong.
    Wrong,
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Why a request wasn't carried out. Its shape is that of the daemon's failure.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Refusal {
    /// HTTP's word for it.
    #[serde(skip)]
    pub status: StatusCode,
    /// What kind; the page goes by it.
    pub kind: RefusalKind,
    /// What is wrong, in English.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_out: Option<String>,
    /// The same for people, in both languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub both: Option<Box<Both>>,
    /// The design's problems, where it was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Report>,
    /// Seconds until it may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl Refusal {
    /// One with a sentence in both languages.
    pub fn new(status: StatusCode, kind: RefusalKind, ja: &str, en: &str) -> Self {
        Self {
            status,
            kind,
            message: en.to_owned(),
            way_out: None,
            both: Some(Box::new(both(ja, en))),
            problems: Vec::new(),
            retry_after_s: None,
        }
    }

    /// A request that breaks the API: a program's fault, which no user can mend.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: RefusalKind::Malformed,
            message: message.into(),
            way_out: None,
            both: None,
            problems: Vec::new(),
            retry_after_s: None,
        }
    }

    /// Nobody is signed in.
    pub fn no_session() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            RefusalKind::NoSession,
            "ログインしてください。",
            "Nobody is signed in.",
        )
    }

    /// The device can't do it now; the reason goes to the log, not to the asker.
    pub fn device(what: &str, fault: &dyn std::fmt::Display) -> Self {
        error!(%fault, "{what}");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            RefusalKind::Device,
            "装置の内部で処理できませんでした。装置のログを確認してください。",
            "The device couldn't do it; its log has the reason.",
        )
    }

    /// With what to do about it.
    #[must_use]
    pub fn way_out(mut self, words: &str) -> Self {
        self.way_out = Some(words.to_owned());
        self
    }

    /// With the seconds until the next try.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// It is done, and there is nothing to say.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Done {}

/// A text in both languages.
pub fn both(ja: &str, en: &str) -> Both {
    Both { ja: ja.to_owned(), en: en.to_owned() }
}

/// The JSON body of a request. The guard has seen its size and type.
#[derive(Clone, Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            // The text of serde's error may hold what was sent, a password even.
            Err(rejection) => Err(Refusal {
                status: rejection.status(),
                ..Refusal::malformed("the body isn't what this request takes")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_control::FailureKind;

    use super::*;

    #[test]
    fn what_the_daemon_refuses_has_a_kind_here() {
        for kind in FailureKind::ALL {
            let word = serde_json::to_value(kind).unwrap();
            let schema = schemars::schema_for!(RefusalKind).to_value();
            let kinds = schema["oneOf"].as_array().unwrap();
            assert!(kinds.iter().any(|one| one["const"] == word), "{word}");
        }
        assert_eq!(RefusalKind::DaemonAway.to_string(), "daemon-away");
    }

    #[test]
    fn a_refusal_says_when_to_try_again() {
        let refusal = Refusal::no_session().retry_after(7).way_out("wait");
        let shown = serde_json::to_value(&refusal).unwrap();
        assert_eq!(shown["kind"], "no-session");
        assert_eq!(shown["retry_after_s"], 7);
        assert_eq!(shown["way_out"], "wait");
        assert!(shown["both"]["ja"].is_string() && shown.get("status").is_none());
        let response = refusal.into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "7");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
}
