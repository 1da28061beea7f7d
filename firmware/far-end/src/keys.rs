//! Keys of centres and of the operator, and the operator's signature.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::{Context, anyhow};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use sekisho_design::PublicKey;
use sekisho_tunnel::SecretKey;

/// Makes a centre's Curve25519 key and writes it to a new file. Gives the public key.
pub fn new_tunnel_key(path: &Path) -> anyhow::Result<PublicKey> {
    let key = SecretKey::generate();
    write_secret(path, &key.to_base64())?;
    Ok(key.public())
}

/// Makes an operator's Ed25519 key and writes it to a new file: PKCS#8 version 2 (RFC 8410) in base64. Gives
/// the public key.
pub fn new_operator_key(path: &Path) -> anyhow::Result<PublicKey> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| anyhow!("read the kernel's random source"))?;
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|error| anyhow!("{error}"))?;
    let public = pair.public_key().as_ref().try_into().context("take the key's 32 bytes")?;
    write_secret(path, &BASE64_STANDARD.encode(document.as_ref()))?;
    Ok(PublicKey::from_bytes(public))
}

/// Reads a centre's key.
pub fn read_tunnel_key(path: &Path) -> anyhow::Result<SecretKey> {
    let shown = path.display();
    read_secret(path)?.parse().with_context(|| {
        format!("{shown} holds no tunnel key; make one with 'sekisho-far-end keygen tunnel --out {shown}'")
    })
}

/// Signs a platform profile's text. A signature that it has already is replaced.
pub fn sign(profile: &str, operator_key: &Path) -> anyhow::Result<String> {
    let shown = operator_key.display();
    let hint = || {
        format!(
            "{shown} holds no operator's key; make one with 'sekisho-far-end keygen operator --out {shown}'"
        )
    };
    let pkcs8 = BASE64_STANDARD.decode(read_secret(operator_key)?.trim()).with_context(hint)?;
    let unsigned = sekisho_design::without_signature(profile);
    sekisho_design::sign(unsigned, &pkcs8).with_context(hint)
}

fn read_secret(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read the key file {}", path.display()))
}

/// Writes a new file that only its owner can read. A file that is there already is left alone.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()
    };
    write().with_context(|| {
        format!("write the key file {} (a file that exists is never overwritten)", path.display())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_written_once_and_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        for (name, make) in [
            ("tunnel", new_tunnel_key as fn(&Path) -> anyhow::Result<PublicKey>),
            ("operator", new_operator_key),
        ] {
            let path = folder.path().join(name);
            make(&path).unwrap();
            let before = std::fs::read_to_string(&path).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let error = make(&path).unwrap_err();
            assert!(error.to_string().contains("never overwritten"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        }
    }

    #[test]
    fn a_tunnel_key_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let public = new_tunnel_key(&path).unwrap();
        assert_eq!(read_tunnel_key(&path).unwrap().public(), public);
        std::fs::write(&path, "not a key").unwrap();
        let error = format!("{:#}", read_tunnel_key(&path).unwrap_err());
        assert!(error.contains("keygen tunnel"), "{error}");
        let missing = format!("{:#}", read_tunnel_key(&folder.path().join("none")).unwrap_err());
        assert!(missing.contains("none"), "{missing}");
    }

    #[test]
    fn signing_again_replaces_the_signature() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("1"), folder.path().join("2"));
        new_operator_key(&first).unwrap();
        new_operator_key(&second).unwrap();
        let once = sign("schema = 1\n", &first).unwrap();
        assert!(once.starts_with("schema = 1\n") && once.contains("[signature]\ned25519 = \""));
        // Ed25519 is deterministic (RFC 8032), so the same key gives the same text.
        assert_eq!(sign(&once, &first).unwrap(), once);
        let other = sign(&once, &second).unwrap();
        assert_ne!(other, once);
        assert_eq!(other.matches("[signature]").count(), 1);
        std::fs::write(&first, "AAAA").unwrap();
        let error = format!("{:#}", sign("schema = 1\n", &first).unwrap_err());
        assert!(error.contains("keygen operator"), "{error}");
    }
}
