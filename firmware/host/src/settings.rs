//! Kernel settings: files below `/proc/sys/`, which show those of the calling thread's network namespace.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use crate::HostError;

/// Reads a setting, runs of white space made one space; `None` where the kernel has no such setting.
pub(crate) fn read(root: &Path, path: &str) -> Result<Option<String>, HostError> {
    match fs::read_to_string(resolve(root, path)?) {
        Ok(text) => Ok(Some(text.split_whitespace().collect::<Vec<_>>().join(" "))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HostError::Setting { tried: "read", path: path.to_owned(), source }),
    }
}

/// Writes a setting in one call, as the kernel wants it. Never makes a file.
pub(crate) fn write(root: &Path, path: &str, value: &str) -> Result<(), HostError> {
    let file = resolve(root, path)?;
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(file)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(|source| HostError::Setting { tried: "write", path: path.to_owned(), source })
}

fn resolve(root: &Path, path: &str) -> Result<PathBuf, HostError> {
    let below = Path::new(path);
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    if plain && !path.is_empty() {
        Ok(root.join(below))
    } else {
        Err(HostError::SettingPath { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("net/ipv4")).unwrap();
        fs::write(root.path().join("net/ipv4/range"), "32768\t60999\n").unwrap();
        assert_eq!(read(root.path(), "net/ipv4/range").unwrap().as_deref(), Some("32768 60999"));
        write(root.path(), "net/ipv4/range", "1024 2048").unwrap();
        assert_eq!(read(root.path(), "net/ipv4/range").unwrap().as_deref(), Some("1024 2048"));
    }

    #[test]
    fn unknown_setting_is_absent_and_not_made() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path(), "net/none").unwrap(), None);
        let error = write(root.path(), "none", "1").unwrap_err();
        assert!(matches!(error, HostError::Setting { tried: "write", .. }), "{error}");
        assert!(!root.path().join("none").exists());
    }

    #[test]
    fn path_stays_below_its_root() {
        for path in ["", "/etc/passwd", "..", "net/../../etc/passwd", "./net"] {
            let error = write(Path::new("/nonexistent"), path, "1").unwrap_err();
            assert!(matches!(error, HostError::SettingPath { .. }), "{path}: {error}");
            assert!(read(Path::new("/nonexistent"), path).is_err(), "{path}");
        }
    }
}
