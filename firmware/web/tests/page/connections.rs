//! Connections and certificates.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn another_generation_has_another_certificate() {
    let stage = Stage::new().await;
    let current = stage.app.certificates.current();
    assert!(current.names.hosts.contains("generation-1"), "{:?}", current.names);
    stage.daemon.generation.store(2, Ordering::SeqCst);
    stage.app.look();
    stage
        .until(|stage| stage.app.certificates.current().names.hosts.contains("generation-2"))
        .await;
    stage.app.look();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(stage.daemon.signed.load(Ordering::SeqCst), 2, "asked for once each");
    assert_eq!(stage.client().get("/").await.status, 200);
}

#[tokio::test]
async fn a_ca_taken_over_from_another_box_signs_at_once() {
    let stage = Stage::new().await;
    // It never speaks before: a session that goes on asks for no certificate.
    let replaced = stage.client();
    stage.daemon.take_another_ca();
    stage.app.look();
    stage.until(|stage| stage.daemon.signed.load(Ordering::SeqCst) == 2).await;
    let ca = stage.daemon.ca_pem();
    stage.until(|stage| stage.app.certificates.current().is_of(&ca)).await;
    assert_eq!(stage.client().get("/").await.status, 200, "who trusts the new one is served");
    assert!(replaced.connect().await.is_err(), "who trusts the one before isn't");
    stage.app.look();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(stage.daemon.signed.load(Ordering::SeqCst), 2, "asked for once each");
}

#[tokio::test]
async fn who_comes_too_often_loses_idle_connections_first() {
    let stage = Stage::new().await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(stage.address).await.unwrap());
    }
    assert_eq!(stage.client().get("/").await.status, 200);
    let mut gone = 0;
    for stream in &mut silent {
        let mut byte = [0];
        let read = timeout(Duration::from_millis(50), stream.read(&mut byte)).await;
        gone += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert!((1..=2).contains(&gone), "{gone}");
}

#[tokio::test]
async fn it_ends_in_good_order() {
    let stage = Stage::new().await;
    let mut idle = stage.client().connect().await.unwrap();
    idle.write_all(b"GET / HT").await.unwrap();
    stage.stop.send_replace(true);
    timeout(PATIENCE, stage.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(stage.address).await.is_err());
}

#[tokio::test]
async fn garbage_is_no_request() {
    let stage = Stage::new().await;
    for garbage in [&b"GET / HTTP/1.1\r\nHost: sekisho\r\n\r\n"[..], b"\x16\x03\x01\x00\x00", b"\0"]
    {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        assert!(!answer.starts_with(b"HTTP"));
    }
    let mut stream = stage.client().connect().await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: sekisho\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
}
