//! What must pass, and with which address.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context, ensure};
use sekisho_design::Service;
use sekisho_lab::{Host, Lab, PLATFORM_WEB, Process};

use super::Story;

pub(super) fn play(story: &mut Story, lab: &Lab) {
    story.act("terminal asks the platform's web server", || {
        let seen = source_seen(lab, "terminal", PLATFORM_WEB, 80)?;
        let host = lab.addresses().host("terminal")?;
        expect(&seen, host.global)?;
        Ok(format!("the platform saw {seen}, the address that all terminals share (NAPT)"))
    });
    story.act("juki, the resident registry server, asks it too", || {
        let seen = source_seen(lab, "juki", PLATFORM_WEB, 80)?;
        expect(&seen, lab.addresses().host("juki")?.global)?;
        Ok(format!("the platform saw {seen}, juki's own address"))
    });
    story.act("the platform opens a connection to juki", || {
        let juki = lab.addresses().host("juki")?;
        let port = declared_port(lab, juki)?;
        let seen = source_seen(lab, "platform", juki.global, port)?;
        expect(&seen, PLATFORM_WEB)?;
        Ok(format!("to {}, port {port}; juki, {}, saw {seen}", juki.global, juki.address))
    });
}

/// Both LANs have the same range: the same address on both, at the same time, in both directions.
pub(super) fn play_one_range(story: &mut Story, lab: &Lab) {
    story.act("terminal and school, with one address, ask the platform at once", || {
        let (terminal, school) =
            (lab.addresses().host("terminal")?, lab.addresses().host("school")?);
        ensure!(terminal.address == school.address, "this site's ranges don't overlap");
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| source_seen(lab, "terminal", PLATFORM_WEB, 80));
            let other = scope.spawn(|| source_seen(lab, "school", PLATFORM_WEB, 80));
            (one.join(), other.join())
        });
        let joined = |result: std::thread::Result<anyhow::Result<String>>| {
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let (one, other) = (joined(one)?, joined(other)?);
        expect(&one, terminal.global)?;
        expect(&other, school.global)?;
        Ok(format!("both are {}; the platform saw {one} and {other}", terminal.address))
    });
    story.act("the platform opens a connection to the server of each LAN", || {
        let juki = lab.addresses().host("juki")?;
        let other = lab.addresses().education_server.context("no education board server")?;
        ensure!(juki.address == other.address, "this site's servers don't share an address");
        for host in [juki, other] {
            let port = declared_port(lab, host)?;
            expect(&source_seen(lab, "platform", host.global, port)?, PLATFORM_WEB)?;
        }
        Ok(format!("{} and {}: both {} in the office", juki.global, other.global, juki.address))
    });
}

/// A download by one TCP connection, slow enough that something can happen in its middle.
pub(super) struct Download {
    process: Process,
    original: String,
}

impl Download {
    /// Starts it, from the platform to the terminal.
    pub(super) fn start(lab: &Lab, bytes: u64) -> anyhow::Result<Self> {
        let fetch = |limit: &str| {
            let url = format!("http://{PLATFORM_WEB}/bytes/{bytes}");
            format!("curl -sS --max-time 60 --limit-rate {limit} {url} | sha256sum")
        };
        let original = lab.host("platform").must(&["sh", "-c", &fetch("1G")])?;
        let process = lab.host("terminal").spawn("transfer", &["sh", "-c", &fetch("10M")])?;
        Ok(Self { process, original })
    }

    /// It is under way.
    pub(super) fn ensure_running(&mut self) -> anyhow::Result<()> {
        ensure!(self.process.is_running(), "it ended too early: {}", self.process.output());
        Ok(())
    }

    /// Waits for its end: every byte has to be there. Returns the start of the hash.
    pub(super) fn arrives(mut self) -> anyhow::Result<String> {
        self.process.wait(Duration::from_mins(1))?;
        let received = self.process.output();
        // The file may hold an earlier transfer's word as well.
        let last = received.lines().last().unwrap_or_default();
        ensure!(last == self.original.trim_end(), "the hash differs\n{received}{}", self.original);
        Ok(last.chars().take(12).collect())
    }
}

/// What the web server at this address says whom it saw.
pub(super) fn source_seen(
    lab: &Lab,
    from: &str,
    to: Ipv4Addr,
    port: u16,
) -> anyhow::Result<String> {
    let url = format!("http://{to}:{port}/source");
    let mut words = vec!["curl", "-sS", "--max-time", "20", &url];
    let web = PLATFORM_WEB.to_string();
    if from == "platform" {
        // The platform's servers have an address of their own; without it the transfer net's would be taken.
        words.extend(["--interface", &web]);
    }
    Ok(lab.host(from).must(&words)?.trim().to_owned())
}

/// A TCP port that the platform's web server may open towards a server of the office.
pub(super) fn declared_port(lab: &Lab, host: Host) -> anyhow::Result<u16> {
    let rows = lab.design().servers.iter().filter(|row| row.global.get() == host.global);
    let allowed = rows.flat_map(|row| &row.allow_from_platform);
    let services = allowed
        .filter(|row| row.from.networks().iter().any(|net| net.contains(&PLATFORM_WEB)))
        .flat_map(|row| &row.services);
    let ports = services.filter_map(|service| match service {
        Service::Tcp(ports) => Some(ports.first()),
        Service::Udp(_) | Service::IcmpEcho => None,
    });
    ports.min().with_context(|| format!("the platform may open nothing to {}", host.global))
}

pub(super) fn expect(seen: &str, wanted: Ipv4Addr) -> anyhow::Result<()> {
    ensure!(seen == wanted.to_string(), "saw {seen} instead of {wanted}");
    Ok(())
}
