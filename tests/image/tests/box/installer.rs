//! The USB installer: which disk it writes, what it refuses, and what the written disk does.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::ensure;
use sekisho_image_tests::{Machine, empty, image, installer, overlay, patch_boot};

use crate::bench::{self, BOOT, COMMAND, FIRST_SCREEN, fresh_file, settings, status};

const QUESTION: &str = "Number of the disk to write, R to restart: ";
/// For the image to be unpacked onto a disk, and read back.
const WRITING: Duration = Duration::from_mins(8);

/// From a stick onto an empty disk: a number that no disk has and a name that isn't the disk's change nothing; then it is
/// written, and starts.
pub(crate) fn the_installer_writes_an_empty_disk() -> anyhow::Result<()> {
    bench::clear();
    let disk = fresh_file("installed.qcow2")?;
    empty(&disk)?;
    let mut settings = settings("installer", &disk);
    (settings.stick, settings.starts_stick) = (Some(stick()?), true);
    let mut machine = Machine::build(&settings)?;
    machine.monitor.run()?;
    answer(&mut machine, "9", "There is no disk 9.")?;
    answer(&mut machine, "x", "That is no number of a disk.")?;
    answer(&mut machine, "1", "Everything on /dev/sda will be lost.")?;
    machine.console.expect("Type its name to go on: ", COMMAND)?;
    type_in(&mut machine, "/dev/sdb")?;
    machine.console.expect("That is not /dev/sda. Nothing was written.", COMMAND)?;
    install(&mut machine)?;
    machine.off();
    (settings.stick, settings.starts_stick) = (None, false);
    let mut machine = Machine::build(&settings)?;
    machine.monitor.run()?;
    starts(&mut machine)
}

/// Both slots hold nothing and have had their tries: the boot loader says so, asks for the installer where there is none, and
/// starts it where there is. The box is then as new.
pub(crate) fn a_box_with_two_bad_slots_is_written_anew() -> anyhow::Result<()> {
    bench::clear();
    let (disk, raw) = (fresh_file("rescued.qcow2")?, fresh_file("rescued.raw")?);
    fs::copy(image()?, &raw)?;
    let memory = Some("ORDER=B A\nA_OK=1\nB_OK=1\nA_TRY=3\nB_TRY=3\n");
    patch_boot(&raw, &[("grubenv", memory), ("grubenv2", memory)])?;
    overlay(&raw, &disk)?;
    let mut settings = settings("rescue", &disk);
    let mut machine = Machine::build(&settings)?;
    choose_installer(&mut machine)?;
    machine.console.expect("NO USB INSTALLER IS THERE.", COMMAND)?;
    // It starts again by itself, and hasn't forgotten.
    machine.console.expect("NEITHER SLOT HAS COME UP", BOOT)?;
    machine.off();
    settings.stick = Some(stick()?);
    let mut machine = Machine::build(&settings)?;
    choose_installer(&mut machine)?;
    install(&mut machine)?;
    type_in(&mut machine, "")?;
    starts(&mut machine)?;
    machine.off();
    Ok(fs::remove_file(raw)?)
}

/// The installer's stick, in a copy.
fn stick() -> anyhow::Result<PathBuf> {
    let stick = fresh_file("installer-stick.qcow2")?;
    overlay(&installer()?, &stick)?;
    Ok(stick)
}

fn choose_installer(machine: &mut Machine) -> anyhow::Result<()> {
    machine.monitor.run()?;
    machine.console.expect("NEITHER SLOT HAS COME UP: A 1/3, B 1/3.", COMMAND)?;
    machine.console.expect("Press i to write the box anew from the USB installer", COMMAND)?;
    machine.console.settle();
    machine.console.press("i")
}

/// Answers the question for the disk, and waits for what is said to that.
fn answer(machine: &mut Machine, number: &str, said: &str) -> anyhow::Result<()> {
    machine.console.expect(QUESTION, BOOT)?;
    type_in(machine, number)?;
    machine.console.expect(said, COMMAND)
}

fn type_in(machine: &mut Machine, answer: &str) -> anyhow::Result<()> {
    machine.console.settle();
    machine.console.send(answer)
}

/// Has the first disk written, with progress.
fn install(machine: &mut Machine) -> anyhow::Result<()> {
    answer(machine, "1", "Type its name to go on: ")?;
    type_in(machine, "/dev/sda")?;
    let progress = machine.console.before("Reading it back", WRITING)?;
    ensure!(progress.contains("copied, "), "no progress: {progress}");
    machine.console.expect("Done. /dev/sda starts with the first boot's questions.", WRITING)?;
    machine.console.expect("Take the stick out and press Enter: ", COMMAND)
}

/// The written disk starts, by its first slot and with no design.
fn starts(machine: &mut Machine) -> anyhow::Result<()> {
    machine.console.expect("Slot A; tries: A 1, B 0", BOOT)?;
    machine.console.expect(FIRST_SCREEN, BOOT)?;
    machine.shell.wait(BOOT)?;
    let status = status(&mut machine.shell)?;
    ensure!(status["phase"]["name"] == "closed" && status["generation"] == 0, "{status}");
    Ok(())
}
