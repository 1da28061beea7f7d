//! What the work at a desk may take, measured: `make bench-desk`. Ends with 1 where a limit isn't kept.
//!
//! A check is the whole process, as somebody would wait for it. A plan is what the daemon computes between reading the
//! kernel and the first step.

#![expect(clippy::unwrap_used, reason = "a measurement that can't go on ends")]

#[path = "../tests/common/sites.rs"]
mod sites;

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use sekisho_design::Global;
use sekisho_plan::{
    KernelState, desired,
    state::{Link, LinkKind},
    steps,
};

use self::sites::{Site, check_takes, design, median, sample};

const RUNS: usize = 15;

fn main() -> ExitCode {
    let mut kept = true;
    let mut show = |what: &str, taken: Duration, limit: Option<u64>| {
        let within = limit.is_none_or(|limit| taken <= Duration::from_millis(limit));
        kept &= within;
        let limit = limit.map_or(String::new(), |limit| format!("  limit {limit} ms"));
        let verdict = if within { "" } else { "  EXCEEDED" };
        println!("{what:<44}{:>9.1} ms{limit}{verdict}", taken.as_secs_f64() * 1000.0);
    };
    let large = sample("large");
    show("check, sample 'large' (500 servers)", median(RUNS, || check_takes(&large)), Some(50));
    for (servers, limit) in [(625, None), (1_250, None), (2_500, None), (5_000, Some(1_000))] {
        let site = Site::with_servers(servers);
        let taken = median(RUNS, || check_takes(site.folder()));
        show(&format!("check, {servers} servers"), taken, limit);
    }
    let design = design(&large);
    let before = desired(&design);
    let empty = ports(&before);
    let mut changed = design.clone();
    changed.servers[0].global = Global::new("100.64.15.250".parse().unwrap());
    for (what, from, to) in [
        ("plan, 500 servers, from nothing", &empty, &design),
        ("plan, 500 servers, one mapping changed", &before, &changed),
        ("plan, 500 servers, nothing changed", &before, &design),
    ] {
        let taken = median(RUNS, || {
            let start = Instant::now();
            let plan = steps(from, &desired(black_box(to))).unwrap();
            let sentences: Vec<_> = plan.iter().map(sekisho_plan::Step::sentences).collect();
            black_box(sentences);
            start.elapsed()
        });
        show(what, taken, Some(100));
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A box as it comes: its ports, down.
fn ports(state: &KernelState) -> KernelState {
    let ports = state.links.iter().filter(|(_, link)| link.kind == LinkKind::Port);
    let down = |(name, link): (&_, &Link)| (Clone::clone(name), Link { up: false, ..link.clone() });
    KernelState { links: ports.map(down).collect(), ..KernelState::default() }
}
