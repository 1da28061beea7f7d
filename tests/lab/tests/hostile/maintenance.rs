//! Somebody at the maintenance port: he reaches the device's address there, and nothing else (R65).

use std::{net::Ipv4Addr, thread, time::Duration};

use anyhow::{Context, ensure};
use sekisho_lab::{
    Centre, LGWAN_DNS, LGWAN_NTP, PLATFORM_SECOND_RESOLVER, PLATFORM_WEB, TUNNEL_PORT,
};

use crate::{
    ANY, DNS, HTTP, HTTPS, NTP, applied,
    attack::{attack, repelled, watch},
    packets::{ICMP, TCP, UDP, ip},
    raw, socket,
};

const SYN: u8 = 2;
const FORGED: &str = "maintenance/spoofed-source";

pub(crate) fn strange_packets() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let (juki, school) = (hosts.host("juki")?, hosts.host("school")?);
    let device = hosts.device_maintenance.context("the sample has a maintenance port")?;
    let clerk = Ipv4Addr::new(192, 168, 254, 2);
    let watch = watch(&lab, &["juki", "atena", "terminal", "school", "platform", "lgwan"])?;
    let capture = lab.capture("clerk", "eth0")?;

    let mut attacks = Vec::new();
    for to in [
        PLATFORM_WEB,
        juki.address,
        juki.global,
        school.address,
        LGWAN_DNS,
        hosts.lgwan_router,
        Centre::East.endpoint(),
        hosts.device_lgwan.addr(),
        hosts.device_global,
        hosts.device(juki.lan)?.addr(),
        hosts.device(school.lan)?.addr(),
        Ipv4Addr::new(203, 0, 113, 1),
        device.broadcast(),
    ] {
        for ttl in [64, 1] {
            let tcp = ip(clerk, to, TCP).ttl(ttl).tcp((ANY, HTTPS), SYN);
            let name = format!("to {to}, TTL {ttl}");
            attacks.push(attack(&name, tcp, "maintenance/undeclared-destination"));
        }
    }
    for from in [
        device.addr(),
        PLATFORM_WEB,
        juki.address,
        juki.global,
        LGWAN_DNS,
        Centre::East.endpoint(),
        Ipv4Addr::LOCALHOST,
    ] {
        for to in [device.addr(), PLATFORM_WEB, juki.address] {
            let name = format!("{from} to {to}");
            let echo = ip(from, to, ICMP).icmp(8, 0, [0, 1, 0, 1], b"ping");
            attacks.push(attack(&name, echo, FORGED));
            attacks.push(attack(&name, ip(from, to, TCP).ttl(1).tcp((ANY, HTTP), SYN), FORGED));
        }
    }
    let device = device.addr();
    for (name, packet) in [
        ("TCP", ip(clerk, device, TCP).tcp((ANY, HTTP), SYN)),
        ("GRE", ip(clerk, device, 47).carrying(b"????")),
        ("the tunnel's port", ip(clerk, device, UDP).udp((TUNNEL_PORT, TUNNEL_PORT), b"?")),
        ("timestamp", ip(clerk, device, ICMP).icmp(13, 0, [0; 4], &[0; 12])),
        ("redirect", ip(clerk, device, ICMP).icmp(5, 1, [192, 168, 254, 2], &[0; 28])),
    ] {
        attacks.push(attack(name, packet, "maintenance/device"));
    }
    repelled(&lab, "clerk", device, &attacks)?;
    watch.saw_nothing()?;
    let words = capture.stop()?.matching(&format!("ip and ip[4:2] != {}", crate::packets::MARK))?;
    ensure!(words.is_empty(), "the maintenance port heard {words:?}");
    // The one thing that is there for everybody.
    let capture = lab.capture("clerk", "eth0")?;
    let echo = ip(clerk, device, ICMP).icmp(8, 0, [0, 1, 0, 1], b"ping");
    raw::send(&lab, "clerk", device, &[echo])?;
    thread::sleep(Duration::from_millis(300));
    let reply = format!("src host {device} and icmp[icmptype] = icmp-echoreply");
    ensure!(capture.stop()?.count(&reply)? == 1, "no answer to an echo request");
    Ok(())
}

pub(crate) fn can_t_answer_for_lgwan() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let (device, global) = (hosts.device_lgwan.addr(), hosts.device_global);
    let gate = hosts.device_maintenance.context("the sample has a maintenance port")?.addr();
    // The device asks for the time, and for a name inside the tunnel; the maintenance port knows the ports.
    for (own, to, port) in [(device, LGWAN_NTP, NTP), (global, PLATFORM_SECOND_RESOLVER, DNS)] {
        let flow = socket(&lab, "gateway", (own, ANY))?;
        flow.send_to(b"?", (to, port))?;
        let forged = ip(to, own, UDP).udp((port, ANY), b"forged");
        repelled(&lab, "clerk", gate, &[attack("a forged answer", forged, FORGED)])?;
        ensure!(flow.recv(&mut [0; 16]).is_err(), "the device took the answer");
    }
    // Nor do datagrams reach the tunnel from there.
    let forged =
        ip(Centre::East.endpoint(), device, UDP).udp((TUNNEL_PORT, TUNNEL_PORT), b"forged");
    repelled(&lab, "clerk", gate, &[attack("as a centre", forged, FORGED)])
}
