//! Signing in and out, one's own password and second factor.

use sekisho_web::users::totp;
use serde_json::json;

use crate::stage::{IDLE_S, PASSWORD, Stage};

const NEW: &str = "another way in, 2026";

#[tokio::test]
async fn a_session_is_opened_and_ended() {
    let stage = Stage::new().await;
    let mut client = stage.client();
    let opened = client.sign_in("administrator", PASSWORD, None).await;
    let set = opened.headers["set-cookie"].to_str().unwrap();
    assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{set}");
    let session = client.get("/api/session").await;
    assert_eq!(session.body["user"], "administrator");
    assert_eq!(session.body["role"], "administrator");
    assert_eq!(session.body["csrf"], opened.body["csrf"]);
    assert!(session.body["expires_in_s"].as_u64().unwrap() >= IDLE_S - 20);
    assert_eq!(session.body["second_factor"], false);
    let before = client.clone();
    let out = client.post("/api/logout", json!({})).await;
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(before.get("/api/session").await.status, 401);
    let trail = stage.trail("POST /api/login");
    assert_eq!(trail, [(json!("done"), json!("administrator"))]);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let stage = Stage::new().await;
    let mut client = stage.client();
    for _ in 0..4 {
        let answer = client.sign_in("administrator", "not the password", None).await;
        assert_eq!((answer.status, answer.kind()), (401, "wrong"));
        assert!(answer.body["both"]["ja"].is_string());
    }
    let answer = client.sign_in("administrator", PASSWORD, None).await;
    assert_eq!((answer.status, answer.kind()), (429, "locked"));
    assert!((1..=6).contains(&answer.body["retry_after_s"].as_u64().unwrap()));
    assert!(!answer.text.contains(PASSWORD));
    let mut other = stage.client();
    assert_eq!(other.sign_in("viewer", PASSWORD, None).await.status, 200);
    let unknown = other.sign_in("nobody", PASSWORD, None).await;
    assert_eq!((unknown.status, unknown.kind()), (401, "wrong"));
}

#[tokio::test]
async fn a_new_password_keeps_the_rules_and_ends_other_sessions() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("newcomer").await;
    let other = stage.signed_in("newcomer").await;
    for (old, new, status, kind) in [
        ("wrong", NEW, 403, "wrong"),
        (PASSWORD, "short", 422, "weak-password"),
        (PASSWORD, "the newcomer's own", 422, "weak-password"),
        (PASSWORD, PASSWORD, 422, "weak-password"),
    ] {
        let answer = client.post("/api/password", json!({ "old": old, "new": new })).await;
        assert_eq!((answer.status, answer.kind()), (status, kind), "{new}: {}", answer.body);
    }
    let before = client.clone();
    let changed = client.post("/api/password", json!({ "old": PASSWORD, "new": NEW })).await;
    assert_eq!((changed.status, &changed.body["must_change"]), (200, &json!(false)));
    assert_eq!(client.get("/api/users").await.status, 200, "the new session is open");
    for gone in [before, other] {
        assert_eq!(gone.get("/api/session").await.status, 401);
    }
    let mut again = stage.client();
    assert_eq!(again.sign_in("newcomer", PASSWORD, None).await.status, 401);
    assert_eq!(again.sign_in("newcomer", NEW, None).await.status, 200);
    let text = std::fs::read_to_string(stage.folder.path().join("users.json")).unwrap();
    assert!(!text.contains(NEW));
    let trail = stage.folder.path().join("audit");
    for file in std::fs::read_dir(trail).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains(NEW) && !text.contains(PASSWORD));
    }
}

#[tokio::test]
async fn a_second_factor_is_set_up_and_asked_for() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("operator").await;
    let begun = client.post("/api/second-factor/begin", json!({})).await;
    let uri = begun.body["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Sekisho:operator?secret="), "{uri}");
    let secret = begun.body["secret"].as_str().unwrap().to_owned();
    let wrong = client.post("/api/second-factor/confirm", json!({ "code": "no" })).await;
    assert_eq!((wrong.status, wrong.kind()), (422, "wrong"));
    let code = current_code(&secret);
    let confirmed = client.post("/api/second-factor/confirm", json!({ "code": code })).await;
    let recovery = confirmed.body["recovery_codes"].as_array().unwrap();
    assert_eq!(recovery.len(), 10);

    let mut fresh = stage.client();
    let answer = fresh.sign_in("operator", PASSWORD, None).await;
    assert_eq!((answer.status, answer.kind()), (401, "code-needed"));
    *stage.daemon.synchronised.lock().unwrap() = false;
    stage.app.look();
    stage.until(|stage| stage.app.device.borrow().synchronised == Some(false)).await;
    let replay = fresh.sign_in("operator", PASSWORD, Some(&code)).await;
    assert_eq!((replay.status, replay.kind()), (401, "wrong"));
    let words = replay.body["both"]["en"].as_str().unwrap();
    assert!(words.contains("clock isn't synchronised"), "{words}");
    let one = recovery[0].as_str();
    assert_eq!(fresh.sign_in("operator", PASSWORD, one).await.status, 200);
    assert_eq!(stage.client().sign_in("operator", PASSWORD, one).await.status, 401);

    let path = "/api/second-factor/remove";
    assert_eq!(fresh.post(path, json!({ "password": "wrong" })).await.status, 403);
    assert_eq!(fresh.post(path, json!({ "password": PASSWORD })).await.status, 200);
    assert_eq!(stage.client().sign_in("operator", PASSWORD, None).await.status, 200);
}

/// What an authenticator shows now.
fn current_code(secret: &str) -> String {
    let time = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    totp::code_of(secret, time / totp::STEP).unwrap()
}
