//! A stored design that the machine didn't take at the start is tried again: nobody may be there to do so, and what stood in the way
//! may be gone.

use std::time::Duration;

use tracing::info;

use super::Device;

/// Until it is tried again for the first time; then twice as long each time.
const FIRST: Duration = Duration::from_secs(10);

/// The longest time between two attempts.
const LONGEST: Duration = Duration::from_mins(15);

/// When it is tried again.
#[derive(Debug, Default)]
pub(super) struct Retry {
    /// Since the machine's start.
    due: Option<Duration>,
    failures: u32,
}

impl Retry {
    pub(super) fn after_failure(&mut self, now: Duration) {
        let pause = FIRST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures += 1;
        self.due = Some(now + pause);
        info!(seconds = pause.as_secs(), "it is tried again by itself");
    }

    fn is_due(&mut self, now: Duration) -> bool {
        self.due.take_if(|due| now >= *due).is_some()
    }
}

impl Device {
    /// Tries the stored design again where it is time; not where somebody has brought one meanwhile.
    pub(super) async fn try_again(&mut self, now: Duration) {
        if self.retry.is_due(now) && self.in_force.is_none() {
            info!("trying the stored design again");
            self.keep_stored().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_and_never_end() {
        let (mut retry, mut now) = (Retry::default(), Duration::from_secs(100));
        assert!(!retry.is_due(Duration::MAX), "nothing has failed");
        for seconds in [10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900] {
            retry.after_failure(now);
            assert!(!retry.is_due(now + Duration::from_secs(seconds - 1)), "before {seconds} s");
            now += Duration::from_secs(seconds);
            assert!(retry.is_due(now), "after {seconds} s");
            assert!(!retry.is_due(now), "once");
        }
    }
}
