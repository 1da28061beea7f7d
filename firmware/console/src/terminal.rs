//! The line to the person.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{
        InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    },
};

/// Whether what is typed is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Echo {
    /// It is.
    Shown,
    /// It isn't: a password.
    Hidden,
}

/// What came of waiting for a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// A line, without its end.
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Nobody typed for too long.
    Idle,
    /// The line was dropped.
    Closed,
}

/// A person at a terminal.
pub trait Terminal {
    /// Shows text as it stands.
    fn show(&mut self, text: &str);
    /// Waits for a line.
    fn read(&mut self, echo: Echo, patience: Duration) -> Input;
}

/// The longest line that is taken; more of it is thrown away. The kernel's own limit is 4,095.
const LONGEST: usize = 1_024;

/// Standard input and output. The kernel edits the line, as it does for a login.
#[derive(Debug)]
pub struct Line {
    /// As it was found; `None` where it is no terminal.
    before: Option<Termios>,
}

impl Line {
    /// Takes the terminal over.
    pub fn open() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        let line = Self { before };
        line.set(Echo::Shown);
        line
    }

    /// Ctrl-C ends the line in place of the program; it comes as a byte of it.
    fn set(&self, echo: Echo) {
        let Some(mut modes) = self.before.clone() else { return };
        modes.local_modes |= LocalModes::ICANON | LocalModes::ECHOE | LocalModes::ECHOK;
        modes.local_modes.remove(LocalModes::ISIG | LocalModes::ECHO | LocalModes::IEXTEN);
        modes.local_modes.set(LocalModes::ECHO, echo == Echo::Shown);
        modes.input_modes |= InputModes::ICRNL | InputModes::IUTF8;
        modes.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
    }
}

const CTRL_C: u8 = 3;

impl Terminal for Line {
    fn show(&mut self, text: &str) {
        let mut out = io::stdout().lock();
        // A dropped line shows itself with the next read.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn read(&mut self, echo: Echo, patience: Duration) -> Input {
        self.set(echo);
        let mut line = Vec::new();
        let input = loop {
            let stdin = io::stdin();
            let mut wait = [PollFd::new(&stdin, PollFlags::IN)];
            let limit = Timespec::try_from(patience).ok();
            match poll(&mut wait, limit.as_ref()) {
                Ok(0) => break Input::Idle,
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => break Input::Closed,
            }
            // Byte by byte, past the library's buffer, which poll(2) knows nothing of: what follows is the next read's.
            let mut byte = [0];
            match rustix::io::read(&stdin, &mut byte) {
                Ok(0) | Err(_) => break Input::Closed,
                Ok(_) if byte[0] == CTRL_C => break Input::Interrupted,
                Ok(_) if byte[0] == b'\n' => {
                    let text = String::from_utf8_lossy(&line);
                    break Input::Line(
                        text.chars().filter(|letter| !letter.is_control()).collect(),
                    );
                }
                Ok(_) if line.len() < LONGEST => line.push(byte[0]),
                Ok(_) => {}
            }
        };
        if echo == Echo::Hidden {
            self.set(Echo::Shown);
            self.show("\n");
        }
        input
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
