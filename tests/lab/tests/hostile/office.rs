//! A hostile host on a LAN.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
};

use anyhow::{Context, ensure};
use sekisho_lab::{Centre, LGWAN_DNS, PLATFORM_WEB};

use crate::{
    ANY, DNS, HTTP, HTTPS, PATIENCE, SNMP, applied,
    attack::{Attack, attack, repelled, uncounted, watch},
    packets::{ICMP, IPIP, MARK, TCP, UDP, ip},
};

const SYN: u8 = 2;
const RST: u8 = 4;
const SYN_ACK: u8 = 0x12;

pub(crate) fn strange_packets_from_head_office() -> anyhow::Result<()> {
    strange_packets(
        "terminal",
        "school",
        &["school", "juki", "atena", "clerk", "platform", "lgwan"],
    )
}

pub(crate) fn strange_packets_from_school() -> anyhow::Result<()> {
    strange_packets(
        "school",
        "terminal",
        &["terminal", "juki", "atena", "clerk", "platform", "lgwan"],
    )
}

fn strange_packets(from: &str, other: &str, all: &[&'static str]) -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let (own, other) = (hosts.host(from)?, hosts.host(other)?);
    let side = own.lan.as_str();
    let rule = |rule: &str| format!("{side}/{rule}");
    let watch = watch(&lab, all)?;
    let capture = lab.capture(from, "eth0")?;

    let to = |protocol| ip(own.address, PLATFORM_WEB, protocol);
    let inner = ip(own.address, other.address, TCP).tcp((ANY, HTTPS), SYN);
    let mut attacks = Vec::new();
    for (name, protocol) in [("GRE", 47), ("ESP", 50), ("UDP-Lite", 136)] {
        let packet = to(protocol).carrying(&to(UDP).udp_payload((ANY, HTTP), b"?"));
        attacks.push(attack(name, packet, &rule("undeclared-service")));
    }
    // Conntrack knows SCTP, and knows that this is none.
    attacks.push(attack("SCTP", to(132).carrying(&[0; 16]), &rule("invalid")));
    attacks.push(attack("IPIP", to(IPIP).carrying(&inner), &rule("undeclared-service")));
    let stranger = Ipv4Addr::from(u32::from(own.address) + 1);
    let visit = ip(stranger, PLATFORM_WEB, TCP).tcp((ANY, HTTP), SYN);
    attacks.push(attack("by a neighbour nobody declared", visit, &rule("undeclared-source")));
    for (name, kind, refusal) in [
        ("timestamp", 13, "undeclared-service"),
        ("information", 15, "undeclared-service"),
        ("address mask", 17, "undeclared-service"),
        ("router solicitation", 10, "invalid"),
        ("echo reply", 0, "invalid"),
        ("no type of ICMP", 200, "invalid"),
        ("redirect about nothing", 5, "invalid"),
    ] {
        attacks.push(attack(name, to(ICMP).icmp(kind, 0, [0; 4], &[0; 28]), &rule(refusal)));
    }
    for (name, flags) in [
        ("SYN and ACK first", SYN_ACK),
        ("SYN and FIN", 3),
        ("SYN and RST", 6),
        ("no flags", 0),
        ("FIN, PSH and URG", 0x29),
        ("all flags", 0x3f),
        ("data before a handshake", 0x18),
    ] {
        attacks.push(attack(name, to(TCP).tcp((ANY, HTTP), flags), &rule("invalid")));
    }
    attacks.extend(optioned(&rule("invalid"), |options| {
        to(TCP).options(options).tcp((ANY, HTTP), SYN)
    }));
    let here = hosts.device(own.lan)?;
    let beyond = hosts.device(other.lan)?.addr();
    let device_lgwan = hosts.device_lgwan.addr();
    for source in [
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(224, 0, 0, 1),
        Ipv4Addr::BROADCAST,
        other.address,
        own.global,
        other.global,
        here.addr(),
        beyond,
        hosts.device_global,
        device_lgwan,
        PLATFORM_WEB,
        LGWAN_DNS,
    ] {
        let packet = ip(source, PLATFORM_WEB, TCP).tcp((ANY, HTTP), SYN);
        attacks.push(attack(&format!("as {source}"), packet, &rule("spoofed-source")));
    }
    let maintenance = hosts.device_maintenance.context("the sample has a maintenance port")?;
    for (target, refusal) in [
        (beyond, "device"),
        (device_lgwan, "device"),
        (hosts.device_global, "device"),
        (maintenance.addr(), "device"),
        (here.addr(), "device"),
        (here.broadcast(), "device"),
        (other.address, "undeclared-destination"),
        (other.global, "undeclared-destination"),
        (own.global, "undeclared-destination"),
        (Centre::East.endpoint(), "undeclared-destination"),
        (LGWAN_DNS, "undeclared-destination"),
        (hosts.lgwan_router, "undeclared-destination"),
        (Ipv4Addr::LOCALHOST, "undeclared-destination"),
    ] {
        // Names and the time are served here, and nowhere else: what is no question is the matter of who serves them.
        let ports = if target == here.addr() { [SNMP, HTTPS] } else { [DNS, HTTPS] };
        for port in ports {
            let packet = ip(own.address, target, UDP).udp((ANY, port), b"?");
            attacks.push(attack(&format!("to {target}:{port}"), packet, &rule(refusal)));
        }
    }
    let subnet = ip(here.broadcast(), PLATFORM_WEB, TCP).tcp((ANY, HTTP), SYN);
    attacks.push(uncounted("as the LAN's broadcast", subnet));
    repelled(&lab, from, PLATFORM_WEB, &attacks)?;

    watch.saw_nothing()?;
    // The attacker hears errors about its own packets, from its own side of the device, and nothing else.
    let device = here.addr();
    let heard = capture.stop()?.matching(&format!(
        "ip and ip[4:2] != {MARK} and not (src host {device} and icmp[icmptype] = icmp-unreach)"
    ))?;
    ensure!(heard.is_empty(), "{from} heard {heard:?}");
    Ok(())
}

/// A packet with each of the options that tell or change a route (RFC 791, 3.1).
pub(crate) fn optioned(rule: &str, packet: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Attack> {
    let [a, b, c, d] = PLATFORM_WEB.octets();
    [
        ("loose source route", [131, 7, 4, a, b, c, d, 0]),
        ("strict source route", [137, 7, 4, a, b, c, d, 0]),
        ("record route", [7, 7, 4, 0, 0, 0, 0, 0]),
        ("timestamp option", [68, 8, 5, 0, 0, 0, 0, 0]),
        ("broken option", [7, 200, 1, 0, 0, 0, 0, 0]),
    ]
    .map(|(name, options)| attack(name, packet(&options), rule))
    .into()
}

pub(crate) fn one_lan_can_t_answer_for_the_other() -> anyhow::Result<()> {
    let lab = applied("overlapping-ranges")?;
    let juki = lab.addresses().host("juki")?;
    // The platform opens a connection to juki, where nobody accepts yet. The school's server has juki's address.
    lab.host("juki").must(&["ip", "link", "set", "eth0", "down"])?;
    let open = ip(PLATFORM_WEB, juki.global, TCP).tcp((ANY, HTTPS), SYN);
    crate::raw::send(&lab, "east", juki.global, &[open])?;
    let watch = watch(&lab, &["platform"])?;
    let answer = ip(juki.address, PLATFORM_WEB, TCP).tcp((HTTPS, ANY), SYN_ACK);
    repelled(
        &lab,
        "school",
        PLATFORM_WEB,
        &[attack("the answer by the other LAN", answer, "education-board/invalid")],
    )?;
    watch.saw_nothing()
}

pub(crate) fn a_segment_ends_nobody_s_connection() -> anyhow::Result<()> {
    const ECHO: u16 = 7;
    let lab = applied("overlapping-ranges")?;
    let (terminal, school) = (lab.addresses().host("terminal")?, lab.addresses().host("school")?);
    ensure!(terminal.address == school.address);
    let connect = || TcpStream::connect_timeout(&(PLATFORM_WEB, ECHO).into(), PATIENCE);
    let mut stream = lab.host("terminal").inside(connect)??;
    stream.set_read_timeout(Some(PATIENCE))?;
    let port = stream.local_addr()?.port();
    let flow = ip(school.address, PLATFORM_WEB, TCP);
    let rows = [("RST", RST), ("FIN", 0x11), ("data", 0x18), ("an answer", SYN_ACK)];
    let rows = rows.map(|(name, flags)| {
        attack(name, flow.tcp((port, ECHO), flags), "education-board/invalid")
    });
    repelled(&lab, "school", PLATFORM_WEB, &rows)?;
    // A platform host that isn't the other end knows all ports, and is no party of the connection either.
    let other = Ipv4Addr::new(100, 72, 0, 53);
    let global = terminal.global;
    let forged = ip(other, global, TCP).tcp((ECHO, port), RST);
    repelled(&lab, "east", global, &[attack("RST by another host", forged, "platform/invalid")])?;
    stream.write_all(b"still here")?;
    let mut echo = [0; 10];
    stream.read_exact(&mut echo)?;
    ensure!(&echo == b"still here");
    Ok(())
}
