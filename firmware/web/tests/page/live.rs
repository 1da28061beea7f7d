//! What the page shows as it happens.

use http_body_util::BodyExt as _;
use hyper::{Method, body::Incoming, header};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    client::Client,
    stage::{PATIENCE, Stage},
};

struct Events {
    body: Incoming,
    text: String,
}

impl Events {
    async fn listen(client: &Client) -> Self {
        let request = client.request(&Method::GET, "/api/live", None);
        let answer = client.sender().await.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { body: answer.into_body(), text: String::new() }
    }

    /// Waits until the text of an event has come.
    async fn until(&mut self, text: &str) {
        let wait = async {
            while !self.text.contains(text) {
                let frame = self.body.frame().await.expect("the stream goes on").unwrap();
                self.text += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {text} in {}", self.text));
    }

    async fn end(mut self) {
        let wait = async { while let Some(Ok(_)) = self.body.frame().await {} };
        timeout(PATIENCE, wait).await.unwrap();
    }
}

#[tokio::test]
async fn listeners_get_status_health_and_traffic() {
    let stage = Stage::new().await;
    let client = stage.signed_in("viewer").await;
    stage.daemon.say("GET /v1/health", 200, json!({ "level": "ok" }));
    let mut events = Events::listen(&client).await;
    events.until("event: status\ndata: {").await;
    events.until("event: health\ndata: {\"level\":\"ok\"}\n").await;
    events.until("event: traffic\ndata: {\"at\":").await;
    let history = client.get("/api/history?span=day").await.body;
    assert_eq!(history["step_s"], 120);
    assert_eq!(history["points"][0]["up_bps"], 0);
    assert_eq!(client.get("/api/history").await.body["step_s"], 5);
    assert_eq!(client.get("/api/history?span=year").await.kind(), "malformed");
    std::fs::remove_file(stage.folder.path().join("control.sock")).unwrap();
    events.until("event: daemon-away\ndata: {\"kind\":\"daemon-away\"").await;
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let stage = Stage::new().await;
    let client = stage.signed_in("viewer").await;
    let mut events = Events::listen(&client).await;
    let mut other = Events::listen(&stage.signed_in("operator").await).await;
    events.until("event: status").await;
    stage.app.sessions.end_all_of("viewer", None);
    events.end().await;
    other.text.clear();
    other.until("event: traffic").await;
}

#[tokio::test]
async fn one_look_serves_all_listeners() {
    let stage = Stage::new().await;
    let client = stage.signed_in("viewer").await;
    stage.daemon.say("GET /v1/health", 200, json!({ "level": "ok" }));
    for _ in 0..5 {
        let mut events = Events::listen(&client).await;
        events.until("event: health").await;
    }
    let looks = stage.daemon.asked("GET /v1/health").len();
    assert!(looks <= 2, "{looks}");
}
