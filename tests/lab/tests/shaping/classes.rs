//! What a datagram on LGWAN says of its class.

use std::{
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::ensure;
use sekisho_design::Class;
use sekisho_lab::{Lab, PLATFORM_WEB};
use sekisho_plan::ruleset::TUNNEL_PORT;

use crate::site::{BULK_DOWN, ONLINE, lab};

/// Probes alone, then a connection of each class: the outer headers bear the inner codepoint, and the tunnel's own what
/// online has. ECN stays out of it.
pub(crate) fn datagrams_bear_their_class() -> anyhow::Result<()> {
    let lab = lab()?;
    let own = Class::Online.dscp();
    ensure_only(&lab, own, own, || thread::sleep(Duration::from_secs(1)))?;
    for (port, class) in [(BULK_DOWN, Class::Bulk), (ONLINE, Class::Online)] {
        let end = SocketAddr::from((PLATFORM_WEB, port));
        let connect = || TcpStream::connect_timeout(&end, Duration::from_secs(3)).is_ok();
        // Refused or not, there is a packet each way.
        ensure_only(&lab, class.dscp(), own, || drop(lab.host("terminal").inside(connect)))?;
    }
    Ok(())
}

/// While something happens, datagrams of the tunnel leave the device with this codepoint, or as the tunnel's own, and
/// with no other.
fn ensure_only(lab: &Lab, dscp: u8, own: u8, act: impl FnOnce()) -> anyhow::Result<()> {
    let capture = lab.capture("lgwan", "eth0")?;
    act();
    let recording = capture.stop()?;
    let device = lab.addresses().device_lgwan.addr();
    let sent = format!("udp src port {TUNNEL_PORT} and src host {device}");
    let bears = |dscp: u8| format!("ip[1] == {}", dscp << 2);
    let found = recording.count(&format!("{sent} and {}", bears(dscp)))?;
    let others =
        recording.matching(&format!("{sent} and not ({} or {})", bears(dscp), bears(own)))?;
    ensure!(found > 0 && others.is_empty(), "{found} with codepoint {dscp}, others: {others:?}");
    Ok(())
}
