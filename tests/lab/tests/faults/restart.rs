//! The daemon is killed or updated under traffic: no connection is lost, no byte, and nothing stands still for long.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use sekisho_lab::Lab;

use crate::streams::{Datagrams, Numbers, prepared};

const CARRIER: Duration = Duration::from_mins(1);
/// TCP connections, half of them in each direction.
const CONNECTIONS: usize = 8;
/// The promised bound of an outage, and what a busy machine and a debug build may take.
const OUTAGE: Duration = Duration::from_secs(1);
const BUSY_OUTAGE: Duration = Duration::from_secs(3);

pub(crate) fn connections_outlive_the_daemon() -> anyhow::Result<()> {
    restarts(1, BUSY_OUTAGE)
}

pub(crate) fn an_outage_lasts_a_second_at_most() -> anyhow::Result<()> {
    restarts(5, OUTAGE)
}

/// Restarts under traffic, by a crash and by a signal in turn.
fn restarts(rounds: usize, limit: Duration) -> anyhow::Result<()> {
    let (mut lab, _) = prepared()?;
    for round in 0..rounds {
        for crash in [true, false] {
            let mut numbers = Vec::new();
            for _ in 0..CONNECTIONS / 2 {
                numbers.push(Numbers::to_platform(&lab)?);
                numbers.push(Numbers::to_server(&lab)?);
            }
            let datagrams = Datagrams::start(&lab)?;
            thread::sleep(Duration::from_secs(1));
            let (ended, started) = restart(&mut lab, crash)?;
            lab.wait_for_carrier(None, CARRIER)?;
            thread::sleep(Duration::from_secs(2));
            let mut still = Vec::new();
            for numbers in numbers {
                still.push(numbers.finish()?);
            }
            let (sent, received, silence) = datagrams.finish()?;
            println!(
                "round {round}, crash {crash}: ended after {ended:?}, answers after {started:?}; datagrams {received} of \
                 {sent}, silent for {silence:?}; connections stood still for {still:?}"
            );
            ensure!(silence <= limit, "no datagram for {silence:?}");
            ensure!(still.iter().all(|time| *time <= limit), "{still:?}");
        }
    }
    Ok(())
}

/// How long the daemon took to end, and until it answered again.
fn restart(lab: &mut Lab, crash: bool) -> anyhow::Result<(Duration, Duration)> {
    let start = Instant::now();
    if crash {
        lab.kill_daemon()?;
    } else {
        ensure!(lab.stop_daemon()?.success());
    }
    let ended = start.elapsed();
    lab.start_daemon()?;
    Ok((ended, start.elapsed()))
}
