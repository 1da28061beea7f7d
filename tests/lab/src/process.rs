//! Programs of the lab: those that run to their end, and those that run beside the test.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::enter::{STAGE, search_path};

/// How long a program may take that was told to end, before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// How often a state is looked at while waiting for it.
const GLANCE: Duration = Duration::from_millis(20);

/// A command with the lab's search path.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // Without the stage, a lab that is started in a lab builds namespaces of its own.
    command.env("PATH", search_path()).env_remove(STAGE);
    command
}

/// Runs a command to its end and takes its output; an exit code other than 0 is an error with its text.
pub(crate) fn must(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", describe(&output));
    }
    Ok(text(&output.stdout))
}

/// Output as text; what is no UTF-8 is replaced.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Looks until the condition holds; false when it still doesn't at the end of the time.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(GLANCE);
    }
}

/// A program that runs beside the test, its output in a file. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; both its outputs go to the end of `log`.
    pub(crate) fn start(name: &str, command: &mut Command, log: PathBuf) -> anyhow::Result<Self> {
        let output = File::options().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// What it has written so far.
    pub fn output(&self) -> String {
        fs::read(&self.log).map(|bytes| text(&bytes)).unwrap_or_default()
    }

    /// Whether it has neither ended nor been killed.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its name: the host and the label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().cast_signed()), signal)?)
    }

    /// Waits for its end, at most for this time.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        wait_until(limit, || !self.is_running());
        match self.child.try_wait()? {
            Some(status) => Ok(status),
            None => bail!("{} still runs after {limit:?}\n{}", self.name, tail(&self.log)),
        }
    }

    /// Asks it to end (SIGTERM) and waits; after three seconds it is killed and that is an error.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(GRACE)
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Waits until its output contains the text, or fails with the output when it ends before or the time is
    /// over.
    pub fn wait_for(&mut self, wanted: &str, limit: Duration) -> anyhow::Result<()> {
        let mut running = true;
        wait_until(limit, || {
            running = self.is_running();
            !running || self.output().contains(wanted)
        });
        if self.output().contains(wanted) {
            return Ok(());
        }
        let state = if running { "doesn't say" } else { "ended before it said" };
        bail!("{} {state} '{wanted}'\n{}", self.name, tail(&self.log))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The last lines of a log, for a failure's message.
pub(crate) fn tail(log: &Path) -> String {
    let mut content = Vec::new();
    let read = File::open(log).and_then(|mut file| file.read_to_end(&mut content));
    if let Err(error) = read {
        return format!("{}: {error}", log.display());
    }
    let content = text(&content);
    let lines: Vec<_> = content.lines().collect();
    let last = &lines[lines.len().saturating_sub(20)..];
    format!("--- end of {} ---\n{}", log.display(), last.join("\n"))
}

/// The exit code and both outputs, for assertions that explain themselves.
pub fn describe(output: &Output) -> String {
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}
