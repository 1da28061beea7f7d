//! RFC 4787: UDP.

use std::{io::ErrorKind, net::SocketAddrV4};

use anyhow::{Context, ensure};
use sekisho_lab::{PLATFORM_RESOLVER, PLATFORM_WEB};

use crate::{HIGH, SECOND, SETTLED, exchange, lab, socket};

/// REQ-1, REQ-4: one inner port is one outer port, and the same number where it is free.
pub(crate) fn all_far_ends_see_one_port() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let near = socket(lab, "terminal", (terminal.address, 40_001))?;
    for end in [(PLATFORM_WEB, 5001), (PLATFORM_WEB, 5002), (PLATFORM_RESOLVER, 5001)] {
        let far = socket(lab, "platform", end)?;
        let seen = exchange(&near, end, &far)?;
        ensure!(seen == SocketAddrV4::new(terminal.global, 40_001), "{end:?} saw {seen}");
    }
    // A server's port is its own on both sides.
    let juki = lab.addresses().host("juki")?;
    let far = socket(lab, "platform", (PLATFORM_WEB, 5003))?;
    let near = socket(lab, "juki", (juki.address, 5003))?;
    let seen = exchange(&far, (juki.global, 5003), &near)?;
    ensure!(seen == SocketAddrV4::new(PLATFORM_WEB, 5003), "juki saw {seen}");
    Ok(())
}

/// REQ-1, REQ-3: where two hosts of one NAPT address use one port, one far end sees two ports; different far ends may see
/// one. Answers reach whom they are for in any case.
pub(crate) fn two_hosts_with_one_port() -> anyhow::Result<()> {
    const PORT: u16 = 40_002;
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let one = socket(lab, "terminal", (terminal.address, PORT))?;
    let other = socket(lab, "terminal", (SECOND, PORT))?;
    let web = (PLATFORM_WEB, 5004);
    let resolver = (PLATFORM_RESOLVER, 5004);
    let (far, elsewhere) = (socket(lab, "platform", web)?, socket(lab, "platform", resolver)?);

    let first = exchange(&one, web, &far)?;
    ensure!(first == SocketAddrV4::new(terminal.global, PORT), "{first}");
    // The second host goes elsewhere first, where its port is free.
    let alone = exchange(&other, resolver, &elsewhere)?;
    ensure!(alone == first, "a free port isn't kept: {alone}");
    let beside = exchange(&other, web, &far)?;
    ensure!(beside.ip() == first.ip() && beside.port() != PORT, "one port for two: {beside}");
    ensure!(beside.port() >= HIGH, "a high port became {beside}");
    // All three live on, and stay what they were.
    for (near, far, end, seen) in [
        (&one, &far, web, first),
        (&other, &elsewhere, resolver, alone),
        (&other, &far, web, beside),
    ] {
        let again = exchange(near, end, far)?;
        ensure!(again == seen, "{seen} became {again}");
    }
    Ok(())
}

/// REQ-3a: no host's high port becomes one that only privileged programs may have, however many meet.
pub(crate) fn a_high_port_stays_high() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let web = (PLATFORM_WEB, 5005);
    let far = socket(lab, "platform", web)?;
    for port in [HIGH, HIGH + 1, 32_768, 61_999] {
        for address in [terminal.address, SECOND] {
            let near = socket(lab, "terminal", (address, port))?;
            let seen = exchange(&near, web, &far)?;
            ensure!(*seen.ip() == terminal.global && seen.port() >= HIGH, "{port}: {seen}");
        }
    }
    // A low port is no obstacle.
    let near = socket(lab, "terminal", (terminal.address, 123))?;
    let seen = exchange(&near, web, &far)?;
    ensure!(*seen.ip() == terminal.global, "{seen}");
    Ok(())
}

/// REQ-9: a host of the LAN reaches a server by its global address and is seen with its own.
pub(crate) fn hairpin() -> anyhow::Result<()> {
    let lab = lab()?;
    let (terminal, juki) = (lab.addresses().host("terminal")?, lab.addresses().host("juki")?);
    let near = socket(lab, "terminal", (terminal.address, 40_006))?;
    let server = socket(lab, "juki", (juki.address, 5006))?;
    let seen = exchange(&near, (juki.global, 5006), &server)?;
    ensure!(seen == SocketAddrV4::new(terminal.global, 40_006), "juki saw {seen}");
    Ok(())
}

/// REQ-8, REQ-9: a terminal's mapping is nobody's way in, not for hosts of its own LAN either (R14).
pub(crate) fn no_hairpin_to_terminals() -> anyhow::Result<()> {
    let lab = lab()?;
    let (terminal, juki) = (lab.addresses().host("terminal")?, lab.addresses().host("juki")?);
    let end = (PLATFORM_WEB, 5007);
    let far = socket(lab, "platform", end)?;
    let near = socket(lab, "terminal", (terminal.address, 40_007))?;
    let mapping = exchange(&near, end, &far)?;
    let other = socket(lab, "juki", (juki.address, 5007))?;
    other.send_to(b"knock", mapping)?;
    near.set_read_timeout(Some(SETTLED))?;
    let arrived = near.recv_from(&mut [0; 8]).err().map(|error| error.kind());
    ensure!(arrived == Some(ErrorKind::WouldBlock), "juki got in at {mapping}: {arrived:?}");
    Ok(())
}

/// REQ-12.
pub(crate) fn an_icmp_error_ends_no_mapping() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let end = (PLATFORM_WEB, 5008);
    let far = socket(lab, "platform", end)?;
    let near = socket(lab, "terminal", (terminal.address, 40_008))?;
    near.connect(end)?;
    let mapping = SocketAddrV4::new(terminal.global, 40_008);
    near.send(b"?")?;
    ensure!(far.recv_from(&mut [0; 8])?.1 == mapping.into());
    drop(far);
    near.send(b"?")?;
    let told = near.recv(&mut [0; 8]).err().map(|error| error.kind());
    ensure!(told == Some(ErrorKind::ConnectionRefused), "told {told:?}");
    // The far end is back, and its answer still finds the way.
    let far = socket(lab, "platform", end)?;
    far.send_to(b"answer", mapping)?;
    let mut answer = [0; 8];
    let length = near.recv(&mut answer).context("the mapping is gone")?;
    ensure!(&answer[..length] == b"answer");
    Ok(())
}

/// REQ-14, and REQ-13 for datagrams that may be cut: larger than any packet on the way, in both directions.
pub(crate) fn a_datagram_in_pieces() -> anyhow::Result<()> {
    const SIZE: usize = 4000;
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let end = (PLATFORM_WEB, 5009);
    let far = socket(lab, "platform", end)?;
    let near = socket(lab, "terminal", (terminal.address, 40_009))?;
    let datagram: Vec<u8> = (0..251).cycle().take(SIZE).collect();
    near.send_to(&datagram, end)?;
    let mut buffer = [0; 2 * SIZE];
    let (length, source) = far.recv_from(&mut buffer).context("no question arrives")?;
    ensure!(buffer[..length] == datagram, "{length} of {SIZE} bytes, or wrong ones");
    far.send_to(&datagram, source)?;
    let (length, _) = near.recv_from(&mut buffer).context("no answer comes back")?;
    ensure!(buffer[..length] == datagram, "{length} of {SIZE} bytes came back, or wrong ones");
    Ok(())
}
