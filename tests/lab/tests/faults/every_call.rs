//! The daemon is killed, or refused, at every single call into the kernel by which it changes something.
//!
//! strace counts the calls of the daemon's own thread and strikes at one of them; a run without a blow says how many there
//! are. So the places are enumerated and not sampled: each message to netlink, each file written, synced, renamed or linked,
//! each start of `nft`. The model's test, `daemon/machine/tests.rs`, does the same for every effect of every course.

use std::{fs, os::unix::net::UnixStream, path::PathBuf, process::Output, thread, time::Duration};

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use sekisho_control::Phase;
use sekisho_lab::{Extent, Lab, Process, describe, sample, wait_until};

use crate::{
    confirm::apply,
    expect::{ensure_works, stored},
    files::Site,
    snapshot::Snapshot,
};

const CARRIER: Duration = Duration::from_mins(1);
/// Until the daemon has announced its addresses and looked at its own change, and calls nothing by itself.
const QUIET: Duration = Duration::from_millis(1500);

/// Calls that change something, or start what changes something.
const CHANGES: [&str; 8] =
    ["sendto", "write", "fsync", "rename", "symlink", "mkdir", "unlink", "clone3"];
/// Calls that can be refused, and how the kernel does it.
const REFUSALS: [(&str, &str); 6] = [
    ("sendto", "ENOBUFS"),
    ("fsync", "EIO"),
    ("rename", "EIO"),
    ("symlink", "ENOSPC"),
    ("mkdir", "ENOSPC"),
    ("clone3", "EAGAIN"),
];

/// What the daemon is told to do.
#[derive(Clone, Copy, Debug)]
enum Course {
    Apply,
    Confirm,
    RollBack,
}

/// The two designs, and the kernel with each.
struct Scene {
    lab: Lab,
    old: (Site, Snapshot, Vec<u8>),
    new: (Site, Snapshot, Vec<u8>),
}

impl Scene {
    fn up() -> anyhow::Result<Self> {
        let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
        let site = |site: Site| -> anyhow::Result<_> {
            apply(&lab, &site, &[])?;
            let text = fs::read(site.path("site.toml"))?;
            Ok((site, Snapshot::take(&lab)?, text))
        };
        // Without a new address, for which the networks would be asked most of the time.
        let as_before = [("\"192.168.1.254/24\"", "\"192.168.1.1/24\"")];
        let new = site(Site::another(&lab)?.edit("site.toml", &as_before)?)?;
        let old = site(Site::copy(&lab, "first")?)?;
        Ok(Self { lab, old, new })
    }

    /// Brings the old design back, and the new one before a decision about it.
    fn prepare(&self, course: Course) -> anyhow::Result<()> {
        if stored(&self.lab)?[0] != self.old.2 {
            apply(&self.lab, &self.old.0, &[])?;
        }
        if matches!(course, Course::Confirm | Course::RollBack) {
            apply(&self.lab, &self.new.0, &["--confirm-within", "30m"])?;
        }
        thread::sleep(QUIET);
        Ok(())
    }

    fn tell(&self, course: Course) -> anyhow::Result<Output> {
        let site = self.new.0.path("site.toml");
        let words: &[&str] = match course {
            Course::Apply => &["apply", "--site", &site],
            Course::Confirm => &["confirm"],
            Course::RollBack => &["rollback"],
        };
        self.lab.sekisho(words)
    }

    /// The kernel holds the design that is stored, whole, and it is one of the two.
    fn ensure_one_of_two(&self, when: &str) -> anyhow::Result<()> {
        let kept = &stored(&self.lab)?[0];
        let (_, whole, text) = if *kept == self.old.2 { &self.old } else { &self.new };
        ensure!(kept == text, "{when}: another design is stored");
        let status = self.lab.status()?;
        ensure!(status.phase == Phase::InForce, "{when}: {status:?}");
        whole.ensure_same(&self.lab, when)
    }
}

/// strace on the daemon's own thread.
struct Blow {
    strace: Process,
    calls: PathBuf,
}

impl Blow {
    /// At a call of one kind: strace counts each kind for itself.
    fn aim(lab: &mut Lab, calls: &str, how: &str) -> anyhow::Result<Self> {
        let (pid, path) = (lab.daemon()?.id().to_string(), lab.logs().join("calls"));
        let _ = fs::remove_file(&path);
        let _ = fs::remove_file(lab.logs().join("gateway-strace.log"));
        let (trace, file) = (format!("trace={calls}"), path.to_string_lossy());
        let inject = format!("inject={calls}:{how}");
        let words = ["strace", "-p", &pid, "-o", &file, "-e", &trace, "-e", "signal=none"];
        let words =
            if how.is_empty() { words.to_vec() } else { [&words[..], &["-e", &inject]].concat() };
        let mut strace = lab.host("gateway").spawn("strace", &words)?;
        strace.wait_for("attached", CARRIER)?;
        Ok(Self { strace, calls: path })
    }

    /// Ends it: the calls that it saw.
    fn end(mut self) -> anyhow::Result<Vec<String>> {
        if self.strace.is_running() {
            self.strace.signal(Signal::SIGINT)?;
            self.strace.wait(CARRIER)?;
        }
        let text = fs::read_to_string(&self.calls)?;
        Ok(text.lines().filter(|line| line.contains('(')).map(str::to_owned).collect())
    }
}

/// How many calls of a kind a course takes.
fn count(scene: &mut Scene, course: Course, calls: &str) -> anyhow::Result<usize> {
    scene.prepare(course)?;
    let blow = Blow::aim(&mut scene.lab, calls, "")?;
    let output = scene.tell(course)?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(blow.end()?.len())
}

pub(crate) fn a_daemon_killed_at_every_call_leaves_one_design_or_the_other() -> anyhow::Result<()> {
    let mut scene = Scene::up()?;
    for course in [Course::Apply, Course::Confirm, Course::RollBack] {
        let (mut all, mut new) = (0, 0);
        for kind in CHANGES {
            let calls = count(&mut scene, course, kind)?;
            for number in 1..=calls {
                scene.prepare(course)?;
                let how = format!("signal=KILL:when={number}");
                let blow = Blow::aim(&mut scene.lab, kind, &how)?;
                // Its answer may have come before the end or not.
                let said = scene.tell(course)?;
                let made = blow.end()?;
                let when =
                    format!("{course:?}, killed at {kind} {number} of {calls}: {:?}", made.last());
                let lab = &mut scene.lab;
                let dead = wait_until(QUIET, || lab.daemon().is_ok_and(|one| !one.is_running()));
                // How often its own loop is woken differs from run to run.
                ensure!(dead || kind == "write", "{when}: it lives; {}", describe(&said));
                lab.kill_daemon()?;
                lab.start_daemon().with_context(|| when.clone())?;
                scene.ensure_one_of_two(&when)?;
                (all, new) = (all + 1, new + usize::from(stored(&scene.lab)?[0] == scene.new.2));
            }
        }
        println!("{course:?}: killed at each of {all} calls, the new design was kept {new} times");
        ensure!(new < all, "{course:?}: it was never killed before its end");
    }
    scene.lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&scene.lab)
}

pub(crate) fn a_refusal_of_every_call_leaves_one_design_or_the_other() -> anyhow::Result<()> {
    let mut scene = Scene::up()?;
    for course in [Course::Apply, Course::Confirm, Course::RollBack] {
        for (kind, error) in REFUSALS {
            let (calls, mut told) = (count(&mut scene, course, kind)?, 0);
            for number in 1..=calls {
                scene.prepare(course)?;
                let how = format!("error={error}:when={number}");
                let blow = Blow::aim(&mut scene.lab, kind, &how)?;
                let output = scene.tell(course)?;
                let seen = blow.end()?;
                let refused = seen.iter().find(|call| call.contains("INJECTED"));
                let when = format!("{course:?}, refused call {number} of {calls}: {refused:?}");
                if !output.status.success() {
                    told += 1;
                    let said = describe(&output);
                    ensure!(output.status.code() == Some(4), "{when}: {said}");
                }
                if scene.lab.status()?.awaiting.is_some() {
                    // Nothing was decided; now it is.
                    let output = scene.lab.sekisho(&["rollback"])?;
                    ensure!(output.status.success(), "{when}: {}", describe(&output));
                }
                scene.ensure_one_of_two(&when)?;
            }
            println!("{course:?}: each of {calls} calls ({kind}) refused, {told} times told");
        }
    }
    scene.lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&scene.lab)
}

/// A start that strikes itself at a call of a kind, or at none: the calls that it made until it was ready or dead.
fn start_under_strace(lab: &Lab, kind: &str, how: &str) -> anyhow::Result<Vec<String>> {
    let path = |name: &str| lab.logs().join(name).to_string_lossy().into_owned();
    let (calls, state, key) = (path("calls"), path("state"), path("operator.pub"));
    let _ = fs::remove_file(&calls);
    let (socket, program) = (lab.socket(), lab.binary("sekishod")?);
    let run = socket.parent().context("a socket in no folder")?.to_string_lossy();
    let (trace, inject) = (format!("trace={kind}"), format!("inject={kind}:{how}"));
    // The tracer stands aside, so that the daemon is the process that is started.
    let mut words = vec!["strace", "-D", "-o", &calls, "-e", &trace, "-e", "signal=none"];
    if !how.is_empty() {
        words.extend(["-e", &inject]);
    }
    words.extend([&*program, "--state", &state, "--run", &run, "--operator-key", &key]);
    let mut daemon = lab.host("gateway").spawn("struck", &words)?;
    let ready = || UnixStream::connect(&socket).is_ok();
    ensure!(wait_until(CARRIER, || !daemon.is_running() || ready()), "{}", daemon.output());
    daemon.kill()?;
    let text = fs::read_to_string(&calls)?;
    Ok(text.lines().filter(|line| line.contains('(')).map(str::to_owned).collect())
}

/// The start that leads an unconfirmed change back is cut short itself.
pub(crate) fn a_start_killed_at_every_call_still_leads_back() -> anyhow::Result<()> {
    let mut scene = Scene::up()?;
    let mut all = 0;
    for kind in CHANGES {
        let (mut number, mut calls) = (0, 0);
        while number <= calls {
            scene.prepare(Course::Confirm)?;
            scene.lab.kill_daemon()?;
            let how =
                if number == 0 { String::new() } else { format!("signal=KILL:when={number}") };
            let made = start_under_strace(&scene.lab, kind, &how)?;
            if number == 0 {
                calls = made.len();
            }
            let when = format!("a start killed at {kind} {number} of {calls}: {:?}", made.last());
            scene.lab.start_daemon().with_context(|| when.clone())?;
            ensure!(stored(&scene.lab)?[0] == scene.old.2, "{when}: the unconfirmed one is kept");
            scene.ensure_one_of_two(&when)?;
            number += 1;
        }
        all += calls;
    }
    println!("a start that leads back: killed at each of {all} calls");
    scene.lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&scene.lab)
}
