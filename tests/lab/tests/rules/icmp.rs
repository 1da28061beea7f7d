//! ICMP errors, the platform's and the device's own (RFC 5508).

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, UdpSocket},
    thread,
    time::Duration,
};

use anyhow::ensure;
use sekisho_lab::PLATFORM_WEB;
use smoltcp::wire::TcpControl;

use crate::{
    HTTP, HTTPS, PATIENCE, applied,
    raw::{self, Flow},
};

/// The centre's end of the way to the platform: it has the address, and nothing listens at UDP 53.
const UNUSED: Ipv4Addr = Ipv4Addr::new(100, 72, 250, 1);

pub(crate) fn icmp_errors_are_translated() -> anyhow::Result<()> {
    let lab = applied("overlapping-ranges")?;
    // Nobody takes UDP 53 at the web server's address: port unreachable comes back through the NAPT of either LAN.
    for name in ["terminal", "school"] {
        let source = lab.addresses().host(name)?.address;
        let error = lab.host(name).inside(|| -> std::io::Result<Option<ErrorKind>> {
            let socket = UdpSocket::bind((source, 0))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.connect((UNUSED, 53))?;
            socket.send(b"?")?;
            Ok(socket.recv(&mut [0; 8]).err().map(|error| error.kind()))
        })??;
        ensure!(error == Some(ErrorKind::ConnectionRefused), "{name}: {error:?}");
    }
    Ok(())
}

pub(crate) fn own_icmp_errors() -> anyhow::Result<()> {
    let lab = applied("overlapping-ranges")?;
    for name in ["terminal", "school"] {
        let host = lab.addresses().host(name)?;
        let capture = lab.capture(name, "eth0")?;
        // Time exceeded at the device.
        let flow = Flow { from: host.address, to: PLATFORM_WEB, port: HTTP };
        raw::send(&lab, name, PLATFORM_WEB, &[flow.tcp(TcpControl::Syn, 1)])?;
        // Fragmentation needed: 1500 bytes with DF don't fit the tunnel.
        let flow = Flow { from: host.address, to: PLATFORM_WEB, port: 53 };
        raw::send(&lab, name, PLATFORM_WEB, &[flow.udp(&[0; 1472])])?;
        thread::sleep(Duration::from_secs(1));
        let recording = capture.stop()?;
        let device = lab.addresses().device(host.lan)?.addr();
        let exceeded = format!(
            "icmp[icmptype] = icmp-timxceed and src host {device} and dst host {}",
            host.address
        );
        ensure!(recording.count(&exceeded)? == 1, "{name} got no time exceeded from {device}");
        // Type 3, code 4, and the MTU of the next hop in bytes 6 and 7 (RFC 1191).
        let needed = format!("icmp[0:2] = 0x0304 and icmp[6:2] = 1420 and src host {device}");
        ensure!(recording.count(&needed)? == 1, "{name} got no fragmentation needed");
    }
    // Towards the platform: what expires at the device comes back as about the address that the platform had asked.
    let juki = lab.addresses().host("juki")?;
    let capture = lab.capture("platform", "any")?;
    let flow = Flow { from: PLATFORM_WEB, to: juki.global, port: HTTPS };
    // One hop to the centre, one to the device; there it is over.
    raw::send(&lab, "platform", juki.global, &[flow.tcp(TcpControl::Syn, 2)])?;
    thread::sleep(Duration::from_secs(1));
    let recording = capture.stop()?;
    let lines = recording.matching("icmp[icmptype] = icmp-timxceed")?;
    ensure!(!lines.is_empty(), "the platform got no time exceeded");
    // Offset 24 of the ICMP message: the destination inside the packet that it is about.
    let [a, b, c, d] = juki.global.octets();
    let about =
        format!("icmp[icmptype] = icmp-timxceed and icmp[24:4] = 0x{a:02x}{b:02x}{c:02x}{d:02x}");
    ensure!(recording.count(&about)? >= 1, "about another address: {lines:?}");
    Ok(())
}
