//! A hostile host of the platform, inside the tunnel.

use std::net::Ipv4Addr;

use anyhow::{Context, ensure};
use sekisho_lab::{Centre, LGWAN_DNS, PLATFORM_RESOLVER, PLATFORM_WEB};

use crate::{
    ANY, DNS, HTTP, HTTPS, NOBODY, PATIENCE, applied,
    attack::{attack, repelled, watch},
    office::optioned,
    packets::{ICMP, IPIP, TCP, UDP, ip},
    raw, socket,
};

const SYN: u8 = 2;

pub(crate) fn strange_packets() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let (juki, terminal, school) =
        (hosts.host("juki")?, hosts.host("terminal")?, hosts.host("school")?);
    let maintenance = hosts.device_maintenance.context("the sample has a maintenance port")?;
    let watch =
        watch(&lab, &["juki", "atena", "terminal", "school", "clerk", "platform", "lgwan"])?;

    let to_juki = |protocol| ip(PLATFORM_WEB, juki.global, protocol);
    let mut attacks = Vec::new();
    for (name, protocol) in [("GRE", 47), ("ESP", 50), ("UDP-Lite", 136)] {
        let packet = to_juki(protocol).carrying(&to_juki(UDP).udp_payload((ANY, HTTPS), b"?"));
        attacks.push(attack(name, packet, "platform/undeclared-service"));
    }
    let inner = ip(juki.address, school.address, TCP).tcp((ANY, HTTPS), SYN);
    attacks.push(attack("IPIP", to_juki(IPIP).carrying(&inner), "platform/undeclared-service"));
    attacks.push(attack(
        "UDP to a TCP service",
        to_juki(UDP).udp((ANY, HTTPS), b"?"),
        "platform/undeclared-service",
    ));
    for (name, kind, rule) in [
        ("timestamp", 13, "platform/undeclared-service"),
        ("address mask", 17, "platform/undeclared-service"),
        ("echo reply", 0, "platform/invalid"),
        ("router advertisement", 9, "platform/invalid"),
        ("redirect about nothing", 5, "platform/invalid"),
    ] {
        attacks.push(attack(name, to_juki(ICMP).icmp(kind, 0, [0; 4], &[0; 28]), rule));
    }
    for (name, flags) in [("SYN and ACK first", 0x12), ("SYN and FIN", 3), ("no flags", 0)] {
        attacks.push(attack(name, to_juki(TCP).tcp((ANY, HTTPS), flags), "platform/invalid"));
    }
    attacks.extend(optioned("platform/invalid", |options| {
        to_juki(TCP).options(options).tcp((ANY, HTTPS), SYN)
    }));
    for source in [
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(224, 0, 0, 1),
        Ipv4Addr::BROADCAST,
        juki.address,
        juki.global,
        terminal.address,
        hosts.device_global,
        hosts.device_lgwan.addr(),
        Centre::East.endpoint(),
        LGWAN_DNS,
    ] {
        let packet = ip(source, juki.global, TCP).tcp((ANY, HTTPS), SYN);
        attacks.push(attack(&format!("as {source}"), packet, "platform/spoofed-source"));
    }
    let head_office = hosts.device(juki.lan)?;
    for (target, rule) in [
        (terminal.global, "platform/one-way"),
        (school.global, "platform/one-way"),
        (hosts.device_global, "platform/device"),
        (Ipv4Addr::new(100, 64, 10, 200), "platform/undeclared-address"),
        (juki.address, "platform/undeclared-address"),
        (school.address, "platform/undeclared-address"),
        (head_office.addr(), "platform/undeclared-address"),
        (head_office.broadcast(), "platform/undeclared-address"),
        (hosts.device_lgwan.addr(), "platform/undeclared-address"),
        (maintenance.addr(), "platform/undeclared-address"),
        (hosts.lgwan_router, "platform/undeclared-address"),
        (LGWAN_DNS, "platform/undeclared-address"),
        (Centre::West.endpoint(), "platform/undeclared-address"),
        (Centre::West.probe(), "platform/undeclared-address"),
        (Ipv4Addr::LOCALHOST, "platform/undeclared-address"),
        (Ipv4Addr::BROADCAST, "platform/undeclared-address"),
        (Ipv4Addr::new(224, 0, 0, 1), "platform/undeclared-address"),
    ] {
        // Nor does a packet that would be over at the device tell that it is there.
        for ttl in [64, 1] {
            let packet = ip(PLATFORM_WEB, target, TCP).ttl(ttl).tcp((ANY, HTTPS), SYN);
            attacks.push(attack(&format!("to {target}, TTL {ttl}"), packet, rule));
        }
    }
    repelled(&lab, "east", juki.global, &attacks)?;
    watch.saw_nothing()
}

pub(crate) fn napt_takes_answers_only() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let terminal = lab.addresses().host("terminal")?;
    let flow = socket(&lab, "terminal", (terminal.address, ANY))?;
    flow.set_read_timeout(Some(PATIENCE))?;
    flow.send_to(b"?", (NOBODY, DNS))?;
    let answer = |from, ports| ip(from, terminal.global, UDP).udp(ports, b"forged");
    let rows = [
        ("another host", answer(PLATFORM_RESOLVER, (DNS, ANY))),
        ("another port of the host", answer(NOBODY, (HTTP, ANY))),
        ("to another port", answer(NOBODY, (DNS, ANY + 1))),
        ("the question itself", answer(NOBODY, (ANY, DNS))),
    ];
    let rows = rows.map(|(name, packet)| attack(name, packet, "platform/one-way"));
    repelled(&lab, "east", terminal.global, &rows)?;
    let real = ip(NOBODY, terminal.global, UDP).udp((DNS, ANY), b"answer");
    raw::send(&lab, "east", terminal.global, &[real])?;
    let mut answer = [0; 16];
    let (length, from) = flow.recv_from(&mut answer)?;
    ensure!(&answer[..length] == b"answer" && from == (NOBODY, DNS).into());
    Ok(())
}
