//! Method (a): clients ask the device (R17).

use std::{thread, time::Duration};

use anyhow::ensure;
use sekisho_lab::Lab;

use crate::{
    ask::{count, dig, ensure_told},
    peers::{Site, office_dns},
};

/// Entries that only one LAN gets, a name of the office's own, and one in the platform's zone.
pub(crate) const NAMES: &str = r#"
[names]
method = "device"
office-dns = { head-office = ["192.168.1.53"] }
rewrite-own = true

[[names.entry]]
name = "counter.office.example"
addresses = ["192.168.1.100"]
interfaces = ["head-office"]

[[names.entry]]
name = "portal.office.example"
alias = "web.platform.example"

[[names.entry]]
name = "library.office.example"
addresses = ["192.168.2.100"]
interfaces = ["education-board"]
"#;

const HEAD: &str = "192.168.1.1";
const EDUCATION: &str = "192.168.2.1";

pub(crate) fn every_source_answers_its_own_names() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let _office = office_dns(&lab, &[])?;
    let terminal = ("terminal", HEAD);
    // Static: forwards, backwards and by another name.
    ensure_told(&lab, terminal, &["counter.office.example"], ("NOERROR", &["192.168.1.100"]))?;
    let back: (&str, &[&str]) = ("NOERROR", &["counter.office.example."]);
    ensure_told(&lab, terminal, &["-x", "192.168.1.100"], back)?;
    let alias: (&str, &[&str]) = ("NOERROR", &["web.platform.example.", "100.72.1.10"]);
    ensure_told(&lab, terminal, &["portal.office.example"], alias)?;
    // The platform's, over UDP and TCP, and what isn't there.
    for words in [&["web.platform.example"][..], &["+tcp", "web.platform.example"]] {
        ensure_told(&lab, terminal, words, ("NOERROR", &["100.72.1.10"]))?;
    }
    ensure_told(&lab, terminal, &["nobody.platform.example"], ("NXDOMAIN", &[]))?;
    // The platform's reverse zones.
    let back: (&str, &[&str]) = ("NOERROR", &["web.platform.example."]);
    ensure_told(&lab, terminal, &["-x", "100.72.1.10"], back)?;
    // All other names: the office's own server, where there is one.
    ensure_told(&lab, terminal, &["files.intra.example"], ("NOERROR", &["192.168.1.80"]))?;
    ensure_told(&lab, ("school", EDUCATION), &["files.intra.example"], ("REFUSED", &[]))?;
    ensure_told(
        &lab,
        ("school", EDUCATION),
        &["web.platform.example"],
        ("NOERROR", &["100.72.1.10"]),
    )?;

    let drill = lab.host("terminal").must(&["drill", "web.platform.example", "@192.168.1.1"])?;
    ensure!(drill.contains("100.72.1.10"), "{drill}");
    ensure!(count(&lab, "head-office/static")? > 0 && count(&lab, "head-office/platform")? > 0);
    Ok(())
}

pub(crate) fn a_lan_gets_its_own_entries_only() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let school = ("school", EDUCATION);
    ensure_told(&lab, school, &["library.office.example"], ("NOERROR", &["192.168.2.100"]))?;
    ensure_told(&lab, school, &["counter.office.example"], ("REFUSED", &[]))?;
    ensure_told(&lab, school, &["-x", "192.168.1.100"], ("REFUSED", &[]))?;
    // Nor by asking at the other LAN's address.
    let told = dig(&lab, "school", HEAD, &["counter.office.example"])?;
    ensure!(told.code == "silence", "{told:?}");
    Ok(())
}

/// A server's global address becomes its private one for clients of its own LAN, and stays what it is for others.
pub(crate) fn own_servers_are_given_by_their_private_address() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let juki = ["juki.platform.example"];
    ensure_told(&lab, ("terminal", HEAD), &juki, ("NOERROR", &["192.168.1.10"]))?;
    ensure_told(&lab, ("school", EDUCATION), &juki, ("NOERROR", &["100.64.10.11"]))?;

    let plain = NAMES.replace("rewrite-own = true", "rewrite-own = false");
    let plain = Site::with("1-office", &plain)?;
    lab.apply(&plain.0)?;
    ensure_told(&lab, ("terminal", HEAD), &juki, ("NOERROR", &["100.64.10.11"]))
}

/// Both LANs have one range, and the device the same address on both.
pub(crate) fn both_lans_on_one_range_are_answered() -> anyhow::Result<()> {
    let names = r#"
[names]
method = "device"

[[names.entry]]
name = "here.office.example"
addresses = ["192.168.1.10"]
interfaces = ["head-office"]

[[names.entry]]
name = "here.office.example"
addresses = ["192.168.1.20"]
interfaces = ["education-board"]
"#;
    let (lab, _servers) = Site::with("overlapping-ranges", names)?.lab()?;
    for (host, address) in [("terminal", "192.168.1.10"), ("school", "192.168.1.20")] {
        let lan = lab.addresses().host(host)?.lan;
        let device = lab.addresses().device(lan)?.addr().to_string();
        for words in [&["here.office.example"][..], &["+tcp", "here.office.example"]] {
            ensure_told(&lab, (host, &device), words, ("NOERROR", &[address]))?;
        }
        ensure_told(
            &lab,
            (host, &device),
            &["web.platform.example"],
            ("NOERROR", &["100.72.1.10"]),
        )?;
    }
    Ok(())
}

/// A program that knows no more of DNS than what `/etc/resolv.conf` says.
pub(crate) fn a_plain_program_reaches_the_platform_by_name() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let fetch = ["curl", "-sS", "--max-time", "8", "http://portal.office.example/"];
    let page = lab.host("terminal").must_by_name(HEAD.parse()?, &fetch)?;
    ensure!(page.contains("100.64.10.30"), "the platform saw somebody else: {page}");
    Ok(())
}

/// A change of the names reaches clients with the apply, and what was remembered of others stays.
pub(crate) fn a_change_of_the_names_is_in_force_with_the_apply() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let terminal = ("terminal", HEAD);
    ensure_told(&lab, terminal, &["web.platform.example"], ("NOERROR", &["100.72.1.10"]))?;
    thread::sleep(Duration::from_millis(1_100));
    let moved = NAMES.replace("[\"192.168.1.100\"]", "[\"192.168.1.111\"]");
    lab.apply(&Site::with("1-office", &moved)?.0)?;
    ensure_told(&lab, terminal, &["counter.office.example"], ("NOERROR", &["192.168.1.111"]))?;
    let told = dig(&lab, "terminal", HEAD, &["web.platform.example"])?;
    told.is("NOERROR", &["100.72.1.10"])?;
    ensure!(!told.answer[0].contains(" 300 "), "it was asked for again: {told:?}");

    // No method: nobody listens any more, and the packet filter says so.
    lab.apply(&Site::with("1-office", "")?.0)?;
    ensure_silent(&lab)?;
    lab.apply(&Site::with("1-office", NAMES)?.0)?;
    ensure_told(&lab, terminal, &["counter.office.example"], ("NOERROR", &["192.168.1.100"]))
}

fn ensure_silent(lab: &Lab) -> anyhow::Result<()> {
    let told = dig(lab, "terminal", HEAD, &["+time=1", "counter.office.example"])?;
    ensure!(told.code == "silence", "{told:?}");
    Ok(())
}
