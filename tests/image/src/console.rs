//! Serial lines: what the box has said, and what it is told.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

/// How often what came is looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// A line that says nothing for this long waits for somebody.
const QUIET: Duration = Duration::from_secs(1);
/// Lines of a failure's message.
const LAST_LINES: usize = 25;
/// How long the shell has for one answer before it is asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A serial line. A thread takes everything that comes, so that the machine never waits for a reader.
#[derive(Debug)]
pub struct Console {
    name: String,
    line: UnixStream,
    said: Arc<Mutex<Vec<u8>>>,
    /// How much of it has been expected already.
    seen: usize,
}

impl Console {
    /// Connects to a line of a machine.
    pub fn connect(socket: &Path, name: &str) -> anyhow::Result<Self> {
        let line = UnixStream::connect(socket).with_context(|| socket.display().to_string())?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let (mut reading, into) = (line.try_clone()?, Arc::clone(&said));
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(size @ 1..) = reading.read(&mut buffer) {
                // Line ends come as \r\r\n.
                let bytes = buffer[..size].iter().filter(|byte| **byte != b'\r');
                into.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            }
        })?;
        Ok(Self { name: name.to_owned(), line, said, seen: 0 })
    }

    /// Waits for one of these texts after what was expected before; tells which came first.
    pub fn expect_any(&mut self, wanted: &[&str], limit: Duration) -> anyhow::Result<usize> {
        let end = Instant::now() + limit;
        loop {
            let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let places = wanted.iter().enumerate().filter_map(|(index, text)| {
                let place = find(&said[self.seen..], text.as_bytes())?;
                Some((place + text.len(), index))
            });
            if let Some((place, index)) = places.min() {
                self.seen += place;
                return Ok(index);
            }
            if Instant::now() >= end {
                bail!("{} doesn't say {wanted:?} in {limit:?}\n{}", self.name, self.tail());
            }
            thread::sleep(GLANCE);
        }
    }

    /// Waits for a text.
    pub fn expect(&mut self, wanted: &str, limit: Duration) -> anyhow::Result<()> {
        self.expect_any(&[wanted], limit).map(|_| ())
    }

    /// Waits for a text, and returns what came before it.
    pub fn before(&mut self, wanted: &str, limit: Duration) -> anyhow::Result<String> {
        let from = self.seen;
        self.expect(wanted, limit)?;
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(String::from_utf8_lossy(&said[from..self.seen - wanted.len()]).into_owned())
    }

    /// What was said so far is no answer to what follows.
    pub fn skip(&mut self) {
        self.seen = self.said.lock().unwrap_or_else(PoisonError::into_inner).len();
    }

    /// Everything that was said since the line was connected.
    pub fn everything(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Waits until the line is quiet, as somebody does who reads before typing; what is typed ahead may be lost.
    pub fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        let said = || self.said.lock().unwrap_or_else(PoisonError::into_inner).len();
        loop {
            let before = said();
            thread::sleep(QUIET);
            if said() == before || Instant::now() >= end {
                return;
            }
        }
    }

    /// Types a line.
    pub fn send(&mut self, text: &str) -> anyhow::Result<()> {
        self.press(&format!("{text}\r"))
    }

    /// Presses keys, and no Enter.
    pub fn press(&mut self, keys: &str) -> anyhow::Result<()> {
        self.line.set_write_timeout(Some(PATIENCE))?;
        self.line.write_all(keys.as_bytes()).with_context(|| format!("{} takes nothing", self.name))
    }

    fn tail(&self) -> String {
        let everything = self.everything();
        let lines: Vec<_> = everything.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        format!("--- end of {} ---\n{}", self.name, last.join("\n"))
    }
}

/// Root's shell on a serial line of a development build.
#[derive(Debug)]
pub struct Shell {
    console: Console,
    commands: u32,
}

impl Shell {
    /// A shell that comes up on this line sooner or later; see [`Self::wait`].
    pub fn on(console: Console) -> Self {
        Self { console, commands: 0 }
    }

    /// Waits until the shell answers, and makes it quiet.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + limit;
        self.console.skip();
        loop {
            // The answer is written with an octal escape, so that an echo of the question is none.
            self.console
                .send("stty -echo cols 1000; PS1=; PS2=; PROMPT_COMMAND=; printf '\\122EADY\\n'")?;
            match self.console.expect("READY\n", PATIENCE) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= end => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Runs a command line; its exit code and what it printed, both outputs.
    pub fn run(&mut self, command: &str, limit: Duration) -> anyhow::Result<(i32, String)> {
        self.commands += 1;
        let number = self.commands;
        self.console.skip();
        self.console.send(&format!(
            "printf '\\102EGIN{number}\\n'; {{ {command} ; }} 2>&1; printf '\\n\\105ND{number}:%d:\\n' $?"
        ))?;
        let context = || format!("{command:?} in the box");
        self.console.expect(&format!("BEGIN{number}\n"), limit).with_context(context)?;
        let output =
            self.console.before(&format!("\nEND{number}:"), limit).with_context(context)?;
        let code = self.console.before(":\n", PATIENCE).with_context(context)?;
        Ok((code.parse()?, output.trim().to_owned()))
    }

    /// Runs a command line that has to succeed, and takes what it prints.
    pub fn must(&mut self, command: &str, limit: Duration) -> anyhow::Result<String> {
        let (code, output) = self.run(command, limit)?;
        ensure!(code == 0, "{command:?} in the box ended with {code}\n{output}");
        Ok(output)
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    fn line(name: &str) -> (Console, UnixStream) {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let console = Console::connect(&path, name).unwrap();
        std::fs::remove_file(path).unwrap();
        (console, listener.accept().unwrap().0)
    }

    #[test]
    fn texts_are_expected_in_their_order() {
        let (mut console, mut machine) = line("order");
        machine.write_all("one\r\r\ntwo 予\r\nthree".as_bytes()).unwrap();
        assert_eq!(console.before("two", SHORT).unwrap(), "one\n");
        assert_eq!(console.expect_any(&["three", "予"], SHORT).unwrap(), 1);
        let error = console.expect("one", SHORT).unwrap_err().to_string();
        assert!(error.contains("three"), "{error}");
    }

    #[test]
    fn what_was_skipped_is_no_answer() {
        let (mut console, mut machine) = line("skip");
        machine.write_all(b"login").unwrap();
        console.expect("log", SHORT).unwrap();
        console.skip();
        assert!(console.expect("in", SHORT).is_err());
        assert_eq!(console.everything(), "login");
    }

    #[test]
    fn a_command_gives_its_output_and_its_code() {
        let (console, machine) = line("shell");
        let mut reading = machine.try_clone().unwrap();
        let shell = thread::spawn(move || Shell::on(console).run("false", 10 * SHORT));
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r") {
            let mut byte = [0];
            reading.read_exact(&mut byte).unwrap();
            asked.push(byte[0]);
        }
        // The echo of the question, then a message of the kernel, then the answer.
        let mut machine = machine;
        machine.write_all(&asked).unwrap();
        machine.write_all(b"\r\n[ 1.0] kernel\r\nBEGIN1\r\r\nno\r\nEND1:1:\r\n").unwrap();
        assert_eq!(shell.join().unwrap().unwrap(), (1, "no".to_owned()));
    }
}
