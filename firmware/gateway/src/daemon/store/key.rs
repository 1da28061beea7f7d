//! The tunnel's key.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::Context;
use jiff::Timestamp;
use sekisho_design::PublicKey;
use sekisho_host::{HostError, files};
use sekisho_tunnel::SecretKey;
use tracing::info;

use super::Store;

const TUNNEL_KEY: &str = "tunnel.key";
const COMING_KEY: &str = "tunnel-coming.key";
/// The old key, while the coming one takes its place.
const FORMER_KEY: &str = "tunnel-former.key";

/// A key that is to take the place of the tunnel's own.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Coming {
    pub(in crate::daemon) key: SecretKey,
    /// When it was made, by the clock of the box.
    pub(in crate::daemon) made_at: Timestamp,
}

impl Store {
    /// The tunnel's key; made on the first call ever.
    pub(in crate::daemon) fn tunnel_key(&self) -> anyhow::Result<SecretKey> {
        let path = self.folder.join(TUNNEL_KEY);
        if !path.exists() {
            let key = SecretKey::generate();
            create(&path, &key)?;
            let public: PublicKey = key.public();
            info!(%public, "made the tunnel's key");
            return Ok(key);
        }
        read(&path).context("restore it from a backup")
    }

    /// The key that is to take its place, where one was made. What a cut left of an earlier renewal is finished first.
    pub(in crate::daemon) fn coming_key(&self) -> anyhow::Result<Option<Coming>> {
        let [own, coming, former] = self.key_files();
        files::finish_replacing(&own, &former)?;
        if !coming.exists() {
            return Ok(None);
        }
        let key = read(&coming).context("renew the key again: `sekisho identity renew`")?;
        let made: SystemTime = fs::metadata(&coming)?.modified()?;
        Ok(Some(Coming { key, made_at: Timestamp::try_from(made)? }))
    }

    /// Makes a key that is to take its place. One that can't be read any more makes way.
    pub(in crate::daemon) fn make_coming_key(&self) -> anyhow::Result<Coming> {
        let [_, coming, _] = self.key_files();
        files::erase(&coming)?;
        let key = SecretKey::generate();
        create(&coming, &key)?;
        Ok(Coming { key, made_at: Timestamp::now() })
    }

    /// The coming key isn't wanted any more.
    pub(in crate::daemon) fn forget_coming_key(&self) -> anyhow::Result<()> {
        let [own, coming, former] = self.key_files();
        files::finish_replacing(&own, &former)?;
        // Under this name a cut can't leave half of it to be read as a key.
        match fs::rename(&coming, &former) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.with_context(|| format!("can't rename {}", coming.display()))?,
        }
        Ok(files::finish_replacing(&own, &former)?)
    }

    /// The coming key is the tunnel's own from now on; the old one is erased.
    pub(in crate::daemon) fn settle_coming_key(&self, key: &SecretKey) -> anyhow::Result<()> {
        let [own, coming, former] = self.key_files();
        files::finish_replacing(&own, &former)?;
        // An earlier attempt may have come so far.
        if read(&own).is_ok_and(|own| own.public() == key.public()) {
            return Ok(());
        }
        if !coming.exists() {
            create(&coming, key)?;
        }
        Ok(files::replace_secret(&own, &coming, &former)?)
    }

    fn key_files(&self) -> [PathBuf; 3] {
        [TUNNEL_KEY, COMING_KEY, FORMER_KEY].map(|name| self.folder.join(name))
    }

    /// Puts another key in its place: this device is to be known as the one that had it.
    pub(in crate::daemon) fn take_tunnel_key(&self, key: &SecretKey) -> anyhow::Result<()> {
        let text = format!("{}\n", key.to_base64());
        Ok(files::write(&self.folder.join(TUNNEL_KEY), text.as_bytes(), 0o600)?)
    }
}

fn create(path: &Path, key: &SecretKey) -> Result<(), HostError> {
    files::create_secret(path, format!("{}\n", key.to_base64()).as_bytes())
}

fn read(path: &Path) -> anyhow::Result<SecretKey> {
    let bytes = files::read_secret(path, crate::daemon::KEY_FILE)?;
    let key = String::from_utf8(bytes).ok().and_then(|text| text.parse::<SecretKey>().ok());
    key.with_context(|| format!("{} holds no tunnel key", path.display()))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    };

    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let first = store.tunnel_key().unwrap().public();
        assert_eq!(store.tunnel_key().unwrap().public(), first);
        let mode = fs::metadata(folder.path().join(TUNNEL_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.tunnel_key().unwrap();
        let other = SecretKey::generate();
        store.take_tunnel_key(&other).unwrap();
        assert_eq!(store.tunnel_key().unwrap().public(), other.public());
    }

    #[test]
    fn a_scrambled_key_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        files::create_secret(&folder.path().join(TUNNEL_KEY), b"not a key").unwrap();
        let fault = crate::daemon::reasons(&store.tunnel_key().unwrap_err());
        assert!(fault.contains("tunnel.key") && fault.contains("backup"), "{fault}");
        assert_eq!(fs::read(folder.path().join(TUNNEL_KEY)).unwrap(), b"not a key");
    }

    /// The names in the folder that hold keys.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.contains("key")).collect();
        names.sort();
        names
    }

    #[test]
    fn a_coming_key_is_made_kept_and_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let old = store.tunnel_key().unwrap().public();
        assert!(store.coming_key().unwrap().is_none());
        let coming = store.make_coming_key().unwrap();
        let mode = fs::metadata(folder.path().join(COMING_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let kept = store.coming_key().unwrap().unwrap();
        assert_eq!(kept.key.public(), coming.key.public());
        let apart = kept.made_at.duration_since(coming.made_at).as_secs().abs();
        assert!(apart <= 2, "made {apart} seconds apart");
        assert_eq!(store.tunnel_key().unwrap().public(), old);
        store.settle_coming_key(&coming.key).unwrap();
        store.settle_coming_key(&coming.key).unwrap();
        assert_eq!(store.tunnel_key().unwrap().public(), coming.key.public());
        assert!(store.coming_key().unwrap().is_none());
        assert_eq!(names(folder.path()), [TUNNEL_KEY]);
    }

    #[test]
    fn a_coming_key_that_is_not_wanted_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let old = store.tunnel_key().unwrap().public();
        store.make_coming_key().unwrap();
        // Another name for the same bytes, as a copy beside would be.
        let (path, other) = (folder.path().join(COMING_KEY), folder.path().join("other-key"));
        fs::hard_link(path, &other).unwrap();
        store.forget_coming_key().unwrap();
        store.forget_coming_key().unwrap();
        assert!(store.coming_key().unwrap().is_none());
        let left = fs::read(&other).unwrap();
        assert!(left.len() == 45 && left.iter().all(|byte| *byte == 0), "the bytes are gone too");
        assert_eq!(store.tunnel_key().unwrap().public(), old);
    }

    #[test]
    fn a_cut_between_any_two_writes_leaves_one_key_and_nothing_of_the_other() {
        // What stands after the cut: the old key's second name, and whether the coming one has its place.
        for (linked, renamed) in [(false, false), (true, false), (true, true)] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            let old = store.tunnel_key().unwrap();
            let new = store.make_coming_key().unwrap().key;
            let [own, coming, former] = store.key_files();
            if linked {
                fs::hard_link(&own, &former).unwrap();
            }
            if renamed {
                fs::rename(&coming, &own).unwrap();
            }
            let in_force = if renamed { &new } else { &old };
            assert_eq!(store.tunnel_key().unwrap().public(), in_force.public());
            let found = store.coming_key().unwrap().map(|coming| coming.key.public());
            assert_eq!(found, (!renamed).then_some(new.public()));
            assert!(!former.exists());
            assert_eq!(fs::metadata(&own).unwrap().nlink(), 1);
            assert_eq!(
                store.tunnel_key().unwrap().public(),
                in_force.public(),
                "and it stays whole"
            );
            if !renamed {
                store.settle_coming_key(&new).unwrap();
                assert_eq!(store.tunnel_key().unwrap().public(), new.public());
            }
            assert_eq!(names(folder.path()), [TUNNEL_KEY]);
        }
    }

    #[test]
    fn a_coming_key_that_is_lost_is_told_and_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let old = store.tunnel_key().unwrap().public();
        for exposed in [false, true] {
            store.make_coming_key().unwrap();
            let path = folder.path().join(COMING_KEY);
            if exposed {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            } else {
                fs::write(&path, "").unwrap();
            }
            let fault = crate::daemon::reasons(&store.coming_key().unwrap_err());
            assert!(fault.contains(COMING_KEY) && fault.contains("renew"), "{fault}");
            assert_eq!(store.tunnel_key().unwrap().public(), old);
            let again = store.make_coming_key().unwrap().key.public();
            assert_eq!(store.coming_key().unwrap().unwrap().key.public(), again);
        }
        // The running device still has it.
        let key = store.coming_key().unwrap().unwrap().key;
        fs::remove_file(folder.path().join(COMING_KEY)).unwrap();
        store.settle_coming_key(&key).unwrap();
        assert_eq!(store.tunnel_key().unwrap().public(), key.public());
    }
}
