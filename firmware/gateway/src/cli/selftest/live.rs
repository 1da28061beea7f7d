//! What a test is at, while it runs: one line that changes on a terminal, a line a finished check elsewhere.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use rustix::termios::tcgetwinsize;
use sekisho_control::{CheckOutcome, Planned, SelfTestEvent};
use sekisho_design::Language;
use unicode_width::UnicodeWidthChar as _;

use super::words::{self, plain};

/// What a terminal that doesn't know its width is taken for.
const USUAL_COLUMNS: usize = 80;

/// How far the test has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    checks: Vec<Planned>,
    running: Vec<String>,
    ended: usize,
    seconds_left: u64,
}

impl Progress {
    /// Takes in what happened: the check that ended by it.
    pub(super) fn take<'a>(&mut self, event: &'a SelfTestEvent) -> Option<&'a CheckOutcome> {
        match event {
            SelfTestEvent::Begun { checks, seconds_left } => {
                *self =
                    Self { checks: checks.clone(), seconds_left: *seconds_left, ..Self::default() };
            }
            SelfTestEvent::Started { id } => self.running.push(id.clone()),
            SelfTestEvent::Ended { outcome, seconds_left } => {
                self.running.retain(|id| *id != outcome.check.id);
                self.ended += 1;
                self.seconds_left = *seconds_left;
                return Some(outcome);
            }
            SelfTestEvent::Finished { .. } => {}
        }
        None
    }

    /// The line, some time after the last event, in at most so many columns.
    pub(super) fn line(&self, since: Duration, columns: usize, language: Language) -> String {
        let now = self.running.last().and_then(|id| self.checks.iter().find(|c| c.id == *id));
        let now = now.map_or_else(String::new, |check| plain(check.title.get(language)));
        let others = match self.running.len() {
            0 | 1 => String::new(),
            many => language.pick(format!("（ほか{}）", many - 1), format!(" (+{})", many - 1)),
        };
        let (ended, of) = (self.ended, self.checks.len());
        let left = self.seconds_left.saturating_sub(since.as_secs());
        let line = language.pick(
            format!("[{ended}/{of}] 残り最大{left}秒  {now}{others}"),
            format!("[{ended}/{of}] at most {left} s left  {now}{others}"),
        );
        cut(&line.replace('\n', " "), columns)
    }

    /// What is said of a check that ended, where no line can change.
    pub(super) fn ended(&self, outcome: &CheckOutcome, language: Language) -> String {
        let mark = words::mark(outcome.verdict, language);
        let title = plain(outcome.check.title.get(language)).replace('\n', " ");
        format!("[{}/{}] {mark} {title}", self.ended, self.checks.len())
    }
}

fn cut(line: &str, columns: usize) -> String {
    let mut room = columns;
    line.chars()
        .take_while(|c| {
            let width = c.width().unwrap_or_default();
            let fits = width <= room;
            room = room.saturating_sub(width);
            fits
        })
        .collect()
}

/// Where progress is shown: standard error, so that standard output is the report alone.
pub(super) struct Ticker {
    progress: Progress,
    heard: Instant,
    terminal: bool,
    language: Language,
}

impl Ticker {
    pub(super) fn new(language: Language) -> Self {
        let terminal = io::stderr().is_terminal();
        Self { progress: Progress::default(), heard: Instant::now(), terminal, language }
    }

    pub(super) fn take(&mut self, event: &SelfTestEvent) {
        self.heard = Instant::now();
        let ended = self.progress.take(event);
        if self.terminal {
            self.tick();
        } else if let Some(outcome) = ended {
            say(&format!("{}\n", self.progress.ended(outcome, self.language)));
        }
    }

    /// Time passed.
    pub(super) fn tick(&self) {
        if self.terminal {
            let columns = tcgetwinsize(io::stderr()).map(|size| usize::from(size.ws_col));
            let columns = columns.ok().filter(|columns| *columns > 1).unwrap_or(USUAL_COLUMNS);
            let line = self.progress.line(self.heard.elapsed(), columns - 1, self.language);
            say(&format!("\r{line}\x1b[K"));
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        if self.terminal {
            say("\r\x1b[K");
        }
    }
}

/// Whoever watches may have gone away, which is no reason to end the test.
fn say(text: &str) {
    let mut stderr = io::stderr();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
