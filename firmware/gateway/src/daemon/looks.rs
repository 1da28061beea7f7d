//! When to look at the kernel because somebody else may have changed it: pure, told the time.
//!
//! A change is looked into at most once a second. A repair takes a token; there are ten, and one
//! comes back every ten seconds, so that two programs that undo each other's work don't do it without end.

use std::time::Duration;

/// Between two looks.
const BETWEEN: Duration = Duration::from_secs(1);

/// Repairs in a row.
const REPAIRS: u32 = 10;

/// After which one more repair is free.
const RECOVERS: Duration = Duration::from_secs(10);

/// Paces looks and repairs. Times are since the machine's start.
#[derive(Debug)]
pub(super) struct Looks {
    noticed: bool,
    looked: Option<Duration>,
    tokens: u32,
    /// When the tokens were counted last.
    counted: Duration,
}

impl Looks {
    pub(super) fn new(now: Duration) -> Self {
        Self { noticed: false, looked: None, tokens: REPAIRS, counted: now }
    }

    /// Something changed.
    pub(super) fn notice(&mut self) {
        self.noticed = true;
    }

    /// Whether to look now. A look that is due but not allowed stays due.
    pub(super) fn take_look(&mut self, now: Duration) -> bool {
        self.recover(now);
        let rested = self.looked.is_none_or(|looked| now >= looked + BETWEEN);
        let look = self.noticed && rested && self.tokens > 0;
        if look {
            (self.noticed, self.looked) = (false, Some(now));
        }
        look
    }

    /// A look ended with a repair. False where it was the last for now.
    pub(super) fn repaired(&mut self, now: Duration) -> bool {
        self.recover(now);
        self.tokens = self.tokens.saturating_sub(1);
        self.tokens > 0
    }

    fn recover(&mut self, now: Duration) {
        while self.tokens < REPAIRS && now >= self.counted + RECOVERS {
            self.tokens += 1;
            self.counted += RECOVERS;
        }
        if self.tokens == REPAIRS {
            self.counted = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn looks_are_a_second_apart_and_none_is_forgotten() {
        let mut looks = Looks::new(ms(0));
        assert!(!looks.take_look(ms(5000)), "nothing happened");
        looks.notice();
        assert!(looks.take_look(ms(5000)));
        assert!(!looks.take_look(ms(9000)), "once");
        looks.notice();
        assert!(looks.take_look(ms(9000)));
        looks.notice();
        looks.notice();
        assert!(!looks.take_look(ms(9999)));
        assert!(looks.take_look(ms(10_000)));
    }

    #[test]
    fn repairs_without_end_are_slowed_down_to_one_in_ten_seconds() {
        let mut looks = Looks::new(ms(0));
        let (mut repairs, mut told) = (Vec::new(), 0);
        for now in (0..60_000).step_by(100).map(ms) {
            looks.notice();
            if looks.take_look(now) {
                repairs.push(now);
                told += u32::from(!looks.repaired(now));
            }
        }
        let first: Vec<_> = repairs.iter().filter(|at| **at < ms(10_000)).collect();
        assert_eq!(first.len(), 10, "{repairs:?}");
        assert_eq!(repairs.len(), 15, "then one each ten seconds: {repairs:?}");
        assert!(told > 0);
        // A minute and a half of peace gives all of them back.
        let mut again = 0;
        for now in (200_000..210_000).step_by(100).map(ms) {
            looks.notice();
            again += u32::from(
                looks.take_look(now) && {
                    looks.repaired(now);
                    true
                },
            );
        }
        assert_eq!(again, 10);
    }
}
