//! All runs, and what follows from them.

use std::collections::BTreeMap;

use crate::{
    measure::Values,
    peers::Implementation,
    plan::{Load, Series},
    statistics::Summary,
    wires::Mode,
};

/// One measurement of one implementation.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) series: Series,
    pub(crate) repetition: usize,
    pub(crate) implementation: Implementation,
    pub(crate) load: Load,
    pub(crate) values: Values,
}

/// Medians of a series by implementation and key (`tcp1.up.gbit`).
pub(crate) type OfSeries = BTreeMap<&'static str, BTreeMap<String, Summary>>;

/// Medians by series.
pub(crate) type Medians = BTreeMap<&'static str, OfSeries>;

/// The series that figures and plot are about.
const HEADLINE: Series = Series::BothEnds(Mode::WireGro);

pub(crate) fn medians(runs: &[Run]) -> Medians {
    let mut values: BTreeMap<_, BTreeMap<_, BTreeMap<_, Vec<f64>>>> = BTreeMap::new();
    for run in runs {
        let of = values.entry(run.series.key()).or_default();
        let of = of.entry(run.implementation.key()).or_default();
        for (key, value) in &run.values {
            of.entry(format!("{}.{key}", run.load.key())).or_default().push(*value);
        }
    }
    let summarise = |values: BTreeMap<String, Vec<f64>>| {
        values.into_iter().filter_map(|(key, values)| Some((key, Summary::of(&values)?))).collect()
    };
    let each = |of: BTreeMap<&'static str, _>| {
        of.into_iter().map(|(key, values)| (key, summarise(values))).collect()
    };
    values.into_iter().map(|(series, of)| (series, each(of))).collect()
}

/// The medians of the headline, where it was measured.
pub(crate) fn headline(medians: &Medians) -> Option<&OfSeries> {
    medians.get(HEADLINE.key())
}

/// Sekisho's median by each other's, under flat keys: `wire_gro.tcp1.up.vs_boringtun_cli`.
pub(crate) fn ratios(medians: &Medians) -> BTreeMap<String, f64> {
    let mut ratios = BTreeMap::new();
    for (series, of) in medians {
        let Some(own) = of.get(Implementation::Sekisho.key()) else { continue };
        for other in Implementation::OTHERS {
            let Some(theirs) = of.get(other.key()) else { continue };
            for (key, value) in own {
                let Some((load, quantity)) = key.rsplit_once('.') else { continue };
                let what = match quantity {
                    "gbit" | "kpps" => "",
                    "lossless_kpps" => "lossless_",
                    "cpu_s_per_gb" | "cpu_s_per_mpkt" => "cpu_",
                    "rtt_p50_ms" => "rtt_p50_",
                    "rtt_p99_ms" => "rtt_p99_",
                    "rss_mb" => "rss_",
                    _ => continue,
                };
                if let Some(their) = theirs.get(key)
                    && their.median > 0.0
                {
                    let key = format!("{series}.{load}.{what}vs_{}", other.key());
                    ratios.insert(key, value.median / their.median);
                }
            }
        }
    }
    ratios
}

/// A figure that the data plane is to reach.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) key: String,
    pub(crate) bound: Bound,
    pub(crate) value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub(crate) fn met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.value >= bound,
            Bound::AtMost(bound) => self.value <= bound,
        }
    }
}

/// The figures that were measured, in the headline's series.
pub(crate) fn figures(medians: &Medians, ratios: &BTreeMap<String, f64>) -> Vec<Figure> {
    use Bound::{AtLeast, AtMost};
    let series = HEADLINE.key();
    let mut figures = Vec::new();
    let mut add = |key: String, bound, value: Option<f64>| {
        figures.extend(value.map(|value| Figure { key, bound, value }));
    };
    for way in ["up", "down"] {
        for (load, what, bound) in [
            ("tcp1", "vs_boringtun_cli", AtLeast(5.0)),
            ("tcp1", "vs_wireguard_go", AtLeast(2.2)),
            ("tcp1", "vs_no_tunnel", AtLeast(0.35)),
            ("tcp1", "cpu_vs_wireguard_go", AtMost(0.40)),
            ("udp128", "vs_boringtun_cli", AtLeast(2.2)),
        ] {
            let key = format!("{series}.{load}.{way}.{what}");
            let value = ratios.get(&key).copied();
            add(key, bound, value);
        }
    }
    let own = headline(medians).and_then(|of| of.get(Implementation::Sekisho.key()));
    for (key, bound) in [
        ("tcp1.up.rtt_p50_ms", AtMost(2.0)),
        ("tcp1.up.rtt_p99_ms", AtMost(6.0)),
        ("tcp1.down.rtt_p50_ms", AtMost(2.0)),
        ("tcp1.down.rtt_p99_ms", AtMost(6.0)),
        ("tcp1.both.lesser_share", AtLeast(0.35)),
    ] {
        let value = own.and_then(|own| own.get(key)).map(|summary| summary.median);
        add(format!("{series}.{key}"), bound, value);
    }
    figures
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::plan::Way;

    /// Three repetitions in which sekisho is four times as fast as the others.
    pub(crate) fn runs() -> Vec<Run> {
        let mut runs = Vec::new();
        for (repetition, more) in [0.0, 0.1, 0.2].into_iter().enumerate() {
            for implementation in Implementation::ALL {
                let own = implementation == Implementation::Sekisho;
                let gbit = if own { 4.0 } else { 1.0 } + more;
                runs.push(Run {
                    series: HEADLINE,
                    repetition,
                    implementation,
                    load: Load::Tcp(1, Way::Up),
                    values: Values::from([
                        ("gbit", gbit),
                        ("cpu_s_per_gb", if own { 1.0 } else { 2.0 }),
                        ("rtt_p50_ms", 3.0),
                    ]),
                });
            }
        }
        runs
    }

    #[test]
    fn ratios_have_flat_keys_and_are_of_medians() {
        let ratios = ratios(&medians(&runs()));
        let value = |key: &str| ratios.get(key).copied();
        assert_eq!(value("wire_gro.tcp1.up.vs_boringtun_cli"), Some(4.1 / 1.1));
        assert_eq!(value("wire_gro.tcp1.up.cpu_vs_wireguard_go"), Some(0.5));
        assert_eq!(value("wire_gro.tcp1.up.rtt_p50_vs_no_tunnel"), Some(1.0));
        assert_eq!(value("wire_gro.tcp1.up.vs_sekisho"), None);
    }

    #[test]
    fn figures_are_judged_only_where_they_were_measured() {
        let medians = medians(&runs());
        let judged: BTreeMap<_, _> = figures(&medians, &ratios(&medians))
            .into_iter()
            .map(|figure| (figure.key.clone(), figure.met()))
            .collect();
        let expected = [
            ("wire_gro.tcp1.up.cpu_vs_wireguard_go", false),
            ("wire_gro.tcp1.up.rtt_p50_ms", false),
            ("wire_gro.tcp1.up.vs_boringtun_cli", false),
            ("wire_gro.tcp1.up.vs_no_tunnel", true),
            ("wire_gro.tcp1.up.vs_wireguard_go", true),
        ];
        let expected = expected.map(|(key, met)| (key.to_owned(), met));
        assert_eq!(judged, BTreeMap::from(expected));
    }
}
