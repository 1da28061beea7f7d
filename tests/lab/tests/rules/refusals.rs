//! What is refused, by which rule, and what the refused hear.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, UdpSocket},
    time::Instant,
};

use anyhow::{Context, ensure};
use sekisho_control::{RefusedFlows, RefusedPacket};
use sekisho_lab::{LGWAN_DNS, PLATFORM_TEST_WEB, PLATFORM_WEB, wait_until};
use smoltcp::wire::TcpControl;

use crate::{
    ARRIVAL, FAR, HTTP, HTTPS, PROHIBITED, applied, is_ignored, is_told,
    raw::{self, Flow},
    refused_by,
};

pub(crate) fn the_lans_are_apart() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    for (from, to) in
        [("school", "juki"), ("juki", "school"), ("terminal", "school"), ("school", "terminal")]
    {
        let target = hosts.host(to)?;
        let lan = hosts.host(from)?.lan;
        for address in [target.address, target.global] {
            let rule = format!("{lan}/undeclared-destination");
            refused_by(&lab, &rule, || is_told(&lab, from, address, HTTPS))?;
        }
    }
    // The device's own address on the other LAN is no way either.
    let other = hosts.device(sekisho_design::Lan::HeadOffice)?.addr();
    refused_by(&lab, "education-board/device", || is_ignored(&lab, "school", other, HTTP))?;
    Ok(())
}

pub(crate) fn the_platform_reaches_what_is_declared_only() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let juki = hosts.host("juki")?.global;
    let from_platform = |to: Ipv4Addr, port: u16| {
        let url = format!("http://{to}:{port}/");
        let source = PLATFORM_WEB.to_string();
        let words = ["curl", "-sS", "--max-time", "1", "--interface", &source, &url];
        let output = lab.host("platform").run(&words)?;
        ensure!(output.status.code() == Some(28), "{}", sekisho_lab::describe(&output));
        Ok(())
    };
    refused_by(&lab, "platform/undeclared-service", || from_platform(juki, HTTP))?;
    refused_by(&lab, "platform/one-way", || from_platform(hosts.host("terminal")?.global, HTTP))?;
    let nobody = Ipv4Addr::from(u32::from(juki) + 100);
    refused_by(&lab, "platform/undeclared-address", || from_platform(nobody, HTTPS))?;
    refused_by(&lab, "platform/device", || from_platform(hosts.device_global, HTTPS))?;
    // The test network is declared for nobody: a source of the other environment (R89).
    let test = PLATFORM_TEST_WEB.to_string();
    let url = format!("http://{juki}:{HTTPS}/");
    refused_by(&lab, "platform/crossing", || {
        let words = ["curl", "-sS", "--max-time", "1", "--interface", &test, &url];
        ensure!(lab.host("platform").run(&words)?.status.code() == Some(28));
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn offices_reach_what_is_declared_only() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    // A service that no row declares.
    refused_by(&lab, "head-office/undeclared-service", || {
        is_told(&lab, "terminal", PLATFORM_WEB, 8080)
    })?;
    // Production doesn't reach the test network (R89).
    refused_by(&lab, "head-office/crossing", || {
        is_told(&lab, "terminal", PLATFORM_TEST_WEB, HTTP)
    })?;
    // A destination that isn't the platform's.
    refused_by(&lab, "head-office/undeclared-destination", || {
        is_told(&lab, "terminal", LGWAN_DNS, HTTP)
    })?;
    // A source on the LAN that no row declares (R55).
    let stranger = lab.host("terminal");
    stranger.must(&["ip", "address", "add", "192.168.1.77/24", "dev", "eth0"])?;
    refused_by(&lab, "head-office/undeclared-source", || {
        let url = format!("http://{PLATFORM_WEB}/");
        let words = ["curl", "-sS", "--max-time", "2", "--interface", "192.168.1.77", &url];
        ensure!(stranger.run(&words)?.status.code() == Some(7));
        Ok(())
    })?;
    // UDP is no way round.
    let udp = |port| {
        lab.host("terminal").inside(move || -> std::io::Result<ErrorKind> {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.set_read_timeout(Some(ARRIVAL))?;
            socket.connect((PLATFORM_WEB, port))?;
            socket.send(b"?")?;
            Ok(socket.recv(&mut [0; 8]).map_or_else(|error| error.kind(), |_| ErrorKind::Other))
        })
    };
    refused_by(&lab, "head-office/undeclared-service", || {
        let kind = udp(5000)??;
        ensure!(kind == PROHIBITED, "{kind:?}");
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn segments_of_no_connection_are_dropped() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let terminal = lab.addresses().host("terminal")?.address;
    let flow = Flow { from: terminal, to: PLATFORM_WEB, port: HTTP };
    let capture = lab.capture("platform", "any")?;
    for control in [TcpControl::None, TcpControl::Fin, TcpControl::Rst] {
        refused_by(&lab, "head-office/invalid", || {
            raw::send(&lab, "terminal", PLATFORM_WEB, &[flow.tcp(control, FAR)])
        })?;
    }
    let juki = lab.addresses().host("juki")?.global;
    let flow = Flow { from: PLATFORM_WEB, to: juki, port: HTTPS };
    refused_by(&lab, "platform/invalid", || {
        raw::send(&lab, "platform", juki, &[flow.tcp(TcpControl::None, FAR)])
    })?;
    ensure!(capture.stop()?.count(&format!("dst host {PLATFORM_WEB} and tcp"))? == 0);
    Ok(())
}

pub(crate) fn forged_sources_are_dropped() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let device = hosts.device(sekisho_design::Lan::HeadOffice)?.addr();
    let capture = lab.capture("platform", "any")?;
    for from in [
        Ipv4Addr::new(10, 9, 9, 9),
        hosts.host("school")?.address,
        hosts.host("terminal")?.global,
        PLATFORM_WEB,
        device,
    ] {
        let flow = Flow { from, to: PLATFORM_WEB, port: HTTP };
        refused_by(&lab, "head-office/spoofed-source", || {
            raw::send(&lab, "terminal", PLATFORM_WEB, &[flow.tcp(TcpControl::Syn, FAR)])
        })
        .with_context(|| format!("pretending to be {from}"))?;
    }
    ensure!(capture.stop()?.count("tcp dst port 80")? == 0);
    // And from the platform's side: nobody there has an office address.
    let juki = hosts.host("juki")?.global;
    let flow = Flow { from: hosts.host("terminal")?.address, to: juki, port: HTTPS };
    refused_by(&lab, "platform/spoofed-source", || {
        raw::send(&lab, "platform", juki, &[flow.tcp(TcpControl::Syn, FAR)])
    })?;
    Ok(())
}

pub(crate) fn refusals_are_counted_and_logged() -> anyhow::Result<()> {
    const PACKETS: u64 = 3000;
    let mut lab = applied("1-office")?;
    let school = lab.addresses().host("school")?.address;
    let flow = Flow { from: school, to: PLATFORM_WEB, port: 5000 };
    let packets = vec![flow.udp(b"?"); 3000];
    let start = Instant::now();
    let counted = refused_by(&lab, "education-board/undeclared-service", || {
        raw::send(&lab, "school", PLATFORM_WEB, &packets)
    })?;
    ensure!(counted == PACKETS, "{counted} of {PACKETS} counted");
    let lines = |output: &str| {
        let wanted = [
            "sekisho::refused",
            "education-board",
            "undeclared-service",
            &school.to_string(),
            "5000",
        ];
        output.lines().filter(|line| wanted.iter().all(|word| line.contains(word))).count()
    };
    let daemon = lab.daemon()?;
    ensure!(
        wait_until(ARRIVAL, || lines(&daemon.output()) > 0),
        "no log line: {}",
        daemon.output()
    );
    let logged = lines(&daemon.output());
    // Ten a second and a burst of twenty.
    let bound = 20 + 10 * (usize::try_from(start.elapsed().as_secs())? + 1);
    ensure!(logged <= bound, "{logged} lines logged in {:?}", start.elapsed());
    let last = lab.status()?.last_refusals;
    let first = last.first().context("the status shows no refusal")?;
    ensure!(first.side == "education-board" && first.rule == "undeclared-service", "{first:?}");
    ensure!(first.source == school && first.port == Some(5000), "{first:?}");
    Ok(())
}

/// Refusals of many kinds, explained by `sekisho why-refused` (R56 R91).
pub(crate) fn every_refusal_is_explained() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let (juki, terminal) = (hosts.host("juki")?, hosts.host("terminal")?);
    let from_platform = |to: Ipv4Addr| {
        let (url, source) = (format!("http://{to}:{HTTP}/"), PLATFORM_WEB.to_string());
        let words = ["curl", "-sS", "--max-time", "1", "--interface", &source, &url];
        lab.host("platform").run(&words).map(drop)
    };
    is_told(&lab, "terminal", PLATFORM_WEB, 8080)?;
    is_told(&lab, "terminal", PLATFORM_WEB, 8080)?;
    is_told(&lab, "juki", PLATFORM_TEST_WEB, HTTP)?;
    from_platform(terminal.global)?;
    from_platform(juki.global)?;
    let flow = Flow { from: juki.address, to: PLATFORM_WEB, port: 5000 };
    raw::send(&lab, "juki", PLATFORM_WEB, &[flow.udp(b"?")])?;

    let expected = [
        ("head-office/undeclared-service", "juki", "udp/5000", "services"),
        ("platform/undeclared-service", "juki", "tcp/80", "allow-from-platform"),
        ("platform/one-way", "counter", "tcp/80", "no row can"),
        ("head-office/crossing", "juki", "tcp/80", "don't talk"),
        ("head-office/undeclared-service", "counter", "tcp/8080", "services"),
    ];
    let ask = |more: &[&str]| lab.sekisho(&[&["why-refused", "--last", "100"], more].concat());
    let told = || -> anyhow::Result<RefusedFlows> {
        Ok(serde_json::from_slice(&ask(&["--format", "json"])?.stdout)?)
    };
    // The kernel gathers log entries for a tenth of a second.
    let complete = || told().is_ok_and(|told| told.flows.len() >= expected.len());
    ensure!(wait_until(ARRIVAL, complete), "{:?}", told()?);
    let told = told()?;
    let found = told.flows.iter().map(|flow| {
        let RefusedPacket { side, rule, row, .. } = &flow.packet;
        (format!("{side}/{rule}"), row.as_ref().map(ToString::to_string))
    });
    let wanted = expected.map(|(rule, row, ..)| (rule.to_owned(), Some(row.to_owned())));
    ensure!(found.eq(wanted), "{:?}", told.flows);
    ensure!(told.flows[4].count >= 2, "{:?}", told.flows[4]);
    let inbound = &told.flows[1].packet;
    let ends = (inbound.destination, inbound.translated_destination);
    ensure!(ends == (juki.global, juki.address), "{inbound:?}");

    let text = ask(&["--lang", "en"])?;
    let text = String::from_utf8(text.stdout)?;
    let entries: Vec<_> = text.split("\n\n").collect();
    for ((rule, row, service, way), entry) in expected.iter().zip(entries) {
        let whole = [*rule, *row, *service, *way, "Why: "].iter().all(|word| entry.contains(word));
        ensure!(whole, "{rule} isn't explained: {entry}");
    }
    Ok(())
}
