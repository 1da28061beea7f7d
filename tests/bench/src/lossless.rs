//! The highest rate at which next to nothing is lost.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::load::Flow;

/// Thousands of packets a second that nothing here reaches.
const MOST: f64 = 512.0;
/// Rates that are tried; the last two are 2,000 packets a second apart.
const STEPS: u64 = 8;
/// How long each is tried.
const TRY: Duration = Duration::from_millis(500);
/// How long the last packets may take.
const DRAIN: Duration = Duration::from_millis(200);
/// How long a search takes.
pub const DURATION: Duration = Duration::from_millis(STEPS * 700);
/// One packet in a thousand.
const LOSS: f64 = 0.001;

/// Thousands of packets a second of a flow.
pub fn highest(flow: &Flow) -> anyhow::Result<f64> {
    bisect(|rate| passes(flow, rate))
}

/// Halves what lies between a rate that passes and one that doesn't.
fn bisect(mut passes: impl FnMut(f64) -> anyhow::Result<bool>) -> anyhow::Result<f64> {
    let (mut low, mut high) = (0.0, MOST);
    for _ in 0..STEPS {
        let rate = f64::midpoint(low, high);
        if passes(rate)? {
            low = rate;
        } else {
            high = rate;
        }
    }
    Ok(low)
}

fn passes(flow: &Flow, rate: f64) -> anyhow::Result<bool> {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let sent = thread::scope(|scope| {
        let receiver = scope.spawn(|| flow.receive(&stop, &count));
        let begun = Instant::now();
        let sent = flow.send_paced(rate * 1e3, TRY);
        let late = begun.elapsed() > TRY + TRY / 20;
        thread::sleep(DRAIN);
        stop.store(true, Ordering::Relaxed);
        receiver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        // A sender that can't keep the pace proves nothing about the way.
        anyhow::Ok(sent?).map(|sent| if late { None } else { Some(sent) })
    })?;
    let received = count.load(Ordering::Relaxed) as f64;
    Ok(sent.is_some_and(|sent| received >= sent as f64 * (1.0 - LOSS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_rate_that_passes_is_found() {
        for limit in [0.0, 1.9, 47.0, 230.5, 600.0] {
            let found = bisect(|rate| Ok(rate <= limit)).unwrap();
            assert!(found <= limit && found > limit.min(MOST) - 2.1, "{found} of {limit}");
        }
    }
}
