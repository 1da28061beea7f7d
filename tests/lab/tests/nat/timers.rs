//! How long the device remembers: RFC 4787, REQ-5 and 6; RFC 5382, REQ-5; RFC 5508, REQ-2.

use std::{net::Shutdown, thread, time::Duration};

use anyhow::{Context, ensure};
use sekisho_lab::{PLATFORM_WEB, wait_until};
use socket2::SockRef;

use crate::{
    NOBODY, PATIENCE, exchange, lab,
    packets::{TCP, ip},
    raw, socket,
    tcp::Held,
    tracked::{Entry, entry},
};

/// The kernel's clock of a connection, and the least that an RFC asks of it in seconds.
const LEAST: [(&str, u64); 11] = [
    ("icmp_timeout", 60),
    ("tcp_timeout_close", 240),
    ("tcp_timeout_close_wait", 7440),
    ("tcp_timeout_established", 7440),
    ("tcp_timeout_fin_wait", 240),
    ("tcp_timeout_last_ack", 240),
    ("tcp_timeout_syn_recv", 240),
    ("tcp_timeout_syn_sent", 240),
    ("tcp_timeout_time_wait", 240),
    ("udp_timeout", 120),
    ("udp_timeout_stream", 300),
];
/// How much of its time an entry may have lost until it is looked at.
const LOOK: u64 = 15;
const SYN: u8 = 2;

pub(crate) fn are_what_the_rfcs_ask_for() -> anyhow::Result<()> {
    let lab = lab()?;
    for (key, least) in LEAST {
        let path = format!("/proc/sys/net/netfilter/nf_conntrack_{key}");
        let value: u64 = lab.host("gateway").must(&["cat", &path])?.trim().parse()?;
        ensure!(value >= least, "{key} is {value} s, less than {least}");
    }
    Ok(())
}

/// Each packet from inside gives a connection its whole time again.
pub(crate) fn of_udp_start_anew() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let end = (PLATFORM_WEB, 5020);
    let near = socket(lab, "terminal", (terminal.address, 43_001))?;
    let far = socket(lab, "platform", end)?;
    let tracked = || entry(lab, "udp", &["sport=43001", "dport=5020"]);
    exchange(&near, end, &far)?;
    let first = tracked()?.seconds;
    ensure!((120 - LOOK..=120).contains(&first), "a question and an answer have {first} s");
    // For the kernel it is more than a question and its answer after two seconds.
    thread::sleep(Duration::from_millis(2_100));
    exchange(&near, end, &far)?;
    let lasting = tracked()?.seconds;
    ensure!((300 - LOOK..=300).contains(&lasting), "a conversation has {lasting} s");
    thread::sleep(Duration::from_millis(2_100));
    let before = tracked()?.seconds;
    near.send_to(b"?", end)?;
    let renewed = wait_until(PATIENCE, || tracked().is_ok_and(|entry| entry.seconds > before));
    ensure!(renewed, "{before} s stayed {:?}", tracked()?);
    Ok(())
}

/// A connection in each of its ages has the time that belongs to it.
pub(crate) fn of_tcp_follow_the_connection() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let is = |source: &str, state: &str, least: u64| -> anyhow::Result<()> {
        let source = format!("sport={source}");
        let tracked = || entry(lab, "tcp", &[&source]);
        let fits = |entry: &Entry| entry.is(state) && entry.seconds > least - LOOK;
        wait_until(PATIENCE, || tracked().is_ok_and(|entry| fits(&entry)));
        ensure!(fits(&tracked()?), "not {state} for {least} s: {:?}", tracked()?);
        Ok(())
    };
    let opening = ip(terminal.address, NOBODY, TCP).tcp((43_002, 7020), SYN);
    raw::send(lab, "terminal", PLATFORM_WEB, &[opening])?;
    is("43002", "SYN_SENT", 240)?;

    let open = |port| {
        let near = ("terminal", (terminal.address, port));
        Held::open(lab, near, ("platform", (PLATFORM_WEB, 7020)))
    };
    let held = open(43_003)?;
    is("43003", "ESTABLISHED", 7440)?;
    held.near.shutdown(Shutdown::Write)?;
    is("43003", "CLOSE_WAIT", 7440)?;
    held.far.shutdown(Shutdown::Write)?;
    is("43003", "TIME_WAIT", 240)?;

    let held = open(43_004)?;
    // Closing with a lingering time of nothing sends a reset.
    SockRef::from(&held.near).set_linger(Some(Duration::ZERO))?;
    drop(held.near);
    is("43004", "CLOSE", 240)
}

/// The least of REQ-5 waited for, less what a busy machine may be late.
pub(crate) fn udp_is_answered_after_two_minutes() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let end = (PLATFORM_WEB, 5021);
    let near = socket(lab, "terminal", (terminal.address, 43_005))?;
    let far = socket(lab, "platform", end)?;
    near.send_to(b"?", end)?;
    let (_, source) = far.recv_from(&mut [0; 8])?;
    thread::sleep(Duration::from_secs(118));
    far.send_to(b"late", source)?;
    let mut answer = [0; 8];
    let (length, _) = near.recv_from(&mut answer).context("the mapping is gone")?;
    ensure!(&answer[..length] == b"late");
    Ok(())
}
