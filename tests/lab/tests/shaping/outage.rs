//! Bulk after an outage (R72).

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_control::{ClassStatus, LineStatus};
use sekisho_design::Class;
use sekisho_lab::{Centre, Lab};

use crate::site::{CARRIER, HOLD_BACK, RATE, lab};

pub(crate) fn bulk_is_held_back() -> anyhow::Result<()> {
    let mut lab = lab()?;
    let line = line_of(&lab)?;
    ensure!(line.rate == RATE && line.ways.len() == 3, "{line:?}");
    ensure!(!line.held_back && bulk(&lab)?.iter().all(is_free), "held back from the start");

    // With both centres away and back again.
    Centre::ALL.iter().try_for_each(|centre| lab.cut(*centre))?;
    wait(&lab, Duration::from_secs(20), |line| line.held_back)?;
    ensure!(line_of(&lab)?.held_back_left_s.is_none() && !bulk(&lab)?.iter().any(is_free));
    // A daemon that dies leaves it to the next one, whose start is no return of the line.
    lab.kill_daemon()?;
    lab.start_daemon()?;
    wait(&lab, Duration::from_secs(4), is_let_go)?;
    wait(&lab, Duration::from_secs(20), |line| line.held_back)?;
    Centre::ALL.iter().try_for_each(|centre| lab.mend(*centre))?;
    lab.wait_for_carrier(None, CARRIER)?;
    wait(&lab, Duration::from_secs(2), |line| line.held_back_left_s.is_some())?;
    let start = Instant::now();
    ensure!(!bulk(&lab)?.iter().any(is_free), "bulk has all from the first packet on");
    let shown = String::from_utf8(lab.sekisho(&["status"])?.stdout)?;
    ensure!(shown.contains("bulk"), "{shown}");
    wait(&lab, Duration::from_secs(HOLD_BACK + 3), is_let_go)?;
    let held = start.elapsed();
    let log = fs::read_to_string(lab.logs().join("gateway-sekishod.log"))?;
    ensure!(!log.contains("somebody else changed"), "a repair stood in the way:\n{log}");
    ensure!(held + Duration::from_millis(800) >= Duration::from_secs(HOLD_BACK), "only {held:?}");

    Ok(())
}

fn line_of(lab: &Lab) -> anyhow::Result<LineStatus> {
    lab.status()?.line.context("the status tells nothing of the line")
}

/// Bulk's classes: upwards and by LAN.
fn bulk(lab: &Lab) -> anyhow::Result<Vec<ClassStatus>> {
    let ways = line_of(lab)?.ways.into_iter();
    Ok(ways.flat_map(|way| way.classes).filter(|class| class.class == Class::Bulk).collect())
}

fn is_let_go(line: &LineStatus) -> bool {
    let mut classes = line.ways.iter().flat_map(|way| &way.classes);
    !line.held_back && classes.all(is_free)
}

fn is_free(class: &ClassStatus) -> bool {
    class.most > class.guaranteed
}

fn wait(lab: &Lab, limit: Duration, done: impl Fn(&LineStatus) -> bool) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    loop {
        let line = line_of(lab)?;
        if done(&line) {
            return Ok(());
        }
        ensure!(Instant::now() < end, "after {limit:?}: {line:?}");
        thread::sleep(Duration::from_millis(50));
    }
}
