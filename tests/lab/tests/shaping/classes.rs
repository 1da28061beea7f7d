//! What a datagram on LGWAN says of its class.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::ensure;
use sekisho_lab::{Lab, PLATFORM_WEB};

use crate::site::{BULK_DOWN, ONLINE, lab};

/// Probes alone, then a connection of each class: the outer headers bear the inner codepoint, and the tunnel's own what online
/// has. ECN stays out of it.
pub(crate) fn datagrams_bear_their_class() -> anyhow::Result<()> {
    let lab = lab()?;
    let quiet = services(&lab, || thread::sleep(Duration::from_secs(1)))?;
    ensure!(quiet == BTreeSet::from([18 << 2]), "probes: {quiet:?}");
    for (port, dscp) in [(BULK_DOWN, 10), (ONLINE, 18)] {
        let seen = services(&lab, || {
            let end = SocketAddr::from((PLATFORM_WEB, port));
            let _ = lab
                .host("terminal")
                .inside(|| TcpStream::connect_timeout(&end, Duration::from_secs(3)));
        })?;
        // A probe may be among them.
        let others = seen.iter().filter(|service| ![dscp << 2, 18 << 2].contains(service)).count();
        ensure!(seen.contains(&(dscp << 2)) && others == 0, "port {port}: {seen:?}");
    }
    Ok(())
}

/// The second bytes of the headers of the tunnel's datagrams from the device, while something happens.
fn services(lab: &Lab, act: impl FnOnce()) -> anyhow::Result<BTreeSet<u8>> {
    let capture = lab.capture("lgwan", "eth0")?;
    act();
    let recording = capture.stop()?;
    let device = lab.addresses().device_lgwan.addr();
    let from_device = format!("udp src port 51820 and src host {device}");
    let mut seen = BTreeSet::new();
    for service in 0..=u8::MAX {
        if recording.count(&format!("{from_device} and ip[1] == {service}"))? > 0 {
            seen.insert(service);
        }
    }
    ensure!(!seen.is_empty(), "nothing was recorded");
    Ok(seen)
}
