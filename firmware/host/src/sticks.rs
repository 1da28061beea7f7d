//! USB sticks: which there are, and a look into one, read only.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::HostError;

/// What `lsblk` is asked. It puts partitions into their disks only where it prints NAME, and a partition alone doesn't say that
/// it is on USB.
pub const LSBLK: [&str; 3] = ["--json", "--output", "NAME,PATH,FSTYPE,LABEL,TRAN"];

/// How a stick is mounted: nothing of it is run, and nothing of it changes.
pub const MOUNT_OPTIONS: [&str; 2] = ["-o", "ro,nosuid,nodev,noexec"];

/// The same for a stick that is written to.
pub const MOUNT_TO_WRITE: [&str; 2] = ["-o", "rw,nosuid,nodev,noexec"];

/// The longest label that is told, in characters: FAT has 11, ext4 has 16.
const LONGEST_LABEL: usize = 16;

/// The sticks that are there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sticks {
    /// Their file systems.
    pub file_systems: Vec<FileSystem>,
    /// Sticks that have none that the box reads.
    pub others: Vec<PathBuf>,
}

/// A stick's file system.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileSystem {
    /// Where it is mounted from.
    pub device: PathBuf,
    /// What its owner calls it, without letters that could mislead.
    pub label: Option<String>,
}

impl fmt::Display for FileSystem {
    /// As somebody finds it who has several in hand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = self.device.display();
        match &self.label {
            Some(label) => write!(f, "{label} ({device})"),
            None => write!(f, "{device}"),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Devices {
    blockdevices: Vec<Device>,
}

#[derive(Debug, Deserialize)]
struct Device {
    path: PathBuf,
    fstype: Option<String>,
    #[serde(default)]
    label: Option<String>,
    tran: Option<String>,
    #[serde(default)]
    children: Vec<Device>,
}

impl Device {
    /// File systems on this device that a stick may have.
    fn file_systems(&self, found: &mut Vec<FileSystem>) {
        if matches!(self.fstype.as_deref(), Some("vfat" | "exfat" | "ext4")) {
            let label = self.label.as_deref().map(plain).filter(|label| !label.is_empty());
            found.push(FileSystem { device: self.path.clone(), label });
        }
        for child in &self.children {
            child.file_systems(found);
        }
    }
}

/// A label as it may be shown: whoever made the stick chose it.
fn plain(label: &str) -> String {
    let harmless = |letter: &char| letter.is_alphanumeric() || "-_. ".contains(*letter);
    let label: String = label.chars().filter(harmless).take(LONGEST_LABEL).collect();
    label.trim().to_owned()
}

/// The sticks of what `lsblk` lists; see [`LSBLK`].
pub fn on_usb(listing: &str) -> Sticks {
    let mut sticks = Sticks::default();
    let devices = serde_json::from_str::<Devices>(listing).map(|all| all.blockdevices);
    for device in devices.unwrap_or_default() {
        if device.tran.as_deref() == Some("usb") {
            let before = sticks.file_systems.len();
            device.file_systems(&mut sticks.file_systems);
            if sticks.file_systems.len() == before {
                sticks.others.push(device.path);
            }
        }
    }
    sticks
}

/// The sticks that are there; none where nobody can tell.
pub fn attached() -> Sticks {
    let listing = Command::new("lsblk").args(LSBLK).output();
    let listing = listing.map(|output| output.stdout).unwrap_or_default();
    on_usb(&String::from_utf8_lossy(&listing))
}

/// A stick's file system in a folder, until it is dropped.
#[derive(Debug)]
pub struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// Looks for a file of this name in the top folder of each stick, whose file system is then left in a folder.
    ///
    /// # Errors
    /// [`HostError::NotOnStick`] where none has it, [`HostError::File`].
    pub fn with(name: &str, at: &Path) -> Result<Self, HostError> {
        let none = || HostError::NotOnStick { name: name.to_owned() };
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(none());
        }
        let failed = |source| HostError::File { tried: "make", path: at.to_owned(), source };
        fs::create_dir_all(at).map_err(failed)?;
        for FileSystem { device, .. } in attached().file_systems {
            if let Ok(stick) = Self::mount(&device, at, MOUNT_OPTIONS) {
                let path = at.join(name);
                if fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
                    return Ok(stick);
                }
            }
        }
        Err(none())
    }

    /// Leaves a stick's file system in a folder, to be written to.
    ///
    /// # Errors
    /// [`HostError::NotMounted`], [`HostError::File`].
    pub fn to_write(device: &Path, at: &Path) -> Result<Self, HostError> {
        let failed = |source| HostError::File { tried: "make", path: at.to_owned(), source };
        fs::create_dir_all(at).map_err(failed)?;
        Self::mount(device, at, MOUNT_TO_WRITE)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.at
    }

    fn mount(device: &Path, at: &Path, options: [&str; 2]) -> Result<Self, HostError> {
        let failed = |reason: String| HostError::NotMounted { device: device.to_owned(), reason };
        let mounted = Command::new("mount").args(options).arg(device).arg(at).output();
        let output = mounted.map_err(|fault| failed(fault.to_string()))?;
        if output.status.success() {
            Ok(Self { at: at.to_owned() })
        } else {
            Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // One that was pulled is gone anyway.
        drop(Command::new("umount").arg(&self.at).output());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_out_of_no_stick() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["../etc/shadow", "/etc/shadow", "..", "a/b.raucb", ""] {
            let error = Mounted::with(name, folder.path()).unwrap_err();
            assert!(matches!(error, HostError::NotOnStick { .. }), "{name}: {error}");
            assert!(error.way_out().is_some());
        }
    }

    #[test]
    fn only_file_systems_on_usb_are_sticks() {
        let listing = r#"{"blockdevices": [
            {"name":"sda", "path":"/dev/sda", "fstype":null, "label":null, "tran":"sata", "children":[
                {"name":"sda6", "path":"/dev/sda6", "fstype":"ext4", "label":"data", "tran":null}]},
            {"name":"sdb", "path":"/dev/sdb", "fstype":null, "label":null, "tran":"usb", "children":[
                {"name":"sdb1", "path":"/dev/sdb1", "fstype":"vfat", "label":"SITE", "tran":null},
                {"name":"sdb2", "path":"/dev/sdb2", "fstype":"swap", "label":null, "tran":null}]},
            {"name":"sdc", "path":"/dev/sdc", "fstype":"exfat", "label":null, "tran":"usb"},
            {"name":"sdd", "path":"/dev/sdd", "fstype":null, "label":null, "tran":"usb", "children":[
                {"name":"sdd1", "path":"/dev/sdd1", "fstype":"ntfs", "label":"PHOTOS", "tran":null}]},
            {"name":"sde", "path":"/dev/sde", "fstype":null, "label":null, "tran":"usb"}
        ]}"#;
        let sticks = on_usb(listing);
        let said: Vec<_> = sticks.file_systems.iter().map(FileSystem::to_string).collect();
        assert_eq!(said, ["SITE (/dev/sdb1)", "/dev/sdc"]);
        assert_eq!(sticks.others, [PathBuf::from("/dev/sdd"), PathBuf::from("/dev/sde")]);
        assert_eq!(on_usb(""), Sticks::default());
        assert_eq!(on_usb("{}"), Sticks::default());
        assert!(LSBLK[2].starts_with("NAME,"), "partitions would lie beside their disks");
    }

    #[test]
    fn a_label_misleads_nobody() {
        for (label, plainly) in [
            ("\u{1b}[2Jgone", "2Jgone"),
            ("a\u{202e}b\nc", "abc"),
            ("控え 2026-11.27_A", "控え 2026-11.27_A"),
            ("\u{7}", ""),
        ] {
            assert_eq!(plain(label), plainly);
        }
        assert_eq!(plain(&"長".repeat(99)).chars().count(), LONGEST_LABEL);
    }
}
