//! What stays shut: IPv6, the LGWAN side, and everything while the device isn't whole.

use std::{io::ErrorKind, net::UdpSocket, thread, time::Duration};

use anyhow::ensure;
use sekisho_lab::{Extent, LGWAN_DNS, Lab, PLATFORM_WEB, sample};
use smoltcp::wire::TcpControl;

use crate::{
    AT_ONCE, FAR, HTTP, HTTPS, PROHIBITED, applied, fails,
    raw::{self, Flow},
    refused, seen,
};

pub(crate) fn ipv6_is_off_and_stays_off() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let gateway = lab.host("gateway");
    ensure!(gateway.must(&["ip", "-6", "address"])?.trim().is_empty());
    // A link that appears later gets none either.
    gateway.must(&["ip", "link", "add", "late", "type", "veth", "peer", "name", "later"])?;
    gateway.must(&["ip", "link", "set", "late", "up"])?;
    gateway.must(&["ip", "link", "set", "later", "up"])?;
    ensure!(gateway.must(&["ip", "-6", "address"])?.trim().is_empty());
    // Switched on behind the device's back, the next apply switches it off.
    gateway.must(&["sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/port2/disable_ipv6"])?;
    lab.apply(lab.site())?;
    let value = gateway.must(&["cat", "/proc/sys/net/ipv6/conf/port2/disable_ipv6"])?;
    ensure!(value.trim() == "1", "IPv6 stays on");
    Ok(())
}

pub(crate) fn lgwan_sees_the_tunnel_and_nothing_else() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let device = lab.addresses().device_lgwan.addr();
    let capture = lab.capture("lgwan", "eth0")?;
    // A scan: TCP and UDP ports, the tunnel's port from a stranger, echo requests.
    let from = lab.addresses().lgwan_router;
    let mut packets = Vec::new();
    for port in [22, 53, 80, 123, 443, 8443, 51820] {
        let flow = Flow { from, to: device, port };
        packets.extend([
            flow.tcp(TcpControl::Syn, FAR),
            flow.udp(b"?"),
            flow.tcp(TcpControl::None, FAR),
        ]);
    }
    raw::send(&lab, "lgwan", device, &packets)?;
    // Globals and office addresses are no way in from LGWAN either.
    for to in [lab.addresses().host("juki")?.global, lab.addresses().host("juki")?.address] {
        lab.host("lgwan").must(&[
            "ip",
            "route",
            "replace",
            &format!("{to}/32"),
            "via",
            &device.to_string(),
        ])?;
        let flow = Flow { from, to, port: HTTPS };
        raw::send(&lab, "lgwan", to, &[flow.tcp(TcpControl::Syn, FAR)])?;
    }
    // What the device may start: DNS to the server named. What it may not: anything else.
    let gateway = lab.host("gateway");
    let allowed =
        gateway.inside(|| UdpSocket::bind("0.0.0.0:0")?.send_to(b"?", (LGWAN_DNS, 53)))?;
    ensure!(allowed.is_ok(), "the device may not ask LGWAN's DNS: {allowed:?}");
    let forbidden =
        gateway.inside(|| UdpSocket::bind("0.0.0.0:0")?.send_to(b"?", (LGWAN_DNS, 5353)))?;
    ensure!(forbidden.is_err(), "the device sent to a port that it has no business with");
    let (kind, _) = fails(&lab, "gateway", LGWAN_DNS, HTTP)?;
    ensure!(kind != ErrorKind::ConnectionRefused, "the device reached LGWAN's host");
    thread::sleep(Duration::from_millis(500));
    let recording = capture.stop()?;
    ensure!(
        recording.count(&format!("dst host {device} and not port 51820"))? >= packets.len() - 3,
        "the scan isn't there"
    );
    let own = format!(
        "src host {device} and udp and (dst port 51820 or (dst host {LGWAN_DNS} and dst port 53))"
    );
    let others = recording.matching(&format!("src host {device} and not arp and not ({own})"))?;
    ensure!(others.is_empty(), "the device answered: {others:?}");
    ensure!(refused(&lab)?.contains_key("lgwan/unexpected"));
    Ok(())
}

pub(crate) fn without_a_design_nothing_is_forwarded() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let capture = lab.capture("lgwan", "eth0")?;
    for from in ["terminal", "school", "juki"] {
        fails(&lab, from, PLATFORM_WEB, HTTP)?;
    }
    ensure!(
        capture.stop()?.count("not arp")? == 0,
        "something left on LGWAN before the first apply"
    );
    Ok(())
}

pub(crate) fn without_the_tunnel_device() -> anyhow::Result<()> {
    let mut lab = applied("1-office")?;
    lab.kill_daemon()?;
    lab.host("gateway").must(&["ip", "link", "del", "tunnel"])?;
    let capture = lab.capture("lgwan", "eth0")?;
    let (kind, after) = fails(&lab, "terminal", PLATFORM_WEB, HTTP)?;
    ensure!(kind == PROHIBITED && after < AT_ONCE, "{kind:?} after {after:?}");
    ensure!(capture.stop()?.count("not arp")? == 0, "something left in clear");
    // The next start puts it right.
    lab.start_daemon()?;
    lab.wait_for_carrier(None, Duration::from_mins(1))?;
    seen(&lab, "terminal", None, PLATFORM_WEB, HTTP)?;
    Ok(())
}

pub(crate) fn after_a_clean_stop_nothing_passes() -> anyhow::Result<()> {
    let mut lab = applied("1-office")?;
    let status = lab.stop_daemon()?;
    ensure!(status.success(), "{status}");
    let capture = lab.capture("lgwan", "eth0")?;
    let (kind, after) = fails(&lab, "terminal", PLATFORM_WEB, HTTP)?;
    ensure!(kind == PROHIBITED && after < AT_ONCE, "{kind:?} after {after:?}");
    fails(&lab, "school", lab.addresses().host("juki")?.address, HTTP)?;
    ensure!(capture.stop()?.count("src net 192.168.0.0/16 or src net 100.64.0.0/10")? == 0);
    Ok(())
}
