//! RFC 5508: ICMP.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddrV4},
    thread,
    time::Duration,
};

use anyhow::ensure;
use sekisho_lab::{Lab, PLATFORM_WEB, wait_until};

use crate::{
    NOBODY, PATIENCE, SECOND, SETTLED,
    attack::{attack, repelled, watch},
    lab,
    packets::{ICMP, UDP, ip},
    raw, socket,
    tracked::entry,
};

const ECHO: u8 = 8;
const UNREACHABLE: u8 = 3;
const EXCEEDED: u8 = 11;
/// A router of the platform that nobody has asked anything.
const ROUTER: Ipv4Addr = Ipv4Addr::new(100, 72, 3, 3);
/// The header of the packet that an error is about, and the eight bytes after it.
const QUOTED: usize = 28;

fn echo(from: Ipv4Addr, to: Ipv4Addr, identifier: u16) -> Vec<u8> {
    let [high, low] = identifier.to_be_bytes();
    ip(from, to, ICMP).icmp(ECHO, 0, [high, low, 0, 1], b"question")
}

/// A filter for an address in an ICMP message's quotation, at this offset.
fn quoted(offset: u8, address: Ipv4Addr) -> String {
    format!("icmp[{offset}:4] = 0x{:08x}", address.to_bits())
}

/// The quotation's source, destination and source port.
fn quoting(from: Ipv4Addr, to: Ipv4Addr, port: u16) -> String {
    format!("{} and {} and icmp[28:2] = {port}", quoted(20, from), quoted(24, to))
}

/// A recording that has to show something, and nothing else of ICMP.
fn shows(
    lab: &Lab,
    host: &str,
    wanted: &str,
    act: &dyn Fn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let capture = lab.capture(host, if host == "platform" { "any" } else { "eth0" })?;
    act()?;
    thread::sleep(SETTLED);
    let recording = capture.stop()?;
    let all = recording.matching("icmp")?;
    ensure!(recording.count(wanted)? >= 1, "{host} saw {all:?}, not: {wanted}");
    Ok(())
}

/// REQ-1: queries pass where they are declared, and their answers reach whom they are for.
pub(crate) fn two_hosts_with_one_identifier() -> anyhow::Result<()> {
    const IDENTIFIER: u16 = 0x4e41;
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let hosts = [terminal.address, SECOND];
    let answered = format!("icmp[0] = 0 and icmp[4:2] = {IDENTIFIER} and src host {PLATFORM_WEB}");
    let (inside, outside) = (lab.capture("terminal", "eth0")?, lab.capture("platform", "any")?);
    for host in hosts {
        raw::send(lab, "terminal", PLATFORM_WEB, &[echo(host, PLATFORM_WEB, IDENTIFIER)])?;
    }
    thread::sleep(SETTLED);
    let (inside, outside) = (inside.stop()?, outside.stop()?);
    for host in hosts {
        let count = inside.count(&format!("{answered} and dst host {host}"))?;
        ensure!(count == 1, "{host} got {count} answers: {:?}", inside.matching("icmp")?);
    }
    // Two questions of one address, told apart by their identifiers.
    let asked = format!("icmp[0] = {ECHO} and src host {}", terminal.global);
    let (all, kept) =
        (outside.count(&asked)?, outside.count(&format!("{asked} and icmp[4:2] = {IDENTIFIER}"))?);
    ensure!((all, kept) == (2, 1), "of {all} questions {kept} kept their identifier");
    Ok(())
}

/// REQ-4: about a connection whose port was changed. The quotation is what the terminal sent, the error's own source stays.
pub(crate) fn errors_from_outside() -> anyhow::Result<()> {
    const PORT: u16 = 42_001;
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let hosts = [terminal.address, SECOND];
    let sockets = hosts.map(|host| socket(lab, "terminal", (host, PORT)));
    for (host, near) in hosts.into_iter().zip(sockets) {
        near?.send_to(b"?", (NOBODY, 5010))?;
        let source = format!("src={host}");
        let tracked = || entry(lab, "udp", &[&source, "sport=42001", "dport=5010"]);
        wait_until(PATIENCE, || tracked().is_ok());
        let seen = tracked()?.seen_port()?;
        ensure!((seen == PORT) == (host == terminal.address), "{host} is seen at port {seen}");
        let sent = ip(terminal.global, NOBODY, UDP).udp((seen, 5010), b"?");
        for kind in [UNREACHABLE, EXCEEDED] {
            let error = ip(ROUTER, terminal.global, ICMP);
            let error = error.icmp(kind, 1, [0; 4], &sent[..QUOTED]);
            let wanted = format!(
                "icmp[0] = {kind} and src host {ROUTER} and dst host {host} and {}",
                quoting(host, NOBODY, PORT)
            );
            let report = || raw::send(lab, "east", terminal.global, std::slice::from_ref(&error));
            shows(lab, "terminal", &wanted, &report)?;
        }
    }
    Ok(())
}

/// REQ-5: a server's own error, and one of another host of its LAN. No private address gets out.
pub(crate) fn errors_from_inside() -> anyhow::Result<()> {
    const PORT: u16 = 42_002;
    let lab = lab()?;
    let (juki, atena) = (lab.addresses().host("juki")?, lab.addresses().host("atena")?);
    let wanted = format!(
        "icmp[0] = {UNREACHABLE} and src host {} and {}",
        juki.global,
        quoting(PLATFORM_WEB, juki.global, PORT)
    );
    let asking = socket(lab, "platform", (PLATFORM_WEB, PORT))?;
    asking.connect((juki.global, 5011))?;
    shows(lab, "platform", &wanted, &|| {
        asking.send(b"?")?;
        let told = asking.recv(&mut [0; 8]).err().map(|error| error.kind());
        ensure!(told == Some(ErrorKind::ConnectionRefused), "told {told:?}");
        Ok(())
    })?;
    // Another host reports about the server's connection: it is seen with the server's address.
    let asked = ip(PLATFORM_WEB, juki.address, UDP).udp((PORT, 5011), b"?");
    let error = ip(atena.address, PLATFORM_WEB, ICMP);
    let error = error.icmp(UNREACHABLE, 1, [0; 4], &asked[..QUOTED]);
    shows(lab, "platform", &wanted, &|| {
        raw::send(lab, "atena", PLATFORM_WEB, std::slice::from_ref(&error))
    })
}

/// REQ-3.
pub(crate) fn a_broken_error_is_dropped() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let near = socket(lab, "terminal", (terminal.address, 42_003))?;
    near.send_to(b"?", (NOBODY, 5012))?;
    let sent = ip(terminal.global, NOBODY, UDP).udp((42_003, 5012), b"?");
    let error = ip(ROUTER, terminal.global, ICMP).icmp(UNREACHABLE, 1, [0; 4], &sent[..QUOTED]);
    let mut broken = error;
    broken[22] ^= 0x55; // the checksum's first byte
    let watch = watch(lab, &["terminal"])?;
    repelled(lab, "east", terminal.global, &[attack("broken", broken, "platform/invalid")])?;
    watch.saw_nothing_like("icmp")
}

/// REQ-6.
pub(crate) fn an_error_leaves_the_timer_alone() -> anyhow::Result<()> {
    const IDENTIFIER: u16 = 0x4e42;
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let question = echo(terminal.address, NOBODY, IDENTIFIER);
    raw::send(lab, "terminal", PLATFORM_WEB, &[question])?;
    let identifier = format!("id={IDENTIFIER}");
    let tracked = || entry(lab, "icmp", &[&identifier]);
    wait_until(PATIENCE, || tracked().is_ok());
    ensure!(tracked()?.seconds > 55, "{:?}", tracked()?);
    thread::sleep(Duration::from_millis(2_100));
    let before = tracked()?.seconds;
    let sent = echo(terminal.global, NOBODY, IDENTIFIER);
    let error = ip(ROUTER, terminal.global, ICMP).icmp(EXCEEDED, 0, [0; 4], &sent[..QUOTED]);
    let wanted = format!("icmp[0] = {EXCEEDED} and src host {ROUTER}");
    let report = || raw::send(lab, "east", terminal.global, std::slice::from_ref(&error));
    shows(lab, "terminal", &wanted, &report)?;
    let after = tracked()?.seconds;
    ensure!(after <= before && before - after < 20, "{before} s became {after} s");
    Ok(())
}

/// REQ-7: a query to a server of the LAN by its global address, and its error about a port that nobody has.
pub(crate) fn hairpin() -> anyhow::Result<()> {
    const IDENTIFIER: u16 = 0x4e43;
    let lab = lab()?;
    let (terminal, juki) = (lab.addresses().host("terminal")?, lab.addresses().host("juki")?);
    let inside = lab.capture("juki", "eth0")?;
    let answered = format!("icmp[0] = 0 and icmp[4:2] = {IDENTIFIER} and src host {}", juki.global);
    let question = echo(terminal.address, juki.global, IDENTIFIER);
    let ask = || raw::send(lab, "terminal", juki.global, std::slice::from_ref(&question));
    shows(lab, "terminal", &answered, &ask)?;
    let asked = format!("icmp[0] = {ECHO} and src host {}", terminal.global);
    ensure!(inside.stop()?.count(&asked)? == 1, "juki didn't see {}", terminal.global);

    let asking = socket(lab, "terminal", (terminal.address, 42_004))?;
    asking.connect(SocketAddrV4::new(juki.global, 5013))?;
    asking.send(b"?")?;
    let told = asking.recv(&mut [0; 8]).err().map(|error| error.kind());
    ensure!(told == Some(ErrorKind::ConnectionRefused), "told {told:?}");
    Ok(())
}
