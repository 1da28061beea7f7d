//! The daemon's memory and descriptors stay where they are, whatever is asked of it and left open.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_control::FailureKind;
use sekisho_lab::{Extent, Lab, describe, sample, wait_until};

use crate::{
    confirm::apply,
    expect::{Expected, ensure_works},
    files::Site,
    snapshot::Snapshot,
};

const CARRIER: Duration = Duration::from_mins(1);
/// More than the daemon takes at one time.
const IDLE: usize = 100;
/// How long until what is left open is closed: the daemon waits for five seconds.
const CLOSED: Duration = Duration::from_secs(20);
/// Requests that stop in the middle.
const HALF: [&str; 4] = [
    "",
    "GET /v1/sta",
    "GET /v1/status HTTP/1.1\r\nHost: sekishod\r\n",
    "POST /v1/plan HTTP/1.1\r\nHost: sekishod\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{\"site\"",
];

/// Memory, in kB, and descriptors of the daemon.
pub(crate) fn resources(lab: &mut Lab) -> anyhow::Result<(u64, usize)> {
    let files = fs::read_dir(format!("/proc/{}/fd", lab.daemon()?.id()))?.count();
    Ok((memory(lab, "VmRSS:")?, files))
}

/// The most memory that the daemon ever had, in kB.
pub(crate) fn most_memory(lab: &mut Lab) -> anyhow::Result<u64> {
    memory(lab, "VmHWM:")
}

fn memory(lab: &mut Lab, row: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", lab.daemon()?.id()))?;
    let memory = status.lines().find_map(|line| line.strip_prefix(row));
    let memory = memory.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse().ok());
    memory.context("no such row")
}

/// Opens connections and leaves each with half a request.
fn leave_open(lab: &Lab, count: usize) -> anyhow::Result<Vec<UnixStream>> {
    let mut open = Vec::new();
    for half in HALF.into_iter().cycle().take(count) {
        let mut stream = UnixStream::connect(lab.socket())?;
        // The daemon may have closed it already, for those that come after it.
        let _ = stream.write_all(half.as_bytes());
        open.push(stream);
    }
    Ok(open)
}

pub(crate) fn idle_connections_keep_nobody_out() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let (_, before) = resources(&mut lab)?;
    let open = leave_open(&lab, IDLE)?;
    let start = Instant::now();
    lab.status()?;
    let answered = start.elapsed();
    let (_, during) = resources(&mut lab)?;
    println!("{before} descriptors, then {during}; an answer after {answered:?}");
    ensure!(during < before + IDLE / 2, "{before} descriptors became {during}");
    ensure!(answered < CLOSED / 4, "an answer after {answered:?} only");
    let closed = wait_until(CLOSED, || resources(&mut lab).is_ok_and(|(_, now)| now <= before));
    ensure!(closed, "{before} descriptors, and {:?} at the end", resources(&mut lab)?);

    // Whoever sent a head and half a body hears why.
    let mut last = open.into_iter().last().context("nothing was opened")?;
    let mut answer = String::new();
    last.read_to_string(&mut answer)?;
    ensure!(answer.contains("400") && answer.contains("body doesn't come"), "{answer}");
    Ok(())
}

pub(crate) fn the_daemon_stays_as_small_as_it_was() -> anyhow::Result<()> {
    stays_small(2)
}

/// A hundred times the same design, more than 30 changes, 200 looks at the status.
pub(crate) fn the_daemon_stays_as_small_for_long() -> anyhow::Result<()> {
    stays_small(17)
}

fn stays_small(count: usize) -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let good = Snapshot::take(&lab)?;
    let (first, another) = (Site::copy(&lab, "first")?, Site::another(&lab)?);
    // Without a new address, for which the networks would be asked most of the time.
    let another = another.edit("site.toml", &[("\"192.168.1.254/24\"", "\"192.168.1.1/24\"")])?;
    let broken = Site::copy(&lab, "broken")?.edit("site.toml", &[("schema = 1", "schema = 9")])?;
    let rounds = |lab: &mut Lab, count: usize| -> anyhow::Result<()> {
        for round in 0..count {
            apply(lab, &another, &[])?;
            apply(lab, &first, &["--confirm-within", "5m"])?;
            let settle = if round % 2 == 0 { "confirm" } else { "rollback" };
            let output = lab.sekisho(&[settle])?;
            ensure!(output.status.success(), "{}", describe(&output));
            apply(lab, &first, &[])?;
            for _ in 0..6 {
                ensure!(apply(lab, &first, &[])?.steps == 0);
            }
            let refused =
                Expected { code: 1, kind: FailureKind::Refused, says: "FORM-01", way_out: "" };
            let site = broken.path("site.toml");
            refused.json(lab, &["plan", "--site", &site])?;
            refused.json(lab, &["apply", "--site", &site])?;
            for _ in 0..12 {
                lab.status()?;
            }
            drop(leave_open(lab, 8)?);
        }
        Ok(())
    };
    let repair = |lab: &Lab| -> anyhow::Result<()> {
        lab.host("gateway").must(&["nft", "delete", "table", "inet", "sekisho"])?;
        ensure!(wait_until(CARRIER, || good.ensure_same(lab, "").is_ok()), "not repaired");
        Ok(())
    };
    rounds(&mut lab, 2)?;
    repair(&lab)?;
    let (memory, files) = resources(&mut lab)?;
    rounds(&mut lab, count)?;
    repair(&lab)?;
    let closed = wait_until(CLOSED, || resources(&mut lab).is_ok_and(|(_, now)| now <= files));
    let (later, now) = resources(&mut lab)?;
    println!("memory {memory} kB then {later} kB, descriptors {files} then {now}");
    ensure!(closed, "{files} descriptors became {now}");
    ensure!(later <= memory * 11 / 10, "{memory} kB became {later} kB");
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)
}
