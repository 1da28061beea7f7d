//! `sekisho-bench`: the data plane beside its peers, in one lab.
//!
//! ```text
//! plan ──> for each repetition, for each implementation: tunnel up, every load, tunnel down ──> results ──> report
//! ```
//! Client, both tunnel ends and server share the machine's cores, so figures are those of a whole path, and only ratios
//! of one run are to be compared.

#![forbid(unsafe_code)]
#![expect(
    clippy::cast_precision_loss,
    reason = "counts of a few seconds are far below what a double holds exactly"
)]

mod end;
mod measure;
mod peers;
mod plan;
mod plot;
mod report;
mod results;
mod wires;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use sekisho_bench::{
    load::{self, Place},
    lossless, ping, statistics, usage,
};

use crate::{
    peers::{Implementation, Programs, Tunnel},
    plan::{Extent, Load, Plan, Series},
    report::{Machine, Report},
    results::{Run, medians},
    wires::{CLIENT, Hosts, SERVER},
};

/// The data plane's speed beside its peers'
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Measure, and write a report
    Run {
        /// How much
        #[arg(long, value_enum, default_value = "headline")]
        extent: Extent,
        /// Where tests/bench/peers.sh has put the peers
        #[arg(long)]
        tools: PathBuf,
        /// The folder for report.json, report.md and report.svg
        #[arg(long)]
        output: PathBuf,
    },
    /// One end of a tunnel by Sekisho's engine; the bench starts it itself
    #[command(hide = true)]
    End(end::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        What::End(options) => end::run(&options),
        What::Run { extent, tools, output } => {
            sekisho_lab::enter();
            bench(extent, &tools, &output)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sekisho-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(extent: Extent, tools: &Path, output: &Path) -> anyhow::Result<()> {
    // Programs are started by paths that hold in every folder.
    let tools = tools.canonicalize().with_context(|| format!("{}", tools.display()))?;
    let programs = Programs::find(&tools)?;
    fs::create_dir_all(output).with_context(|| format!("make {}", output.display()))?;
    let (plan, versions) = (Plan::of(extent), programs.versions()?);
    for (name, version) in &versions {
        println!("{name}: {version}");
    }
    let minutes = plan.duration().as_secs().div_ceil(60);
    println!("{} measurements, about {minutes} minutes", plan.rounds() * plan.loads.len());
    if cfg!(debug_assertions) {
        println!("This is no release build: sekisho's own figures mean nothing.");
    }
    let logs = Path::new("/run/sekisho-bench");
    fs::create_dir_all(logs)?;
    let hosts = Hosts::up(logs)?;
    let machine = Machine::look();
    let begun = Instant::now();
    let (mut runs, mut failures) = (Vec::new(), Vec::new());
    for series in &plan.series {
        hosts.set_mode(series.mode())?;
        for repetition in 0..plan.repetitions {
            // Another one begins each time, so that none always has the machine as the same other left it.
            let mut order = series.implementations();
            let first = repetition % order.len();
            order.rotate_left(first);
            for implementation in order {
                let place = (*series, repetition, implementation);
                if let Err(error) = round(place, &hosts, &programs, &plan, &mut runs) {
                    let (series, name) = (series.key(), implementation.key());
                    let failure =
                        format!("{series}, repetition {}, {name}: {error:#}", repetition + 1);
                    eprintln!("{failure}");
                    failures.push(failure);
                }
                println!(
                    "{:>5.0} s  {} {}/{} {}",
                    begun.elapsed().as_secs_f64(),
                    series.key(),
                    repetition + 1,
                    plan.repetitions,
                    implementation.key()
                );
            }
        }
    }
    let extent = format!("{extent:?}").to_lowercase();
    let report = Report { machine, extent, plan, versions, runs, failures };
    write_report(&report, output)?;
    ensure!(report.failures.is_empty(), "{} series failed", report.failures.len());
    Ok(())
}

/// Every load through one tunnel.
fn round(
    (series, repetition, implementation): (Series, usize, Implementation),
    hosts: &Hosts,
    programs: &Programs,
    plan: &Plan,
    runs: &mut Vec<Run>,
) -> anyhow::Result<()> {
    let tunnel = Tunnel::start(implementation, series.far(implementation), hosts, programs)?;
    let client = Place { host: &hosts.client, address: CLIENT };
    let measured = load::wait_for_way(client, SERVER).and_then(|()| {
        plan.loads.iter().try_for_each(|load: &Load| {
            measure::pause();
            let values = measure::measure(hosts, *load, plan, tunnel.gateway())
                .with_context(|| load.key())?;
            runs.push(Run { series, repetition, implementation, load: *load, values });
            anyhow::Ok(())
        })
    });
    let output = tunnel.output();
    tunnel.stop()?;
    measured.with_context(|| format!("the tunnel's ends wrote: {output:?}"))
}

fn write_report(report: &Report, output: &Path) -> anyhow::Result<()> {
    let table = report.markdown()?;
    let plot = plot::svg(&medians(&report.runs))?;
    let json = serde_json::to_string_pretty(&report.json())?;
    for (name, content) in [("report.json", &json), ("report.md", &table), ("report.svg", &plot)] {
        let path = output.join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    }
    println!("\n{table}\nWritten: {}/report.json, report.md, report.svg", output.display());
    Ok(())
}
