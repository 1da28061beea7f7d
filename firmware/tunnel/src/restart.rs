//! When to start handshakes again after the library has given up on them.

use std::time::{Duration, Instant};

/// The library gives up after 90 s of unanswered handshakes. This says when the next round may begin: the first at
/// once, since a session may have been wiped while the centre is well, then after pauses that grow from 5 s to 30 s,
/// for as long as it takes; a centre may be away for days.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    pause: Duration,
    not_before: Option<Instant>,
}

impl Restart {
    const SHORTEST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(30);

    /// A round of handshakes ended without an answer.
    pub(crate) fn given_up(&mut self, now: Instant) {
        self.not_before = Some(now + self.pause);
        self.pause = (self.pause * 2).clamp(Self::SHORTEST, Self::LONGEST);
    }

    /// The other end answered: the next trouble starts from the shortest pause.
    pub(crate) fn answered(&mut self) {
        *self = Self::default();
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
    fn pauses_grow_to_half_a_minute_and_never_end() {
        let mut restart = Restart::default();
        let mut now = Instant::now();
        assert!(restart.allows(now));
        for pause in [0, 5, 10, 20, 30, 30, 30] {
            restart.given_up(now);
            let allowed = now + Duration::from_secs(pause);
            assert!(
                pause == 0
                    || !restart.allows(allowed.checked_sub(Duration::from_millis(1)).unwrap())
            );
            assert!(restart.allows(allowed));
            now = allowed + Duration::from_secs(90);
        }
        restart.answered();
        restart.given_up(now);
        assert!(restart.allows(now));
    }
}
