//! When names are served, and what a service that can't begin takes along: nothing.

use anyhow::ensure;
use sekisho_lab::{Extent, Lab, describe, text, wait_until};

use crate::{
    ask::ensure_told,
    clients::NAMES,
    moved::{EAST, WEST, by_name},
    peers::{CARRIER, Site, lgwan_dns},
};

const TERMINAL: (&str, &str) = ("terminal", "192.168.1.1");

fn said(lab: &Lab) -> anyhow::Result<String> {
    let output = lab.sekisho(&["names", "--lang", "en"])?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(text(&output.stdout))
}

/// Another program has the port. The centres, which are known by name, are found all the same, and names are served as
/// soon as it is gone.
pub(crate) fn a_taken_port_takes_nothing_else_down() -> anyhow::Result<()> {
    let site = Site::with_profile("1-office", NAMES, by_name)?;
    let lab = Lab::up(&site.0, Extent::Daemon)?;
    let other = ["dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=root"];
    let mut other = lab
        .host("gateway")
        .spawn("dnsmasq", &[&other[..], &["--pid-file=", "--log-facility=-"]].concat())?;
    other.wait_for("started", CARRIER)?;
    let _dns = lgwan_dns(&lab, EAST, WEST)?;
    lab.apply(&site.0)?;
    lab.wait_for_carrier(None, CARRIER)?;
    let status = said(&lab)?;
    ensure!(status.contains("FAULTY    can't serve names on "), "{status}");
    ensure!(status.contains("port 53"), "the way out: {status}");

    other.kill()?;
    let served =
        || said(&lab).is_ok_and(|said| said.contains("answers   head-office, education-board"));
    ensure!(wait_until(CARRIER, served), "{}", said(&lab)?);
    ensure!(!said(&lab)?.contains("FAULTY"));
    ensure_told(&lab, TERMINAL, &["counter.office.example"], ("NOERROR", &["192.168.1.100"]))
}

/// A first design that nobody confirms: the box is closed again, and nobody listens any more.
pub(crate) fn a_design_that_is_taken_back_is_served_no_longer() -> anyhow::Result<()> {
    let site = Site::with("1-office", NAMES)?;
    let lab = Lab::up(&site.0, Extent::Daemon)?;
    let (design, profile) = (site.design(), site.profile());
    let words = ["apply", "--site", &design, "--profile", &profile, "--confirm-within", "5s"];
    let output = lab.sekisho(&words)?;
    ensure!(output.status.success(), "{}", describe(&output));
    let listening = || -> anyhow::Result<bool> {
        let sockets = lab.host("gateway").must(&["ss", "-Hltun", "sport", "=", ":53"])?;
        Ok(!sockets.trim().is_empty())
    };
    ensure!(listening()?, "nobody listens");
    ensure!(wait_until(CARRIER, || listening().is_ok_and(|listening| !listening)), "still served");
    Ok(())
}
