//! What a thread does that is woken again and again for nothing.

use std::time::Duration;

/// A thread whose call is refused though its poll says otherwise would go round without a pause. It may do so a few
/// times, since single wakes for nothing happen in health; from then on its pauses double, and the first call that
/// brings something ends the row.
#[derive(Debug, Default)]
pub(super) struct Rest {
    fruitless: u32,
}

impl Rest {
    /// Wakes for nothing in a row that cost no pause.
    const FREE: u32 = 2;
    const SHORTEST: Duration = Duration::from_millis(1);
    /// Short beside a tick and the interval of probes.
    const LONGEST: Duration = Duration::from_millis(64);

    /// How long to pause after a wake, if at all.
    pub(super) fn after(&mut self, brought: bool) -> Option<Duration> {
        if brought {
            self.fruitless = 0;
            return None;
        }
        self.fruitless = self.fruitless.saturating_add(1);
        let doubled = self.fruitless.checked_sub(Self::FREE + 1)?;
        Some(Self::LONGEST.min(Self::SHORTEST * 2_u32.saturating_pow(doubled)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_something_comes() {
        let mut rest = Rest::default();
        let after = |rest: &mut Rest, brought| rest.after(brought).map(|pause| pause.as_millis());
        for pause in [None, None, Some(1), Some(2), Some(4), Some(8), Some(16), Some(32), Some(64)]
        {
            assert_eq!(after(&mut rest, false), pause);
        }
        rest.fruitless = u32::MAX;
        assert_eq!(after(&mut rest, false), Some(64), "and never longer");
        assert_eq!(after(&mut rest, true), None);
        assert_eq!(after(&mut rest, false), None, "the next row begins anew");
    }
}
