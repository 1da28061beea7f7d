//! A way to the platform that carries less than the design says, and nobody says so.

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use anyhow::ensure;
use sekisho_lab::{Centre, Lab, PLATFORM_WEB, wait_until};

use crate::traffic::{exchange, lab};

/// What IPv4, UDP and WireGuard add to a packet.
const AROUND: u16 = 60;

/// Two rounds until it is noticed, two until it is known, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Segments of TCP have 40 bytes of headers, as far as their size is agreed on.
const HEADERS: u16 = 40;

pub(crate) fn a_narrow_way_is_found_and_everything_follows() -> anyhow::Result<()> {
    let lab = lab()?;
    carries(&lab, 1420)?;

    // East's and west's routers take 1400 bytes and drop the rest; what they would say about it is dropped, too.
    lab.host("lgwan").must(&["nft", "add table ip mute"])?;
    let chain = "add chain ip mute output { type filter hook output priority 0; }";
    lab.host("lgwan").must(&["nft", chain])?;
    let rule = "add rule ip mute output icmp type destination-unreachable drop";
    lab.host("lgwan").must(&["nft", rule])?;
    let narrow = 1400 - AROUND;
    widths(&lab, 1400)?;
    carries(&lab, narrow)?;
    segments_fit(&lab, narrow)?;
    for name in ["terminal", "juki"] {
        hosts_are_told(&lab, name, narrow)?;
    }

    // A centre that comes back may have come by another way: it is asked for more.
    widths(&lab, 1500)?;
    for centre in Centre::ALL {
        lab.cut(centre)?;
    }
    let silent = wait_until(PATIENCE, || matches!(lab.carrier(), Ok(None)));
    for centre in Centre::ALL {
        lab.mend(centre)?;
    }
    ensure!(silent, "a centre answers that is cut off");
    carries(&lab, 1420)?;
    // What a host was told it remembers for ten minutes.
    lab.host("terminal").must(&["ip", "route", "flush", "cache"])?;
    segments_fit(&lab, 1420)
}

/// What LGWAN's router puts through to either centre.
fn widths(lab: &Lab, bytes: u16) -> anyhow::Result<()> {
    for centre in ["east", "west"] {
        let width = bytes.to_string();
        lab.host("lgwan").must(&["ip", "link", "set", centre, "mtu", &width])?;
    }
    Ok(())
}

/// Waits until the device knows what the way carries, and its end of the tunnel takes no more.
fn carries(lab: &Lab, bytes: u16) -> anyhow::Result<()> {
    let word = format!(" mtu {bytes} ");
    let (mut told, mut link) = (None, String::new());
    let found = wait_until(PATIENCE, || {
        let status = lab.status().ok().and_then(|status| status.tunnel);
        told = status.and_then(|tunnel| {
            let centres = tunnel.centres.iter();
            centres
                .filter(|centre| Some(&centre.name) == tunnel.carrier.as_ref())
                .find_map(|centre| centre.carries)
        });
        link =
            lab.host("gateway").must(&["ip", "-o", "link", "show", "tunnel"]).unwrap_or_default();
        told == Some(bytes) && link.contains(&word)
    });
    ensure!(found, "{told:?} instead of {bytes}, and the device says {link}");
    Ok(())
}

/// Both ends of a connection hear of the size at its beginning, and bytes flow both ways.
fn segments_fit(lab: &Lab, bytes: u16) -> anyhow::Result<()> {
    let (office, platform) = (lab.capture("terminal", "eth0")?, lab.capture("platform", "any")?);
    exchange(lab, 1_000_000)?;
    let (office, platform) = (office.stop()?, platform.stop()?);
    // The size is the first option of a SYN: its kind, its length and two bytes.
    let offered =
        format!("tcp[tcpflags] & tcp-syn != 0 and tcp[20:4] = 0x0204{:04x}", bytes - HEADERS);
    let synchronised = "tcp[tcpflags] & tcp-syn != 0 and tcp[tcpflags] & tcp-ack";
    let (up, down) = (
        platform.count(&format!("{offered} and {synchronised} = 0"))?,
        office.count(&format!("{offered} and {synchronised} != 0"))?,
    );
    ensure!(up >= 2, "the platform heard of {bytes} bytes {up} times");
    ensure!(down == 2, "the terminal heard of {bytes} bytes {down} times");
    Ok(())
}

/// A host whose packet is too long hears so from the device, about its own address, and believes it.
fn hosts_are_told(lab: &Lab, name: &str, bytes: u16) -> anyhow::Result<()> {
    let address = lab.addresses().host(name)?.address;
    lab.host(name).inside(|| send_too_much(address))??;
    let platform = PLATFORM_WEB.to_string();
    let (word, mut route) = (format!(" mtu {bytes}"), String::new());
    let told = wait_until(Duration::from_secs(5), || {
        route = lab.host(name).must(&["ip", "route", "get", &platform]).unwrap_or_default();
        route.contains(&word)
    });
    ensure!(told, "{name} knows no limit of {bytes} bytes: {route}");
    Ok(())
}

/// UDP packets of 1500 bytes that may not be cut, as the kernel sends them unless told otherwise.
fn send_too_much(from: Ipv4Addr) -> std::io::Result<()> {
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect((PLATFORM_WEB, 443))?;
    socket.send(&[0; 1472]).map(drop)
}
