//! Files from a USB stick: read only, copied, and taken off again; and reports onto it.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use sekisho_capsule::{LARGEST, has_passphrase};
use sekisho_design::LARGEST_FILE;
use sekisho_host::{
    files,
    sticks::{self, FileSystem, Sticks},
};

use crate::console::{Console, LOOK};

/// What the operator's file is called.
pub(crate) const PROFILE: &str = "platform-profile.toml";

/// A profile and the designs beside it, copied to the box.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) sites: Vec<String>,
    pub(crate) has_profile: bool,
}

/// How many backups are brought: those with the last names, which bear their day.
const MOST_BACKUPS: usize = 9;

/// How many files are looked into for them.
const MOST_LOOKED_INTO: usize = 500;

/// Copies what a site is made of from whatever stick has it. What is brought takes the place of what was brought before.
pub(crate) fn fetch(console: &mut Console<'_>) -> Result<Brought, String> {
    let import = console.places.import();
    visit(console, sticks::MOUNT_OPTIONS, |stick| copy(stick, &import))
}

/// Copies the backups of whatever stick has some; their names, the last first.
pub(crate) fn fetch_backups(console: &mut Console<'_>) -> Result<Vec<String>, String> {
    let import = console.places.import();
    visit(console, sticks::MOUNT_OPTIONS, |stick| copy_backups(stick, &import))
}

/// Writes files onto a stick, over those that bear their names.
pub(crate) fn write(console: &mut Console<'_>, files: &[(&str, String)]) -> Result<(), String> {
    visit(console, sticks::MOUNT_TO_WRITE, |stick| {
        for (name, text) in files {
            let path = stick.join(name);
            put(&path, text).map_err(failed(&path))?;
        }
        Ok(())
    })
}

/// Writes a file of a stick. What bore its name goes first, so that no link leads out.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if path.symlink_metadata().is_ok() {
        fs::remove_file(path)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Mounts one stick after another until one has what is asked of it.
fn visit<T>(
    console: &mut Console<'_>,
    options: [&str; 2],
    visit: impl Fn(&Path) -> Result<T, String>,
) -> Result<T, String> {
    let listing = console.run("lsblk", &sticks::LSBLK, LOOK);
    let Sticks { file_systems, others } = sticks::on_usb(&listing.output);
    let stick = console.places.stick();
    fs::create_dir_all(&stick).map_err(|fault| format!("{}: {fault}", stick.display()))?;
    let mut visited = Err(if others.is_empty() {
        "no USB stick is in the box".to_owned()
    } else {
        "the USB stick has no file system that the box reads (FAT, exFAT or ext4)".to_owned()
    });
    for FileSystem { device, .. } in file_systems {
        let (device, at) = (device.to_string_lossy(), stick.to_string_lossy());
        let words = [&options[..], &[&device, &at]].concat();
        let mounted = console.run("mount", &words, LOOK);
        if !mounted.done() {
            visited = Err(mounted.said().trim().to_owned());
            continue;
        }
        visited = visit(&stick);
        let _ = console.run("umount", &[&at], LOOK);
        if visited.is_ok() {
            break;
        }
    }
    visited
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> String + use<> {
    let path = path.display().to_string();
    move |fault| format!("{path}: {fault}")
}

/// Copies the design files of a folder.
fn copy(from: &Path, to: &Path) -> Result<Brought, String> {
    let mut names = names(from, ".toml")?;
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

/// Copies the backups of a folder that a passphrase opens: those for a recipient's key, which each night makes, are nobody's to open
/// here. What can't be read is left out, so that the others can be chosen.
fn copy_backups(from: &Path, to: &Path) -> Result<Vec<String>, String> {
    let mut names = names(from, ".age")?;
    // They are words of a command line, and are shown.
    names.retain(|name| !name.starts_with('-') && !name.chars().any(char::is_control));
    if names.is_empty() {
        return Err("the stick has no file that ends with .age in its top folder".to_owned());
    }
    let mut why = "no file that ends with .age is a backup with a passphrase".to_owned();
    let mut brought = Vec::new();
    for name in names.into_iter().rev().take(MOST_LOOKED_INTO) {
        match read_backup(&from.join(&name)) {
            Ok(Some(bytes)) => brought.push((name, bytes)),
            Ok(None) => {}
            Err(fault) => why = fault,
        }
        if brought.len() == MOST_BACKUPS {
            break;
        }
    }
    if brought.is_empty() {
        return Err(why);
    }
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).map_err(failed(to))?;
    for (name, bytes) in &brought {
        files::write(&to.join(name), bytes, 0o600).map_err(|fault| fault.to_string())?;
    }
    Ok(brought.into_iter().map(|(name, _)| name).collect())
}

/// A backup that a passphrase opens; none where the file is another one. A link is none.
fn read_backup(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let found = path.symlink_metadata().map_err(failed(path))?;
    if !found.is_file() {
        return Ok(None);
    }
    let bytes = files::read(path, LARGEST as u64).map_err(|fault| fault.to_string())?;
    Ok(has_passphrase(&bytes).then_some(bytes))
}

/// The names of a folder that end so, in their order.
fn names(folder: &Path, end: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(failed(folder))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.to_ascii_lowercase().ends_with(end) && !name.starts_with('.'))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a file begins that a passphrase opens.
    const SEALED: &[u8] = b"age-encryption.org/v1\n-> scrypt c2FsdA 16\n";

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

    #[test]
    fn the_last_backups_are_copied_and_hostile_names_are_not() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let to = to.path().join("import");
        assert!(copy_backups(from.path(), &to).unwrap_err().contains(".age"));
        fs::write(from.path().join("photos.age"), "age-encryption.org/v1\n-> X25519 x").unwrap();
        assert!(copy_backups(from.path(), &to).unwrap_err().contains("passphrase"));
        for day in 10..30 {
            fs::write(from.path().join(format!("sekisho-011002-202611{day}.age")), SEALED).unwrap();
        }
        for name in ["--socket=evil.age", "z\u{1b}[2J.age", ".z.age", "z\n.age", "z.txt"] {
            fs::write(from.path().join(name), SEALED).unwrap();
        }
        // What each night leaves, a folder, and a link that leads out.
        fs::write(from.path().join("sekisho-nightly-1.age"), "age-encryption.org/v1\n-> X25519 x")
            .unwrap();
        fs::create_dir(from.path().join("y.age")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", from.path().join("x.age")).unwrap();
        let names = copy_backups(from.path(), &to).unwrap();
        assert_eq!(names.len(), MOST_BACKUPS);
        assert_eq!(names[0], "sekisho-011002-20261129.age");
        assert_eq!(fs::read_dir(&to).unwrap().count(), MOST_BACKUPS);
        // One that is too large keeps nobody from the others.
        let large = [SEALED, &vec![0; LARGEST]].concat();
        fs::write(from.path().join("z.age"), &large).unwrap();
        assert_eq!(copy_backups(from.path(), &to).unwrap(), names);
        let alone = tempfile::tempdir().unwrap();
        fs::write(alone.path().join("z.age"), &large).unwrap();
        assert!(copy_backups(alone.path(), &to).unwrap_err().contains("z.age"));
        assert_eq!(fs::read_dir(&to).unwrap().count(), MOST_BACKUPS, "what was brought stays");
    }

    #[test]
    fn ten_thousand_files_cost_a_look_at_some() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let to = to.path().join("import");
        for number in 0..10_000 {
            fs::write(from.path().join(format!("z{number:05}.age")), "").unwrap();
        }
        fs::write(from.path().join("zz.age"), SEALED).unwrap();
        assert_eq!(copy_backups(from.path(), &to).unwrap(), ["zz.age"]);
        fs::rename(from.path().join("zz.age"), from.path().join("a.age")).unwrap();
        assert!(copy_backups(from.path(), &to).unwrap_err().contains("passphrase"));
    }

    #[test]
    fn a_link_on_a_stick_leads_nowhere() {
        let stick = tempfile::tempdir().unwrap();
        let (aim, report) = (stick.path().join("aim"), stick.path().join("report.txt"));
        fs::write(&aim, "kept").unwrap();
        std::os::unix::fs::symlink(&aim, &report).unwrap();
        put(&report, "first").unwrap();
        put(&report, "second").unwrap();
        assert_eq!(fs::read_to_string(&report).unwrap(), "second");
        assert_eq!(fs::read_to_string(&aim).unwrap(), "kept");
    }
}
