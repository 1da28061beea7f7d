//! A spare box in another's place, by the one page that an engineer has.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sekisho_image_tests::{Shell, overlay, stick};

use crate::{
    bench::{
        self, BOOT, COMMAND, FIRST_SCREEN, Stage, file, follow, fresh_file, from, key, settings,
        status,
    },
    updates::mount,
};

/// What the machine may take beyond its start, with nobody to wait for (R73).
const MACHINE_TIME: Duration = Duration::from_mins(1);
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
