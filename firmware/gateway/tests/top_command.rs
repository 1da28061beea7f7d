//! `sekisho top` against a daemon that always tells the same: once, as JSON, and on a terminal.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::{fd::OwnedFd, unix::net::UnixListener},
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use sekisho_control::{ConnectionTable, Fullness, RowKind, RowTraffic, Tally, Traffic};
use tempfile::TempDir;

/// How long the program may take for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn traffic() -> Traffic {
    let row = |kind, name: &str, bytes| RowTraffic {
        kind,
        name: name.parse().unwrap(),
        lan: None,
        environment: None,
        class: None,
        until: None,
        up: Tally { packets: 7, bytes },
        down: Tally::default(),
        opened: 3,
        refused: None,
    };
    Traffic {
        rows: vec![row(RowKind::Server, "juki", 10), row(RowKind::Terminals, "counter", 2000)],
        hosts: Vec::new(),
        hosts_left_out: 0,
        napt: Vec::new(),
        connections: Some(ConnectionTable { count: 8, most: 10, fullness: Fullness::Near }),
    }
}

/// Answers every request, as long as the test runs.
fn daemon() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("control.sock")).unwrap();
    let body = serde_json::to_string(&traffic()).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            assert!(first.starts_with("GET /v1/traffic "), "{first}");
            let length = body.len();
            // Whoever asked may have gone.
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    folder
}

fn sekisho(folder: &TempDir, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C");
    command.arg("--socket").arg(folder.path().join("control.sock")).arg("top").args(words);
    command
}

fn run(folder: &TempDir, words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = sekisho(folder, words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn away_from_a_terminal_it_is_printed_once() {
    let folder = daemon();
    let (code, text, errors) = run(&folder, &[]);
    assert_eq!((code, &*errors), (Some(0), ""));
    let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("no {word}: {text}"));
    assert!(at("counter") < at("juki"), "the most comes first: {text}");
    assert!(text.starts_with("connections 8 of 10 (80 %)  NEARLY FULL\n"), "{text}");
    assert!(at("up B") < at("host "), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
    let (_, rows, _) = run(&folder, &["--once", "--rows", "--lang", "ja"]);
    assert!(rows.contains("接続 8 / 10（80 %）") && !rows.contains("端末・サーバ"), "{rows}");
    let (code, json, _) = run(&folder, &["--format", "json", "--hosts"]);
    assert_eq!(code, Some(0));
    assert_eq!(serde_json::from_str::<Traffic>(&json).unwrap(), traffic());
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let folder = daemon();
    for (words, says) in [
        (&["--hosts", "--sort", "connections"][..], "hosts can't be sorted by them"),
        (&["--hosts", "--rows"], "cannot be used with"),
        (&["--interval", "0"], "0 is not in 1..=3600"),
        (&["--sort", "name"], "invalid value 'name'"),
        (&["--format", "csv"], "only 'ledger' and 'sheet'"),
    ] {
        let (code, _, errors) = run(&folder, words);
        assert_eq!(code, Some(2), "{words:?}: {errors}");
        assert!(errors.contains(says), "{words:?}: {errors}");
    }
    let nobody = tempfile::tempdir().unwrap();
    let (code, _, errors) = run(&nobody, &["--once"]);
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("start sekishod"), "{errors}");
}

/// The two ends of a terminal of 80 columns and 12 lines.
fn terminal() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let size = Winsize { ws_row: 12, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&slave, size).unwrap();
    (master, slave)
}

#[test]
fn on_a_terminal_it_is_live_until_a_key_ends_it_and_leaves_everything_as_it_was() {
    let folder = daemon();
    for key in [b"q", b"\x03"] {
        let (master, slave) = terminal();
        let before = tcgetattr(&slave).unwrap();
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        let mut command = sekisho(&folder, &["--interval", "1"]);
        let mut child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        drop(command);
        let (shown, screens) = mpsc::channel();
        let mut reader = File::from(master.try_clone().unwrap());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let _ = shown.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
        });
        let mut text = String::new();
        let mut wait_for = |what: &str| {
            while !text.contains(what) {
                text += &screens.recv_timeout(PATIENCE).expect(what);
            }
        };
        wait_for("up b/s");
        let during = tcgetattr(&slave).unwrap().local_modes;
        assert!(!during.intersects(LocalModes::ICANON | LocalModes::ECHO), "{during:?}");
        // The second look has rates; nothing moved.
        wait_for("        0        0        0");
        let mut keyboard = File::from(master);
        keyboard.write_all(key).unwrap();
        wait_for("\x1b[?1049l");
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it doesn't end");
            thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}: {text}");
        assert_eq!(tcgetattr(&slave).unwrap().local_modes, before.local_modes);
        assert!(text.contains("\x1b[?1049h") && text.contains("q ends it"), "{text}");
    }
}
