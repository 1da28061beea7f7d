//! Somebody else who holds our key: a copy of the device, or a spare that runs beside it (R8).
//!
//! The peer knows one holder of a key and answers whoever shook hands last. Where there are two, each handshake of the
//! other takes the session away from us: what the peer sends no longer opens here, until we shake hands again and take
//! it back, and so on. A bad line never looks like that, since what arrives over it opens; nor does a peer that starts
//! anew, which seals nothing for a session that it has forgotten.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Tells such a tug-of-war from single events.
#[derive(Debug, Default)]
pub(super) struct Rival {
    /// Data has opened since our last handshake.
    opened: bool,
    /// And after it came data that is sealed for somebody else.
    strange: bool,
    /// When sessions were taken back lately.
    taken_back: VecDeque<Instant>,
    seen: Option<Instant>,
}

impl Rival {
    /// So many times within [`Rival::WINDOW`] are no coincidence. Plain WireGuard needs 15 s to notice that a session was
    /// taken from it, and up to 12 s more until its stamps pass ours: implementations date TAI by 10 or by 37 s.
    const TIMES: usize = 3;
    const WINDOW: Duration = Duration::from_mins(2);

    /// Data of the peer opened.
    pub(super) fn opened(&mut self) {
        self.opened = true;
        self.strange = false;
    }

    /// Data arrived that doesn't open.
    pub(super) fn strange(&mut self) {
        self.strange = self.opened;
    }

    /// We shook hands.
    pub(super) fn handshake(&mut self, now: Instant) {
        let taken_back = std::mem::take(&mut self.strange);
        self.opened = false;
        if !taken_back {
            return;
        }
        self.taken_back.push_back(now);
        while self
            .taken_back
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) > Self::WINDOW)
        {
            self.taken_back.pop_front();
        }
        if self.taken_back.len() >= Self::TIMES {
            self.taken_back.pop_front();
            self.seen = Some(now);
        }
    }

    /// When the last sign of another holder was noticed.
    pub(super) fn seen(&self) -> Option<Instant> {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events by their second: `h`andshake, data that `o`pens, `s`trange data.
    fn after(events: &[(u64, &str)]) -> Option<u64> {
        let start = Instant::now();
        let mut rival = Rival::default();
        for (second, what) in events {
            for event in what.chars() {
                match event {
                    'h' => rival.handshake(start + Duration::from_secs(*second)),
                    'o' => rival.opened(),
                    's' => rival.strange(),
                    other => panic!("no event '{other}'"),
                }
            }
        }
        rival.seen().map(|at| at.saturating_duration_since(start).as_secs())
    }

    #[test]
    fn only_a_session_that_is_taken_away_again_and_again_is_a_rival() {
        type Story = &'static [(u64, &'static str)];
        let stories: [(&str, Story, Option<u64>); 8] = [
            ("a start and its rekeyings", &[(0, "ho"), (120, "oho"), (240, "oho")], None),
            (
                "turns every half minute",
                &[(0, "ho"), (30, "sh"), (31, "o"), (61, "sh"), (62, "o"), (92, "sh")],
                Some(92),
            ),
            ("fast turns", &[(0, "hosho"), (1, "ssho"), (2, "ossho")], Some(2)),
            ("two times", &[(0, "ho"), (30, "sho"), (61, "sho"), (90, "oho")], None),
            (
                "three times in an hour",
                &[(0, "ho"), (900, "sho"), (1_800, "sho"), (2_700, "sho")],
                None,
            ),
            (
                "a bad line: handshakes, nothing strange",
                &[(0, "ho"), (1, "ho"), (2, "ho"), (3, "ho")],
                None,
            ),
            (
                "strange data that somebody else sends",
                &[(0, "ho"), (1, "so"), (2, "so"), (3, "soh"), (4, "so")],
                None,
            ),
            ("leftovers of an earlier run", &[(0, "sh"), (1, "sh"), (2, "sh"), (3, "sh")], None),
        ];
        for (name, story, seen) in stories {
            assert_eq!(after(story), seen, "{name}");
        }
    }

    #[test]
    fn memory_is_bounded_and_the_last_sign_counts() {
        let (start, mut rival) = (Instant::now(), Rival::default());
        for second in 0..1_000 {
            rival.opened();
            rival.strange();
            rival.handshake(start + Duration::from_secs(second));
        }
        assert!(rival.taken_back.len() < Rival::TIMES);
        assert_eq!(rival.seen(), Some(start + Duration::from_secs(999)));
    }
}
