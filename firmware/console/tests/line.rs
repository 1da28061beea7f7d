//! The program at a real terminal line, with programs of a box that write down what they were asked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

const PATIENCE: Duration = Duration::from_secs(30);

/// The console on a pseudo-terminal.
struct Session {
    line: File,
    heard: Receiver<Vec<u8>>,
    seen: String,
    console: Child,
}

impl Session {
    fn start(root: &Path) -> Self {
        let line = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&line).unwrap();
        unlockpt(&line).unwrap();
        let name = ptsname(&line, Vec::new()).unwrap().into_string().unwrap();
        let end = || File::options().read(true).write(true).open(&name).unwrap();
        let path = format!("{}:/usr/bin:/bin", root.join("bin").display());
        let console = Command::new(env!("CARGO_BIN_EXE_sekisho-console"))
            .args(["--lang", "en", "--root"])
            .arg(root)
            .env("PATH", path)
            .stdin(Stdio::from(end()))
            .stdout(Stdio::from(end()))
            .spawn()
            .unwrap();
        let line = File::from(line);
        let mut listener = line.try_clone().unwrap();
        let (says, heard) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = listener.read(&mut bytes) {
                if says.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { line, heard, seen: String::new(), console }
    }

    fn types(&mut self, bytes: &[u8]) {
        self.line.write_all(bytes).unwrap();
    }

    /// Waits for words, and takes all up to them.
    fn expect(&mut self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(words) {
                return self.seen.drain(..at + words.len()).collect();
            }
            let left = end.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.heard.recv_timeout(left) else {
                panic!("no '{words}' in\n{}", self.seen)
            };
            self.seen += &String::from_utf8_lossy(&bytes);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.console.kill();
        let _ = self.console.wait();
    }
}

/// A box whose programs write their command lines to a file and say their own name.
fn a_box() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["bin", "boot/state", "run/sekisho-box", "var/lib/sekisho-box"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    let ran = root.path().join("ran");
    for program in ["sekisho", "sekisho-ports", "systemctl"] {
        let path = root.path().join("bin").join(program);
        let ran = ran.display();
        let script =
            format!("#!/bin/sh\necho {program} \"$@\" >>{ran}\necho {program} says 状態\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    root
}

const MENU: &str = "J 日本語\r\n> ";

#[test]
fn a_person_logs_in_at_the_line() {
    let root = a_box();
    let mut session = Session::start(root.path());
    let greeting = session.expect(MENU);
    let (_, password) = greeting.split_once("initial password: ").unwrap();
    let password = password.lines().next().unwrap().to_owned();

    // Backspace takes back a whole letter of Japanese; carriage return ends the line.
    session.types("本\u{7f}1\r".as_bytes());
    session.expect("sekisho says 状態");
    session.expect(MENU);

    // Ctrl-C leads back, in the middle of a word too.
    session.types(b"7\r");
    session.expect("(y/N)? ");
    session.types(b"ye\x03");
    session.expect(MENU);
    assert!(!root.path().join("boot/state/factory-reset").exists());

    session.types(b"l\r");
    session.expect("password: ");
    session.types(format!("{password}\r").as_bytes());
    let shown = session.expect("sekisho> ");
    assert!(!shown.contains(&password), "the password was echoed: {shown}");
    session.types(b"history --lang ja\r");
    session.expect("sekisho says");
    session.expect("sekisho> ");
    session.types(b"exit\r");
    let greeting = session.expect(MENU);
    assert!(!greeting.contains("initial password"), "it was used: {greeting}");

    session.types(&[0xff, 0xfe, 0x1b, b'[', b'A', b'\r']);
    session.expect("no such item");
    session.types(&[b'x'; 3_000]);
    session.types(b"\r");
    session.expect("no such item");
    session.expect(MENU);
    let ran = fs::read_to_string(root.path().join("ran")).unwrap();
    assert!(ran.contains("sekisho --lang en history --lang ja\n"), "{ran}");
}

#[test]
fn a_factory_reset_leaves_its_mark_and_restarts() {
    let root = a_box();
    let mut session = Session::start(root.path());
    session.expect(MENU);
    for (line, question) in [("7", "(y/N)? "), ("y", "to erase: "), ("ERASE", "Restarting.")] {
        session.types(format!("{line}\r").as_bytes());
        session.expect(question);
    }
    let asked = fs::read_to_string(root.path().join("boot/state/factory-reset")).unwrap();
    assert_eq!(asked, "asked for\n");
    let ran = fs::read_to_string(root.path().join("ran")).unwrap();
    assert!(ran.ends_with("systemctl reboot\n"), "{ran}");
}

#[test]
fn a_dropped_line_ends_the_program() {
    let root = a_box();
    let mut session = Session::start(root.path());
    session.expect(MENU);
    // End of file: Ctrl-D on an empty line.
    session.types(&[4]);
    let end = Instant::now() + PATIENCE;
    while session.console.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it doesn't end");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(session.console.wait().unwrap().success());
}
