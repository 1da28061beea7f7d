//! Policies between real hosts: what they admit and for how long, which address the far side sees, what a host may have
//! (R37 R51 R55 R64 R86 R89).

mod addresses;
mod admitted;
#[path = "../common/mod.rs"]
mod common;
mod limits;
mod windows;

use std::{
    collections::BTreeMap,
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    time::Duration,
};

use anyhow::ensure;
use sekisho_lab::{Extent, Lab, PROFILE, describe, sample};

/// The echo service, which counter terminals may use and servers may not.
const ECHO: u16 = 7;
const HTTP: u16 = 80;

/// How long an answer may take, and how long nothing must come.
const PATIENCE: Duration = Duration::from_secs(3);

fn main() {
    common::run(&[
        ("a_policy_admits_what_its_rows_do_not", admitted::a_policy_admits_what_its_rows_do_not),
        ("a_test_window_closes_by_itself", windows::a_test_window_closes_by_itself),
        (
            "a_destination_sees_the_address_that_it_accepts",
            addresses::a_destination_sees_the_address_that_it_accepts,
        ),
        ("a_source_has_only_so_many_connections", limits::a_source_has_only_so_many_connections),
        ("a_capped_host_gets_no_more", limits::a_capped_host_gets_no_more),
    ]);
}

/// Sample 1 with another design of the site.
fn site(change: impl FnOnce(String) -> String) -> anyhow::Result<PathBuf> {
    let (from, folder) = (sample("1-office"), PathBuf::from("/run/site"));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("site.toml"), change(fs::read_to_string(from.join("site.toml"))?))?;
    fs::copy(from.join(PROFILE), folder.join(PROFILE))?;
    Ok(folder)
}

fn lab(change: impl FnOnce(String) -> String) -> anyhow::Result<Lab> {
    Lab::up(&site(change)?, Extent::Applied)
}

/// A TCP connection from a host of the lab.
fn connect(
    lab: &Lab,
    from: &str,
    to: Ipv4Addr,
    port: u16,
) -> anyhow::Result<io::Result<TcpStream>> {
    let end = SocketAddr::from((to, port));
    lab.host(from).inside(|| TcpStream::connect_timeout(&end, PATIENCE))
}

/// The rule that refuses a connection, which the host is told at once.
fn refused_by(lab: &Lab, from: &str, to: Ipv4Addr, port: u16) -> anyhow::Result<String> {
    let before = refused(lab)?;
    let attempt = connect(lab, from, to, port)?;
    ensure!(attempt.is_err(), "{from} reached {to}, port {port}");
    let mut now = refused(lab)?;
    now.retain(|rule, count| before.get(rule) != Some(count));
    Ok(now.into_keys().collect::<Vec<_>>().join(" and "))
}

/// What the counters of refusals are now. Left out are broadcasts, and what ended connections still send at any time.
fn refused(lab: &Lab) -> anyhow::Result<BTreeMap<String, u64>> {
    let counts = lab.status()?.refused.into_iter();
    let counts = counts.filter(|(rule, _)| rule != "any/broadcast" && !rule.ends_with("/invalid"));
    Ok(counts.map(|(rule, count)| (rule, count.packets)).collect())
}

/// What the command line says, in English.
fn said(lab: &Lab, words: &[&str]) -> anyhow::Result<String> {
    let output = lab.sekisho(&[words, &["--lang", "en"]].concat())?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(String::from_utf8(output.stdout)?)
}
