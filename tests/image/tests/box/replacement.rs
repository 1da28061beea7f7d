//! A spare box in another's place, by the one page that an engineer has.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sekisho_image_tests::{Machine, NICS, Settings, Shell, copy_at, overlay, stick};
use sekisho_lab::Lab;
use serde_json::Value;

use crate::{
    bench::{
        self, CARRIER, COMMAND, Stage, WITHOUT_KEY, file, follow, follow_aside, fresh_file, from,
        go_on_aside, key, settings, status, wait_for_carrier,
    },
    updates::{mount, up},
};

/// What the machine may take beyond its start, with nobody to wait for (R73).
const MACHINE_TIME: Duration = Duration::from_mins(1);
/// Before the samples of a WAV file.
const WAV_HEADER: usize = 44;
const PASSPHRASE: &str = "hashi wo wataru kaze no oto";

const MANUAL: &str = "replacement.ja.md";
/// Where the box waits for the operator.
const REGISTERED: &str = "登録が済んだら Enter（あとにするなら q）：";

/// A backup with the identity brings a box that was never used into service, as the manual says word by word: with the old key,
/// which the platform knows, with the old addresses, and with a report on the stick.
pub(crate) fn a_spare_box_takes_the_old_ones_place() -> anyhow::Result<()> {
    with_spare("spare", "--with-identity", |machine, lab, old| {
        ensure!(key(&mut machine.shell)? != old, "the spare box has the old one's key already");
        let begun = Instant::now();
        follow(&mut machine.console, MANUAL, PASSPHRASE)?;
        let took = begun.elapsed();
        bench::traffic(lab)?;
        println!("replaced in {:.0} s beyond the start", took.as_secs_f64());
        ensure!(key(&mut machine.shell)? == old, "the platform doesn't know this key");
        ensure_replaced(machine, "spare")?;
        ensure!(took <= MACHINE_TIME, "{took:?} is longer than {MACHINE_TIME:?}");
        Ok(())
    })
}

/// A backup without the identity: the box keeps the key that it was born with, hands in what the operator has to register, stays
/// without a tunnel until then, and goes into service with it, as the manual says word by word.
pub(crate) fn a_spare_box_without_the_identity_is_born_anew() -> anyhow::Result<()> {
    with_spare("keyless", "", |machine, lab, old| {
        let own = key(&mut machine.shell)?;
        ensure!(own != old, "the spare box has the old one's key already");
        let begun = Instant::now();
        follow_aside(&mut machine.console, MANUAL, WITHOUT_KEY, PASSPHRASE, REGISTERED)?;
        let handed_in = begun.elapsed();

        let screen = machine.console.everything();
        let told = machine.shell.must("sekisho identity --format json", COMMAND)?;
        let told: Value = serde_json::from_str(&told)?;
        let serial = told["serial"].as_str().context("no serial")?;
        ensure!(told["public_key"] == own.as_str(), "another key was born: {told}");
        let on_stick = on_the_stick(machine, "sekisho-identity.txt")?;
        for (place, text) in [("screen", &screen), ("stick", &on_stick)] {
            for part in [own.as_str(), serial, "011002"] {
                ensure!(text.contains(part), "the {place} doesn't have {part}: {text}");
            }
            ensure!(!text.contains(old), "the {place} has the old box's key: {text}");
        }
        let said = status(&mut machine.shell)?;
        ensure!(said["phase"]["name"] == "in-force", "{said}");
        ensure!(said["tunnel"]["carrier"].is_null(), "nobody has registered it: {said}");
        ensure!(bench::traffic(lab).is_err(), "traffic without a tunnel");

        lab.admit(&own)?;
        let begun = Instant::now();
        go_on_aside(&mut machine.console, MANUAL, WITHOUT_KEY, REGISTERED)?;
        let in_service = begun.elapsed();
        println!(
            "handed in {:.0} s beyond the start, in service {:.0} s after it was registered",
            handed_in.as_secs_f64(),
            in_service.as_secs_f64()
        );
        bench::traffic(lab)?;
        ensure!(key(&mut machine.shell)? == own, "another key was born on the way");
        let report = ensure_replaced(machine, "keyless")?;
        ensure!(report.contains("、不合格 0、"), "the self-test did not pass: {report}");
        let said = machine.shell.run("sekisho self-test --format json", 3 * COMMAND)?;
        ensure!(said.0 == 0, "the self-test doesn't pass: {}", said.1);
        for took in [handed_in, in_service] {
            ensure!(took <= MACHINE_TIME, "{took:?} is longer than {MACHINE_TIME:?}");
        }
        Ok(())
    })
}

/// A machine that is as it left the factory, in the place of the box in service, with a stick that has a backup of that box; the test
/// is told the old box's key.
fn with_spare(
    name: &str,
    more: &str,
    test: impl FnOnce(&mut Machine, &mut Lab, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let backup = back_up(&mut bench.machine.shell, name, more)?;
        let disk = fresh_file(&format!("{name}.qcow2"))?;
        let with_backup = fresh_file(&format!("{name}-stick.qcow2"))?;
        overlay(&file("image.img"), &disk)?;
        stick(&[backup], &with_backup)?;
        let mut settings = settings(name, &disk);
        settings.stick = Some(with_backup);
        let old = bench.key.clone();
        bench.replaced(&settings, |machine, lab| {
            up(machine)?;
            test(machine, lab, &old)
        })
    })
}

/// The design is in force and the record lies on the stick; the record.
fn ensure_replaced(machine: &mut Machine, name: &str) -> anyhow::Result<String> {
    let said = status(&mut machine.shell)?;
    ensure!(said["phase"]["name"] == "in-force", "{said}");
    let report = on_the_stick(machine, "sekisho-replacement.txt")?;
    let named = report.contains(&format!("{name}.age"));
    ensure!(report.contains("交換記録") && named, "{report}");
    Ok(report)
}

fn on_the_stick(machine: &mut Machine, name: &str) -> anyhow::Result<String> {
    mount(machine)?;
    let text = machine.shell.must(&format!("cat /run/stick/{name}"), COMMAND)?;
    machine.shell.must("umount /run/stick", COMMAND)?;
    Ok(text)
}

/// Somebody switches the old box on again: it says nothing on any wire, and says so where it stands, until the other one has gone.
pub(crate) fn an_old_box_is_silent_beside_its_successor() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let (disk, sound) = (fresh_file("old.qcow2")?, fresh_file("old.wav")?);
        copy_at(Stage::Service.snapshot(), &file("box.qcow2"), &disk)?;
        let settings = Settings { sound: Some(sound.clone()), ..settings("old", &disk) };
        // All that a box can know of its successor is who answers for its addresses.
        let successor = bench.lab.design().lgwan.address.address().to_string() + "/32";
        let place = |what| ["ip", "address", what, &successor, "dev", "eth0"];
        bench.lab.host("lgwan").must(&place("add"))?;
        let hosts = ["lgwan", "terminal", "school", "clerk"];
        let captures = hosts
            .iter()
            .map(|host| bench.lab.capture(host, "eth0"))
            .collect::<anyhow::Result<Vec<_>>>()?;
        bench.replaced(&settings, |machine, lab| {
            up(machine)?;
            machine
                .shell
                .must("until [ -e /run/sekisho/beside-another-box ]; do sleep 1; done", COMMAND)?;
            machine.console.settle();
            machine.console.send("")?;
            machine.console.expect("another box has this device's addresses", COMMAND)?;
            machine.shell.must("systemctl is-active sekisho-signal.service", COMMAND)?;
            for (capture, own) in captures.into_iter().zip(NICS) {
                let recording = capture.stop()?;
                // A probe names nobody as its sender (RFC 5227, 1.1).
                let says = format!("ether src {own} and not (arp and arp[14:4] = 0)");
                ensure!(recording.count(&says)? == 0, "{:?}", recording.matching(&says)?);
            }
            lab.host("lgwan").must(&place("del"))?;
            wait_for_carrier(&mut machine.shell, CARRIER)?;
            machine.shell.must(
                "while systemctl is-active --quiet sekisho-signal.service; do sleep 1; done",
                COMMAND,
            )?;
            bench::traffic(lab)?;
            machine.off();
            let played = fs::read(&sound).with_context(|| sound.display().to_string())?;
            let loud = played.iter().skip(WAV_HEADER).filter(|byte| **byte != 0).count();
            ensure!(loud > 0, "the box didn't beep: {} bytes of silence", played.len());
            Ok(())
        })
    })
}

/// A backup made by the box in service, with these options more.
fn back_up(shell: &mut Shell, name: &str, more: &str) -> anyhow::Result<PathBuf> {
    let make = format!(
        "echo '{PASSPHRASE}' >/tmp/words && \
         sekisho backup make /tmp/{name}.age {more} --passphrase-file /tmp/words"
    );
    shell.must(&make, COMMAND)?;
    let said = shell.must(&format!("base64 -w 0 /tmp/{name}.age"), COMMAND)?;
    let bytes = BASE64_STANDARD.decode(said.trim()).context("the backup isn't whole")?;
    let path = file(&format!("{name}.age"));
    fs::write(&path, bytes)?;
    Ok(path)
}
