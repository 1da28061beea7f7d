//! One host of the lab.

use std::{
    fs::{self, File},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
};

use anyhow::Context;
use nix::sched::{CloneFlags, setns};

use crate::process::{Process, command, must};

/// Seconds that a program in a host may take unless told otherwise.
const LIMIT: u32 = 10;

/// A host: a network namespace by name, reachable with `ip netns exec`.
#[derive(Clone, Debug)]
pub struct Namespace {
    name: &'static str,
    logs: PathBuf,
    limit: u32,
}

impl Namespace {
    /// A host that was made by this name (`ip netns add`); what runs beside a test there writes its output into `logs`.
    pub fn new(name: &'static str, logs: PathBuf) -> Self {
        Self { name, logs, limit: LIMIT }
    }

    /// The host's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The same host with another limit for [`Self::run`], in seconds.
    #[must_use]
    pub fn within(&self, seconds: u32) -> Self {
        Self { limit: seconds, ..self.clone() }
    }

    /// A command that runs in the host, for callers with wishes of their own.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = command("ip");
        command.args(["netns", "exec", self.name]).args(words);
        command
    }

    /// Runs a program to its end. After the limit, 10 s by default, it is ended and the exit code is 124.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.command(&["timeout", "-k", "1", &self.limit.to_string()]);
        command.args(words);
        command.output().with_context(|| format!("start {words:?} in {}", self.name))
    }

    /// Runs a program that has to succeed, and takes what it prints.
    pub fn must(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(&["timeout", "-k", "1", &self.limit.to_string()]);
        must(command.args(words)).with_context(|| format!("in {}", self.name))
    }

    /// The same for a program that takes names from this server, as `/etc/resolv.conf` says it: the program sees a file of
    /// its own there.
    pub fn must_by_name(&self, server: Ipv4Addr, words: &[&str]) -> anyhow::Result<String> {
        let file = self.logs.join(format!("{}-resolv.conf", self.name));
        fs::write(&file, format!("nameserver {server}\n"))?;
        let file = file.to_string_lossy();
        let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
        self.must(&[&["unshare", "--mount", "sh", "-c", script, &file], words].concat())
    }

    /// Starts a program beside the test; its output goes to the log `NAMESPACE-LABEL`.
    pub fn spawn(&self, label: &str, words: &[&str]) -> anyhow::Result<Process> {
        let name = format!("{}-{label}", self.name);
        let log = self.logs.join(&name).with_extension("log");
        Process::start(&name, &mut self.command(words), log)
    }

    /// Calls a function in a thread that stands in the host's network, so that sockets it opens belong there.
    pub fn inside<T: Send>(&self, function: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        let namespace = File::open(PathBuf::from("/run/netns").join(self.name))?;
        thread::scope(|scope| {
            scope
                .spawn(|| {
                    setns(namespace, CloneFlags::CLONE_NEWNET)?;
                    Ok(function())
                })
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Writes settings below `/proc/sys/` in the host's network.
    pub(crate) fn set(&self, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        self.inside(|| write_settings(settings))?
    }
}

/// Writes settings below `/proc/sys/` in the calling thread's network.
pub(crate) fn write_settings(settings: &[(&str, &str)]) -> anyhow::Result<()> {
    settings.iter().try_for_each(|(path, value)| {
        let path = Path::new("/proc/sys").join(path);
        fs::write(&path, value).with_context(|| format!("write {}", path.display()))
    })
}
