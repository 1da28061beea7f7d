//! Who reads the device's figures: the source at the maintenance port that is named, and nobody else.

#[path = "common/mod.rs"]
mod common;

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use sekisho_design::{Lan, Metrics};
use sekisho_lab::{Extent, Lab, sample, sample_with, text, wait_until};

/// How long an answer may take on a busy machine, in seconds.
const PATIENCE: &str = "10";
/// How long the device may take to find out how it is.
const READY: Duration = Duration::from_secs(90);
/// How long nothing must come; a SYN is repeated after one second.
const SILENCE: &str = "1.5";

fn main() {
    common::run(&[
        ("unless_the_design_says_so_nobody_reads_the_figures", nobody),
        ("the_named_source_alone_reads_the_figures", the_named_source),
    ]);
}

fn nobody() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    lab.start_page(None)?;
    // They are there, for the page's start waits for them; it is the packet filter that shuts them out.
    let shut = || {
        let status = lab.status()?;
        anyhow::Ok(status.refused.get("maintenance/device").map_or(0, |count| count.packets))
    };
    let before = shut()?;
    never(&lab, "clerk", maintenance(&lab)?)?;
    ensure!(shut()? > before, "not counted");
    Ok(())
}

fn the_named_source() -> anyhow::Result<()> {
    let clerk = "192.168.254.2";
    let mut lab = Lab::up(&site(&[clerk])?, Extent::Applied)?;
    lab.start_page(None)?;
    let own = maintenance(&lab)?;
    // What is found last: the device looks after its health from time to time.
    let health = "\nsekisho_health{level=\"ok\"} ";
    let mut told = String::new();
    let answered = || {
        told = read(&lab, "clerk", own).unwrap_or_else(|fault| format!("{fault:#}"));
        told.contains(health)
    };
    ensure!(wait_until(READY, answered), "{told}");
    for figure in [
        "sekisho_up 1",
        "sekisho_design_in_force 1",
        "sekisho_centre_alive{centre=\"east\"} 1",
        "sekisho_napt_ports_limit{global=\"100.64.10.30\",protocol=\"tcp\"} ",
        "sekisho_connections_limit ",
        "sekisho_centre_carries_traffic{centre=\"east\"} 1",
    ] {
        ensure!(told.contains(figure), "no {figure} in {told}");
    }
    // The way is for figures alone.
    let url = format!("http://{own}:{}/api/status", Metrics::PORT);
    let other =
        lab.host("clerk").must(&["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", &url])?;
    ensure!(other == "404", "{other}");

    let (addresses, design) = (lab.addresses(), lab.design());
    let lans = [Lan::HeadOffice, Lan::EducationBoard].map(|lan| addresses.device(lan));
    let lans: Vec<_> = lans.into_iter().collect::<anyhow::Result<_>>()?;
    let devices = lans.into_iter().map(|net| net.addr());
    let all: Vec<_> =
        devices.chain([own, addresses.device_lgwan.addr(), addresses.device_global]).collect();
    let lgwan = lab.host("lgwan");
    let via = addresses.device_lgwan.addr();
    for to in all.iter().filter(|to| **to != via) {
        lgwan.must(&["ip", "route", "replace", &format!("{to}/32"), "via", &via.to_string()])?;
    }
    for to in &all {
        for host in ["terminal", "juki", "school", "lgwan", "platform"] {
            never(&lab, host, *to)?;
        }
    }
    for row in &design.servers {
        never(&lab, "platform", row.global.get())?;
    }
    for to in all.iter().filter(|to| **to != own) {
        never(&lab, "clerk", *to)?;
    }
    // Somebody else at the maintenance port, and the same one once he is taken out of the design.
    lab.apply(&site(&["192.168.254.77"])?)?;
    never(&lab, "clerk", own)?;
    lab.apply(&site(&[clerk])?)?;
    read(&lab, "clerk", own).map(drop)
}

/// A sample whose figures are open to sources at the maintenance port.
fn site(sources: &[&str]) -> anyhow::Result<PathBuf> {
    sample_with("1-office", &format!("[metrics]\nmaintenance = {sources:?}\n"))
}

fn maintenance(lab: &Lab) -> anyhow::Result<Ipv4Addr> {
    Ok(lab.addresses().device_maintenance.context("the sample has a maintenance port")?.addr())
}

fn read(lab: &Lab, from: &str, to: Ipv4Addr) -> anyhow::Result<String> {
    let url = format!("http://{to}:{}/metrics", Metrics::PORT);
    lab.host(from).must(&["curl", "-sSf", "--max-time", PATIENCE, &url])
}

fn never(lab: &Lab, from: &str, to: Ipv4Addr) -> anyhow::Result<()> {
    let url = format!("http://{to}:{}/metrics", Metrics::PORT);
    let met = lab.host(from).run(&["curl", "-sS", "--max-time", SILENCE, &url])?;
    ensure!(!met.status.success(), "{from} reads the figures at {to}: {}", text(&met.stdout));
    Ok(())
}
