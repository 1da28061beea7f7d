//! A spare box in another's place, by the one page that an engineer has.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sekisho_image_tests::{NICS, Settings, Shell, copy_at, overlay, stick};

use crate::{
    bench::{
        self, BOOT, CARRIER, COMMAND, FIRST_SCREEN, Stage, file, follow, fresh_file, from, key,
        settings, status, wait_for_carrier,
    },
    updates::{mount, up},
};

/// What the machine may take beyond its start, with nobody to wait for (R73).
const MACHINE_TIME: Duration = Duration::from_mins(1);
/// Before the samples of a WAV file.
const WAV_HEADER: usize = 44;
const PASSPHRASE: &str = "hashi wo wataru kaze no oto";

/// A backup with the identity brings a box that was never used into service, as the manual says word by word: with the old key,
/// which the platform knows, with the old addresses, and with a report on the stick.
pub(crate) fn a_spare_box_takes_the_old_ones_place() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let backup = back_up(&mut bench.machine.shell)?;
        let (disk, with_backup) = (fresh_file("spare.qcow2")?, fresh_file("spare-stick.qcow2")?);
        overlay(&file("image.img"), &disk)?;
        stick(&[backup], &with_backup)?;
        let mut settings = settings("spare", &disk);
        settings.stick = Some(with_backup);
        let old = bench.key.clone();
        bench.replaced(&settings, |machine, lab| {
            machine.console.expect(FIRST_SCREEN, BOOT)?;
            machine.shell.wait(BOOT)?;
            ensure!(key(&mut machine.shell)? != old, "the spare box has the old one's key already");
            let begun = Instant::now();
            follow(&mut machine.console, "replacement.ja.md", PASSPHRASE)?;
            let took = begun.elapsed();
            bench::traffic(lab)?;
            println!("replaced in {:.0} s beyond the start", took.as_secs_f64());
            ensure!(key(&mut machine.shell)? == old, "the platform doesn't know this key");
            let said = status(&mut machine.shell)?;
            ensure!(said["phase"]["name"] == "in-force", "{said}");
            mount(machine)?;
            let report = machine.shell.must("cat /run/stick/sekisho-replacement.txt", COMMAND)?;
            ensure!(report.contains("交換記録") && report.contains("spare.age"), "{report}");
            ensure!(took <= MACHINE_TIME, "{took:?} is longer than {MACHINE_TIME:?}");
            Ok(())
        })
    })
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

/// A backup with the identity, made by the box in service.
fn back_up(shell: &mut Shell) -> anyhow::Result<PathBuf> {
    let make = format!(
        "echo '{PASSPHRASE}' >/tmp/words && \
         sekisho backup make /tmp/spare.age --with-identity --passphrase-file /tmp/words"
    );
    shell.must(&make, COMMAND)?;
    let said = shell.must("base64 -w 0 /tmp/spare.age", COMMAND)?;
    let bytes = BASE64_STANDARD.decode(said.trim()).context("the backup isn't whole")?;
    let path = file("spare.age");
    fs::write(&path, bytes)?;
    Ok(path)
}
