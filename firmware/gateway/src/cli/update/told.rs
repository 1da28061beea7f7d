//! What root tells the daemon: what the slots hold, and how far an installation is.

use std::{
    fs::{File, OpenOptions, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use jiff::Timestamp;
use sekisho_control::{
    Firmware, FirmwareSlot, FirmwareTrial, Installation, InstallationState, LastUpdate, SlotName,
};
use sekisho_host::{
    HostError, files,
    slots::{BootMemory, Slot},
};
use serde::Serialize;

use super::{
    Places, Release, UpdateError,
    record::{End, Last, Trial, both},
};
use crate::notices;

/// Tells what the slots hold. Where that can't be told, nothing else is held up by it.
pub(super) fn slots(places: &Places) {
    let told = firmware(places).and_then(|told| Ok(tell(places, notices::FIRMWARE, &told)?));
    if let Err(fault) = told {
        eprintln!("the page isn't told what the slots hold: {fault}");
    }
}

fn tell(places: &Places, name: &str, value: &impl Serialize) -> Result<(), HostError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    files::write(&places.found.join(name), text.as_bytes(), 0o644)
}

fn firmware(places: &Places) -> Result<Firmware, UpdateError> {
    let Release { version, floor, kind } = places.release()?;
    let running = places.running()?;
    let memory = BootMemory::read(&places.boot_memory)?;
    let (trial, last) = (Trial::read(&places.kept)?, Last::read(&places.kept)?);
    let other = in_the_other(running, trial.as_ref(), last.as_ref());
    let slots = [Slot::A, Slot::B].map(|slot| {
        let (runs, good) = (slot == running, memory.slot(slot).good);
        let version = if runs { Some(version.to_string()) } else { other.clone().filter(|_| good) };
        FirmwareSlot { name: name(slot), runs, good, version }
    });
    Ok(Firmware {
        version: version.to_string(),
        kind,
        floor: floor.to_string(),
        slots: slots.into(),
        trial: trial.map(|Trial { version, from, slot, .. }| FirmwareTrial {
            version,
            from,
            slot: name(slot),
        }),
        last: last.map(|Last { version, from, end }| LastUpdate {
            version,
            from,
            went_back: match end {
                End::Kept => None,
                End::WentBack { reason, reason_ja } => Some(both(&reason, reason_ja.as_deref())),
            },
        }),
    })
}

/// The version in the slot that doesn't run, as far as updates tell.
fn in_the_other(running: Slot, trial: Option<&Trial>, last: Option<&Last>) -> Option<String> {
    match (trial, last) {
        (Some(trial), _) if trial.slot == running => Some(trial.from.clone()),
        (Some(trial), _) => Some(trial.version.clone()),
        (None, Some(Last { from, end: End::Kept, .. })) => Some(from.clone()),
        (None, Some(Last { end: End::WentBack { .. }, .. }) | None) => None,
    }
}

fn name(slot: Slot) -> SlotName {
    match slot {
        Slot::A => SlotName::A,
        Slot::B => SlotName::B,
    }
}

/// Tells how far an installation is, as long as there is one.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    places: &'a Places,
    _at_it: File,
}

impl<'a> Teller<'a> {
    /// Begins; the lock goes with the process, however it ends.
    pub(super) fn begin(places: &'a Places) -> Result<Self, HostError> {
        let path = places.found.join(notices::AT_IT);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let locked = file.and_then(|file| {
            // For the daemon to look at, whatever the umask.
            file.set_permissions(Permissions::from_mode(0o644))?;
            // The daemon holds it for a moment when it looks.
            file.lock()?;
            Ok(file)
        });
        let at_it = locked.map_err(|source| HostError::File { tried: "lock", path, source })?;
        Ok(Self { places, _at_it: at_it })
    }

    /// Tells. The installation goes on where nobody can be told.
    pub(super) fn tell(&self, state: InstallationState) {
        let installation = Installation { at: Timestamp::now(), state };
        if let Err(fault) = tell(self.places, notices::INSTALLATION, &installation) {
            eprintln!("the page isn't told how far the installation is: {fault}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn places(running: Slot) -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let places = Places {
            kept: folder.path().to_owned(),
            boot_memory: place("grubenv"),
            command_line: place("cmdline"),
            image: folder.path().to_owned(),
            found: folder.path().to_owned(),
            ..Places::default()
        };
        fs::write(&places.command_line, format!("sekisho.slot={running}")).unwrap();
        let release = "version = \"0.2.0\"\nfloor = \"0.1.0\"\nkind = \"release\"\nbuilt = 1\n";
        fs::write(place("release.toml"), release).unwrap();
        (folder, places)
    }

    fn remember(places: &Places, b_is_good: u8) {
        let text = format!("# GRUB Environment Block\nORDER=B A\nA_OK=1\nB_OK={b_is_good}\n");
        let mut block = text.into_bytes();
        block.resize(1024, b'#');
        fs::write(&places.boot_memory, block).unwrap();
    }

    fn trial(slot: Slot) -> Trial {
        Trial {
            version: "0.3.0".to_owned(),
            from: "0.2.0".to_owned(),
            slot,
            before: None,
            given_up: None,
            given_up_ja: None,
        }
    }

    #[test]
    fn what_the_slots_hold_is_told_for_everybody_to_read() {
        let (folder, places) = places(Slot::A);
        remember(&places, 0);
        slots(&places);
        let read = || -> Firmware {
            let text = fs::read(folder.path().join(notices::FIRMWARE)).unwrap();
            serde_json::from_slice(&text).unwrap()
        };
        let told = read();
        assert_eq!((&*told.version, &*told.floor), ("0.2.0", "0.1.0"));
        let slot = |told: &Firmware, at: usize| {
            let FirmwareSlot { runs, good, version, .. } = told.slots[at].clone();
            (runs, good, version)
        };
        assert_eq!(slot(&told, 0), (true, true, Some("0.2.0".to_owned())));
        assert_eq!(slot(&told, 1), (false, false, None));

        remember(&places, 1);
        trial(Slot::B).write(&places.kept).unwrap();
        slots(&places);
        let told = read();
        assert_eq!(slot(&told, 1), (false, true, Some("0.3.0".to_owned())));
        assert_eq!(told.trial.unwrap().slot, SlotName::B);

        let reason = both("no tunnel", Some("トンネルがありません"));
        trial(Slot::B).end(&places.kept, End::went_back(reason.clone())).unwrap();
        slots(&places);
        let told = read();
        assert_eq!(slot(&told, 1).2, None, "what went back isn't offered");
        assert_eq!(told.last.unwrap().went_back, Some(reason));
    }

    #[test]
    fn whoever_is_at_it_holds_a_lock_that_the_daemon_may_look_at() {
        let (folder, places) = places(Slot::A);
        let look = || File::open(folder.path().join(notices::AT_IT)).unwrap();
        let teller = Teller::begin(&places).unwrap();
        assert!(look().try_lock_shared().is_err());
        assert_eq!(look().metadata().unwrap().permissions().mode() & 0o777, 0o644);
        drop(teller);
        assert!(look().try_lock_shared().is_ok());
    }

    #[test]
    fn the_slot_before_has_the_version_before() {
        let (_folder, places) = places(Slot::B);
        remember(&places, 1);
        let before = |told: Firmware| told.slots[0].version.clone();
        assert_eq!(before(firmware(&places).unwrap()), None, "nobody has told");
        trial(Slot::B).write(&places.kept).unwrap();
        assert_eq!(before(firmware(&places).unwrap()).as_deref(), Some("0.2.0"));
        trial(Slot::B).end(&places.kept, End::Kept).unwrap();
        assert_eq!(before(firmware(&places).unwrap()).as_deref(), Some("0.2.0"));
    }
}
