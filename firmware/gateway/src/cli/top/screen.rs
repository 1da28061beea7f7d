//! The terminal: a screen of its own, keys without Enter, and everything as it was at the end, whatever the end is.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use tokio::io::{Interest, unix::AsyncFd};

use super::page::Room;

/// Another screen than the shell's, without a cursor; and back (xterm's DECSET 1049 and 25).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What a terminal that doesn't know its size is taken for.
const USUAL_LINES: usize = 24;

/// What Ctrl-C types while it is no signal.
const INTERRUPT: u8 = 3;

/// The terminal, until it is dropped.
pub(super) struct Screen {
    keys: AsyncFd<io::Stdin>,
    before: Termios,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        let keys = AsyncFd::with_interest(io::stdin(), Interest::READABLE)?;
        let before = tcgetattr(&keys)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&keys, OptionalActions::Flush, &modes)?;
        let screen = Self { keys, before };
        say(ENTER)?;
        Ok(screen)
    }

    /// How many lines it has now.
    pub(super) fn room(&self) -> Room {
        let lines = tcgetwinsize(io::stdout()).map(|size| usize::from(size.ws_row));
        Room::Lines(lines.ok().filter(|lines| *lines > 0).unwrap_or(USUAL_LINES))
    }

    /// Shows lines in place of those before, as many as fit.
    pub(super) fn draw(&mut self, lines: &[String], room: Room) -> io::Result<()> {
        let mut text = String::from("\x1b[H");
        for (number, line) in lines.iter().take(room.lines()).enumerate() {
            // The last line has no end: it would push the first one out.
            let _ = write!(text, "{}{line}\x1b[K", if number == 0 { "" } else { "\n" });
        }
        text += "\x1b[J";
        say(&text)
    }

    /// Waits until somebody wants no more of it: q, Ctrl-C, or nobody there. A terminal that fails is gone.
    pub(super) async fn ended(&mut self) {
        loop {
            let Ok(mut ready) = self.keys.readable().await else { return };
            let mut typed = [0; 64];
            match rustix::io::read(io::stdin(), &mut typed) {
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    if typed[..length].iter().any(|key| matches!(*key, b'q' | b'Q' | INTERRUPT)) {
                        return;
                    }
                }
            }
            ready.clear_ready();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to leave as it was.
        let _ = say(LEAVE);
        let _ = tcsetattr(&self.keys, OptionalActions::Now, &self.before);
    }
}

fn say(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}
