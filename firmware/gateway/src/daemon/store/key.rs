//! The tunnel's key.

use anyhow::Context;
use sekisho_design::PublicKey;
use sekisho_host::files;
use sekisho_tunnel::SecretKey;
use tracing::info;

use super::Store;

const TUNNEL_KEY: &str = "tunnel.key";

impl Store {
    /// The tunnel's key; made on the first call ever.
    pub(in crate::daemon) fn tunnel_key(&self) -> anyhow::Result<SecretKey> {
        let path = self.folder.join(TUNNEL_KEY);
        if !path.exists() {
            let key = SecretKey::generate();
            files::create_secret(&path, format!("{}\n", key.to_base64()).as_bytes())?;
            let public: PublicKey = key.public();
            info!(%public, "made the tunnel's key");
            return Ok(key);
        }
        let bytes = files::read_secret(&path, crate::daemon::KEY_FILE)?;
        let key = String::from_utf8(bytes).ok().and_then(|text| text.parse::<SecretKey>().ok());
        key.with_context(|| {
            format!("{} holds no tunnel key: restore it from a backup", path.display())
        })
    }

    /// Puts another key in its place: this device is to be known as the one that had it.
    pub(in crate::daemon) fn take_tunnel_key(&self, key: &SecretKey) -> anyhow::Result<()> {
        let text = format!("{}\n", key.to_base64());
        Ok(files::write(&self.folder.join(TUNNEL_KEY), text.as_bytes(), 0o600)?)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

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
        let fault = store.tunnel_key().unwrap_err().to_string();
        assert!(fault.contains("tunnel.key"), "{fault}");
        assert_eq!(fs::read(folder.path().join(TUNNEL_KEY)).unwrap(), b"not a key");
    }
}
