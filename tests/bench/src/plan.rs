//! What is measured, how long and how often.

use std::time::Duration;

use crate::wires::Mode;

/// Which way traffic goes; up is from the client, an office, to the server, the platform.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    Up,
    Down,
    Both,
}

/// One measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Load {
    /// Round trips alone.
    Idle,
    /// So many streams each way.
    Tcp(usize, Way),
    /// A flood of packets of this length, IP header included.
    Udp(usize, Way),
}

impl Way {
    fn key(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Both => "both",
        }
    }

    /// Whether a flow goes up, for each of its directions.
    pub(crate) fn directions(self) -> &'static [bool] {
        match self {
            Self::Up => &[true],
            Self::Down => &[false],
            Self::Both => &[true, false],
        }
    }
}

impl Load {
    /// Its name in keys.
    pub(crate) fn key(self) -> String {
        match self {
            Self::Idle => "idle".to_owned(),
            Self::Tcp(streams, way) => format!("tcp{streams}.{}", way.key()),
            Self::Udp(length, way) => format!("udp{length}.{}", way.key()),
        }
    }
}

/// Which run this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Extent {
    /// The headline, short, twice: at most 4 minutes
    Quick,
    /// The headline, five times: at most 15 minutes
    Headline,
    /// Everything, five times: at most 2 hours
    Full,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) modes: Vec<Mode>,
    pub(crate) loads: Vec<Load>,
    pub(crate) repetitions: usize,
    /// How long a load runs before it is measured.
    pub(crate) settle: Duration,
    /// How long it is measured.
    pub(crate) length: Duration,
}

impl Plan {
    pub(crate) fn of(extent: Extent) -> Self {
        let full = extent == Extent::Full;
        let streams: &[_] = if full { &[1, 4] } else { &[1] };
        let lengths: &[_] = if full { &[64, 128, 512, 1400] } else { &[128] };
        let mut loads = vec![Load::Idle];
        for count in streams {
            loads.extend([Way::Up, Way::Down, Way::Both].map(|way| Load::Tcp(*count, way)));
        }
        for length in lengths {
            loads.extend([Way::Up, Way::Down].map(|way| Load::Udp(*length, way)));
        }
        let quick = extent == Extent::Quick;
        Self {
            modes: if full { Mode::ALL.to_vec() } else { vec![Mode::WireGro] },
            loads,
            repetitions: if quick { 2 } else { 5 },
            settle: Duration::from_millis(if quick { 700 } else { 1_000 }),
            length: Duration::from_millis(if quick { 2_500 } else { 4_500 }),
        }
    }

    /// About how long it takes with so many implementations.
    pub(crate) fn duration(&self, implementations: usize) -> Duration {
        const START: Duration = Duration::from_secs(2);
        const AFTER: Duration = Duration::from_millis(500);
        let each = u32::try_from(self.loads.len()).unwrap_or(u32::MAX)
            * (self.settle + self.length + AFTER)
            + START;
        let times = self.modes.len() * self.repetitions * implementations;
        each * u32::try_from(times).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_keeps_its_promise_of_time() {
        for (extent, minutes) in [(Extent::Quick, 4), (Extent::Headline, 15), (Extent::Full, 120)] {
            let duration = Plan::of(extent).duration(4);
            assert!(duration < Duration::from_mins(minutes), "{extent:?}: {duration:?}");
        }
    }

    #[test]
    fn loads_have_the_keys_of_the_report() {
        let keys: Vec<_> = Plan::of(Extent::Quick).loads.iter().map(|load| load.key()).collect();
        assert_eq!(keys, ["idle", "tcp1.up", "tcp1.down", "tcp1.both", "udp128.up", "udp128.down"]);
        assert_eq!(Plan::of(Extent::Full).loads.len(), 15);
    }
}
