//! `sekisho self-test`, `health` and `support-bundle` against a daemon that always tells the same.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use flate2::read::GzDecoder;
use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use sekisho_control::{
    Failure, FailureKind, Health, Level, SelfTestEvent, SelfTestReport, SelfTestWish, Verdict,
};
use tempfile::TempDir;

#[path = "common/report.rs"]
mod sample;

/// How long the program may take for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon on a socket in a folder of its own, and what it was asked to do.
struct Daemon {
    folder: TempDir,
    wishes: Arc<Mutex<Vec<SelfTestWish>>>,
}

/// What it does.
#[derive(Clone)]
struct Habits {
    report: SelfTestReport,
    level: Level,
    /// It dies in the middle of a test.
    dies: bool,
    /// A body by path, before everything else.
    tells: BTreeMap<&'static str, String>,
}

impl Default for Habits {
    fn default() -> Self {
        let (report, level) = (sample::report(), Level::Ok);
        Self { report, level, dies: false, tells: BTreeMap::new() }
    }
}

impl Daemon {
    fn with(habits: Habits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let wishes = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&wishes);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &habits, &heard);
            }
        });
        Self { folder, wishes }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C");
        command.current_dir(self.folder.path());
        command.arg("--socket").arg(self.folder.path().join("control.sock")).args(words);
        command
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

/// Answers one request and closes.
fn answer(mut stream: UnixStream, habits: &Habits, wishes: &Mutex<Vec<SelfTestWish>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let report = &habits.report;
    // Whoever asked may have gone.
    let _ = if first.starts_with("POST /v1/self-test ") {
        let wish: SelfTestWish = serde_json::from_slice(&body).unwrap();
        if wish.only.iter().any(|id| id == "nothing") {
            let failure = Failure {
                kind: FailureKind::Malformed,
                message: "there is no check 'nothing'".to_owned(),
                way_out: Some("see the names in a report".to_owned()),
                both: None,
                problems: Vec::new(),
            };
            reply(&mut stream, "400 Bad Request", &serde_json::to_string(&failure).unwrap())
        } else {
            wishes.lock().unwrap().push(wish);
            test(&mut stream, habits)
        }
    } else if let Some(told) = habits.tells.get(path) {
        reply(&mut stream, "200 OK", told)
    } else if path == "/v1/self-test" {
        reply(&mut stream, "200 OK", &serde_json::to_string(report).unwrap())
    } else if path == "/v1/health" {
        let health = Health {
            level: habits.level,
            at: report.ended,
            first_cause: report.first_cause.clone(),
            troubles: Vec::new(),
            history: Vec::new(),
        };
        reply(&mut stream, "200 OK", &serde_json::to_string(&health).unwrap())
    } else {
        let failure = Failure {
            kind: FailureKind::Device,
            message: "password: hunter2".to_owned(),
            way_out: None,
            both: None,
            problems: Vec::new(),
        };
        reply(&mut stream, "500 Internal Server Error", &serde_json::to_string(&failure).unwrap())
    };
}

fn reply(stream: &mut UnixStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// A test as it happens, in chunks that end within lines.
fn test(stream: &mut UnixStream, habits: &Habits) -> std::io::Result<()> {
    let report = &habits.report;
    let checks = report.outcomes.iter().map(|outcome| outcome.check.clone()).collect();
    let mut events = vec![SelfTestEvent::Begun { checks, seconds_left: 30 }];
    for outcome in &report.outcomes {
        events.push(SelfTestEvent::Started { id: outcome.check.id.clone() });
        let outcome = Box::new(outcome.clone());
        events.push(SelfTestEvent::Ended { outcome, seconds_left: 5 });
    }
    if !habits.dies {
        events.push(SelfTestEvent::Finished { report: Box::new(report.clone()) });
    }
    let lines: String =
        events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n")?;
    write!(stream, "transfer-encoding: chunked\r\n\r\n")?;
    for chunk in lines.as_bytes().chunks(997) {
        write!(stream, "{:x}\r\n", chunk.len())?;
        stream.write_all(chunk)?;
        write!(stream, "\r\n")?;
    }
    write!(stream, "0\r\n\r\n")
}

#[test]
fn a_test_shows_progress_then_the_tree_and_its_exit_code_tells_how_it_came_out() {
    let daemon = Daemon::with(Habits::default());
    let (code, text, errors) = daemon.run(&["self-test", "--test-number", "2026-0142"]);
    assert_eq!(code, Some(1), "{errors}");
    let count = daemon_checks();
    assert!(
        errors.starts_with(&format!("[1/{count}] OK   Design valid and in force\n")),
        "{errors}"
    );
    assert_eq!(errors.lines().count(), count + 1);
    let last = errors.lines().last().unwrap();
    assert!(
        last.starts_with("sekisho: a check failed; to mend first: Resolver 100.72.0.53"),
        "{last}"
    );
    assert!(text.contains("To mend first: ") && text.ends_with(" 2 not run\n"), "{text}");
    assert!(!text.contains('\x1b') && !errors.contains('\x1b'));
    let wish = daemon.wishes.lock().unwrap()[0].clone();
    assert_eq!(wish.test_number, Some("2026-0142".parse().unwrap()));
    assert!(!wish.disturb && wish.stages.is_empty() && wish.only.is_empty());
    let mut habits = Habits::default();
    habits.report.verdict = Verdict::Warned;
    let daemon = Daemon::with(habits);
    let (code, _, errors) = daemon.run(&["self-test", "--stage", "lgwan", "--stage", "dial-back"]);
    assert_eq!(code, Some(0), "{errors}");
    let wish = serde_json::to_value(&daemon.wishes.lock().unwrap()[0]).unwrap();
    assert_eq!(wish["stages"], serde_json::json!(["lgwan", "dial-back"]));
}

fn daemon_checks() -> usize {
    sample::report().outcomes.len()
}

#[test]
fn as_json_it_is_one_value_without_progress_and_reports_are_written_besides() {
    let daemon = Daemon::with(Habits::default());
    let (code, json, errors) =
        daemon.run(&["self-test", "--format", "json", "--report", "device.json"]);
    assert_eq!(code, Some(1));
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert_eq!(serde_json::from_str::<SelfTestReport>(&json).unwrap(), sample::report());
    assert_eq!(daemon.file("device.json"), json);
    let (_, page, errors) =
        daemon.run(&["self-test", "--last", "--format", "html", "--report", "report.HTML"]);
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert_eq!(daemon.file("report.HTML"), page);
    assert!(page.contains("<html lang=\"ja\">"), "the paper is Japanese whatever the locale");
    let mode = fs::metadata(daemon.folder.path().join("report.HTML")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    // To be looked at, and printed.
    let seen = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::write(seen.join("self-test-report.html"), &page).unwrap();
    let (_, tree, _) = daemon.run(&["self-test", "--last", "--lang", "ja"]);
    fs::write(seen.join("self-test-report.txt"), tree).unwrap();
    let (_, english, _) = daemon.run(&["self-test", "--last", "--format", "html", "--lang", "en"]);
    assert!(english.contains("<html lang=\"en\">"));
    assert_eq!(daemon.wishes.lock().unwrap().len(), 1, "the last report is no test");
    fs::write(
        daemon.folder.path().join("far.json"),
        serde_json::to_vec(&sample::far_half()).unwrap(),
    )
    .unwrap();
    let words = ["self-test", "merge", "device.json", "far.json"];
    let (code, text, errors) = daemon.run(&words);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(text.ends_with("Both sides agree.\n"), "{text}");
    let (code, page, _) =
        daemon.run(&[&words[..], &["--format", "html", "--report", "both.json"]].concat());
    assert_eq!(code, Some(0));
    assert!(page.contains("双方の突合せ") && daemon.file("both.json").contains("disagreements"));
    let (code, _, errors) = daemon.run(&["self-test", "merge", "far.json", "device.json"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("name the device's report first"), "{errors}");
}

#[test]
fn what_disturbs_takes_an_agreement_and_what_goes_wrong_is_named() {
    let daemon = Daemon::with(Habits::default());
    for words in [&["--stage", "load"][..], &["--disturb"], &["--only", "load.up"]] {
        let (code, _, errors) = daemon.run(&[&["self-test"], words].concat());
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains("agree to it in advance: --yes"), "{errors}");
    }
    assert!(daemon.wishes.lock().unwrap().is_empty());
    let (code, _, _) = daemon.run(&["self-test", "--stage", "load", "--yes"]);
    assert_eq!(code, Some(1));
    assert!(daemon.wishes.lock().unwrap()[0].disturb);
    for (words, code, says) in [
        (
            &["self-test", "--only", "nothing"][..],
            2,
            "there is no check 'nothing'\n  see the names",
        ),
        (&["self-test", "--report", "a.pdf"], 2, "ends in .json or .html"),
        (&["self-test", "--test-number", "a b"], 2, "no test number"),
        (&["self-test", "--last", "--yes"], 2, "cannot be used with"),
        (&["self-test", "--format", "csv"], 2, "'self-test' html"),
        (&["health", "--format", "html"], 2, "'self-test' html"),
        (&["self-test", "--report", "no/such/folder/a.json"], 2, "no/such/folder"),
    ] {
        let (got, _, errors) = daemon.run(words);
        assert_eq!(got, Some(code), "{words:?}: {errors}");
        assert!(errors.contains(says), "{words:?}: {errors}");
    }
    assert_eq!(daemon.wishes.lock().unwrap().len(), 1, "a report without a place costs no test");
    let dying = Daemon::with(Habits { dies: true, ..Habits::default() });
    let (code, _, errors) = dying.run(&["self-test"]);
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("the test broke off before its end"), "{errors}");
    fs::remove_file(dying.folder.path().join("control.sock")).unwrap();
    let (code, _, errors) = dying.run(&["self-test"]);
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("start sekishod"), "{errors}");
}

#[test]
fn health_is_an_exit_code() {
    for (level, wanted) in [(Level::Ok, 0), (Level::Degraded, 8), (Level::Down, 9)] {
        let daemon = Daemon::with(Habits { level, ..Habits::default() });
        let (code, text, _) = daemon.run(&["health"]);
        assert_eq!(code, Some(wanted), "{text}");
        let (code, json, _) = daemon.run(&["health", "--format", "json"]);
        assert_eq!(code, Some(wanted));
        assert_eq!(serde_json::from_str::<Health>(&json).unwrap().level, level);
    }
}

#[test]
fn a_bundle_is_made_without_a_daemon_too() {
    let daemon = Daemon::with(Habits::default());
    fs::remove_file(daemon.folder.path().join("control.sock")).unwrap();
    let (code, text, errors) = daemon.run(&["support-bundle", "--output", "b.tar.gz"]);
    assert_eq!((code, &*errors), (Some(0), ""), "{text}");
    assert_eq!(text.matches("can't reach the daemon").count(), 8, "{text}");
    assert!(daemon.folder.path().join("b.tar.gz").exists());
}

#[test]
fn a_bundle_is_made_whatever_the_daemon_says_and_only_its_owner_reads_it() {
    let tells = BTreeMap::from([
        ("/v1/traffic", r#"{"rows": [], "password": "hunter2"}"#.to_owned()),
        ("/v1/names", r#"{"note": "secret=hunter2"}"#.to_owned()),
    ]);
    let daemon = Daemon::with(Habits { tells, ..Habits::default() });
    let (code, text, errors) = daemon.run(&["support-bundle", "--output", "b.tar.gz"]);
    assert_eq!((code, &*errors), (Some(0), ""), "{text}");
    assert!(text.contains("keys and passwords are removed"), "{text}");
    assert!(text.contains("no status.json: password: [removed]"), "{text}");
    let path = daemon.folder.path().join("b.tar.gz");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut archive = tar::Archive::new(GzDecoder::new(fs::File::open(path).unwrap()));
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned());
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert!(!text.contains("hunter2"), "{names:?}: {text}");
    }
    for name in ["report.json", "health.json", "traffic.json", "enquiry.txt", "manifest.json"] {
        assert!(names.iter().any(|packed| packed == name), "{name}: {names:?}");
    }
    let (code, json, _) = daemon.run(&["support-bundle", "--format", "json"]);
    assert_eq!(code, Some(0));
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    let path = told["path"].as_str().unwrap();
    assert!(path.starts_with("sekisho-support-unknown-"), "{path}");
    assert!(daemon.folder.path().join(path).exists());
}

/// Runs it on a terminal of 60 columns, and types this once it asks: what it showed, and its exit code.
fn on_a_terminal(daemon: &Daemon, words: &[&str], typed: &str) -> (Option<i32>, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let size = Winsize { ws_row: 24, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&slave, size).unwrap();
    let stdio = || Stdio::from(slave.try_clone().unwrap());
    let mut command = daemon.command(words);
    let mut child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
    // With the last of these gone, the terminal's other end is read to its end.
    drop((command, slave));
    let (shown, pieces) = mpsc::channel();
    let mut keyboard = File::from(master.try_clone().unwrap());
    let mut screen = File::from(master);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = screen.read(&mut buffer) {
            let _ = shown.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
    });
    let (mut text, mut asked) = (String::new(), false);
    loop {
        match pieces.recv_timeout(PATIENCE) {
            Ok(piece) => text += &piece,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("it doesn't end: {text}"),
        }
        if !asked && text.contains("[y/N]") {
            asked = true;
            keyboard.write_all(typed.as_bytes()).unwrap();
        }
    }
    (child.wait().unwrap().code(), text)
}

#[test]
fn on_a_terminal_it_asks_before_it_disturbs_and_shows_one_line_that_changes() {
    let daemon = Daemon::with(Habits::default());
    for refusal in ["\n", "n\n"] {
        let (code, text) = on_a_terminal(&daemon, &["self-test", "--disturb"], refusal);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("disturbs traffic for up to 3 s: go on? [y/N]"), "{text}");
        assert!(text.contains("nothing was tested"), "{text}");
    }
    assert!(daemon.wishes.lock().unwrap().is_empty());
    let (code, text) = on_a_terminal(&daemon, &["self-test", "--disturb"], "y\n");
    assert_eq!(code, Some(1), "{text}");
    assert!(daemon.wishes.lock().unwrap()[0].disturb);
    let (live, report) = text.split_once("Self-test\r\n").expect("the report");
    let count = daemon_checks();
    assert!(live.contains(&format!("\r[0/{count}] at most 30 s left  Design valid")), "{live}");
    assert!(live.contains(&format!("\r[{count}/{count}] at most 5 s left")), "{live}");
    let widest = live.split('\r').map(|line| line.trim_end_matches("\x1b[K").chars().count()).max();
    assert!(widest < Some(60), "{widest:?}");
    assert!(live.ends_with("\r\x1b[K"), "the line goes before the report comes: {live:?}");
    assert!(!report.contains('\x1b'), "{report}");
}
