//! The power is cut while an update is written, while the box writes the boot loader's memory, while the boot loader does, and while
//! new firmware keeps the old one's state and takes it over.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_image_tests::{
    Bundle, Cache, Machine, Settings, boot_memory, check_data, raw_copy, root,
};

use crate::{
    bench::{self, BOOT, COMMAND, FIRST_SCREEN, file, settings},
    cuts::moment,
    updates::{self, BOARD},
};

const CUTS: u32 = 15;
/// Each of this many is followed by a whole start, and so is each cut of a first start; the others by one up to the system's first words.
const WHOLE: u32 = 4;
/// An update lies on the disk.
const BEFORE: &str = "before-installation";
/// It is in the other slot.
const AFTER: &str = "after-installation";
/// Longest time that the memory is written before the cut.
const MEMORY: Duration = Duration::from_secs(3);
/// From the beginning of the unit that keeps the old state until the daemon has the new one.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// Up to the boot loader's end.
const LOADER: Duration = Duration::from_secs(8);

/// The design came through it.
const IN_FORCE: &str =
    "timeout 120 sh -c 'until sekisho status --format json | grep -q in-force; do sleep 1; done'";

/// What the box is at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Work {
    Install,
    /// It writes the boot loader's memory again and again.
    WriteMemory,
    /// It starts with the new firmware for the first time.
    TakeOver,
}

impl Work {
    const ALL: [Self; 3] = [Self::Install, Self::WriteMemory, Self::TakeOver];

    fn begin(self, machine: &mut Machine) -> anyhow::Result<()> {
        let (snapshot, command) = match self {
            Self::Install => (BEFORE, "sekisho update install /var/update.raucb"),
            Self::WriteMemory => (
                BEFORE,
                "i=0; while :; do i=$((1 - i)); /usr/lib/sekisho/boot/grub-editenv \
                 /boot/state/grub/grubenv set A_TRY=$i; done",
            ),
            Self::TakeOver => (AFTER, "sleep 1; systemctl reboot -ff"),
        };
        machine.monitor.load(snapshot)?;
        machine.shell.wait(COMMAND)?;
        machine.shell.must(&format!("( ({command}) >/dev/null 2>&1 & )"), COMMAND)?;
        if self == Self::TakeOver {
            machine.console.expect("Slot B; tries", BOOT)?;
            machine.console.expect("sekisho-update.service", BOOT)?;
        }
        Ok(())
    }
}

/// At least one of the two files of the boot loader's memory is whole, the data partition is sound, and the box starts with a slot
/// that is whole.
pub(crate) fn a_cut_leaves_a_box_that_starts() -> anyhow::Result<()> {
    let (disk, stick) = (file("update.qcow2"), file("update-stick.qcow2"));
    let installation = prepare()?;
    println!("an installation takes {:.0} s", installation.as_secs_f64());
    bench::clear();
    for number in 0..CUTS {
        let work = Work::ALL[number as usize % Work::ALL.len()];
        let longest = match work {
            Work::Install => installation,
            Work::WriteMemory => MEMORY,
            Work::TakeOver => TAKE_OVER,
        };
        let (moment, in_loader) = (moment(longest)?, moment(LOADER)?);
        let context =
            || format!("cut {number}: after {moment:?} of {work:?}, {in_loader:?} after power-on");
        let (cut, cut_stick) = (file("update-cut.qcow2"), file("update-cut-stick.qcow2"));
        fs::copy(&disk, &cut)?;
        fs::copy(&stick, &cut_stick)?;
        let mut settings = settings("update-cut", &cut);
        settings.cache = Cache::Flushed;
        settings.stick = Some(cut_stick);
        work_and_cut(&settings, work, moment).with_context(context)?;
        memory_is_there(&cut).with_context(context)?;
        check_data(&cut, "/lib/sekisho", &file("update-cut-state")).with_context(context)?;
        // The boot loader writes it, too.
        let mut machine = Machine::build(&settings)?;
        machine.monitor.run()?;
        thread::sleep(in_loader);
        drop(machine);
        memory_is_there(&cut).with_context(context)?;
        let whole = number % WHOLE == 0 || work == Work::TakeOver;
        let slot = starts(&settings, whole).with_context(context)?;
        println!("{}: slot {slot}", context());
    }
    Ok(())
}

/// A box in service with an update on its disk, kept as it is before its installation and after; how long that takes.
fn prepare() -> anyhow::Result<Duration> {
    let (plain, bundle): (PathBuf, PathBuf) = (file("good.squashfs"), file("update.raucb"));
    root(&plain)?;
    Bundle { root: &plain, version: "0.2.0", compatible: BOARD, keys: None, signed: None }
        .pack(&bundle)?;
    let mut installation = Duration::ZERO;
    updates::with_updates(&[bundle], |machine, _| {
        let copy = "cp /run/stick/update.raucb /var/ && umount /run/stick && sync";
        machine.shell.must(copy, 2 * COMMAND)?;
        machine.monitor.save(BEFORE)?;
        let begun = Instant::now();
        updates::install(machine, "/var/update.raucb")?;
        installation = begun.elapsed();
        machine.monitor.save(AFTER)?;
        machine.off();
        Ok(())
    })?;
    Ok(installation)
}

fn work_and_cut(settings: &Settings, work: Work, moment: Duration) -> anyhow::Result<()> {
    let mut machine = Machine::build(settings)?;
    work.begin(&mut machine)?;
    thread::sleep(moment);
    Ok(())
}

fn memory_is_there(disk: &Path) -> anyhow::Result<()> {
    let raw = disk.with_extension("raw");
    raw_copy(disk, &raw)?;
    let files = boot_memory(&raw)?;
    let whole = |text: &&String| {
        text.len() == 1024
            && text.starts_with("# GRUB Environment Block\n")
            && text.contains("ORDER=")
    };
    ensure!(files.iter().find(whole).is_some(), "both files are damaged: {files:?}");
    Ok(fs::remove_file(raw)?)
}

/// Which slot it starts with.
fn starts(settings: &Settings, whole: bool) -> anyhow::Result<&'static str> {
    let mut machine = Machine::build(settings)?;
    machine.monitor.run()?;
    let slot =
        ["A", "B"][machine.console.expect_any(&["Slot A; tries", "Slot B; tries"], COMMAND)?];
    machine.console.expect("Debian GNU/Linux", BOOT)?;
    if whole {
        machine.console.expect(FIRST_SCREEN, BOOT)?;
        machine.shell.wait(BOOT)?;
        machine.shell.must("cmp /boot/state/grub/grubenv /boot/state/grub/grubenv2", COMMAND)?;
        let said = updates::status(&mut machine)?;
        ensure!(said["slot"] == slot, "{said}");
        ensure!(said["trial"].is_null() || said["trial"]["slot"] == "B", "{said}");
        machine.shell.must(IN_FORCE, BOOT)?;
        println!("{said}");
    }
    Ok(slot)
}
