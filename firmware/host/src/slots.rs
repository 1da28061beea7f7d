//! Slots of the firmware, as the boot loader remembers them: which is tried first, which is good, how often each was tried.
//!
//! GRUB keeps that in a block of variables, 1,024 bytes, and a second file holds the same. Both are written in place, one
//! after the other, so that a cut leaves at least one whole; what changes lies in a file's first sector.

use std::{
    collections::BTreeMap,
    fmt,
    fs::OpenOptions,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{HostError, files};

/// The block's size and its first line, as GRUB has them (`grub/lib/envblk.h`).
const SIZE: usize = 1024;
const SIGNATURE: &str = "# GRUB Environment Block\n";

/// Tries that a slot has.
pub const TRIES: u8 = 3;

/// One of the two places of the firmware.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// The slot that runs, by the kernel's command line; `None` on a machine without slots.
    pub fn of_command_line(line: &str) -> Option<Self> {
        line.split_ascii_whitespace().find_map(|word| match word.strip_prefix("sekisho.slot=")? {
            "A" => Some(Self::A),
            "B" => Some(Self::B),
            _ => None,
        })
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its partition.
    pub fn device(self) -> &'static Path {
        Path::new(match self {
            Self::A => "/dev/disk/by-partlabel/rootfs-a",
            Self::B => "/dev/disk/by-partlabel/rootfs-b",
        })
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// What the boot loader remembers of a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlotState {
    /// Whether it may be tried.
    pub good: bool,
    /// How often it was tried since it came up last.
    pub tries: u8,
}

/// The boot loader's memory.
#[derive(Clone, Debug)]
pub struct BootMemory {
    path: PathBuf,
    variables: BTreeMap<String, String>,
}

impl BootMemory {
    /// Reads the file, or its copy where the file is damaged.
    ///
    /// # Errors
    /// [`HostError::File`], [`HostError::BootMemory`] where both are damaged.
    pub fn read(path: &Path) -> Result<Self, HostError> {
        let block = |path: &Path| Ok::<_, HostError>(parse(&files::read(path, SIZE as u64)?));
        let found = match block(path) {
            Ok(Some(found)) => Some(found),
            damaged => match block(&copy_of(path)) {
                Ok(found) => found,
                Err(fault) => return Err(damaged.err().unwrap_or(fault)),
            },
        };
        let variables = found.ok_or_else(|| HostError::BootMemory { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), variables })
    }

    /// Makes both files whole again where a cut has left one of them behind.
    ///
    /// # Errors
    /// As [`Self::read`] and [`Self::write`].
    pub fn mend(path: &Path) -> Result<(), HostError> {
        let memory = Self::read(path)?;
        let bytes = |path: &Path| files::read(path, SIZE as u64).ok();
        if bytes(path) == bytes(&copy_of(path)) { Ok(()) } else { memory.write() }
    }

    /// What it remembers of a slot.
    pub fn slot(&self, slot: Slot) -> SlotState {
        let number = |what: &str| self.variables.get(&format!("{slot}_{what}"));
        let number = |what| number(what).and_then(|text| text.parse().ok()).unwrap_or_default();
        SlotState { good: number("OK") == 1, tries: number("TRY") }
    }

    /// Remembers something else of a slot; see [`Self::write`].
    pub fn set(&mut self, slot: Slot, SlotState { good, tries }: SlotState) {
        self.variables.insert(format!("{slot}_OK"), u8::from(good).to_string());
        self.variables.insert(format!("{slot}_TRY"), tries.to_string());
    }

    /// Writes both files.
    ///
    /// # Errors
    /// [`HostError::File`].
    pub fn write(&self) -> Result<(), HostError> {
        let mut block = SIGNATURE.to_owned();
        for (name, value) in &self.variables {
            block.extend([name, "=", value, "\n"]);
        }
        let mut block = block.into_bytes();
        block.resize(SIZE, b'#');
        for path in [self.path.clone(), copy_of(&self.path)] {
            let written = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
            let written = written.and_then(|file| {
                file.write_all_at(&block, 0)?;
                file.sync_all()
            });
            written.map_err(|source| HostError::File { tried: "write", path, source })?;
        }
        Ok(())
    }
}

/// The second file's name is the first one's, and a 2.
fn copy_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("2");
    name.into()
}

/// The variables of a block; `None` where it is none. One without an order was never written whole.
fn parse(block: &[u8]) -> Option<BTreeMap<String, String>> {
    let text = str::from_utf8(block).ok()?;
    let lines = text.strip_prefix(SIGNATURE).filter(|_| block.len() == SIZE)?.lines();
    let pairs = lines.filter_map(|line| line.trim_start_matches('#').split_once('='));
    let variables: BTreeMap<_, _> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    variables.contains_key("ORDER").then_some(variables)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FRESH: &str = "ORDER=B A\nA_OK=1\nB_OK=1\nA_TRY=0\nB_TRY=2\nmachine_id=0123\n";

    fn block(variables: &str) -> Vec<u8> {
        let mut block = format!("{SIGNATURE}{variables}").into_bytes();
        block.resize(SIZE, b'#');
        block
    }

    #[test]
    fn the_slot_that_runs_stands_on_the_command_line() {
        for (line, slot) in [
            ("root=PARTLABEL=rootfs-a sekisho.slot=A quiet", Some(Slot::A)),
            ("sekisho.slot=B", Some(Slot::B)),
            ("sekisho.slot=C", None),
            ("root=/dev/sda1", None),
        ] {
            assert_eq!(Slot::of_command_line(line), slot, "{line}");
        }
    }

    #[test]
    fn what_is_not_touched_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grubenv");
        fs::write(&path, block(FRESH)).unwrap();
        let mut memory = BootMemory::read(&path).unwrap();
        assert_eq!(memory.slot(Slot::B), SlotState { good: true, tries: 2 });
        memory.set(Slot::B, SlotState { good: false, tries: 0 });
        memory.write().unwrap();
        let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
        assert_eq!(text.len(), SIZE);
        for line in ["ORDER=B A", "A_OK=1", "B_OK=0", "B_TRY=0", "machine_id=0123"] {
            assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
        }
        assert_eq!(fs::read(copy_of(&path)).unwrap(), text.as_bytes());
    }

    #[test]
    fn a_damaged_file_is_read_from_its_copy_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grubenv");
        for damage in [Vec::new(), vec![0; SIZE], block("A_OK=1\n"), block(FRESH)[..512].to_vec()] {
            fs::write(&path, &damage).unwrap();
            let _ = fs::remove_file(copy_of(&path));
            assert!(BootMemory::read(&path).is_err(), "without a copy");
            fs::write(copy_of(&path), &damage).unwrap();
            assert!(matches!(BootMemory::read(&path), Err(HostError::BootMemory { .. })));
            fs::write(copy_of(&path), block(FRESH)).unwrap();
            BootMemory::mend(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), fs::read(copy_of(&path)).unwrap());
            let mended = parse(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(mended["ORDER"], "B A");
        }
    }
}
