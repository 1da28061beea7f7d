//! Method (b): the office's DNS server forwards the platform's zones to the device.

use anyhow::ensure;
use sekisho_lab::Lab;

use crate::{
    ask::{count, dig, ensure_told},
    peers::{OFFICE_DNS, Site, office_dns},
};

const NAMES: &str = r#"
[names]
method = "forward"
office-dns = { head-office = ["192.168.1.53"] }

[[names.entry]]
name = "portal.office.example"
alias = "web.platform.example"
"#;

const DEVICE: &str = "192.168.1.1";

/// How dnsmasq is told whom to ask, and by which of its host's addresses.
const FORWARDS: [&str; 3] = [
    "--server=/platform.example/192.168.1.1@192.168.1.53",
    "--server=/office.example/192.168.1.1@192.168.1.53",
    "--server=/72.100.in-addr.arpa/192.168.1.1@192.168.1.53",
];

pub(crate) fn the_office_dns_forwards_and_nobody_else_is_answered() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let _office = office_dns(&lab, &FORWARDS)?;
    let office = OFFICE_DNS.to_string();
    // Clients ask the office's server, on their own LAN.
    let terminal = ("terminal", &*office);
    ensure_told(&lab, terminal, &["web.platform.example"], ("NOERROR", &["100.72.1.10"]))?;
    let alias: (&str, &[&str]) = ("NOERROR", &["web.platform.example.", "100.72.1.10"]);
    ensure_told(&lab, terminal, &["portal.office.example"], alias)?;
    let back: (&str, &[&str]) = ("NOERROR", &["web.platform.example."]);
    ensure_told(&lab, terminal, &["-x", "100.72.1.10"], back)?;
    ensure_told(&lab, terminal, &["files.intra.example"], ("NOERROR", &["192.168.1.80"]))?;

    // Whoever asks the device itself is refused, and counted.
    let before = count(&lab, "head-office/refused-client")?;
    for host in ["terminal", "juki"] {
        for words in [&["web.platform.example"][..], &["+tcp", "web.platform.example"]] {
            ensure_told(&lab, (host, DEVICE), words, ("REFUSED", &[]))?;
        }
    }
    let after = count(&lab, "head-office/refused-client")?;
    ensure!(after >= before + 4, "{before} before, {after} after");
    // The office's server gets no names that aren't the platform's.
    let from_office = ["-b", &office, "www.elsewhere.example"];
    dig(&lab, "atena", DEVICE, &from_office)?.is("REFUSED", &[])
}

/// The office's server sends everything to the device, which would send everything else to the office's server.
pub(crate) fn a_loop_ends_at_once() -> anyhow::Result<()> {
    let names = NAMES.replace("\"forward\"", "\"device\"");
    let (lab, _servers) = Site::with("1-office", &names)?.lab()?;
    let office = office_dns(&lab, &["--server=192.168.1.1@192.168.1.53"])?;
    let before = packets(&lab)?;
    let told = dig(&lab, "terminal", DEVICE, &["www.elsewhere.example"])?;
    ensure!(["REFUSED", "SERVFAIL"].contains(&&*told.code), "{told:?}");
    ensure!(packets(&lab)? - before < 40, "they went round and round\n{}", office.output());
    ensure!(count(&lab, "head-office/refused-loop")? > 0);
    Ok(())
}

/// Packets that the device has sent on the head office LAN.
fn packets(lab: &Lab) -> anyhow::Result<u64> {
    let file = "/sys/class/net/port2/statistics/tx_packets";
    Ok(lab.host("gateway").must(&["cat", file])?.trim().parse()?)
}
