//! The programs of the box.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// How a program ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Its exit code; `None` where it didn't start, was killed, or took too long.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error, or why it didn't start.
    pub errors: String,
}

impl Outcome {
    /// Whether it did what it was asked.
    pub fn done(&self) -> bool {
        self.code == Some(0)
    }

    /// All that it said.
    pub(crate) fn said(&self) -> String {
        let parts = [self.output.trim_end(), self.errors.trim_end()];
        let mut said =
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        said.push('\n');
        said
    }
}

/// What runs programs, and waits.
pub trait System {
    /// Runs a program in a folder, and ends it where it takes longer than the limit.
    fn run(&mut self, program: &str, words: &[&str], folder: &Path, limit: Duration) -> Outcome;
    /// Runs a program that takes long, and tells each line that it writes, to either output, as it comes.
    fn follow(
        &mut self,
        program: &str,
        words: &[&str],
        folder: &Path,
        limit: Duration,
        tell: &mut dyn FnMut(&str),
    ) {
        tell(&self.run(program, words, folder, limit).said());
    }
    /// Lets time pass.
    fn wait(&mut self, time: Duration);
}

/// The box itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Box_;

/// More than any of our programs writes; the rest is thrown away.
const LONGEST: u64 = 1 << 20;

impl System for Box_ {
    fn run(&mut self, program: &str, words: &[&str], folder: &Path, limit: Duration) -> Outcome {
        let failed = |errors: String| Outcome { code: None, output: String::new(), errors };
        let started = Command::new(program)
            .args(words)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(fault) => return failed(format!("{program}: {fault}")),
        };
        let output = collect(child.stdout.take());
        let errors = collect(child.stderr.take());
        let code = wait(&mut child, limit);
        if code == Wait::TooLong {
            let _ = child.kill();
            let _ = child.wait();
        }
        let mut errors = errors.join().unwrap_or_default();
        if code == Wait::TooLong {
            errors.push_str(&too_long(program, limit));
        }
        let code = match code {
            Wait::Ended(code) => code,
            Wait::TooLong => None,
        };
        Outcome { code, output: output.join().unwrap_or_default(), errors }
    }

    fn follow(
        &mut self,
        program: &str,
        words: &[&str],
        folder: &Path,
        limit: Duration,
        tell: &mut dyn FnMut(&str),
    ) {
        let start = Instant::now();
        let (mut child, lines) = match start_with_lines(program, words, folder) {
            Ok(started) => started,
            Err(fault) => return tell(&format!("{program}: {fault}\n")),
        };
        loop {
            match lines.recv_timeout(limit.saturating_sub(start.elapsed())) {
                Ok(line) => tell(&line),
                Err(RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    tell(&too_long(program, limit));
                    break;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let _ = child.wait();
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time);
    }
}

fn too_long(program: &str, limit: Duration) -> String {
    format!("{program}: no answer within {} s; it was ended\n", limit.as_secs())
}

/// Starts a program whose lines come by a channel, which ends with the program.
fn start_with_lines(
    program: &str,
    words: &[&str],
    folder: &Path,
) -> io::Result<(Child, Receiver<String>)> {
    let (from, into) = io::pipe()?;
    let child = Command::new(program)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(into.try_clone()?)
        .stderr(into)
        .spawn()?;
    let (sender, lines) = channel();
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    Ok((child, lines))
}

#[derive(Debug, Eq, PartialEq)]
enum Wait {
    Ended(Option<i32>),
    TooLong,
}

fn wait(child: &mut Child, limit: Duration) -> Wait {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Wait::Ended(status.code()),
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(20)),
            Ok(None) | Err(_) => return Wait::TooLong,
        }
    }
}

/// Reads to the end, so that the program never waits for us, and keeps the beginning.
fn collect(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = from.by_ref().take(LONGEST).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str], limit: Duration) -> Outcome {
        Box_.run("sh", words, Path::new("/"), limit)
    }

    fn follow(program: &str, words: &[&str], limit: Duration) -> Vec<String> {
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        Box_.follow(program, words, Path::new("/"), limit, &mut tell);
        told
    }

    #[test]
    fn lines_are_told_as_they_come() {
        let mut came = Vec::new();
        let mut tell = |line: &str| came.push((line.to_owned(), Instant::now()));
        let script = "pwd; sleep 0.4; echo two >&2; printf three";
        Box_.follow("sh", &["-c", script], Path::new("/"), Duration::from_secs(10), &mut tell);
        let lines: Vec<_> = came.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(lines, ["/\n", "two\n", "three"]);
        assert!(came[1].1.duration_since(came[0].1) >= Duration::from_millis(300), "{came:?}");
    }

    #[test]
    fn what_is_followed_ends_in_time_and_says_why_it_does_not_start() {
        let told = follow("sh", &["-c", "echo one; exec sleep 60"], Duration::from_secs(1));
        assert_eq!(told, ["one\n", "sh: no answer within 1 s; it was ended\n"]);
        let told = follow("no-such-program", &[], Duration::from_secs(1));
        assert!(told.len() == 1 && told[0].starts_with("no-such-program: "), "{told:?}");
    }

    #[test]
    fn a_programs_words_and_code_come_back() {
        let outcome = run(&["-c", "echo one; echo two >&2; exit 3"], Duration::from_secs(10));
        assert_eq!(outcome.code, Some(3));
        assert_eq!(outcome.said(), "one\ntwo\n");
    }

    #[test]
    fn one_that_hangs_is_ended() {
        let start = Instant::now();
        let outcome = run(&["-c", "echo begun; exec sleep 60"], Duration::from_millis(300));
        assert!(start.elapsed() < Duration::from_secs(20));
        assert_eq!((outcome.code, outcome.output.as_str()), (None, "begun\n"));
        assert!(outcome.errors.contains("no answer within"), "{outcome:?}");
    }

    #[test]
    fn one_that_is_missing_says_so() {
        let outcome = Box_.run("no-such-program", &[], Path::new("/"), Duration::from_secs(1));
        assert_eq!(outcome.code, None);
        assert!(outcome.errors.starts_with("no-such-program: "), "{outcome:?}");
    }
}
