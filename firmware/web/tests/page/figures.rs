//! Figures for a collector: plain HTTP, one path, few at a time.

use std::{net::SocketAddr, time::Duration};

use sekisho_web::metrics;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

use crate::stage::{PATIENCE, Stage};

/// The figures' port beside the page's.
async fn served(page: &Stage) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(metrics::serve(listener, page.app.daemon.clone(), stopped));
    (address, stop)
}

async fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    // It ends by itself: a connection answers one request.
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn what_the_daemon_says_is_told_as_figures_and_is_good_for_a_while() {
    let page = Stage::new().await;
    let (address, _stop) = served(&page).await;
    let health =
        json!({ "level": "ok", "at": "2026-04-01T00:00:00Z", "troubles": [], "history": [] });
    page.daemon.say("GET /v1/health", 200, health);
    let answer = ask(address, "GET /metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    for sample in ["sekisho_up 1", "sekisho_health{level=\"ok\"} 1", "sekisho_time_synchronised 1"]
    {
        assert!(answer.contains(&format!("\n{sample}\n")), "no {sample} in {answer}");
    }
    // What the daemon refuses is left out.
    assert!(!answer.contains("sekisho_connections"), "{answer}");
    for _ in 0..3 {
        ask(address, "GET /metrics").await;
    }
    assert_eq!(page.daemon.asked("GET /v1/traffic").len(), 1);
}

#[tokio::test]
async fn nothing_of_the_page_is_there() {
    let page = Stage::new().await;
    let (address, _stop) = served(&page).await;
    for (head, status) in [
        ("GET /", 404),
        ("GET /api/status", 404),
        ("GET /v1/status", 404),
        ("POST /metrics", 405),
        ("DELETE /metrics", 405),
    ] {
        let answer = ask(address, head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    }
}

#[tokio::test]
async fn whoever_says_nothing_holds_no_more_than_his_places() {
    let page = Stage::new().await;
    let (address, stop) = served(&page).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // Half of them were sent away.
    let mut ended = 0;
    for stream in &mut silent {
        let mut byte = [0];
        if let Ok(read) = timeout(Duration::from_millis(500), stream.read(&mut byte)).await {
            assert_eq!(read.unwrap_or(0), 0);
            ended += 1;
        }
    }
    assert_eq!(ended, 4);
    silent.clear();
    assert!(ask(address, "GET /metrics").await.contains("sekisho_up 1"));
    stop.send_replace(true);
    timeout(PATIENCE, async { while TcpStream::connect(address).await.is_ok() {} }).await.unwrap();
}
