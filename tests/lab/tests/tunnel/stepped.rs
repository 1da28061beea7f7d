//! The daemon's wall clock is wrong, or jumps, while everything runs (R62).
//!
//! libfaketime shows the daemon another `CLOCK_REALTIME`, and nothing else: `CLOCK_MONOTONIC` and `CLOCK_BOOTTIME` go on as
//! the kernel has them, as they do on a box whose clock is set. The time-outs of `poll` and `epoll_wait` are spans and stay
//! what they are. The tests look for the label of a new generation, to see that the clock did jump, and for the time to
//! confirm, to see that the other clocks didn't.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, ensure};
use sekisho_control::Generation;
use sekisho_lab::{Centre, Lab, PROFILE, Process, describe, wait_until};

use crate::{
    go::Go,
    traffic::{CARRIER, SECOND, Stream, Transfer, centre, ensure_reaches, lab},
};

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;
/// What a box shows whose battery is dead: the beginning of 2010, in seconds since 1970.
const DEAD: i64 = 1_262_304_000;
/// A busy machine lets a connection stand still a while; a protocol that waits for its clock does so for much longer.
const STILL: Duration = Duration::from_secs(3);
/// Where Debian has the library, whatever the processor.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The wall clock of daemons that are started by it.
struct Clock {
    offset: PathBuf,
    library: PathBuf,
}

impl Clock {
    fn new(lab: &Lab) -> anyhow::Result<Self> {
        let folders = fs::read_dir("/usr/lib")?.filter_map(Result::ok);
        let mut libraries = folders.map(|folder| folder.path().join(LIBRARY));
        let library = libraries.find(|path| path.is_file());
        let library = library.context("libfaketime is missing: apt-get install faketime")?;
        let clock = Self { offset: lab.logs().join("clock"), library };
        clock.set(0)?;
        Ok(clock)
    }

    /// Lets it jump to an offset from the right time.
    fn set(&self, seconds: i64) -> anyhow::Result<()> {
        let new = self.offset.with_extension("new");
        fs::write(&new, format!("{seconds:+}"))?;
        Ok(fs::rename(&new, &self.offset)?)
    }

    /// Starts the daemon by this clock; the lab's own mustn't run.
    fn start(&self, lab: &Lab) -> anyhow::Result<Process> {
        let variables = [
            format!("LD_PRELOAD={}", self.library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.offset.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            "NO_FAKE_STAT=1".to_owned(),
        ];
        let path = |name: &str| lab.logs().join(name).to_string_lossy().into_owned();
        let (state, key) = (path("state"), path("operator.pub"));
        let (socket, program) = (lab.socket(), lab.binary("sekishod")?);
        let run = socket.parent().context("a socket in no folder")?.to_string_lossy();
        let words = [&*program, "--state", &state, "--run", &run, "--operator-key", &key];
        let variables = variables.iter().map(String::as_str);
        let words: Vec<_> = ["env"].into_iter().chain(variables).chain(words).collect();
        let daemon = lab.host("gateway").spawn("sekishod", &words)?;
        ensure!(wait_until(CARRIER, || lab.status().is_ok()), "{}", daemon.output());
        Ok(daemon)
    }
}

/// The lab with its daemon by another clock.
fn by_a_clock() -> anyhow::Result<(Lab, Clock, Process)> {
    let mut lab = lab()?;
    let clock = Clock::new(&lab)?;
    ensure!(lab.stop_daemon()?.success());
    let daemon = clock.start(&lab)?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    Ok((lab, clock, daemon))
}

fn must(lab: &Lab, words: &[&str]) -> anyhow::Result<String> {
    let output = lab.sekisho(words)?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(sekisho_lab::text(&output.stdout))
}

/// Applies the sample with another resolver of LGWAN, a new design each time, on terms.
fn change(lab: &Lab, terms: &[&str]) -> anyhow::Result<Generation> {
    let history = |lab: &Lab| -> anyhow::Result<Vec<Generation>> {
        Ok(serde_json::from_str(&must(lab, &["history", "--format", "json"])?)?)
    };
    let number = history(lab)?.first().map_or(0, |row| row.number) + 1;
    let site = lab.logs().join("changed.toml");
    let resolver = format!("198.18.2.{}", 100 + number % 100);
    let text = fs::read_to_string(lab.site().join("site.toml"))?;
    ensure!(text.contains("198.18.2.53"), "{text}");
    fs::write(&site, text.replace("198.18.2.53", &resolver))?;
    let (site, profile) = (site.to_string_lossy(), lab.site().join(PROFILE));
    let words = ["apply", "--site", &site, "--profile", &profile.to_string_lossy()];
    must(lab, &[&words[..], terms].concat())?;
    history(lab)?.into_iter().next().context("no history")
}

/// How far the label of a generation is off, in seconds.
fn off(generation: &Generation) -> anyhow::Result<i64> {
    let (label, now) = (SystemTime::from(generation.at), SystemTime::now());
    Ok(match label.duration_since(now) {
        Ok(ahead) => ahead.as_secs().try_into()?,
        Err(behind) => -i64::try_from(behind.duration().as_secs())?,
    })
}

fn ensure_off(generation: &Generation, wanted: i64) -> anyhow::Result<()> {
    let off = off(generation)?;
    ensure!((off - wanted).abs() < 60, "the clock is {off} s off and not {wanted} s");
    Ok(())
}

pub(crate) fn a_clock_that_jumps_under_traffic_costs_nothing() -> anyhow::Result<()> {
    jumps(&[YEAR, -HOUR])
}

pub(crate) fn a_clock_that_jumps_often_costs_nothing() -> anyhow::Result<()> {
    jumps(&[HOUR, 0, -HOUR, YEAR, -YEAR, 0])
}

/// Jumps under traffic to offsets from the right time, in seconds.
fn jumps(offsets: &[i64]) -> anyhow::Result<()> {
    let (mut lab, clock, daemon) = by_a_clock()?;
    for &jump in offsets {
        let stream = Stream::start(&lab)?;
        clock.set(jump)?;
        ensure_off(&change(&lab, &[])?, jump)?;
        // A new handshake with a centre that has forgotten all: it is alive again once it is done.
        lab.kill_far_end(Centre::West)?;
        let silent = wait_until(CARRIER, || centre(&lab, Centre::West).is_ok_and(|row| !row.alive));
        ensure!(silent, "{:?}", centre(&lab, Centre::West)?);
        lab.start_far_end(Centre::West)?;
        let back = Instant::now();
        let warm = wait_until(CARRIER, || centre(&lab, Centre::West).is_ok_and(|row| row.alive));
        let (row, shaken) = (centre(&lab, Centre::West)?, back.elapsed());
        ensure!(warm && row.handshake_age_s.is_some_and(|age| age < 60), "{row:?}");
        let still = stream.finish()?;
        println!("clock {jump:+} s: still for {still:?}, a new handshake after {shaken:?}");
        ensure!(still < STILL && lab.carrier()? == Some(Centre::East), "{still:?}");
    }
    ensure!(daemon.stop()?.success());
    lab.start_daemon()?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    ensure_reaches(&lab)
}

pub(crate) fn a_clock_that_jumps_moves_no_time_to_confirm() -> anyhow::Result<()> {
    const WAIT: Duration = Duration::from_secs(6);
    let (lab, clock, _daemon) = by_a_clock()?;
    let start = Instant::now();
    let changed = change(&lab, &["--confirm-within", "6s"])?;
    let awaited = start.elapsed();
    for jump in [YEAR, -YEAR, 0, -HOUR] {
        clock.set(jump)?;
        thread::sleep(SECOND);
        let (status, at) = (lab.status()?, start.elapsed());
        ensure!(status.awaiting.is_some() || at >= WAIT, "{jump:+}: taken back after {at:?}");
    }
    let back = wait_until(CARRIER, || lab.status().is_ok_and(|status| status.awaiting.is_none()));
    let (time, status) = (start.elapsed(), lab.status()?);
    println!("taken back after {time:?}");
    ensure!(back && time >= WAIT && time < WAIT + awaited + STILL, "{time:?}");
    let returned = status.returned.context("nothing was taken back")?;
    ensure!(returned.generation == changed.number && status.generation == 1, "{returned:?}");

    let changed = change(&lab, &["--confirm-within", "5m"])?;
    ensure_off(&changed, -HOUR)?;
    clock.set(YEAR)?;
    must(&lab, &["confirm"])?;
    ensure!(lab.status()?.generation == changed.number);
    ensure_off(&change(&lab, &[])?, YEAR)
}

pub(crate) fn a_start_with_a_clock_put_back() -> anyhow::Result<()> {
    let (lab, clock, daemon) = by_a_clock()?;
    starts_with_a_clock_put_back(&lab, &clock, daemon)
}

pub(crate) fn a_start_with_a_clock_put_back_towards_wireguard_go() -> anyhow::Result<()> {
    let (mut lab, clock, daemon) = by_a_clock()?;
    for centre in Centre::ALL {
        lab.kill_far_end(centre)?;
    }
    let _go = Go::centre(&lab, Centre::East)?;
    ensure!(wait_until(CARRIER, || ensure_reaches(&lab).is_ok()), "{:?}", ensure_reaches(&lab));
    starts_with_a_clock_put_back(&lab, &clock, daemon)
}

/// The centre remembers the stamps of a run with the right clock.
fn starts_with_a_clock_put_back(
    lab: &Lab,
    clock: &Clock,
    mut daemon: Process,
) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let dead = DEAD - i64::try_from(now)?;
    let starts = [(-HOUR, false), (-HOUR, true), (dead, false), (dead, true)];
    for (megabytes, (jump, crash)) in (1..).zip(starts) {
        if crash {
            daemon.kill()?;
        } else {
            ensure!(daemon.stop()?.success());
        }
        clock.set(jump)?;
        let start = Instant::now();
        daemon = clock.start(lab)?;
        lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
        let carried = start.elapsed();
        println!("clock {jump:+} s, crash {crash}: a carrier {carried:?} after the start");
        ensure!(carried < STILL, "a carrier after {carried:?}");
        Transfer::start(lab, megabytes, "1G")?.finish()?;
        ensure_off(&change(lab, &[])?, jump)?;
    }
    Ok(())
}

/// WireGuard makes new keys every two minutes; each jump has one of them to go through.
pub(crate) fn rekeying_with_a_clock_that_jumps() -> anyhow::Result<()> {
    let (lab, clock, _daemon) = by_a_clock()?;
    let stream = Stream::start(&lab)?;
    for jump in [YEAR, 0, -YEAR] {
        clock.set(jump)?;
        let age = || centre(&lab, Centre::East).ok().and_then(|row| row.handshake_age_s);
        let before = age().context("no handshake")?;
        let mut last = before;
        let rekeyed = wait_until(3 * CARRIER, || {
            thread::sleep(SECOND / 2);
            let now = age().unwrap_or(last);
            let younger = now < last;
            last = now;
            younger
        });
        println!("clock {jump:+} s: a handshake of {before} s, then one of {last} s");
        ensure!(rekeyed && last < 10, "no new handshake, the last one is {last} s old");
    }
    let still = stream.finish()?;
    println!("still for {still:?}");
    ensure!(still < STILL, "{still:?}");
    Ok(())
}
