//! What is measured, how long and how often.

use std::time::Duration;

use crate::{lossless, peers::Implementation, wires::Mode};

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
    /// The highest rate of such packets at which next to none is lost.
    Lossless(usize, Way),
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
            Self::Udp(length, way) | Self::Lossless(length, way) => {
                format!("udp{length}.{}", way.key())
            }
        }
    }
}

/// Who stands at the ends of the tunnel, on which wires.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Series {
    /// Each implementation at both ends.
    BothEnds(Mode),
    /// Each at the gateway, and Sekisho at the centre.
    FixedFarEnd,
}

impl Series {
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::BothEnds(mode) => mode,
            Self::FixedFarEnd => Mode::WireGro,
        }
    }

    /// Its name in keys.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::BothEnds(mode) => mode.key(),
            Self::FixedFarEnd => "wire_gro_fixed_far_end",
        }
    }

    /// Its name in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::BothEnds(mode) => mode.title(),
            Self::FixedFarEnd => "wire+GRO, each at the gateway alone, with sekisho at the centre",
        }
    }

    /// Who stands at the centre.
    pub(crate) fn far(self, implementation: Implementation) -> Implementation {
        match self {
            Self::BothEnds(_) => implementation,
            Self::FixedFarEnd => Implementation::Sekisho,
        }
    }

    /// Whom it is measured with.
    pub(crate) fn implementations(self) -> Vec<Implementation> {
        let takes_part = |implementation: &Implementation| {
            matches!(self, Self::BothEnds(_)) || *implementation != Implementation::NoTunnel
        };
        Implementation::ALL.into_iter().filter(takes_part).collect()
    }
}

/// Which run this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Extent {
    /// The headline, short, twice: at most 4 minutes
    Quick,
    /// The headline, five times: at most 15 minutes
    Headline,
    /// Everything, three times: at most 2 hours
    Full,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) series: Vec<Series>,
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
            for way in [Way::Up, Way::Down] {
                loads.push(Load::Udp(*length, way));
                loads.extend(full.then_some(Load::Lossless(*length, way)));
            }
        }
        let each = Mode::ALL.map(Series::BothEnds).into_iter().chain([Series::FixedFarEnd]);
        let quick = extent == Extent::Quick;
        Self {
            series: if full { each.collect() } else { vec![Series::BothEnds(Mode::WireGro)] },
            loads,
            repetitions: match extent {
                Extent::Quick => 2,
                Extent::Headline => 5,
                Extent::Full => 3,
            },
            settle: Duration::from_millis(if quick { 700 } else { 1_000 }),
            length: Duration::from_millis(if quick { 2_500 } else { 4_500 }),
        }
    }

    /// How many tunnels are started.
    pub(crate) fn rounds(&self) -> usize {
        let each = self.series.iter().map(|series| series.implementations().len());
        each.sum::<usize>() * self.repetitions
    }

    /// About how long it takes.
    pub(crate) fn duration(&self) -> Duration {
        const START: Duration = Duration::from_secs(2);
        const AFTER: Duration = Duration::from_millis(500);
        let each = self.loads.iter().map(|load| match load {
            Load::Lossless(..) => lossless::DURATION + AFTER,
            Load::Idle | Load::Tcp(..) | Load::Udp(..) => self.settle + self.length + AFTER,
        });
        let rounds = u32::try_from(self.rounds()).unwrap_or(u32::MAX);
        (each.sum::<Duration>() + START) * rounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_keeps_its_promise_of_time() {
        for (extent, minutes) in [(Extent::Quick, 4), (Extent::Headline, 15), (Extent::Full, 120)] {
            let duration = Plan::of(extent).duration();
            assert!(duration < Duration::from_mins(minutes), "{extent:?}: {duration:?}");
        }
    }

    #[test]
    fn loads_have_the_keys_of_the_report() {
        let keys: Vec<_> = Plan::of(Extent::Quick).loads.iter().map(|load| load.key()).collect();
        assert_eq!(keys, ["idle", "tcp1.up", "tcp1.down", "tcp1.both", "udp128.up", "udp128.down"]);
        assert_eq!(Plan::of(Extent::Full).loads.len(), 23);
    }
}
