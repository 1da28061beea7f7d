//! Loads, by dnsperf.

use std::{net::Ipv4Addr, path::Path, process::Command};

/// How a server is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// Every name once, not too fast to be fetched.
    Once,
    /// With a hundred questions open all the time.
    AsFastAsItGoes,
    /// 10,000 a second, each one timed.
    Steady,
    /// 5,000 a second of 200 clients.
    ManyClients,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) rate: f64,
    pub(crate) lost: u64,
    /// In milliseconds; 0 unless each question was timed.
    pub(crate) p99: f64,
}

/// Loads a server for some seconds.
pub(crate) fn run(server: Ipv4Addr, questions: &Path, load: Load) -> Outcome {
    let arguments: &[&str] = match load {
        Load::Once => &["-n", "1", "-q", "50", "-c", "4"],
        Load::AsFastAsItGoes => &["-l", "6", "-q", "100", "-c", "8"],
        Load::Steady => &["-l", "8", "-Q", "10000", "-c", "20", "-v"],
        Load::ManyClients => &["-l", "8", "-Q", "5000", "-c", "200", "-q", "1000"],
    };
    let output = Command::new("taskset")
        .args(["-c", "1", "dnsperf", "-T", "1", "-s", &server.to_string(), "-d"])
        .arg(questions)
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "dnsperf: {}", String::from_utf8_lossy(&output.stderr));
    let number = |label: &str| -> f64 {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    };
    let failed = number("Queries sent:") - number("Queries completed:");
    let others = text.lines().find(|line| line.trim().starts_with("Response codes:"));
    let others = others.map(|line| line.replace(" (100.00%)", ""));
    assert!(
        others.as_deref().is_some_and(|line| !line.contains(',') && line.contains("NOERROR")),
        "not every answer was one: {others:?}"
    );
    Outcome { rate: number("Queries per second:"), lost: whole(failed), p99: p99(&text) }
}

/// What 99 % of the timed questions took at most. Their lines read `> NOERROR NAME A 0.000123`.
fn p99(text: &str) -> f64 {
    let timed = text.lines().filter(|line| line.starts_with("> "));
    let mut seconds: Vec<f64> =
        timed.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() * 99 / 100).map_or(0.0, |seconds| seconds * 1e3)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of queries")]
fn whole(number: f64) -> u64 {
    number as u64
}
