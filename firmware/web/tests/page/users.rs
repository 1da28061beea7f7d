//! Users as the administrator has them, and the trail of it.

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::stage::{PASSWORD, Stage};

#[tokio::test]
async fn a_user_is_made_changed_and_deleted() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    let made = client.post("/api/users", json!({ "name": "hana", "role": "viewer" })).await;
    let password = made.body["password"].as_str().unwrap().to_owned();
    let mut hana = stage.client();
    let opened = hana.sign_in("hana", &password, None).await;
    assert_eq!(opened.body["must_change"], true);
    let twice = client.post("/api/users", json!({ "name": "hana", "role": "viewer" })).await;
    assert_eq!((twice.status, twice.kind()), (409, "exists"));

    let changed = client.post("/api/users/hana", json!({ "role": "operator" })).await;
    assert_eq!(changed.body["user"]["role"], "operator");
    assert_eq!(hana.get("/api/session").await.status, 401, "another role, another session");
    let reset = client.post("/api/users/hana", json!({ "reset_password": true })).await;
    let second = reset.body["password"].as_str().unwrap();
    assert_eq!(hana.sign_in("hana", &password, None).await.status, 401);
    assert_eq!(hana.sign_in("hana", second, None).await.status, 200);

    let list = client.get("/api/users").await;
    let shown = list.body["users"].as_array().unwrap();
    let shown = shown.iter().find(|user| user["name"] == "hana").unwrap();
    assert_eq!((&shown["sessions"], &shown["must_change"]), (&json!(1), &json!(true)));
    assert!(!list.text.contains("argon2"));

    let delete = client.request(&Method::DELETE, "/api/users/hana", None);
    assert_eq!(client.send(delete).await.status, 200);
    assert_eq!(hana.get("/api/session").await.status, 401);
    let delete = client.request(&Method::DELETE, "/api/users/hana", None);
    assert_eq!(client.send(delete).await.status, 404);
    let trail = stage.trail("DELETE /api/users/hana");
    let results: Vec<_> = trail.iter().map(|(result, _)| result.as_str().unwrap()).collect();
    assert_eq!(results, ["refused", "begun", "done", "begun"]);
}

#[tokio::test]
async fn who_is_locked_out_is_let_in_again() {
    let stage = Stage::new().await;
    for _ in 0..4 {
        stage.client().sign_in("viewer", "wrong", None).await;
    }
    assert_eq!(stage.client().sign_in("viewer", PASSWORD, None).await.status, 429);
    let mut client = stage.signed_in("administrator").await;
    let unlocked = client.post("/api/users/viewer", json!({ "unlock": true })).await;
    assert!(unlocked.body["user"]["locked_for_s"].is_null(), "{}", unlocked.body);
    stage.signed_in("viewer").await;
}

#[tokio::test]
async fn engineers_end_and_nobody_undoes_himself() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    let role = json!({ "name": "visitor", "role": "engineer" });
    assert_eq!(client.post("/api/users", role.clone()).await.kind(), "until");
    let soon = Timestamp::now().saturating_add(SignedDuration::from_millis(1500)).unwrap();
    let mut with_end = role;
    with_end["until"] = json!(soon);
    let made = client.post("/api/users", with_end).await;
    let password = made.body["password"].as_str().unwrap().to_owned();
    let mut visitor = stage.client();
    assert_eq!(visitor.sign_in("visitor", &password, None).await.status, 200);
    stage.until(|_| Timestamp::now() > soon).await;
    assert_eq!(visitor.get("/api/session").await.status, 401);
    let late = visitor.sign_in("visitor", &password, None).await;
    assert_eq!((late.status, late.kind()), (401, "ended"));

    for body in [json!({ "role": "viewer" }), json!({ "reset_password": true })] {
        assert_eq!(client.post("/api/users/administrator", body).await.kind(), "oneself");
    }
    let delete = client.request(&Method::DELETE, "/api/users/administrator", None);
    assert_eq!(client.send(delete).await.kind(), "oneself");
}

#[tokio::test]
async fn the_trail_is_searched_and_taken_away() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    client.post("/api/users", json!({ "name": "hana", "role": "viewer" })).await;
    let mut viewer = stage.signed_in("viewer").await;
    assert_eq!(viewer.post("/api/users", json!({})).await.status, 403);

    let found = client.get("/api/audit?search=hana%20done").await;
    let records = found.body["records"].as_array().unwrap();
    assert_eq!(records.len(), 1, "{}", found.body);
    assert_eq!(records[0]["user"], "administrator");
    assert_eq!(records[0]["from"], "127.0.0.1");
    assert_eq!(records[0]["after"]["role"], "viewer");
    let denied = client.get("/api/audit?search=refused&limit=1").await;
    assert_eq!(denied.body["records"][0]["user"], "viewer");
    assert_eq!(denied.body["records"][0]["about"], "role");
    assert_eq!(client.get("/api/audit?limit=x").await.kind(), "malformed");

    let verified = client.get("/api/audit/verify").await;
    assert_eq!(verified.body["intact"], true);
    let export = client.get("/api/audit/export").await;
    let file = stage.folder.path().join("export.jsonl");
    std::fs::write(&file, &export.text).unwrap();
    let whole = sekisho_web::audit::verify_file(&file).unwrap();
    assert!(whole.intact && whole.message.is_none(), "{whole:?}");
    assert_eq!(verified.body["records"], whole.records);
}
