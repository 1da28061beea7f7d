//! USB sticks: which there are, and a look into one, read only.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::HostError;

/// What `lsblk` is asked.
pub const LSBLK: [&str; 3] = ["--json", "--output", "PATH,FSTYPE,TRAN"];

/// How a stick is mounted: nothing of it is run, and nothing of it changes.
pub const MOUNT_OPTIONS: [&str; 2] = ["-o", "ro,nosuid,nodev,noexec"];

/// The same for a stick that is written to.
pub const MOUNT_TO_WRITE: [&str; 2] = ["-o", "rw,nosuid,nodev,noexec"];

#[derive(Debug, Deserialize)]
struct Devices {
    blockdevices: Vec<Device>,
}

#[derive(Debug, Deserialize)]
struct Device {
    path: PathBuf,
    fstype: Option<String>,
    tran: Option<String>,
    #[serde(default)]
    children: Vec<Device>,
}

impl Device {
    /// File systems on this device that a stick may have.
    fn file_systems(&self, found: &mut Vec<PathBuf>) {
        if matches!(self.fstype.as_deref(), Some("vfat" | "exfat" | "ext4")) {
            found.push(self.path.clone());
        }
        for child in &self.children {
            child.file_systems(found);
        }
    }
}

/// File systems on USB, of what `lsblk` lists; see [`LSBLK`].
pub fn on_usb(listing: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let devices = serde_json::from_str::<Devices>(listing).map(|all| all.blockdevices);
    for device in devices.unwrap_or_default() {
        if device.tran.as_deref() == Some("usb") {
            device.file_systems(&mut found);
        }
    }
    found
}

/// File systems of the sticks that are there; none where nobody can tell.
pub fn attached() -> Vec<PathBuf> {
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
        for device in attached() {
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
            {"path":"/dev/sda", "fstype":null, "tran":"sata", "children":[{"path":"/dev/sda6", "fstype":"ext4", "tran":null}]},
            {"path":"/dev/sdb", "fstype":null, "tran":"usb", "children":[
                {"path":"/dev/sdb1", "fstype":"vfat", "tran":null}, {"path":"/dev/sdb2", "fstype":"swap", "tran":null}]},
            {"path":"/dev/sdc", "fstype":"exfat", "tran":"usb"}
        ]}"#;
        assert_eq!(on_usb(listing), [PathBuf::from("/dev/sdb1"), PathBuf::from("/dev/sdc")]);
        assert!(on_usb("").is_empty());
        assert!(on_usb("{}").is_empty());
    }
}
