//! Every role at every route.

use hyper::header::{self, HeaderValue};
use sekisho_web::access::{self, Entry, Role, Verb, Who};
use serde_json::json;

use crate::{
    client::{Answer, Client},
    stage::Stage,
};

async fn ask(client: &mut Client, entry: &Entry) -> Answer {
    let path = entry.path.replace("{name}", "nobody").replace("{number}", "1");
    let body = (entry.method != Verb::Get).then(|| json!({}));
    let mut request = client.request(&entry.method.method(), &path, body.as_ref());
    if entry.streams {
        let kind = HeaderValue::from_static("application/octet-stream");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    client.send(request).await
}

/// What the guard says, and no handler.
const GUARDS: [&str; 4] = ["no-session", "role", "must-change", "token"];

#[tokio::test]
async fn each_role_may_what_the_table_says_and_nothing_else() {
    let stage = Stage::new().await;
    for role in Role::ALL {
        for entry in access::table() {
            let mut client = stage.signed_in(role.name()).await;
            let answer = ask(&mut client, &entry).await;
            if entry.who.allows(role) {
                assert!(!GUARDS.contains(&answer.kind()), "{role}: {entry}: {}", answer.body);
            } else {
                assert_eq!((answer.status, answer.kind()), (403, "role"), "{role}: {entry}");
            }
        }
    }
}

#[tokio::test]
async fn who_isnt_signed_in_gets_nothing() {
    let stage = Stage::new().await;
    for entry in access::table() {
        let answer = ask(&mut stage.client(), &entry).await;
        if entry.who == Who::Anyone {
            let known = ["/api/session", "/api/login"].contains(&entry.path);
            assert!(
                !known || [401, 400, 422].contains(&answer.status),
                "{entry}: {}",
                answer.status
            );
        } else {
            assert_eq!((answer.status, answer.kind()), (401, "no-session"), "{entry}");
        }
        let mut forged = stage.client();
        forged.cookie = Some("00".repeat(32));
        assert_eq!(ask(&mut forged, &entry).await.status, answer.status, "{entry}");
    }
}

#[tokio::test]
async fn a_newcomer_changes_the_password_first() {
    let stage = Stage::new().await;
    for entry in access::table() {
        let mut client = stage.signed_in("newcomer").await;
        let answer = ask(&mut client, &entry).await;
        if matches!(entry.who, Who::Anyone | Who::Entering) {
            assert!(!GUARDS.contains(&answer.kind()), "{entry}: {}", answer.body);
        } else {
            assert_eq!((answer.status, answer.kind()), (403, "must-change"), "{entry}");
        }
    }
}

#[tokio::test]
async fn every_change_needs_the_sessions_token() {
    let stage = Stage::new().await;
    let other = stage.signed_in("administrator").await;
    for entry in access::table() {
        if entry.method.is_safe() || entry.who == Who::Anyone {
            continue;
        }
        for token in [None, other.token.clone(), Some("00".repeat(32))] {
            let mut client = stage.signed_in("administrator").await;
            client.token = token;
            let answer = ask(&mut client, &entry).await;
            assert!(
                [(403, "token"), (403, "role")].contains(&(answer.status, answer.kind())),
                "{entry}: {}",
                answer.body
            );
        }
    }
}
