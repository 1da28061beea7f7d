//! The operator rolls firmware out to the box, by Eclipse hawkBit's interface and the updater that is in the image.

use std::{fs, time::Duration};

use anyhow::{Context, ensure};
use sekisho_image_tests::{Bundle, Machine, root, root_with};
use sekisho_lab::{Lab, RolloutServer, sample};
use serde_json::Value;

use crate::{
    bench::{self, BOOT, CARRIER, COMMAND, file, wait_for_carrier},
    updates::{BOARD, settled, status, up, with_updates},
};

/// Until the updater asks for the first time, or the next.
const ASKED: Duration = Duration::from_mins(7);
/// For a bundle to be fetched through the tunnel and written, all under emulation.
const ROLLED_OUT: Duration = Duration::from_mins(25);
/// For new firmware to be settled, and the server to be asked after that.
const TOLD: Duration = Duration::from_mins(15);
/// The site that follows roll-outs, on the stick.
const SITE: &str = "follows.toml";

/// An organisation follows the operator's roll-outs: the box fetches a bundle through the tunnel, installs it, tells the server,
/// restarts, tries it, and keeps it; then the server hears which version runs. What is too old is refused, though the server says so.
pub(crate) fn a_fleet_roll_out_by_hawkbit() -> anyhow::Result<()> {
    let site = file(SITE);
    let plain = fs::read_to_string(sample("1-office").join("site.toml"))?;
    fs::write(&site, format!("{plain}\n[rollout]\nenabled = true\n"))?;
    let (old, new) = (file("rollout-old.raucb"), file("rollout-new.raucb"));
    let (same, other) = (file("rollout.squashfs"), file("rollout-new.squashfs"));
    root(&same)?;
    let release =
        "version = \"0.2.0\"\nfloor = \"0.1.0\"\nkind = \"development\"\nbuilt = 1700000000\n";
    root_with("usr/lib/sekisho/release.toml", release, &other)?;
    let bundle =
        |root, version| Bundle { root, version, compatible: BOARD, keys: None, signed: None };
    bundle(&same, "0.0.9").pack(&old)?;
    bundle(&other, "0.2.0").pack(&new)?;
    with_updates(&[site], |machine, lab| {
        wait_for_carrier(&mut machine.shell, CARRIER)?;
        let timer = "systemctl is-active sekisho-rollout.timer";
        let (_, said) = machine.shell.run(timer, COMMAND)?;
        ensure!(said.trim() == "inactive", "nobody follows roll-outs, and the timer is {said}");
        let debians =
            "ls /usr/lib/systemd/system/rauc-hawkbit-updater.service /etc/rauc-hawkbit-updater";
        ensure!(machine.shell.run(debians, COMMAND)?.0 != 0, "Debian's own unit is there");
        machine.shell.must(&format!("sekisho apply --site /run/stick/{SITE}"), 2 * COMMAND)?;
        machine.shell.must("umount /run/stick", COMMAND)?;
        let followed = followed(machine)?;
        let text = |key: &str| followed[key].as_str().map(str::to_owned).context("no text");
        let server = lab.start_rollout_server(&text("target")?, &text("token")?)?;
        asked(&server, lab)?;
        refused(machine, &server, &old)?;
        drop(server);
        rolled_out(machine, lab, &text("target")?, &text("token")?, &new)
    })
}

/// What the box is to the server, once the daemon has told the updater.
fn followed(machine: &mut Machine) -> anyhow::Result<Value> {
    let wait =
        "for i in $(seq 30); do [ -s /run/sekisho/rollout/updater.conf ] && break; sleep 1; done";
    machine.shell.must(wait, COMMAND)?;
    let said = machine.shell.must("sekisho update rollout --format json", COMMAND)?;
    let followed: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    ensure!(followed.is_object(), "{followed}");
    Ok(followed)
}

/// The box asks by itself, from its own address, and says who it is.
fn asked(server: &RolloutServer, lab: &Lab) -> anyhow::Result<()> {
    let poll = server.wait_for(ASKED, |event| event["poll"] == true)?;
    let own = lab.design().profile.device_address.to_string();
    ensure!(poll["source"] == own, "the platform sees {poll} instead of {own}");
    let told = server.wait_for(COMMAND, |event| event["attributes"].is_object())?;
    let organisation = lab.design().site.organisation.to_string();
    ensure!(told["attributes"]["organisation"] == organisation, "{told}");
    ensure!(told["attributes"]["version"] == env!("CARGO_PKG_VERSION"), "{told}");
    Ok(())
}

/// Firmware below the floor isn't written, whoever rolls it out; the server is told that it came to nothing.
fn refused(
    machine: &mut Machine,
    server: &RolloutServer,
    old: &std::path::Path,
) -> anyhow::Result<()> {
    let memory = machine.shell.must("cat /boot/state/grub/grubenv", COMMAND)?;
    server.deploy(old, "0.0.9")?;
    let end = server.wait_for(ROLLED_OUT, |event| event["execution"] == "closed")?;
    ensure!(end["finished"] == "failure", "{end}");
    let journal = "journalctl --no-pager -b -o cat -u rauc.service -u sekisho-rollout.service";
    let journal = machine.shell.must(journal, COMMAND)?;
    ensure!(journal.contains("0.0.9 is older than"), "{journal}");
    ensure!(
        machine.shell.must("cat /boot/state/grub/grubenv", COMMAND)? == memory,
        "it was written"
    );
    // The updater ends after it has told the server.
    let ended = "for i in $(seq 60); do systemctl is-active -q sekisho-rollout.service || break; sleep 1; done";
    machine.shell.must(ended, 2 * COMMAND)?;
    let said = status(machine)?;
    ensure!(said["slot"] == "A" && said["trial"].is_null(), "{said}");
    machine.shell.must("! ls /var/cache/sekisho-rollout/* /run/sekisho-box/roll*", COMMAND)?;
    Ok(())
}

/// The whole way of firmware that is right.
fn rolled_out(
    machine: &mut Machine,
    lab: &Lab,
    target: &str,
    token: &str,
    new: &std::path::Path,
) -> anyhow::Result<()> {
    machine.console.skip();
    // Another roll-out: a server that has heard of no other.
    let server = lab.start_rollout_server(target, token)?;
    server.deploy(new, "0.2.0")?;
    let end = server.wait_for(ASKED + ROLLED_OUT, |event| event["execution"] == "closed")?;
    ensure!(end["finished"] == "success", "{end}");
    machine.console.expect("Slot B; tries: A 0, B 1", BOOT)?;
    up(machine)?;
    wait_for_carrier(&mut machine.shell, CARRIER)?;
    bench::traffic(lab)?;
    let said = settled(machine)?;
    ensure!(said["last"]["end"]["name"] == "kept", "{said}");
    ensure!(said["last"]["version"] == "0.2.0" && said["version"] == "0.2.0", "{said}");
    let told = server.wait_for(TOLD, |event| event["attributes"]["version"] == "0.2.0")?;
    println!("after the restart: {}", told["attributes"]);
    for event in server.events()? {
        ensure!(event["refused"].is_null(), "the updater asks what the interface hasn't: {event}");
    }
    let progress: Vec<_> =
        server.events()?.into_iter().filter(|it| !it["execution"].is_null()).collect();
    ensure!(progress.len() > 2, "the server isn't told how far it is: {progress:#?}");
    let failed = machine.shell.must("systemctl --failed --no-legend --plain", COMMAND)?;
    ensure!(failed.is_empty(), "failed units: {failed}");
    Ok(())
}
