//! Files from a USB stick: read only, copied, and taken off again.

use std::{fs, path::Path};

use sekisho_design::LARGEST_FILE;
use sekisho_host::{files, sticks};

use crate::console::{Console, LOOK};

/// What the operator's file is called.
pub(crate) const PROFILE: &str = "platform-profile.toml";

/// A profile and the designs beside it, copied to the box.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) sites: Vec<String>,
    pub(crate) has_profile: bool,
}

/// Copies what a site is made of from whatever stick has it. What is brought takes the place of what was brought before.
pub(crate) fn fetch(console: &mut Console<'_>) -> Result<Brought, String> {
    let listing = console.run("lsblk", &sticks::LSBLK, LOOK);
    let devices = sticks::on_usb(&listing.output);
    let (import, stick) = (console.places.import(), console.places.stick());
    fs::create_dir_all(&stick).map_err(|fault| format!("{}: {fault}", stick.display()))?;
    let mut brought = Err("no USB stick with a file system".to_owned());
    for device in devices {
        let (device, at) = (device.to_string_lossy(), stick.to_string_lossy());
        let words = [&sticks::MOUNT_OPTIONS[..], &[&device, &at]].concat();
        let mounted = console.run("mount", &words, LOOK);
        if !mounted.done() {
            brought = Err(mounted.said().trim().to_owned());
            continue;
        }
        brought = copy(&stick, &import);
        let _ = console.run("umount", &[&at], LOOK);
        if brought.is_ok() {
            break;
        }
    }
    brought
}

/// Copies the design files of a folder.
fn copy(from: &Path, to: &Path) -> Result<Brought, String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |fault: std::io::Error| format!("{path}: {fault}")
    };
    let names = fs::read_dir(from).map_err(failed(from))?;
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.to_ascii_lowercase().ends_with(".toml") && !name.starts_with('.'))
        .collect();
    names.sort();
    if names.is_empty() {
        return Err("the stick has no file that ends with .toml in its top folder".to_owned());
    }
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).map_err(failed(to))?;
    for name in &names {
        // One byte more than a design may have: the rule about its size speaks, where it is too long.
        let bytes = files::read(&from.join(name), LARGEST_FILE as u64 + 1)
            .map_err(|fault| fault.to_string())?;
        files::write(&to.join(name), &bytes, 0o600).map_err(|fault| fault.to_string())?;
    }
    let has_profile = names.iter().any(|name| name == PROFILE);
    names.retain(|name| name != PROFILE);
    Ok(Brought { sites: names, has_profile })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn designs_are_copied_and_take_the_place_of_earlier_ones() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let to = to.path().join("import");
        assert!(copy(from.path(), &to).unwrap_err().contains(".toml"));
        fs::create_dir(&to).unwrap();
        fs::write(to.join("old.toml"), "").unwrap();
        for name in ["site.toml", PROFILE, "notes.txt", ".hidden.toml"] {
            fs::write(from.path().join(name), name).unwrap();
        }
        let brought = copy(from.path(), &to).unwrap();
        assert_eq!((brought.sites, brought.has_profile), (vec!["site.toml".to_owned()], true));
        assert!(!to.join("old.toml").exists() && !to.join("notes.txt").exists());
        assert_eq!(fs::read_to_string(to.join("site.toml")).unwrap(), "site.toml");
        assert!(copy(&from.path().join("gone"), &to).is_err());
        assert!(to.join("site.toml").exists(), "nothing is lost by a stick that can't be read");
    }
}
