//! The device's key is renewed: which key is to come, and when the old one has served its time (R3).
//!
//! ```text
//! none ──made──> waiting ──every centre that answers speaks by it──> overlap ──time──> the device's own, the old one erased
//!   ^               │  ^                                               │
//!   └───cancelled───┘  └──────────a centre speaks by the old one───────┘
//! ```
//!
//! Which of the two keys counts at a centre the tunnel finds out by itself, packet by packet. Here it is only decided when
//! the old one can go. Nothing of that is kept over a restart: the overlap begins anew.

use std::time::{Duration, Instant};

use sekisho_control::{KeyAtCentre, KeyState};
use sekisho_design::Name;
use sekisho_tunnel::{ComingKey, SecretKey};

use super::store::Coming;

/// As long as a session may live without a handshake (WireGuard's `REJECT_AFTER_TIME`): then nothing that was sealed for the
/// old key is under way, and whoever gave the addresses to the new one by mistake has had time to see it.
const OVERLAP: Duration = Duration::from_mins(3);

/// How long a centre that is silent is waited for: it may know the old key alone when it comes back.
const PATIENCE: Duration = Duration::from_hours(24);

/// How long to wait after a disk has refused.
const RETRY: Duration = Duration::from_mins(1);

/// The keys that a tunnel is started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys<'a> {
    pub(super) own: &'a SecretKey,
    pub(super) coming: Option<&'a SecretKey>,
}

/// A centre, as far as a renewal asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Centre {
    pub(super) name: Name,
    pub(super) alive: bool,
    pub(super) carries: bool,
    pub(super) key: ComingKey,
}

/// The key that is to come, if any.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    coming: Option<Coming>,
    overlap: Overlap,
    retry: Option<Instant>,
}

impl Renewal {
    pub(super) fn new(coming: Option<Coming>) -> Self {
        Self { coming, ..Self::default() }
    }

    pub(super) fn coming(&self) -> Option<&Coming> {
        self.coming.as_ref()
    }

    /// For a tunnel that starts.
    pub(super) fn key(&self) -> Option<&SecretKey> {
        self.coming.as_ref().map(|coming| &coming.key)
    }

    /// The coming key, where the old one has served its time.
    pub(super) fn due(&mut self, centres: &[Centre], now: Instant) -> Option<SecretKey> {
        let coming = self.coming.as_ref()?;
        let over = self.overlap.is_over(centres, now) && self.retry.is_none_or(|at| now >= at);
        over.then(|| coming.key.clone())
    }

    /// The disk refused; the next attempt waits.
    pub(super) fn refused(&mut self, now: Instant) {
        self.retry = Some(now + RETRY);
    }
}

/// The time in which both keys are heard, from the moment on at which every centre that answers speaks by the new one.
#[derive(Debug, Default)]
struct Overlap(Option<Instant>);

impl Overlap {
    /// Whether the old key isn't needed any more.
    fn is_over(&mut self, centres: &[Centre], now: Instant) -> bool {
        let in_use = |centre: &&Centre| centre.key == ComingKey::InUse;
        let carried = centres.iter().filter(in_use).any(|centre| centre.alive && centre.carries);
        let mut others = centres.iter().filter(|centre| !in_use(centre));
        let silent = others.clone().next().is_some();
        if !carried || others.any(|centre| centre.alive) {
            self.0 = None;
            return false;
        }
        let since = *self.0.get_or_insert(now);
        now >= since + if silent { PATIENCE } else { OVERLAP }
    }
}

/// What centres make of the coming key, for people.
pub(super) fn told(centres: Vec<Centre>) -> Vec<KeyAtCentre> {
    let state = |key| match key {
        ComingKey::Unknown => KeyState::Unknown,
        ComingKey::Known => KeyState::Registered,
        ComingKey::InUse => KeyState::InUse,
    };
    centres
        .into_iter()
        .map(|centre| KeyAtCentre { name: centre.name, state: state(centre.key) })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// `C`arries, `a`nswers or is `s`ilent; `o`ld, `k`nown or `n`ew.
    fn centres(text: &str) -> Vec<Centre> {
        let centre = |word: &str| {
            let key = match &word[1..] {
                "o" => ComingKey::Unknown,
                "k" => ComingKey::Known,
                _ => ComingKey::InUse,
            };
            let name = "east".parse().unwrap();
            Centre { name, alive: !word.starts_with('s'), carries: word.starts_with('C'), key }
        };
        text.split_whitespace().map(centre).collect()
    }

    #[test]
    fn the_old_key_goes_when_every_centre_has_done_without_it_for_a_while() {
        // What was seen, from which second on.
        type Story = &'static [(u64, &'static str)];
        let (minute, day) = (60, 24 * 3_600);
        // With when the old key goes.
        let stories: [(Story, Option<u64>); 10] = [
            (&[(0, "Co ao")], None),
            (&[(0, "Ck ak")], None),
            (&[(0, "Cn ak")], None),
            (&[(0, "Cn an")], Some(3 * minute)),
            (&[(0, "Cn ao"), (600, "Cn an")], Some(600 + 3 * minute)),
            (&[(0, "Cn an"), (120, "Ck an"), (150, "Cn an")], Some(150 + 3 * minute)),
            // A silent centre that knows the new key already isn't waited for.
            (&[(0, "Cn an"), (60, "Cn sn")], Some(3 * minute)),
            (&[(0, "Cn so")], Some(day)),
            (&[(0, "Cn so"), (600, "Cn an")], Some(600)),
            // Nobody carries: the line is cut, or both centres are down.
            (&[(0, "sn sn")], None),
        ];
        for (story, expected) in stories {
            let (start, mut overlap) = (Instant::now(), Overlap::default());
            let seen = |second| story.iter().rev().find(|(from, _)| *from <= second);
            let over = (0..=day + 600).step_by(30).find(|second| {
                let (_, text) = seen(*second).unwrap();
                overlap.is_over(&centres(text), start + Duration::from_secs(*second))
            });
            assert_eq!(over, expected, "{story:?}");
        }
    }

    #[test]
    fn a_disk_that_refuses_is_asked_again_after_a_while() {
        let (key, now) = (SecretKey::generate(), Instant::now());
        let coming = Coming { key: key.clone(), made_at: Timestamp::UNIX_EPOCH };
        let mut renewal = Renewal::new(Some(coming));
        let both = centres("Cn an");
        assert!(renewal.due(&both, now).is_none());
        let later = now + OVERLAP;
        assert_eq!(renewal.due(&both, later).map(|key| key.public()), Some(key.public()));
        renewal.refused(later);
        assert!(renewal.due(&both, later + SECOND).is_none());
        assert!(renewal.due(&both, later + RETRY).is_some());
        assert!(Renewal::new(None).due(&both, later).is_none());
    }

    proptest! {
        /// Whatever is seen: the old key never goes while a centre that answers needs it, or before its time.
        #[test]
        fn the_old_key_outlives_whoever_needs_it(
            looks in prop::collection::vec((0_u64..200, 0_usize..3, 0_usize..3, 0_usize..3, 0_usize..3), 1..40)
        ) {
            let (mut now, mut overlap) = (Instant::now(), Overlap::default());
            let mut needed = now;
            for (wait, one, its, other, theirs) in looks {
                now += Duration::from_secs(wait);
                let word = |life: usize, key: usize| format!("{}{}", ["C", "a", "s"][life], ["o", "k", "n"][key]);
                let seen = centres(&format!("{} {}", word(one, its), word(other, theirs)));
                let needs = |centre: &Centre| centre.alive && centre.key != ComingKey::InUse;
                if seen.iter().any(needs) {
                    needed = now;
                }
                if overlap.is_over(&seen, now) {
                    prop_assert!(now >= needed + OVERLAP);
                    prop_assert!(!seen.iter().any(needs));
                    prop_assert!(seen.iter().any(|centre| centre.carries));
                }
            }
        }
    }
}
