//! Routes to the device.

use hyper::{Method, header};
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Stage};

#[tokio::test]
async fn what_the_daemon_says_comes_as_it_is() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("viewer").await;
    stage.daemon.say("GET /v1/key", 200, json!({ "public": "x" }));
    let answer = client.get("/api/key").await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "public": "x" })));
    let failure = json!({ "kind": "conflict", "message": "no design is in force" });
    stage.daemon.say("POST /v1/plan", 409, failure.clone());
    let answer = client.post("/api/plan", json!({ "proposal": 1 })).await;
    assert_eq!((answer.status, answer.body), (409, failure));
    assert_eq!(stage.daemon.asked("POST /v1/plan"), [json!({ "proposal": 1 })]);
    stage.daemon.say("GET /v1/generations/7", 200, json!({}));
    assert_eq!(client.get("/api/generations/7").await.status, 200);
    for wrong in ["/api/generations/..", "/api/generations/x", "/api/generations/-1"] {
        assert_eq!(client.get(wrong).await.kind(), "malformed", "{wrong}");
    }
}

#[tokio::test]
async fn a_search_takes_its_query_along() {
    let stage = Stage::new().await;
    let client = stage.signed_in("viewer").await;
    stage.daemon.say("GET /v1/flows?host=10.0.0.1&limit=3", 200, json!([1]));
    let answer = client.get("/api/flows?host=10.0.0.1&limit=3").await;
    assert_eq!((answer.status, answer.body), (200, json!([1])));
    stage.daemon.say("GET /v1/refusals", 200, json!([2]));
    assert_eq!(client.get("/api/refusals").await.body, json!([2]));
}

#[tokio::test]
async fn without_the_daemon_there_is_a_way_out() {
    let stage = Stage::new().await;
    let client = stage.signed_in("viewer").await;
    std::fs::remove_file(stage.folder.path().join("control.sock")).unwrap();
    let answer = client.get("/api/status").await;
    assert_eq!((answer.status, answer.kind()), (502, "daemon-away"));
    assert!(answer.body["both"]["ja"].is_string() && answer.body["way_out"].is_string());
}

#[tokio::test]
async fn a_self_test_is_a_stream_and_stands_in_the_trail() {
    let stage = Stage::new().await;
    let client = stage.signed_in("engineer").await;
    stage.daemon.say("POST /v1/self-test", 200, json!({ "event": "begun" }));
    let wish = json!({ "disturb": true });
    let answer = client.send(client.request(&Method::POST, "/api/self-test", Some(&wish))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/x-ndjson");
    assert_eq!(stage.daemon.asked("POST /v1/self-test"), [wish]);
    let of = |result: &str| (json!(result), json!("engineer"));
    assert_eq!(stage.trail("POST /api/self-test"), [of("done"), of("begun")]);
}

/// An apply whose user came from elsewhere is asked to carry a proof; the played daemon asks whoever comes.
fn applied(generation: u64) -> Value {
    json!({
        "generation": generation,
        "steps": 3,
        "milliseconds": 12,
        "ended_connections": 0,
        "confirm_within_s": 60,
        "carry": { "token": TOKEN, "at": "10.0.0.2" },
        "warnings": [],
    })
}

const TOKEN: &str = "07070707070707070707070707070707";

fn apply(site: &str) -> Value {
    json!({
        "proposal": { "site": { "name": "site.toml", "text": site } },
        "seen": 1,
        "reason": "a new way",
        "came_by": "10.9.9.9",
        "on_behalf": { "user": "root", "role": "operator", "from": "10.9.9.9" },
    })
}

fn on_behalf(user: &str) -> Value {
    json!({ "user": user, "role": user, "from": "127.0.0.1" })
}

#[tokio::test]
async fn the_server_says_who_applies_and_over_which_way() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    stage.daemon.say("POST /v1/apply", 200, applied(2));
    let answer = client.post("/api/apply", apply("a")).await;
    assert_eq!((answer.status, &answer.body["generation"]), (200, &json!(2)));
    assert_eq!(answer.body["code"].as_str().unwrap().len(), 6);
    let asked = &stage.daemon.asked("POST /v1/apply")[0];
    assert_eq!(asked.get("came_by"), None, "on the box itself");
    assert_eq!(asked["on_behalf"], on_behalf("administrator"));
    assert_eq!(asked["proposal"]["site"]["text"], "a");
}

#[tokio::test]
async fn an_operator_leaves_the_site_alone() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("operator").await;
    let stored = json!({
        "generation": {
            "number": 1,
            "author": { "uid": 0 },
            "at": "2026-04-01T00:00:00Z",
            "outcome": "committed",
            "site_sha256": "",
            "profile_sha256": "",
        },
        "site": "a",
        "profile": "p",
    });
    stage.daemon.say("GET /v1/generations/1", 200, stored);
    stage.daemon.say("POST /v1/apply", 200, applied(2));
    assert_eq!(client.post("/api/apply", apply("b")).await.kind(), "role");
    assert_eq!(
        client
            .post(
                "/api/apply",
                json!({
                    "proposal": { "site": { "name": "s", "text": "a" } }, "seen": 0,
                })
            )
            .await
            .kind(),
        "role"
    );
    assert!(stage.daemon.asked("POST /v1/apply").is_empty());
    assert_eq!(client.post("/api/apply", apply("a")).await.status, 200);
}

#[tokio::test]
async fn a_change_is_confirmed_and_taken_back_by_name() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("engineer").await;
    stage.daemon.say("POST /v1/confirm", 200, json!({ "generation": 2 }));
    stage.daemon.say("POST /v1/roll-back", 200, json!({ "generation": 1 }));
    let confirmed = client.post("/api/confirm", json!({ "generation": 2, "token": TOKEN })).await;
    assert_eq!((confirmed.status, confirmed.body), (200, json!({ "generation": 2 })));
    let shown = json!({ "token": TOKEN, "at": "127.0.0.1" });
    let asked = json!({ "generation": 2, "shown": shown, "on_behalf": on_behalf("engineer") });
    assert_eq!(stage.daemon.asked("POST /v1/confirm"), [asked]);
    assert_eq!(client.post("/api/roll-back", json!({ "generation": 2 })).await.status, 200);
    let asked = json!({ "generation": 2, "on_behalf": on_behalf("engineer") });
    assert_eq!(stage.daemon.asked("POST /v1/roll-back"), [asked]);
    let page = stage.trail("POST /api/roll-back");
    assert_eq!(page[0], (json!("done"), json!("engineer")));
}

#[tokio::test]
async fn backups_are_asked_for_by_name_and_no_trail_has_their_passphrase() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    stage.daemon.say("POST /v1/backup", 200, json!({ "name": "x.age", "capsule": "AA==" }));
    stage.daemon.say("POST /v1/backup/open", 422, json!({ "kind": "refused", "message": "wrong" }));
    stage.daemon.say("POST /v1/backup/identity", 409, json!({ "kind": "conflict", "message": "" }));
    stage.daemon.say("POST /v1/backup/users", 422, json!({ "kind": "refused", "message": "none" }));
    let passphrase = "a passphrase of the test";
    // Users that a browser names aren't those of the page.
    let wish = json!({ "passphrase": passphrase, "with_identity": true, "users": "{}" });
    assert_eq!(client.post("/api/backup", wish.clone()).await.body["name"], "x.age");
    let mut asked = wish;
    asked["on_behalf"] = on_behalf("administrator");
    asked["users"] = json!(stage.app.users.for_backup().unwrap());
    assert!(asked["users"].as_str().unwrap().contains("newcomer"));
    assert_eq!(stage.daemon.asked("POST /v1/backup"), [asked]);
    for (path, status) in
        [("/api/backup/open", 422), ("/api/backup/identity", 409), ("/api/backup/users", 422)]
    {
        let unlocking = json!({ "passphrase": passphrase, "capsule": "AA==" });
        assert_eq!(client.post(path, unlocking).await.status, status);
        let asked = &stage.daemon.asked(&format!("POST {}", path.replace("/api", "/v1")))[0];
        assert_eq!(asked["on_behalf"], on_behalf("administrator"));
    }
    let trail = client.get("/api/audit/export").await.text;
    assert!(trail.contains("POST /api/backup") && !trail.contains(passphrase));
}

#[tokio::test]
async fn the_users_of_a_backup_take_the_place_of_those_here() {
    let stage = Stage::new().await;
    let unlocking = json!({ "passphrase": "a passphrase of the test", "capsule": "AA==" });
    let mut client = stage.signed_in("administrator").await;
    let viewer = stage.signed_in("viewer").await;
    let mut operator = stage.signed_in("operator").await;
    assert_eq!(operator.post("/api/backup/users", unlocking.clone()).await.kind(), "role");

    // One is gone, one has another role, one has another password and asks.
    let mut book: Value = serde_json::from_str(&stage.app.users.for_backup().unwrap()).unwrap();
    let users = book["users"].as_object_mut().unwrap();
    users.remove("viewer").unwrap();
    users["newcomer"]["role"] = "viewer".into();
    let other =
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$PJkcGUDMWjkx2WHGCkdVJ2wd0k2ZJrvXBBZJbZYbZYY";
    users["administrator"]["hash"] = other.into();
    stage.daemon.say("POST /v1/backup/users", 200, json!({ "file": book.to_string() }));
    let taken = client.post("/api/backup/users", unlocking.clone()).await;
    assert_eq!((taken.status, &taken.body["signed_out"]), (200, &json!(false)), "{}", taken.body);
    assert!(!taken.text.contains("argon2"));
    let names = json!(["administrator", "engineer", "newcomer", "operator"]);
    assert_eq!(taken.body["users"], names);
    assert_eq!(viewer.get("/api/session").await.status, 401, "who is gone is signed out");
    assert_eq!(operator.get("/api/session").await.status, 200, "who is the same stays");
    assert_eq!(client.get("/api/session").await.status, 200, "who asked stays");
    assert_eq!(stage.client().sign_in("administrator", PASSWORD, None).await.status, 401);
    let trail = client.get("/api/audit/export").await.text;
    assert!(trail.contains("newcomer") && !trail.contains("argon2"), "{trail}");

    // What is none is refused, and everybody stays.
    for none in ["{}", "no JSON", r#"{"schema":1,"users":{}}"#, r#"{"schema":2,"users":{}}"#] {
        stage.daemon.say("POST /v1/backup/users", 200, json!({ "file": none }));
        let refused = client.post("/api/backup/users", unlocking.clone()).await;
        assert_eq!((refused.status, refused.kind()), (422, "malformed"), "{none}");
    }
    assert_eq!(client.get("/api/users").await.body["users"].as_array().unwrap().len(), 4);

    // Whose role is another one there is told, and signed out.
    let users = book["users"].as_object_mut().unwrap();
    users["administrator"]["role"] = "viewer".into();
    users["newcomer"]["role"] = "administrator".into();
    stage.daemon.say("POST /v1/backup/users", 200, json!({ "file": book.to_string() }));
    let taken = client.post("/api/backup/users", unlocking).await;
    assert_eq!(taken.body["signed_out"], true, "{}", taken.body);
    assert_eq!(client.get("/api/session").await.status, 401);
}

#[tokio::test]
async fn the_box_restarts_for_a_name() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    stage.daemon.say("POST /v1/restart", 200, json!({ "generation": 3 }));
    let answer = client.post("/api/restart", json!({})).await;
    assert_eq!((answer.status, answer.body), (200, json!({ "generation": 3 })));
    let by = json!({ "on_behalf": on_behalf("administrator") });
    assert_eq!(stage.daemon.asked("POST /v1/restart"), [by]);
    assert_eq!(stage.trail("POST /api/restart")[0], (json!("done"), json!("administrator")));
}

#[tokio::test]
async fn the_key_is_renewed_for_a_name() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    let coming = json!({
        "public_key": COMING,
        "made_at": "2026-04-01T00:00:00Z",
        "centres": [{ "name": "east", "state": "unknown" }],
        "line": "sekisho serial=0123456789abcdef",
    });
    let identity = json!({
        "serial": "0123456789abcdef",
        "public_key": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "version": "0.1.0",
        "line": "sekisho serial=0123456789abcdef",
    });
    let mut renewed = identity.clone();
    renewed["coming"] = coming;
    for (path, told) in [("identity/renew", renewed), ("identity/cancel-renewal", identity)] {
        let (here, there) = (format!("/api/{path}"), format!("POST /v1/{path}"));
        stage.daemon.say(&there, 200, told.clone());
        // Nobody speaks for another.
        let answer = client.post(&here, json!({ "on_behalf": on_behalf("operator") })).await;
        assert_eq!((answer.status, answer.body), (200, told));
        let by = json!({ "on_behalf": on_behalf("administrator") });
        assert_eq!(stage.daemon.asked(&there), [by]);
        let of = |result: &str| (json!(result), json!("administrator"));
        assert_eq!(stage.trail(&format!("POST {here}")), [of("done"), of("begun")]);
    }
    let page = client.get("/api/audit").await.body;
    let records = page["records"].as_array().unwrap();
    let noted: Vec<_> = records.iter().map(|record| &record["after"]["coming"]).collect();
    assert!(noted.contains(&&json!(COMING)), "{records:?}");
}

const COMING: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

#[tokio::test]
async fn a_renewal_that_is_refused_is_told_in_the_daemons_words() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    let refused = json!({
        "kind": "conflict",
        "message": "east knows the device by the coming key already",
        "way_out": "have the operator give the addresses back",
        "both": { "ja": "拠点 east は、もう新しい鍵で通信しています。", "en": "East speaks by it." },
    });
    for path in ["identity/renew", "identity/cancel-renewal"] {
        let (here, there) = (format!("/api/{path}"), format!("POST /v1/{path}"));
        stage.daemon.say(&there, 409, refused.clone());
        let answer = client.post(&here, json!({})).await;
        assert_eq!((answer.status, &answer.body), (409, &refused));
        let trail = stage.trail(&format!("POST {here}"));
        assert_eq!(trail[0], (json!("refused"), json!("administrator")));
    }
    // What can't be understood isn't taken for a key.
    stage.daemon.say("POST /v1/identity/renew", 200, json!({ "serial": "0123456789abcdef" }));
    let answer = client.post("/api/identity/renew", json!({})).await;
    assert_eq!((answer.status, answer.kind()), (502, "daemon-away"));
    assert_eq!(stage.trail("POST /api/identity/renew")[0].0, json!("failed"));
}

#[tokio::test]
async fn who_applied_arrives_at_the_new_address_once() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    stage.daemon.say("POST /v1/apply", 200, applied(2));
    for by in ["code", "token"] {
        let code = client.post("/api/apply", apply("a")).await.body["code"].clone();
        let right = if by == "code" { code } else { json!(TOKEN) };
        let mut arriving = stage.client();
        let mut wrong = json!({ "generation": 2 });
        wrong[by] = json!("nothing");
        assert_eq!(arriving.post("/api/arrive", wrong).await.kind(), "wrong");
        let mut shown = json!({ "generation": 2 });
        shown[by] = right;
        // The daemon says no: he may come again.
        let unproven = json!({ "kind": "unproven", "message": "not here" });
        stage.daemon.say("POST /v1/confirm", 403, unproven);
        assert_eq!(arriving.post("/api/arrive", shown.clone()).await.kind(), "unproven");
        assert!(arriving.cookie.is_none());
        stage.daemon.say("POST /v1/confirm", 200, json!({ "generation": 2 }));
        let arrived = arriving.post("/api/arrive", shown.clone()).await;
        assert_eq!((arrived.status, &arrived.body["user"]), (200, &json!("administrator")));
        assert_eq!(arriving.get("/api/session").await.status, 200);
        let of = |result: &str, user: Value| (json!(result), user);
        let user = json!("administrator");
        let done = [of("done", user.clone()), of("begun", user)];
        assert_eq!(stage.trail("POST /api/arrive")[..2], done);
        assert_eq!(stage.client().post("/api/arrive", shown).await.kind(), "conflict");
        let asked = stage.daemon.asked("POST /v1/confirm");
        assert_eq!(asked.last().unwrap()["shown"]["token"], TOKEN);
        assert_eq!(asked.last().unwrap()["on_behalf"], on_behalf("administrator"));
    }
    assert_eq!(stage.client().post("/api/arrive", json!({ "generation": 2 })).await.status, 400);
}

#[tokio::test]
async fn anybody_gets_the_certificate_to_trust() {
    let stage = Stage::new().await;
    let answer = stage.client().get("/api/ca.pem").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/x-pem-file");
}
