//! Pieces of datagrams: what they hide, and whose datagram they complete (RFC 1858, RFC 3128).

use std::{net::Ipv4Addr, thread, time::Duration};

use anyhow::{Context, ensure};
use sekisho_lab::{PLATFORM_WEB, Recording};

use crate::{
    ANY, DNS, HTTP, applied,
    attack::{attack, repelled, uncounted, watch},
    packets::{Ip, MARK, TCP, UDP, ip},
    raw,
};

const SYN: u8 = 2;
/// Where the datagrams of these tests are cut.
const CUT: usize = 24;

/// A datagram to the platform's DNS port in two pieces, its data this letter over and over.
fn halves(from: Ipv4Addr, letter: u8) -> [Vec<u8>; 2] {
    let header = ip(from, PLATFORM_WEB, UDP);
    cut(&header, &header.udp_payload((ANY, DNS), &[letter; 40]), CUT)
}

fn cut(header: &Ip, payload: &[u8], place: usize) -> [Vec<u8>; 2] {
    let (first, second) = payload.split_at(place);
    [
        header.clone().piece(0, true).carrying(first),
        header.clone().piece(place, false).carrying(second),
    ]
}

pub(crate) fn are_judged_whole() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let terminal = lab.addresses().host("terminal")?;
    let capture = lab.capture("platform", "any")?;
    // The flags of the segment, by which it would be judged, stand in the second piece.
    let header = ip(terminal.address, PLATFORM_WEB, TCP);
    let [first, second] = cut(&header, &header.tcp_payload((ANY, 8080), SYN), 8);
    let [_, alone] = cut(&header, &header.tcp_payload((ANY + 1, HTTP), SYN), 16);
    // The second piece puts a declared port over the undeclared one, or the other way round.
    let header = ip(terminal.address, NEIGHBOUR, TCP);
    let (one, other) = (header.tcp_payload((ANY, HTTP), SYN), header.tcp_payload((ANY, 8080), SYN));
    let over = |one: &[u8], other: &[u8]| {
        let (head, tail) = (header.clone().piece(0, true), header.clone().piece(8, false));
        [head.carrying(&one[..16]), tail.carrying(&other[8..])]
    };
    let same = header.clone().piece(0, true).carrying(&other[..16]);
    let [head, tail] = over(&one, &other);
    let rows = [
        uncounted("a tiny first piece", first),
        attack("the rest of it", second, "head-office/undeclared-service"),
        uncounted("a later piece alone", alone),
        uncounted("a first piece that is allowed", head),
        uncounted("the same with another port", same),
        uncounted("a last piece over it", tail),
    ];
    repelled(&lab, "terminal", PLATFORM_WEB, &rows)?;
    let seen = capture.stop()?.matching("ip[4:2] = 0x5ec1")?;
    ensure!(seen.is_empty(), "the platform saw {seen:?}");

    // What is declared arrives, in pieces or whole.
    let capture = lab.capture("platform", "any")?;
    raw::send(&lab, "terminal", PLATFORM_WEB, &halves(terminal.address, b'd'))?;
    thread::sleep(Duration::from_millis(300));
    arrived(&capture.stop()?, terminal.global, b'd')
}

/// The datagram arrived once and as it was. The device puts it together to judge it, and sends it on in its pieces.
fn arrived(recording: &Recording, from: Ipv4Addr, letter: u8) -> anyhow::Result<()> {
    let first = format!("src host {from} and udp dst port {DNS} and udp[8] = {letter}");
    let second =
        format!("src host {from} and ip[6:2] & 0x1fff = {} and ip[20] = {letter}", CUT / 8);
    for piece in [first, second] {
        let count = recording.count(&piece)?;
        ensure!(count == 1, "{count} arrived of: {piece}");
    }
    Ok(())
}

/// Another address of the platform, so that pieces for it make a datagram of their own.
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 11);

pub(crate) fn of_two_lans_never_meet() -> anyhow::Result<()> {
    let lab = applied("overlapping-ranges")?;
    let hosts = lab.addresses();
    let (terminal, school) = (hosts.host("terminal")?, hosts.host("school")?);
    ensure!(terminal.address == school.address, "the sample's LANs don't overlap");
    let capture = lab.capture("platform", "any")?;
    let [first, second] = halves(terminal.address, b't');
    let [other_first, other_second] = halves(school.address, b's');
    // Both say the same source, destination and identification.
    for (host, piece) in [
        ("terminal", first),
        ("school", other_second),
        ("school", other_first),
        ("terminal", second),
    ] {
        raw::send(&lab, host, PLATFORM_WEB, &[piece])?;
        thread::sleep(Duration::from_millis(100));
    }
    thread::sleep(Duration::from_millis(300));
    let recording = capture.stop()?;
    for (global, letter) in [(terminal.global, b't'), (school.global, b's')] {
        arrived(&recording, global, letter)?;
    }
    let all = recording.matching(&format!("ip[4:2] = {MARK}"))?;
    ensure!(all.len() == 4, "{all:?}");
    Ok(())
}

pub(crate) fn with_a_forged_source() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let terminal = hosts.host("terminal")?;
    let maintenance = hosts.device_maintenance.context("the sample has a maintenance port")?;
    let [first, second] = halves(terminal.address, b't');
    let watch = watch(&lab, &["platform"])?;
    // Each piece by itself is refused, so the terminal's own first piece is completed by nobody.
    raw::send(&lab, "terminal", PLATFORM_WEB, &[first])?;
    for (host, gate, rule) in [
        ("school", PLATFORM_WEB, "education-board/spoofed-source"),
        ("east", terminal.global, "platform/spoofed-source"),
        ("clerk", maintenance.addr(), "maintenance/spoofed-source"),
        ("lgwan", hosts.device_lgwan.addr(), "lgwan/unexpected"),
    ] {
        let row = attack("somebody else's last piece", second.clone(), rule);
        repelled(&lab, host, gate, &[row])?;
    }
    watch.saw_nothing()?;
    // The real last piece completes the datagram.
    let capture = lab.capture("platform", "any")?;
    raw::send(&lab, "terminal", PLATFORM_WEB, &[second])?;
    thread::sleep(Duration::from_millis(300));
    arrived(&capture.stop()?, terminal.global, b't')
}
