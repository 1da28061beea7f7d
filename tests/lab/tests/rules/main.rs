//! What passes the device and what doesn't, judged at the far end and by the device's own counters.

mod closed;
#[path = "../common/mod.rs"]
mod common;
mod icmp;
mod passes;
#[path = "../common/raw.rs"]
mod raw;
mod refusals;
mod samples;

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::ensure;
use sekisho_lab::{Extent, Lab, sample, wait_until};

/// What an office host gets to hear where the device rejects: ICMP administratively prohibited becomes this error.
const PROHIBITED: ErrorKind = ErrorKind::HostUnreachable;
const PATIENCE: Duration = Duration::from_secs(3);
/// The device's word comes within a millisecond; a host that only finds no neighbour says so after three seconds.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long a packet may take from any corner of a busy lab to the device.
const ARRIVAL: Duration = Duration::from_secs(20);
/// An ordinary time to live.
const FAR: u8 = 64;
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

fn main() {
    common::run(&[
        (
            "each_side_is_seen_with_its_global_address",
            passes::each_side_is_seen_with_its_global_address,
        ),
        ("both_lans_on_one_range_work_at_once", passes::both_lans_on_one_range_work_at_once),
        ("the_lans_are_apart", refusals::the_lans_are_apart),
        ("every_refusal_is_explained", refusals::every_refusal_is_explained),
        (
            "the_platform_reaches_what_is_declared_only",
            refusals::the_platform_reaches_what_is_declared_only,
        ),
        ("offices_reach_what_is_declared_only", refusals::offices_reach_what_is_declared_only),
        ("servers_are_reached_by_their_global_address_inside_the_lan", passes::hairpin),
        ("icmp_errors_are_translated", icmp::icmp_errors_are_translated),
        ("the_device_s_own_icmp_errors_find_their_host", icmp::own_icmp_errors),
        ("the_mss_is_clamped_both_ways", passes::the_mss_is_clamped_both_ways),
        ("segments_of_no_connection_are_dropped", refusals::segments_of_no_connection_are_dropped),
        ("forged_sources_are_dropped", refusals::forged_sources_are_dropped),
        (
            "refusals_are_counted_without_bound_and_logged_with_one",
            refusals::refusals_are_counted_and_logged,
        ),
        ("ipv6_is_off_and_stays_off", closed::ipv6_is_off_and_stays_off),
        ("lgwan_sees_the_tunnel_and_nothing_else", closed::lgwan_sees_the_tunnel_and_nothing_else),
        ("without_a_design_nothing_is_forwarded", closed::without_a_design_nothing_is_forwarded),
        (
            "without_the_tunnel_device_the_platform_is_unreachable",
            closed::without_the_tunnel_device,
        ),
        ("after_a_clean_stop_nothing_passes", closed::after_a_clean_stop_nothing_passes),
        (
            "applying_twice_changes_nothing_and_counters_go_on",
            samples::applying_twice_changes_nothing,
        ),
        ("every_sample_makes_its_golden_ruleset", samples::every_sample_makes_its_golden_ruleset),
    ]);
}

fn applied(site: &str) -> anyhow::Result<Lab> {
    Lab::up(&sample(site), Extent::Applied)
}

/// The source that a web server says it saw.
fn seen(
    lab: &Lab,
    from: &str,
    source: Option<Ipv4Addr>,
    to: Ipv4Addr,
    port: u16,
) -> anyhow::Result<Ipv4Addr> {
    let url = format!("http://{to}:{port}/source");
    let source = source.map(|source| source.to_string());
    let mut words = vec!["curl", "-sS", "--max-time", "20", &url];
    words.extend(source.iter().flat_map(|source| ["--interface", source]));
    Ok(lab.host(from).must(&words)?.trim().parse()?)
}

/// How a TCP connection fails, and after how long.
fn fails(lab: &Lab, from: &str, to: Ipv4Addr, port: u16) -> anyhow::Result<(ErrorKind, Duration)> {
    let start = Instant::now();
    let end = SocketAddr::from((to, port));
    match lab.host(from).inside(|| TcpStream::connect_timeout(&end, PATIENCE))? {
        Ok(_) => anyhow::bail!("{from} reached {end}"),
        Err(error) => Ok((error.kind(), start.elapsed())),
    }
}

/// The device told the host at once.
fn is_told(lab: &Lab, from: &str, to: Ipv4Addr, port: u16) -> anyhow::Result<()> {
    let (kind, after) = fails(lab, from, to, port)?;
    ensure!(kind == PROHIBITED, "{from} to {to}:{port} failed with {kind:?}");
    ensure!(after < AT_ONCE, "{from} was told after {after:?}");
    Ok(())
}

/// The device said nothing.
fn is_ignored(lab: &Lab, from: &str, to: Ipv4Addr, port: u16) -> anyhow::Result<()> {
    let (kind, _) = fails(lab, from, to, port)?;
    ensure!(kind == ErrorKind::TimedOut, "{from} to {to}:{port} failed with {kind:?}");
    Ok(())
}

fn refused(lab: &Lab) -> anyhow::Result<BTreeMap<String, u64>> {
    Ok(lab.status()?.refused.into_iter().map(|(rule, count)| (rule, count.packets)).collect())
}

/// What an action adds to the counters of refusals, broadcasts left out.
fn refusals_of(
    lab: &Lab,
    action: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let before = refused(lab)?;
    action()?;
    added(lab, &before)
}

fn added(lab: &Lab, before: &BTreeMap<String, u64>) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut after = refused(lab)?;
    after.remove("any/broadcast");
    for (rule, count) in &mut after {
        *count -= before.get(rule).unwrap_or(&0);
    }
    after.retain(|_, count| *count > 0);
    Ok(after)
}

/// An action is refused by one rule and no other. Its packets may still be on their way when it is over.
fn refused_by(
    lab: &Lab,
    rule: &str,
    action: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let before = refused(lab)?;
    action()?;
    let mut counted = BTreeMap::new();
    wait_until(ARRIVAL, || {
        let last = std::mem::take(&mut counted);
        counted = added(lab, &before).unwrap_or_default();
        !counted.is_empty() && counted == last
    });
    let rules: Vec<_> = counted.keys().map(String::as_str).collect();
    ensure!(rules == [rule], "refused by {counted:?} instead of {rule}");
    Ok(counted[rule])
}
