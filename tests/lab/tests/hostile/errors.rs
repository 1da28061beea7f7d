//! ICMP about packets that somebody else sent, or nobody (RFC 5508).

use std::{net::Ipv4Addr, thread, time::Duration};

use anyhow::ensure;
use sekisho_lab::{Centre, PLATFORM_WEB, TUNNEL_PORT};

use crate::{
    ANY, DNS, HTTP, NOBODY, applied,
    attack::{Attack, attack, refused, repelled, watch},
    packets::{ICMP, UDP, ip},
    raw, socket, visit,
};

/// Type, code and the word after the checksum: what errors there are about a packet.
const ERRORS: [(&str, u8, u8, [u8; 4]); 5] = [
    ("port unreachable", 3, 3, [0; 4]),
    ("fragmentation needed", 3, 4, [0, 0, 2, 64]),
    ("time exceeded", 11, 0, [0; 4]),
    ("redirect", 5, 1, [192, 168, 1, 66]),
    ("source quench", 4, 0, [0; 4]),
];

fn about(from: Ipv4Addr, to: Ipv4Addr, inner: &[u8], rule: &str) -> [Attack; ERRORS.len()] {
    ERRORS.map(|(name, kind, code, word)| {
        attack(name, ip(from, to, ICMP).icmp(kind, code, word, &inner[..28]), rule)
    })
}

pub(crate) fn about_another_lan_s_flow() -> anyhow::Result<()> {
    let lab = applied("overlapping-ranges")?;
    let (terminal, school) = (lab.addresses().host("terminal")?, lab.addresses().host("school")?);
    let flow = socket(&lab, "terminal", (terminal.address, ANY))?;
    flow.send_to(b"?", (NOBODY, DNS))?;
    let watch = watch(&lab, &["platform"])?;
    // The school's host has the terminal's address, and reports about the answer to its question.
    let answer = ip(NOBODY, school.address, UDP).udp((DNS, ANY), b"!");
    let errors = about(school.address, NOBODY, &answer, "education-board/invalid");
    repelled(&lab, "school", PLATFORM_WEB, &errors)?;
    // The platform reports about the terminal's question, but to the school's address.
    let question = ip(terminal.global, NOBODY, UDP).udp((ANY, DNS), b"?");
    let errors = about(NOBODY, school.global, &question, "platform/invalid");
    repelled(&lab, "east", school.global, &errors)?;
    watch.saw_nothing_like("icmp")
}

pub(crate) fn that_redirect() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let terminal = lab.addresses().host("terminal")?;
    let flow = socket(&lab, "terminal", (terminal.address, ANY))?;
    flow.send_to(b"?", (NOBODY, DNS))?;
    let watch = watch(&lab, &["terminal", "platform"])?;
    // About a flow that there is, by its own far end: a router's message, and the device is the router.
    let question = ip(terminal.global, NOBODY, UDP).udp((ANY, DNS), b"?");
    let [_, _, _, redirect, quench] = about(NOBODY, terminal.global, &question, "platform/invalid");
    repelled(&lab, "east", terminal.global, &[redirect, quench])?;
    let answer = ip(NOBODY, terminal.address, UDP).udp((DNS, ANY), b"!");
    let [_, _, _, redirect, quench] =
        about(terminal.address, NOBODY, &answer, "head-office/invalid");
    repelled(&lab, "terminal", PLATFORM_WEB, &[redirect, quench])?;
    // The terminal's own two are in its recording.
    let own = format!("src host {}", terminal.address);
    watch.saw_nothing_like(&format!("icmp and not ({own})"))
}

pub(crate) fn from_the_platform_about_the_tunnel() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let (device, centre) = (lab.addresses().device_lgwan.addr(), Centre::East.endpoint());
    // The tunnel's own datagrams are LGWAN's business; who is inside the tunnel has no say in it.
    let datagram = ip(device, centre, UDP).udp((TUNNEL_PORT, TUNNEL_PORT), b"?");
    let errors = about(PLATFORM_WEB, device, &datagram, "platform/invalid");
    repelled(&lab, "east", lab.addresses().device_global, &errors)?;
    visit(&lab, "terminal", PLATFORM_WEB, HTTP)
}

pub(crate) fn from_lgwan_about_the_tunnel() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let (device, centre) = (lab.addresses().device_lgwan.addr(), Centre::East.endpoint());
    let datagram = ip(device, centre, UDP).udp((TUNNEL_PORT, TUNNEL_PORT), b"?");
    let capture = lab.capture("lgwan", "eth0")?;
    let router = lab.addresses().lgwan_router;
    let before = refused(&lab)?;
    for _ in 0..50 {
        let packets = about(router, device, &datagram, "").map(|row| row.packet);
        raw::send(&lab, "lgwan", device, &packets)?;
        thread::sleep(Duration::from_millis(10));
    }
    // Full-sized packets still pass, and the carrier is the same: nothing was cut smaller, nobody was given up.
    let url = format!("http://{PLATFORM_WEB}/bytes/2000000");
    lab.host("terminal").must(&["curl", "-sS", "--max-time", "20", "-o", "/dev/null", &url])?;
    ensure!(lab.carrier()? == Some(Centre::East));
    let recording = capture.stop()?;
    ensure!(recording.count(&format!("src host {centre} and udp and greater 1400"))? > 10);
    let answers = recording.matching(&format!("src host {device} and not udp and not arp"))?;
    ensure!(answers.is_empty(), "the device answered {answers:?}");
    ensure!(recording.count("ip[6:2] & 0x3fff != 0")? == 0, "the tunnel's datagrams are in pieces");
    ensure!(refused(&lab)?.get("lgwan/egress") == before.get("lgwan/egress"));
    Ok(())
}
