//! New addresses on a LAN: somebody has one already, and everybody hears that it is the device's now.

use std::{thread, time::Duration};

use anyhow::{Context, bail, ensure};
use sekisho_control::Phase;
use sekisho_lab::{Extent, Lab, sample, wait_until};

use crate::{
    expect::{Expected, ensure_works, stored},
    files::Site,
    snapshot::Snapshot,
};

const CARRIER: Duration = Duration::from_mins(1);
/// In which a network has heard both announcements, half a second apart, once a design is in force. The rest is for a
/// busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);
/// The device's address on the head office LAN in [`Site::another`].
const NEW: &str = "192.168.1.254";

fn mac(lab: &Lab, host: &str, interface: &str) -> anyhow::Result<String> {
    let shown = lab.host(host).must(&["ip", "-br", "link", "show", interface])?;
    let mac = shown.split_whitespace().nth(2).with_context(|| shown.clone())?;
    Ok(mac.to_owned())
}

pub(crate) fn an_address_that_somebody_has_is_refused() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let (before, kept) = (Snapshot::take(&lab)?, stored(&lab)?);
    let another = Site::another(&lab)?;
    lab.host("atena").must(&["ip", "address", "add", &format!("{NEW}/24"), "dev", "eth0"])?;
    let holder = mac(&lab, "atena", "eth0")?;
    let says = format!("{NEW} is in use on 'port2' by the host {holder}");
    Expected::device(&says, "Give that host another address").apply(&lab, &another)?;
    before.ensure_same(&lab, "an address that somebody has")?;
    ensure!(stored(&lab)? == kept);

    Ok(())
}

/// On a box that is set up the first time the ports come up with the design, and only then can anybody be asked.
pub(crate) fn an_address_that_somebody_has_is_found_on_a_new_port_too() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let closed = Snapshot::take(&lab)?;
    lab.host("atena").must(&["ip", "address", "add", "192.168.1.1/24", "dev", "eth0"])?;
    let holder = mac(&lab, "atena", "eth0")?;
    let says = format!("192.168.1.1 is in use on 'port2' by the host {holder}");
    let first = Site::copy(&lab, "first")?;
    Expected::rolled_back(&says, "Give that host another address").apply(&lab, &first)?;
    closed.ensure_same(&lab, "an address that somebody has")?;
    ensure!(lab.status()?.phase == Phase::Closed);

    lab.host("atena").must(&["ip", "address", "del", "192.168.1.1/24", "dev", "eth0"])?;
    lab.apply(first.folder())?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)
}

pub(crate) fn the_hosts_of_a_lan_hear_of_a_new_address() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let add = ["ip", "neigh", "replace", NEW, "lladdr", "02:00:00:00:00:99", "dev", "eth0"];
    lab.host("terminal").must(&[&add[..], &["nud", "stale"]].concat())?;
    let another = Site::another(&lab)?;
    lab.apply(another.folder())?;
    let own = mac(&lab, "gateway", "port2")?;
    let knows = || {
        let shown = lab.host("terminal").must(&["ip", "neigh", "show", NEW]);
        shown.is_ok_and(|shown| shown.contains(&own))
    };
    ensure!(wait_until(Duration::from_secs(30), knows), "the terminal wasn't told");
    lab.host("terminal").must(&["ip", "route", "replace", "default", "via", NEW])?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)
}

/// Whoever knew another box by these addresses, as the one that a spare replaces, needn't find out by losing packets.
pub(crate) fn every_network_hears_of_a_new_box() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let hosts = lab.addresses();
    let (juki, school) = (hosts.host("juki")?, hosts.host("school")?);
    let maintenance = hosts.device_maintenance.context("the sample has a maintenance port")?;
    let sides = [
        ("lgwan", "port1", hosts.device_lgwan.addr()),
        ("terminal", "port2", hosts.device(juki.lan)?.addr()),
        ("school", "port3", hosts.device(school.lan)?.addr()),
        ("clerk", "port4", maintenance.addr()),
    ];
    let watched = sides
        .map(|(host, port, address)| Ok((lab.capture(host, "eth0")?, port, address)))
        .into_iter()
        .collect::<anyhow::Result<Vec<_>>>()?;
    lab.apply(lab.site())?;
    thread::sleep(AT_ONCE);
    for (capture, port, address) in watched {
        let recording = capture.stop()?;
        // RFC 5227, 2.3: a request for one's own address, to everybody.
        let announces = format!(
            "ether src {} and ether broadcast and arp[6:2] = 1 and arp[14:4] = arp[24:4]",
            mac(&lab, "gateway", port)?
        );
        let told =
            recording.count(&format!("{announces} and arp[14:4] = {}", address.to_bits()))?;
        ensure!(told == 2, "{address} was announced {told} times on {port}");
        let all = recording.matching(&announces)?;
        ensure!(all.len() == told, "addresses of other sides on {port}: {all:?}");
    }
    Ok(())
}

/// A spare has taken the box's place, and somebody switches the old one on again.
pub(crate) fn a_box_beside_its_successor_stays_silent() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let lgwan = lab.design().lgwan.address.address();
    switch_off(&mut lab)?;

    // One host that has an address of the device is no other box.
    let office = ["192.168.1.1/24", "dev", "eth0"];
    lab.host("atena").must(&[&["ip", "address", "add"], &office[..]].concat())?;
    lab.start_daemon()?;
    ensure!(lab.status()?.phase == Phase::InForce, "a host on a LAN keeps the device down");

    switch_off(&mut lab)?;
    let place = [&format!("{lgwan}/32"), "dev", "eth0"];
    lab.host("lgwan").must(&[&["ip", "address", "add"], &place[..]].concat())?;
    let watched = [
        (lab.capture("lgwan", "eth0")?, mac(&lab, "gateway", "port1")?),
        (lab.capture("terminal", "eth0")?, mac(&lab, "gateway", "port2")?),
    ];
    lab.start_daemon()?;
    let phase = lab.status()?.phase;
    let Phase::Faulty { fault } = &phase else { bail!("{phase:?} beside another box") };
    let said = format!("another box has this device's addresses: {lgwan} is in use on 'port1'");
    ensure!(fault.message.contains(&said), "{fault}");
    ensure!(fault.way_out.as_ref().is_some_and(|way| way.contains("every 30 seconds")), "{fault}");
    let mark = lab.socket().with_file_name("beside-another-box");
    ensure!(mark.exists(), "the box isn't told to blink and beep");
    for (capture, own) in watched {
        let recording = capture.stop()?;
        // A probe names nobody as its sender (RFC 5227, 1.1).
        let asks = format!("ether src {own} and arp and arp[14:4] = 0");
        ensure!(recording.count(&asks)? >= 1, "nobody was asked");
        let says = format!("ether src {own} and not (arp and arp[14:4] = 0)");
        ensure!(recording.count(&says)? == 0, "{:?}", recording.matching(&says)?);
    }

    lab.host("lgwan").must(&[&["ip", "address", "del"], &place[..]].concat())?;
    lab.host("atena").must(&[&["ip", "address", "del"], &office[..]].concat())?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure!(!mark.exists(), "the box blinks and beeps on");
    ensure_works(&lab)
}

/// What a restart of the box leaves of the network's state, which is nothing.
fn switch_off(lab: &mut Lab) -> anyhow::Result<()> {
    ensure!(lab.stop_daemon()?.success());
    let gateway = lab.host("gateway");
    gateway.must(&["nft", "flush", "ruleset"])?;
    gateway.must(&["ip", "link", "del", "tunnel"])?;
    for port in ["port1", "port2", "port3"] {
        gateway.must(&["ip", "address", "flush", "dev", port])?;
        gateway.must(&["ip", "link", "set", port, "down"])?;
    }
    Ok(())
}
