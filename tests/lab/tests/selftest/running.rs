//! How tests run: one at a time, whether its user waits or not, and what is kept of them.

use std::{process::Stdio, time::Duration};

use anyhow::ensure;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sekisho_control::{SelfTestReport, Stage};
use sekisho_lab::{describe, wait_until};

use crate::site::Site;

/// Longer than a test of the load takes.
const LONG: Duration = Duration::from_secs(40);

pub(crate) fn tests_run_one_at_a_time_and_are_kept() -> anyhow::Result<()> {
    let mut site = Site::up()?;
    let never = site.lab.sekisho(&["self-test", "--last"])?;
    ensure!(never.status.code() == Some(4), "{}", describe(&never));
    let unknown = site.lab.sekisho(&["self-test", "--only", "platform.nothing"])?;
    ensure!(unknown.status.code() == Some(2), "{}", describe(&unknown));
    ensure!(describe(&unknown).contains("platform.nothing"), "{}", describe(&unknown));

    let words = ["self-test", "--stage", "load", "--yes"];
    let mut first = site.lab.sekisho_command(&words).stdout(Stdio::null()).spawn()?;
    // The first may not have asked yet.
    let busy = wait_until(LONG, || {
        let second = site.lab.sekisho(&["self-test", "--only", "standalone.loop"]);
        second.is_ok_and(|second| second.status.code() == Some(6))
    });
    ensure!(busy, "a second test runs beside the first");
    // Its user goes; the test goes on, and its report is kept.
    kill(Pid::from_raw(i32::try_from(first.id())?), Signal::SIGTERM)?;
    first.wait()?;
    let of_load = |site: &Site| -> Option<SelfTestReport> {
        let last = site.lab.sekisho(&["self-test", "--last", "--format", "json"]).ok()?;
        let report: SelfTestReport = serde_json::from_slice(&last.stdout).ok()?;
        report.outcomes.iter().any(|outcome| outcome.check.stage == Stage::Load).then_some(report)
    };
    let mut kept = None;
    wait_until(LONG, || {
        kept = of_load(&site);
        kept.is_some()
    });
    ensure!(kept.is_some(), "the test of the load left no report");

    ensure!(site.lab.stop_daemon()?.success());
    site.lab.start_daemon()?;
    ensure!(of_load(&site) == kept, "another report after the daemon's restart");
    Ok(())
}
