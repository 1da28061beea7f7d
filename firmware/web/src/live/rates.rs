//! How much went through the tunnel between two looks. Pure; `at` is the time since some fixed moment.

use std::{collections::BTreeMap, time::Duration};

use sekisho_control::Status;

/// The daemon's counters at one look. They begin anew with the daemon, each by itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Look {
    /// When.
    pub(super) at: Duration,
    /// By centre: bytes sent to it, and received.
    centres: BTreeMap<String, (u64, u64)>,
    /// Packets refused, by rule.
    refused: BTreeMap<String, u64>,
}

/// What happened between two looks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Delta {
    /// How long it took.
    pub(super) time: Duration,
    /// Bytes to the platform.
    pub(super) up: u64,
    /// Bytes from the platform.
    pub(super) down: u64,
    /// Packets refused.
    pub(super) refused: u64,
}

impl Look {
    pub(super) fn of(status: &Status, at: Duration) -> Self {
        let centres = status.tunnel.iter().flat_map(|tunnel| &tunnel.centres);
        Self {
            at,
            centres: centres
                .map(|centre| (centre.name.to_string(), (centre.sent, centre.received)))
                .collect(),
            refused: status.refused.iter().map(|(rule, it)| (rule.clone(), it.packets)).collect(),
        }
    }

    /// What happened since another look. A counter that is new, or smaller than it was, has begun anew: all that it shows is new.
    pub(super) fn since(&self, before: &Self) -> Delta {
        let mut delta = Delta { time: self.at.saturating_sub(before.at), ..Delta::default() };
        for (centre, now) in &self.centres {
            let before = before.centres.get(centre).copied().unwrap_or_default();
            delta.up = delta.up.saturating_add(grown(before.0, now.0));
            delta.down = delta.down.saturating_add(grown(before.1, now.1));
        }
        for (rule, now) in &self.refused {
            let before = before.refused.get(rule).copied().unwrap_or_default();
            delta.refused = delta.refused.saturating_add(grown(before, *now));
        }
        delta
    }
}

fn grown(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

/// Bits a second.
pub(super) fn bps(bytes: u64, time: Duration) -> u64 {
    let bits = u128::from(bytes) * 8 * 1000;
    let rate = bits.checked_div(time.as_millis()).unwrap_or(0);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn look(at: u64, centres: &[(&str, u64, u64)], refused: u64) -> Look {
        Look {
            at: Duration::from_secs(at),
            centres: centres
                .iter()
                .map(|(name, up, down)| ((*name).to_owned(), (*up, *down)))
                .collect(),
            refused: BTreeMap::from([("office: no row".to_owned(), refused)]),
        }
    }

    #[test]
    fn counters_are_summed_and_may_begin_anew() {
        let before = look(10, &[("east", 1000, 50), ("west", 10, 10)], 3);
        let now = look(12, &[("east", 1500, 20), ("north", 7, 0)], 4);
        let time = Duration::from_secs(2);
        assert_eq!(now.since(&before), Delta { time, up: 507, down: 20, refused: 1 });
        assert_eq!(bps(500, time), 2000);
        assert_eq!(bps(500, Duration::ZERO), 0);
    }

    proptest! {
        /// Looks between don't change what comes of it in all.
        #[test]
        fn deltas_add_up(steps in proptest::collection::vec((0_u64..1 << 30, 0_u64..1 << 30, 0_u64..99), 1..20)) {
            let looks: Vec<Look> = steps
                .iter()
                .scan((0, 0, 0, 0), |sum, step| {
                    *sum = (sum.0 + 1, sum.1 + step.0, sum.2 + step.1, sum.3 + step.2);
                    Some(look(sum.0, &[("east", sum.1, sum.2)], sum.3))
                })
                .collect();
            let all = looks[looks.len() - 1].since(&looks[0]);
            let mut sum = Delta::default();
            for pair in looks.windows(2) {
                let delta = pair[1].since(&pair[0]);
                sum.time += delta.time;
                sum.up += delta.up;
                sum.down += delta.down;
                sum.refused += delta.refused;
            }
            prop_assert_eq!(all, sum);
        }
    }
}
