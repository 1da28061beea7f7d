//! The terminal: a screen of its own, keys without Enter, and everything as it was at the end, whatever the end is.

use std::{
    fmt::Write as _,
    io::{self, Read as _, Write as _},
    thread,
};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use tokio::sync::oneshot;

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
    output: io::Stdout,
    before: Termios,
    ended: oneshot::Receiver<()>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &modes)?;
        let (done, ended) = oneshot::channel();
        let mut screen = Self { output: io::stdout(), before, ended };
        // It sits in a read that nothing ends but a key, and goes with the program.
        thread::spawn(move || {
            wait_for_end();
            drop(done);
        });
        screen.say(ENTER)?;
        Ok(screen)
    }

    /// How many lines it has now.
    pub(super) fn room(&self) -> Room {
        let lines = tcgetwinsize(&self.output).map(|size| usize::from(size.ws_row));
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
        self.say(&text)
    }

    /// Waits until somebody wants no more of it: q, Ctrl-C, or nobody there.
    pub(super) async fn ended(&mut self) {
        // Whether the thread said so or is gone is the same.
        let _ = (&mut self.ended).await;
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to leave as it was.
        let _ = self.say(LEAVE);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Reads keys until one of them is the end. A terminal that fails is gone.
fn wait_for_end() {
    let mut typed = [0; 64];
    while let Ok(length @ 1..) = io::stdin().read(&mut typed) {
        if typed[..length].iter().any(|key| matches!(*key, b'q' | b'Q' | INTERRUPT)) {
            return;
        }
    }
}
