//! What survives a reboot: the design in force and the tunnel's key.
//!
//! ```text
//! STATE/lock            held by the running daemon
//! STATE/tunnel.key      the private key, mode 0600, made on the device at its first start
//! STATE/in-force        symbolic link to the folder of the design in force
//! STATE/generation-N/   site.toml and profile.toml, written once
//! ```
//! A design becomes the one in force by renaming a link over `in-force`, so a power cut leaves the old pair or the new
//! one, never a mixture.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use sekisho_design::{LARGEST_FILE, PublicKey};
use sekisho_host::files::{self, Lock};
use sekisho_tunnel::SecretKey;
use tracing::info;

/// The state folder, locked.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    _lock: Lock,
}

/// The two files of a design.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Files {
    pub(super) site: Vec<u8>,
    pub(super) profile: Vec<u8>,
}

const IN_FORCE: &str = "in-force";
const GENERATION: &str = "generation-";
pub(super) const SITE: &str = "site.toml";
pub(super) const PROFILE: &str = "profile.toml";
const TUNNEL_KEY: &str = "tunnel.key";

/// Generations kept beside the one in force (R71).
const KEPT: usize = 1;

impl Store {
    /// Opens the state folder, making it where it is missing, and keeps other daemons out.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
        let lock = Lock::take(&folder.join("lock"))?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The tunnel's key; made on the first call ever.
    pub(super) fn tunnel_key(&self) -> anyhow::Result<SecretKey> {
        let path = self.folder.join(TUNNEL_KEY);
        if !path.exists() {
            let key = SecretKey::generate();
            files::create_secret(&path, format!("{}\n", key.to_base64()).as_bytes())?;
            let public: PublicKey = key.public();
            info!(%public, "made the tunnel's key");
            return Ok(key);
        }
        let bytes = files::read_secret(&path, super::KEY_FILE)?;
        let key = String::from_utf8(bytes).ok().and_then(|text| text.parse::<SecretKey>().ok());
        key.with_context(|| {
            format!("{} holds no tunnel key: restore it from a backup", path.display())
        })
    }

    /// The design in force; `None` where none was ever applied.
    pub(super) fn in_force(&self) -> anyhow::Result<Option<Files>> {
        let folder = self.folder.join(IN_FORCE);
        if !folder.is_symlink() {
            return Ok(None);
        }
        // One byte over the limit, so that the design room's own rule about it speaks.
        let limit = LARGEST_FILE as u64 + 1;
        let site = files::read(&folder.join(SITE), limit)?;
        let profile = files::read(&folder.join(PROFILE), limit)?;
        Ok(Some(Files { site, profile }))
    }

    /// Makes a design the one in force. On an error the one before is still in force.
    pub(super) fn commit(&self, design: &Files) -> anyhow::Result<()> {
        let generations = self.generations()?;
        let number = generations.last().map_or(1, |last| last + 1);
        let name = format!("{GENERATION}{number}");
        let folder = self.folder.join(&name);
        fs::create_dir(&folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
        let written = files::write(&folder.join(SITE), &design.site, 0o600)
            .and_then(|()| files::write(&folder.join(PROFILE), &design.profile, 0o600))
            .map_err(anyhow::Error::from)
            .and_then(|()| self.point_at(&name));
        if let Err(fault) = written {
            // Best effort: a folder without a link to it is in nobody's way, and the next commit clears it.
            let _ = fs::remove_dir_all(&folder);
            return Err(fault);
        }
        let surplus = generations.len().saturating_sub(KEPT);
        for old in &generations[..surplus] {
            let _ = fs::remove_dir_all(self.folder.join(format!("{GENERATION}{old}")));
        }
        Ok(())
    }

    fn point_at(&self, generation: &str) -> anyhow::Result<()> {
        let (link, beside) = (self.folder.join(IN_FORCE), self.folder.join("in-force.new"));
        let replace = || -> io::Result<()> {
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            symlink(generation, &beside)?;
            fs::rename(&beside, &link)?;
            fs::File::open(&self.folder)?.sync_all()
        };
        replace().with_context(|| format!("can't make {generation} the design in force"))
    }

    /// Numbers of the generations on disk, ascending.
    fn generations(&self) -> anyhow::Result<Vec<u64>> {
        let list = fs::read_dir(&self.folder)
            .with_context(|| format!("can't list {}", self.folder.display()))?;
        let mut numbers = Vec::new();
        for entry in list {
            let name = entry.context("can't list the generations")?.file_name();
            numbers.extend(
                name.to_str().and_then(|name| name.strip_prefix(GENERATION)?.parse::<u64>().ok()),
            );
        }
        numbers.sort_unstable();
        if numbers.last() == Some(&u64::MAX) {
            bail!("{} holds generation {}", self.folder.display(), u64::MAX);
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Files {
        Files { site: text.into(), profile: format!("profile {text}").into() }
    }

    #[test]
    fn what_was_committed_last_is_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.in_force().unwrap(), None);
        for text in ["one", "two", "three"] {
            store.commit(&files(text)).unwrap();
            assert_eq!(store.in_force().unwrap(), Some(files(text)));
        }
        assert_eq!(store.generations().unwrap(), [2, 3], "the one in force and the one before");
    }

    #[test]
    fn a_second_daemon_is_kept_out() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Store::open(folder.path()).unwrap();
        let second = Store::open(folder.path()).unwrap_err().to_string();
        assert!(second.contains(&std::process::id().to_string()), "{second}");
    }

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let first = store.tunnel_key().unwrap().public();
        assert_eq!(store.tunnel_key().unwrap().public(), first);
        let mode = fs::metadata(folder.path().join(TUNNEL_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_scrambled_key_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        files::create_secret(&folder.path().join(TUNNEL_KEY), b"not a key").unwrap();
        let fault = store.tunnel_key().unwrap_err().to_string();
        assert!(fault.contains("tunnel.key"), "{fault}");
        assert_eq!(fs::read(folder.path().join(TUNNEL_KEY)).unwrap(), b"not a key");
    }

    #[test]
    fn a_commit_that_fails_leaves_the_one_before_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.commit(&files("one")).unwrap();
        // A folder in the way of the link: nothing can be renamed over it or removed as a file.
        fs::create_dir(folder.path().join("in-force.new")).unwrap();
        assert!(store.commit(&files("two")).is_err());
        assert_eq!(store.in_force().unwrap(), Some(files("one")));
        assert_eq!(store.generations().unwrap(), [1]);
    }
}
