//! When the next handshake may start.

use std::time::{Duration, Instant};

/// Handshakes follow each other within a second at first, so that a centre that restarts is found as soon as it is
/// there, and then every five seconds, WireGuard's own `REKEY_TIMEOUT`, for as long as it takes: a centre may be away
/// for days. Only what the peer sends in a session ends the row. A handshake that is answered and leads to nothing
/// counts like one that isn't.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    fruitless: u32,
    not_before: Option<Instant>,
}

impl Pace {
    const QUICK: Duration = Duration::from_secs(1);
    const QUICK_ONES: u32 = 5;
    const SLOW: Duration = Duration::from_secs(5);

    /// A handshake was started.
    pub(crate) fn started(&mut self, now: Instant) {
        self.fruitless = self.fruitless.saturating_add(1);
        let pause = if self.fruitless <= Self::QUICK_ONES { Self::QUICK } else { Self::SLOW };
        self.not_before = Some(now + pause);
    }

    /// The session carries data.
    pub(crate) fn heard(&mut self) {
        self.fruitless = 0;
    }

    /// What was in the way may be gone: handshakes follow each other within a second again.
    pub(crate) fn hasten(&mut self) {
        if std::mem::take(&mut self.fruitless) > Self::QUICK_ONES {
            let earlier = Self::SLOW.saturating_sub(Self::QUICK);
            self.not_before = self.not_before.and_then(|at| at.checked_sub(earlier));
        }
    }

    /// Whether a handshake may start.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|instant| now >= instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_seconds_and_never_end() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        assert!(pace.allows(now));
        for pause in [1, 1, 1, 1, 1, 5, 5, 5, 5] {
            pace.started(now);
            let allowed = now + Duration::from_secs(pause);
            assert!(!pace.allows(allowed.checked_sub(Duration::from_millis(1)).unwrap()));
            assert!(pace.allows(allowed));
            now = allowed;
        }
        pace.hasten();
        pace.hasten();
        let due = now.checked_sub(Duration::from_secs(4)).unwrap();
        assert!(pace.allows(due) && !pace.allows(due.checked_sub(Pace::QUICK / 2).unwrap()));
        for _ in 0..6 {
            pace.started(now);
        }
        assert!(!pace.allows(now + Pace::QUICK), "and only for a while");
        pace.heard();
        pace.started(now);
        assert!(pace.allows(now + Pace::QUICK), "the next trouble starts from the shortest pause");
        assert!(!pace.allows(now), "and never at once");
    }
}
