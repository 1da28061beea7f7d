//! Somebody else changes the kernel, and the daemon's end.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use sekisho_lab::{Extent, Lab, sample, wait_until};

use crate::{
    expect::{ensure_works, stored},
    snapshot::Snapshot,
};

const CARRIER: Duration = Duration::from_mins(1);

/// What somebody with a shell on the device may do.
const MEDDLING: [&str; 12] = [
    "nft delete table inet sekisho",
    "nft flush table inet sekisho",
    "nft flush ruleset",
    "ip address del 192.168.1.1/24 dev port2",
    "ip address add 192.168.1.77/24 dev port2",
    "ip address flush dev port1",
    "ip rule del fwmark 1",
    "ip route flush table 101",
    "echo 0 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/conf/port2/rp_filter",
    "ip link set port2 down",
    "ip link set port1 mtu 1300",
    "ip link del tunnel",
];

/// Does it while the daemon is held, so that it is seen to have changed something.
fn meddle(lab: &mut Lab, good: &Snapshot, command: &str) -> anyhow::Result<()> {
    lab.daemon()?.signal(Signal::SIGSTOP)?;
    lab.host("gateway").must(&["sh", "-c", command])?;
    ensure!(good.ensure_same(lab, "meddling").is_err(), "'{command}' changed nothing");
    lab.daemon()?.signal(Signal::SIGCONT)
}

pub(crate) fn applying_again_repairs_the_kernel() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let good = Snapshot::take(&lab)?;
    for command in MEDDLING {
        meddle(&mut lab, &good, command)?;
        lab.apply(lab.site()).with_context(|| command.to_owned())?;
        good.ensure_same(&lab, command)?;
        lab.wait_for_carrier(None, CARRIER).with_context(|| command.to_owned())?;
        ensure_works(&lab).with_context(|| command.to_owned())?;
    }
    Ok(())
}

/// Nobody has to ask for it; ten repairs in a row at most, the rest a bit later.
pub(crate) fn the_daemon_repairs_the_kernel() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let good = Snapshot::take(&lab)?;
    for command in MEDDLING {
        meddle(&mut lab, &good, command)?;
        if !wait_until(Duration::from_secs(90), || good.ensure_same(&lab, command).is_ok()) {
            good.ensure_same(&lab, command)?;
        }
        lab.wait_for_carrier(None, CARRIER).with_context(|| command.to_owned())?;
        ensure_works(&lab).with_context(|| command.to_owned())?;
    }
    let said = lab.daemon()?.output();
    ensure!(said.matches("somebody else changed the network").count() >= MEDDLING.len(), "{said}");
    // What the design doesn't govern is nobody's meddling.
    lab.host("gateway").must(&["ip", "address", "add", "127.0.0.7/8", "dev", "lo"])?;
    lab.host("gateway").must(&["nft", "add", "table", "inet", "somebody"])?;
    Ok(())
}

pub(crate) fn the_daemon_ends_when_told() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let kept = stored(&lab)?;
    let table = |lab: &Lab| lab.host("gateway").must(&["nft", "list", "chains"]);
    let before = table(&lab)?;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let start = Instant::now();
        let daemon = lab.daemon()?;
        daemon.signal(signal)?;
        let status = daemon.wait(CARRIER)?;
        ensure!(status.success(), "{signal}: {status} after {:?}", start.elapsed());
        ensure!(table(&lab)? == before, "{signal}: the rules are gone");
        let url = format!("http://{}/", sekisho_lab::PLATFORM_WEB);
        let output = lab.host("terminal").run(&["curl", "-sS", "--max-time", "3", &url])?;
        ensure!(
            output.status.code() == Some(7),
            "refused at once: {}",
            sekisho_lab::describe(&output)
        );
        lab.start_daemon()?;
        lab.wait_for_carrier(None, CARRIER)?;
        ensure_works(&lab)?;
    }
    ensure!(stored(&lab)? == kept);
    Ok(())
}
