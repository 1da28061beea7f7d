//! The programs of the box.

use std::{
    fmt::Write as _,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
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
            let seconds = limit.as_secs();
            let _ = writeln!(errors, "{program}: no answer within {seconds} s; it was ended");
        }
        let code = match code {
            Wait::Ended(code) => code,
            Wait::TooLong => None,
        };
        Outcome { code, output: output.join().unwrap_or_default(), errors }
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time);
    }
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
