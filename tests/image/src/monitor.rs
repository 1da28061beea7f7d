//! QEMU's monitor (QMP): a JSON value a line, answers and events on one connection.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

/// How long a command may take: writing the whole memory is the longest.
const LIMIT: Duration = Duration::from_mins(2);

/// For the box's side to let go of what is pulled out.
const PULLED: Duration = Duration::from_secs(30);

/// How a stick is plugged in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plugged {
    /// As any other.
    Usual,
    /// Its switch stands on protection.
    Protected,
    /// It takes one write a second.
    Slow,
}

/// The monitor of a machine.
#[derive(Debug)]
pub struct Monitor {
    line: UnixStream,
    values: Receiver<Value>,
    events: Vec<String>,
}

impl Monitor {
    /// Connects and greets.
    pub fn connect(socket: &Path) -> anyhow::Result<Self> {
        let line = UnixStream::connect(socket).with_context(|| socket.display().to_string())?;
        let reading = BufReader::new(line.try_clone()?);
        let (sender, values) = channel();
        thread::Builder::new().name("monitor".to_owned()).spawn(move || {
            let values = reading.lines().map_while(Result::ok);
            for value in values.filter_map(|line| serde_json::from_str(&line).ok()) {
                if sender.send(value).is_err() {
                    break;
                }
            }
        })?;
        let mut monitor = Self { line, values, events: Vec::new() };
        monitor.execute("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Lets the machine run.
    pub fn run(&mut self) -> anyhow::Result<()> {
        self.execute("cont", &json!({})).map(|_| ())
    }

    /// Presses the reset button.
    pub fn reset(&mut self) -> anyhow::Result<()> {
        self.execute("system_reset", &json!({})).map(|_| ())
    }

    /// Ends QEMU.
    pub fn quit(&mut self) -> anyhow::Result<()> {
        self.execute("quit", &json!({})).map(|_| ())
    }

    /// Keeps memory and disk under a name; the machine goes on after.
    pub fn save(&mut self, name: &str) -> anyhow::Result<()> {
        self.words(&format!("savevm {name}"))
    }

    /// Goes back to what was kept.
    pub fn load(&mut self, name: &str) -> anyhow::Result<()> {
        self.words(&format!("loadvm {name}"))?;
        self.run()
    }

    /// Plugs a USB stick in, whose bytes are in a file, under a name that no other has had on this machine.
    pub fn plug(&mut self, name: &str, raw: &Path, plugged: Plugged) -> anyhow::Result<()> {
        let protected = plugged == Plugged::Protected;
        let bytes = json!({ "driver": "file", "filename": raw, "read-only": protected });
        let disk = json!({ "driver": "raw", "read-only": protected, "file": bytes });
        let mut disk = if plugged == Plugged::Slow {
            let pace = format!("{name}-pace");
            let group =
                json!({ "qom-type": "throttle-group", "id": pace, "limits": { "iops-write": 1 } });
            self.execute("object-add", &group)?;
            json!({ "driver": "throttle", "throttle-group": pace, "file": disk })
        } else {
            disk
        };
        disk["node-name"] = json!(name);
        self.execute("blockdev-add", &disk)?;
        let device = json!({
            "driver": "usb-storage", "bus": "usb.0", "id": name, "drive": name, "removable": true
        });
        self.execute("device_add", &device).map(|_| ())
    }

    /// Pulls a USB stick out, whatever is written to it.
    pub fn unplug(&mut self, name: &str) -> anyhow::Result<()> {
        self.forget();
        self.execute("device_del", &json!({ "id": name }))?;
        self.wait_for("DEVICE_DELETED", PULLED)
    }

    /// Pulls one out that was plugged in; its file may be read after.
    pub fn pull(&mut self, name: &str) -> anyhow::Result<()> {
        self.unplug(name)?;
        self.execute("blockdev-del", &json!({ "node-name": name })).map(|_| ())
    }

    /// Waits for an event; those that came before count until [`Self::forget`].
    pub fn wait_for(&mut self, event: &str, limit: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + limit;
        while !self.events.iter().any(|seen| seen == event) {
            let left = end.saturating_duration_since(Instant::now());
            match self.values.recv_timeout(left) {
                Ok(value) => self.note(&value),
                Err(_) => bail!("no event {event} in {limit:?}, only {:?}", self.events),
            }
        }
        Ok(())
    }

    /// Forgets events that came.
    pub fn forget(&mut self) {
        while let Ok(value) = self.values.try_recv() {
            self.note(&value);
        }
        self.events.clear();
    }

    /// Commands for people answer with nothing, or with what went wrong.
    fn words(&mut self, command: &str) -> anyhow::Result<()> {
        let answer = self.execute("human-monitor-command", &json!({ "command-line": command }))?;
        let said = answer.as_str().unwrap_or_default().trim();
        ensure!(said.is_empty(), "{command}: {said}");
        Ok(())
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> anyhow::Result<Value> {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.line, "{line}").with_context(|| format!("{command}: no monitor"))?;
        loop {
            let value = self.values.recv_timeout(LIMIT);
            let mut value = value.with_context(|| format!("{command}: no answer"))?;
            if let Some(error) = value.get("error") {
                bail!("{command}: {error}");
            }
            if let Some(answer) = value.get_mut("return") {
                return Ok(answer.take());
            }
            self.note(&value);
        }
    }

    fn note(&mut self, value: &Value) {
        self.events.extend(value.get("event").and_then(Value::as_str).map(str::to_owned));
    }
}
