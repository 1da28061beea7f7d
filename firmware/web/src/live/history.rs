//! What went through the tunnel in the last hour and the last day: two rings of steps. Pure; `now` is the wall clock's, in seconds
//! since 1970, since the history outlives the process.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rates::{Delta, bps};

/// Steps of a ring: 5 s for an hour, 2 min for a day.
pub(super) const STEPS: i64 = 720;

/// How far back.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Span {
    /// The last hour.
    #[default]
    Hour,
    /// The last day.
    Day,
}

impl Span {
    const fn step_s(self) -> i64 {
        match self {
            Self::Hour => 5,
            Self::Day => 120,
        }
    }
}

/// What was seen in one step.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Step {
    /// Milliseconds of it that were seen.
    ms: u64,
    /// Bytes to the platform.
    up: u64,
    /// Bytes from the platform.
    down: u64,
    /// Packets refused.
    refused: u64,
}

/// The steps, by their number since 1970. Those in which nobody looked are missing.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
struct Ring(BTreeMap<i64, Step>);

impl Ring {
    fn add(&mut self, number: i64, delta: Delta) {
        self.trim(number);
        let step = self.0.entry(number).or_default();
        let ms = u64::try_from(delta.time.as_millis()).unwrap_or(u64::MAX);
        step.ms = step.ms.saturating_add(ms);
        step.up = step.up.saturating_add(delta.up);
        step.down = step.down.saturating_add(delta.down);
        step.refused = step.refused.saturating_add(delta.refused);
    }

    /// Only what is not older than the ring; where the clock was put back, what lies ahead goes too.
    fn trim(&mut self, number: i64) {
        self.0.retain(|kept, _| number.saturating_sub(STEPS) < *kept && *kept <= number);
    }
}

/// Both rings.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    hour: Ring,
    day: Ring,
}

/// A span, as the page gets it.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "History")]
pub(crate) struct Shown {
    step_s: i64,
    points: Vec<Point>,
}

/// One step of it.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "HistoryPoint")]
struct Point {
    at: Timestamp,
    up_bps: u64,
    down_bps: u64,
    refused: u64,
}

impl History {
    /// Adds what was just seen.
    pub(super) fn add(&mut self, now: i64, delta: Delta) {
        self.hour.add(now.div_euclid(Span::Hour.step_s()), delta);
        self.day.add(now.div_euclid(Span::Day.step_s()), delta);
    }

    /// The steps of a span, the oldest first.
    pub(super) fn show(&self, span: Span, now: i64) -> Shown {
        let step_s = span.step_s();
        let mut ring = match span {
            Span::Hour => self.hour.clone(),
            Span::Day => self.day.clone(),
        };
        ring.trim(now.div_euclid(step_s));
        let points = ring.0.iter().filter_map(|(number, step)| {
            let time = Duration::from_millis(step.ms);
            Some(Point {
                at: Timestamp::from_second(number.checked_mul(step_s)?).ok()?,
                up_bps: bps(step.up, time),
                down_bps: bps(step.down, time),
                refused: step.refused,
            })
        });
        Shown { step_s, points: points.collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn second(up: u64) -> Delta {
        Delta { time: Duration::from_secs(1), up, down: 2 * up, refused: 1 }
    }

    #[test]
    fn steps_hold_rates_and_refusals() {
        let mut history = History::default();
        for second_of in 0..10 {
            history.add(NOW + second_of, second(1000));
        }
        let hour = history.show(Span::Hour, NOW + 9);
        let at = |seconds| Timestamp::from_second(NOW + seconds).unwrap();
        let point = |at| Point { at, up_bps: 8000, down_bps: 16000, refused: 5 };
        assert_eq!(hour, Shown { step_s: 5, points: vec![point(at(0)), point(at(5))] });
        let day = history.show(Span::Day, NOW + 9);
        assert_eq!((day.step_s, day.points.len(), day.points[0].refused), (120, 1, 10));
        assert!(history.show(Span::Hour, NOW + 3700).points.is_empty());
        assert!(history.show(Span::Day, NOW - 3700).points.is_empty(), "the clock was put back");
        let shown = serde_json::to_value(hour).unwrap();
        assert_eq!(shown["points"][0]["at"], "2027-01-15T08:00:00Z");
    }

    proptest! {
        /// Whatever the clock does, there are so many steps at most, in order, within the span, and the file reads as it was.
        #[test]
        fn memory_is_bounded(jumps in proptest::collection::vec(-4000_i64..4000, 1..300)) {
            let mut history = History::default();
            let mut now = NOW;
            for jump in jumps {
                now += jump;
                history.add(now, second(7));
                for span in [Span::Hour, Span::Day] {
                    let points = history.show(span, now).points;
                    prop_assert!((1..=720).contains(&points.len()));
                    prop_assert!(points.windows(2).all(|pair| pair[0].at < pair[1].at));
                    let oldest = now - points[0].at.as_second();
                    prop_assert!((0..STEPS * span.step_s()).contains(&oldest));
                }
            }
            let text = serde_json::to_vec(&history).unwrap();
            prop_assert_eq!(serde_json::from_slice::<History>(&text).unwrap(), history);
        }
    }
}
