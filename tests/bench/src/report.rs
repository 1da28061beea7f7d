//! The report: JSON for programs, a table in Markdown for people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs, thread,
};

use serde_json::{Value, json};

use crate::{
    peers::Implementation,
    plan::Plan,
    results::{Bound, Figure, OfSeries, Run, figures, medians, ratios},
};

/// All that a report says.
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) extent: String,
    pub(crate) plan: Plan,
    pub(crate) versions: Vec<(&'static str, String)>,
    pub(crate) runs: Vec<Run>,
    pub(crate) failures: Vec<String>,
}

/// Where and when it was measured.
pub(crate) struct Machine {
    date: String,
    cpu: String,
    cores: usize,
    kernel: String,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            cpu: cpu_model(&read("/proc/cpuinfo")).to_owned(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

fn cpu_model(cpuinfo: &str) -> &str {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, model)| model.trim())
}

impl Report {
    /// The whole as JSON.
    pub(crate) fn json(&self) -> Value {
        let medians = medians(&self.runs);
        let ratios = ratios(&medians);
        let figures: Vec<_> = figures(&medians, &ratios).iter().map(figure_json).collect();
        let versions: BTreeMap<_, _> = self.versions.iter().cloned().collect();
        let Machine { date, cpu, cores, kernel } = &self.machine;
        json!({
            "date": date,
            "machine": { "cpu": cpu, "cores": cores, "kernel": kernel },
            "versions": versions,
            "run": {
                "extent": self.extent,
                "repetitions": self.plan.repetitions,
                "settle_s": self.plan.settle.as_secs_f64(),
                "window_s": self.plan.length.as_secs_f64(),
            },
            "series": self.plan.series.iter().map(|series| (series.key(), series.title())).collect::<BTreeMap<_, _>>(),
            "runs": self.runs.iter().map(run_json).collect::<Vec<_>>(),
            "medians": medians,
            "ratios": ratios,
            "figures": figures,
            "failures": self.failures,
        })
    }

    /// Tables for people, in Markdown that reads well as it is.
    pub(crate) fn markdown(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let Machine { date, cpu, cores, kernel } = &self.machine;
        writeln!(
            text,
            "{date}, {cpu}, {cores} cores shared by all, kernel {kernel}. Run: {}, {} interleaved repetitions, windows of \
             {} s after {} s.\nMedians; in brackets how far the repetitions lie apart, in percent of the median.\n",
            self.extent,
            self.plan.repetitions,
            self.plan.length.as_secs_f64(),
            self.plan.settle.as_secs_f64()
        )?;
        for (name, version) in &self.versions {
            writeln!(text, "- {name}: {version}")?;
        }
        let medians = medians(&self.runs);
        for series in &self.plan.series {
            let Some(of) = medians.get(series.key()) else { continue };
            writeln!(text, "\n**{}**\n", series.title())?;
            table(&mut text, of)?;
        }
        let figures = figures(&medians, &ratios(&medians));
        if !figures.is_empty() {
            writeln!(text, "\n| Figure | Bound | Measured | |\n|---|---|---|---|")?;
        }
        for figure in figures {
            let bound = match figure.bound {
                Bound::AtLeast(bound) => format!("≥ {bound}"),
                Bound::AtMost(bound) => format!("≤ {bound}"),
            };
            let verdict = if figure.met() { "met" } else { "not met" };
            writeln!(text, "| {} | {bound} | {:.2} | {verdict} |", figure.key, figure.value)?;
        }
        for failure in &self.failures {
            writeln!(text, "\nFAILED: {failure}")?;
        }
        Ok(text)
    }
}

fn table(text: &mut String, of: &OfSeries) -> std::fmt::Result {
    let columns: Vec<_> = Implementation::ALL
        .into_iter()
        .filter_map(|implementation| Some((implementation, of.get(implementation.key())?)))
        .collect();
    write!(text, "| |")?;
    for (implementation, _) in &columns {
        write!(text, " {} |", implementation.title())?;
    }
    writeln!(text, "\n|---|{}", "---|".repeat(columns.len()))?;
    let keys: BTreeSet<_> = columns.iter().flat_map(|(_, values)| values.keys()).collect();
    for key in keys {
        write!(text, "| {key} |")?;
        for (_, values) in &columns {
            match values.get(key) {
                Some(summary) => {
                    write!(text, " {:.2} ({:.0}) |", summary.median, summary.spread())?;
                }
                None => write!(text, " – |")?,
            }
        }
        writeln!(text)?;
    }
    Ok(())
}

fn run_json(run: &Run) -> Value {
    json!({
        "series": run.series.key(),
        "repetition": run.repetition,
        "implementation": run.implementation.key(),
        "load": run.load.key(),
        "values": run.values,
    })
}

fn figure_json(figure: &Figure) -> Value {
    let (kind, bound) = match figure.bound {
        Bound::AtLeast(bound) => ("at_least", bound),
        Bound::AtMost(bound) => ("at_most", bound),
    };
    json!({ "key": figure.key, kind: bound, "value": figure.value, "met": figure.met() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::Extent, results::tests::runs};

    fn report() -> Report {
        Report {
            machine: Machine::look(),
            extent: "quick".to_owned(),
            plan: Plan::of(Extent::Quick),
            versions: vec![("sekisho", "0.1.0".to_owned())],
            runs: runs(),
            failures: vec!["one".to_owned()],
        }
    }

    #[test]
    fn json_has_runs_medians_and_flat_ratios() {
        let json = report().json();
        assert_eq!(json["runs"].as_array().unwrap().len(), 12);
        assert_eq!(json["medians"]["wire_gro"]["sekisho"]["tcp1.up.gbit"]["median"], 4.1);
        assert!(json["ratios"]["wire_gro.tcp1.up.vs_no_tunnel"].as_f64().unwrap() > 3.0);
        assert_eq!(json["figures"].as_array().unwrap().len(), 5);
    }

    #[test]
    fn the_table_shows_spread_verdicts_and_failures() {
        let text = report().markdown().unwrap();
        assert!(
            text.contains("| tcp1.up.gbit | 1.10 (18) | 1.10 (18) | 1.10 (18) | 4.10 (5) |"),
            "{text}"
        );
        assert!(
            text.contains("| wire_gro.tcp1.up.vs_wireguard_go | ≥ 2.2 | 3.73 | met |"),
            "{text}"
        );
        assert!(text.contains("FAILED: one"), "{text}");
    }

    #[test]
    fn a_cpu_is_called_what_the_kernel_calls_it() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: A 1\nmodel name\t: A 2\n"), "A 1");
        assert_eq!(cpu_model(""), "unknown");
    }
}
