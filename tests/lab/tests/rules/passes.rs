//! What passes, and with which address.

use std::thread;

use anyhow::{Context, ensure};
use sekisho_lab::PLATFORM_WEB;

use crate::{HTTP, HTTPS, applied, is_told, refusals_of, refused_by, seen};

/// The MSS that fits the tunnel: 1420 less 40 bytes of headers.
const CLAMPED: u16 = 1380;

pub(crate) fn each_side_is_seen_with_its_global_address() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    for name in ["terminal", "juki", "atena", "school"] {
        let global = lab.addresses().host(name)?.global;
        ensure!(
            seen(&lab, name, None, PLATFORM_WEB, HTTP)? == global,
            "{name} isn't seen as {global}"
        );
    }
    for name in ["juki", "atena"] {
        let global = lab.addresses().host(name)?.global;
        let source = seen(&lab, "platform", Some(PLATFORM_WEB), global, HTTPS)?;
        ensure!(source == PLATFORM_WEB, "{name} saw {source}");
    }
    ensure!(refusals_of(&lab, || Ok(()))?.is_empty());
    Ok(())
}

pub(crate) fn both_lans_on_one_range_work_at_once() -> anyhow::Result<()> {
    let lab = applied("overlapping-ranges")?;
    let (terminal, school) = (lab.addresses().host("terminal")?, lab.addresses().host("school")?);
    ensure!(terminal.address == school.address, "the sample's LANs don't overlap");
    // The same source port from the same address at the same time: only zones can tell them apart.
    let fetch = |name: &'static str| {
        let url = format!("http://{PLATFORM_WEB}/bytes/20000000");
        let words = ["curl", "-sS", "--max-time", "20", "--local-port", "45000", "-o", "/dev/null"];
        let words = [&words[..], &["-w", "%{size_download}", &url]].concat();
        lab.host(name).within(25).must(&words)
    };
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| fetch("terminal"));
        let other = scope.spawn(|| fetch("school"));
        (one.join(), other.join())
    });
    for size in [one, other] {
        let size = size.map_err(|_| anyhow::anyhow!("a fetch panicked"))??;
        ensure!(size.trim() == "20000000", "{size} bytes arrived");
    }
    ensure!(seen(&lab, "terminal", None, PLATFORM_WEB, HTTP)? == terminal.global);
    ensure!(seen(&lab, "school", Some(school.address), PLATFORM_WEB, HTTP)? == school.global);

    let juki = lab.addresses().host("juki")?;
    let other = lab.addresses().education_server.context("the sample has no education server")?;
    ensure!(juki.address == other.address, "the sample's servers don't share an address");
    for global in [juki.global, other.global] {
        ensure!(seen(&lab, "platform", Some(PLATFORM_WEB), global, HTTPS)? == PLATFORM_WEB);
    }
    // Each is seen as itself, so each connection went to the server of its own LAN.
    ensure!(seen(&lab, "juki", None, PLATFORM_WEB, HTTP)? == juki.global);
    ensure!(seen(&lab, "school", Some(other.address), PLATFORM_WEB, HTTP)? == other.global);
    Ok(())
}

pub(crate) fn hairpin() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let (juki, terminal) = (lab.addresses().host("juki")?, lab.addresses().host("terminal")?);
    let source = seen(&lab, "terminal", None, juki.global, HTTPS)?;
    ensure!(source == terminal.global, "juki saw {source}");
    let source = seen(&lab, "atena", None, juki.global, HTTPS)?;
    ensure!(source == lab.addresses().host("atena")?.global, "juki saw {source}");
    refused_by(&lab, "head-office/undeclared-service", || {
        is_told(&lab, "terminal", juki.global, HTTP)
    })?;
    Ok(())
}

pub(crate) fn the_mss_is_clamped_both_ways() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let (juki, terminal) = (lab.addresses().host("juki")?, lab.addresses().host("terminal")?);
    // Where a SYN or its answer arrives, and from whom: both directions of connections that either side opens.
    let arrivals = [
        ("platform", "any", terminal.global),
        ("terminal", "eth0", PLATFORM_WEB),
        ("juki", "eth0", PLATFORM_WEB),
        ("platform", "any", juki.global),
    ];
    let captures: Vec<_> = arrivals
        .iter()
        .map(|(host, link, from)| Ok((lab.capture(host, link)?, host, from)))
        .collect::<anyhow::Result<_>>()?;
    seen(&lab, "terminal", None, PLATFORM_WEB, HTTP)?;
    seen(&lab, "platform", Some(PLATFORM_WEB), juki.global, HTTPS)?;
    for (capture, host, from) in captures {
        let recording = capture.stop()?;
        let syn = format!("src host {from} and tcp[tcpflags] & tcp-syn != 0");
        // The first option of a SYN that Linux sends is the MSS: kind 2, length 4, then its value.
        let clamped = format!("{syn} and tcp[20:4] = 0x0204{CLAMPED:04x}");
        let (all, clamped) = (recording.count(&syn)?, recording.count(&clamped)?);
        ensure!(all > 0 && clamped == all, "{host}: {clamped} of {all} SYNs from {from} clamped");
    }
    Ok(())
}
