use std::path::PathBuf;

use futures_util::StreamExt as _;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
    sync::mpsc,
    time::timeout,
};

use super::*;
use crate::answer::RefusalKind;

const SOON: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_secs(20);

/// A daemon that answers every connection with these parts, each when it is told to, and then hangs up.
fn played(folder: &TempDir, mut parts: mpsc::UnboundedReceiver<Vec<u8>>) -> PathBuf {
    let socket = folder.path().join("control.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).await.unwrap() > 0);
        while let Some(part) = parts.recv().await {
            if stream.write_all(&part).await.is_err() {
                break;
            }
        }
    });
    socket
}

/// A daemon and what its next parts are told by.
fn daemon(first: &str) -> (Daemon, mpsc::UnboundedSender<Vec<u8>>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (tell, parts) = mpsc::unbounded_channel();
    tell.send(first.as_bytes().to_vec()).unwrap();
    let socket = played(&folder, parts);
    (Daemon::new(&socket).patience(SOON), tell, folder)
}

fn kind(fault: &Fault) -> (u16, RefusalKind) {
    let refusal = fault.refusal();
    assert!(refusal.both.is_some());
    (refusal.status.as_u16(), refusal.kind)
}

#[tokio::test]
async fn what_the_daemon_says_goes_on_as_it_is() {
    for (head, status) in [("200 OK", 200), ("409 Conflict", 409)] {
        let text = format!("HTTP/1.1 {head}\r\ncontent-length: 9\r\n\r\n{{\"a\": 1 }}");
        let text = text.replace("{\"a\": 1 }", "{\"a\": 1}\n");
        let (daemon, _tell, _folder) = daemon(&text);
        let answer = daemon.get("/v1/status").await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_ref()), (status, &b"{\"a\": 1}\n"[..]));
        let response = answer.into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }
}

#[tokio::test]
async fn nobody_there_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::new(&folder.path().join("none"));
    let fault = daemon.get("/v1/status").await.unwrap_err();
    assert!(matches!(fault, Fault::Unreachable(_)));
    assert_eq!(kind(&fault), (502, RefusalKind::DaemonAway));
    assert!(fault.refusal().way_out.is_some());
}

#[tokio::test]
async fn silence_and_noise_are_no_answer_either() {
    let silent = ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{"];
    for text in silent {
        let (daemon, _tell, _folder) = daemon(text);
        let fault = daemon.post("/v1/apply", "{}").await.unwrap_err();
        assert!(matches!(fault, Fault::Silent), "{fault}");
        assert_eq!(kind(&fault), (502, RefusalKind::DaemonAway));
    }
    let noise = ["SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{", ""];
    for text in noise {
        let (daemon, tell, _folder) = daemon(text);
        drop(tell);
        let fault = daemon.get("/v1/status").await.unwrap_err();
        assert!(matches!(fault, Fault::Garbled(_)), "{fault}");
        assert_eq!(kind(&fault), (502, RefusalKind::DaemonAway));
    }
}

#[tokio::test]
async fn an_answer_too_large_is_given_up() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", LARGEST + 1);
    let (daemon, tell, _folder) = daemon(&head);
    tell.send(vec![b' '; LARGEST + 1]).unwrap();
    let daemon = daemon.patience(LATE);
    let fault = daemon.get("/v1/status").await.unwrap_err();
    assert!(matches!(fault, Fault::Garbled(_)), "{fault}");
}

#[tokio::test]
async fn questions_wait_for_a_place_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::new(&folder.path().join("none")).patience(SOON);
    let places = daemon.at_once.clone().acquire_many_owned(8).await.unwrap();
    let fault = daemon.get("/v1/status").await.unwrap_err();
    assert_eq!(kind(&fault), (503, RefusalKind::Busy));
    drop(places);
    assert_eq!(kind(&daemon.get("/v1/status").await.unwrap_err()), (502, RefusalKind::DaemonAway));
}

const BEGUN: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_stream_goes_through_line_by_line() {
    let (daemon, tell, _folder) = daemon(BEGUN);
    let response = daemon.patience(LATE).stream("/v1/self-test", Bytes::new()).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    let mut parts = response.into_body().into_data_stream();
    for line in ["{}\n", "[]\n"] {
        tell.send(format!("3\r\n{line}\r\n").into_bytes()).unwrap();
        let part = timeout(LATE, parts.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(part, line);
    }
    tell.send(b"0\r\n\r\n".to_vec()).unwrap();
    assert!(timeout(LATE, parts.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_stream_that_stops_breaks_off() {
    for hangs_up in [false, true] {
        let (daemon, tell, _folder) = daemon(BEGUN);
        let response = daemon.stream("/v1/self-test", Bytes::new()).await.unwrap();
        let mut parts = response.into_body().into_data_stream();
        let _kept = (!hangs_up).then_some(tell);
        assert!(timeout(LATE, parts.next()).await.unwrap().unwrap().is_err());
    }
}

#[tokio::test]
async fn a_stream_that_is_refused_is_a_refusal() {
    let (daemon, _tell, _folder) = daemon("HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\n{}");
    let response = daemon.stream("/v1/self-test", Bytes::new()).await.unwrap();
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
}
