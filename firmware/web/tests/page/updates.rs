//! Updates that are sent, and what comes of them.

use std::{fs, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request,
    body::Bytes,
    header::{self, HeaderValue},
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, time::sleep};

use crate::{
    client::{Answer, Client},
    stage::{PATIENCE, Stage},
};

const PATH: &str = "/api/update/bundle?name=sekisho-sg115-0.2.0.raucb";

fn bundle() -> Vec<u8> {
    let mut bundle = b"hsqs".to_vec();
    bundle.resize(100_000, 0x5a);
    bundle
}

fn request(client: &Client, path: &str, bytes: Vec<u8>) -> Request<Full<Bytes>> {
    let mut request = client.request(&Method::PUT, path, None);
    let kind = HeaderValue::from_static("application/octet-stream");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    request.map(|_| Full::new(Bytes::from(bytes)))
}

async fn send(client: &Client, path: &str, bytes: Vec<u8>) -> Answer {
    client.send(request(client, path, bytes)).await
}

/// How the slots are, by the played daemon.
fn status() -> Value {
    json!({
        "firmware": {
            "version": "0.1.0", "kind": "development", "floor": "0.1.0",
            "slots": [
                { "name": "A", "runs": true, "good": true, "version": "0.1.0" },
                { "name": "B", "runs": false, "good": false },
            ],
            "last": {
                "version": "0.2.0", "from": "0.1.0",
                "went_back": { "ja": "トンネルがありません", "en": "no tunnel" },
            },
        },
    })
}

#[tokio::test]
async fn a_viewer_sees_how_the_slots_are() {
    let stage = Stage::new().await;
    stage.daemon.say("GET /v1/update", 200, status());
    let answer = stage.signed_in("viewer").await.get("/api/update").await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &status()));
    assert_eq!((answer.body.get("sent"), &answer.body["largest"]), (None, &json!(256 << 20)));
}

#[tokio::test]
async fn an_update_is_sent_and_installed_by_name() {
    let stage = Stage::new().await;
    stage.daemon.say("GET /v1/update", 200, status());
    stage.daemon.say("POST /v1/update/install", 200, status());
    let mut client = stage.signed_in("engineer").await;
    let wish = json!({ "restart": true, "token": "allow" });
    let answer = client.post("/api/update/install", wish.clone()).await;
    assert_eq!((answer.status, answer.kind()), (409, "conflict"), "nothing was sent");
    let sent = send(&client, PATH, bundle()).await;
    assert_eq!((sent.status, &sent.body["bytes"]), (200, &json!(100_000)), "{}", sent.body);
    assert_eq!(client.get("/api/update").await.body["sent"], sent.body);
    let kept = stage.folder.path().join("update/bundle.raucb");
    assert_eq!(fs::read(&kept).unwrap(), bundle());

    assert_eq!(client.post("/api/update/install", wish).await.status, 200);
    let on_behalf = json!({ "user": "engineer", "role": "engineer", "from": "127.0.0.1" });
    let asked = json!({ "restart": true, "token": "allow", "on_behalf": on_behalf });
    assert_eq!(stage.daemon.asked("POST /v1/update/install"), [asked]);
    let trail = stage.signed_in("administrator").await.get("/api/audit/export").await.text;
    let sha256 = sent.body["sha256"].as_str().unwrap();
    assert_eq!(trail.matches(&format!("sekisho-sg115-0.2.0.raucb sha256 {sha256}")).count(), 2);
    assert!(!trail.contains("allow"), "a token is nobody's but the box's");

    let given_up = client.request(&Method::DELETE, "/api/update/bundle", None);
    assert_eq!(client.send(given_up).await.status, 204);
    assert!(!kept.exists() && client.get("/api/update").await.body.get("sent").is_none());
}

#[tokio::test]
async fn what_is_refused_says_why_once_all_has_come() {
    let stage = Stage::new().await;
    let client = stage.signed_in("administrator").await;
    let name = PATH.replace("raucb", "zip");
    for (path, bytes, status, kind) in [
        (&*name, bundle(), 422, "no-update"),
        (PATH, vec![0x5a; 9_000_000], 422, "no-update"),
        ("/api/update/bundle", bundle(), 400, "malformed"),
        ("/api/update/bundle?name=a.raucb&x=1", bundle(), 400, "malformed"),
    ] {
        let answer = send(&client, path, bytes).await;
        assert_eq!((answer.status, answer.kind()), (status, kind), "{path}: {}", answer.body);
    }
    let json = client.request(&Method::PUT, PATH, Some(&json!({})));
    assert_eq!(client.send(json).await.status, 415, "a file comes as one");
    let mut file = request(&client, "/api/update/install", bundle());
    *file.method_mut() = Method::POST;
    assert_eq!(client.send(file).await.status, 415, "and nothing else does");
    assert_eq!(stage.trail("PUT /api/update/bundle")[0].0, json!("refused"));
}

#[tokio::test]
async fn whoever_hangs_up_leaves_nothing_and_makes_way() {
    let stage = Stage::new().await;
    let client = stage.signed_in("administrator").await;
    let folder = stage.folder.path().join("update");
    let part = folder.join("bundle.part");
    let mut stream = client.connect().await.unwrap();
    let (cookie, token) = (client.cookie.clone().unwrap(), client.token.clone().unwrap());
    let head = format!(
        "PUT {PATH} HTTP/1.1\r\nhost: sekisho\r\norigin: https://sekisho\r\ncookie: __Host-sekisho={cookie}\r\n\
         x-sekisho-token: {token}\r\ncontent-type: application/octet-stream\r\ncontent-length: 100000\r\n\r\nhsqs"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stage.until(|_| part.exists()).await;
    let busy = send(&client, PATH, bundle()).await;
    assert_eq!((busy.status, busy.kind()), (503, "busy"));
    drop(stream);
    stage.until(|_| !part.exists()).await;
    let mut sent = send(&client, PATH, bundle()).await;
    let end = tokio::time::Instant::now() + PATIENCE;
    while sent.status == 503 && tokio::time::Instant::now() < end {
        sleep(Duration::from_millis(20)).await;
        sent = send(&client, PATH, bundle()).await;
    }
    assert_eq!(sent.status, 200, "{}", sent.body);
    let trail = stage.trail("PUT /api/update/bundle");
    assert!(trail.iter().any(|(result, _)| *result == json!("refused")), "{trail:?}");
}

#[tokio::test]
async fn a_body_larger_than_memory_allows_comes_through() {
    let stage = Stage::new().await;
    let client = stage.signed_in("administrator").await;
    let mut bytes = bundle();
    // More than all bodies together may have in memory.
    bytes.resize(24 << 20, 0);
    let sent = send(&client, PATH, bytes).await;
    assert_eq!((sent.status, &sent.body["bytes"]), (200, &json!(24 << 20)), "{}", sent.body);
}
