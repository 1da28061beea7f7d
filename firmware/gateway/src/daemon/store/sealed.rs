//! Values in files that tell when they are damaged: a line with the SHA-256 of the rest, in hexadecimal, then JSON.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context, bail};
use ring::digest::{SHA256, digest};
use sekisho_host::files;
use serde::{Serialize, de::DeserializeOwned};

/// Digits of a SHA-256.
const SEAL: usize = 64;

/// SHA-256 in hexadecimal.
pub(in crate::daemon) fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes a value so that a reader finds the old one or the new one.
pub(super) fn write(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    // In one piece: a journal is large.
    let mut bytes = vec![b'\n'; SEAL + 1];
    serde_json::to_writer(&mut bytes, value).context("can't write down a value")?;
    let seal = sha256(&bytes[SEAL + 1..]);
    bytes[..SEAL].copy_from_slice(seal.as_bytes());
    bytes.push(b'\n');
    Ok(files::write(path, &bytes, 0o600)?)
}

/// Reads a value; what isn't as it was written is an error.
pub(super) fn read<T: DeserializeOwned>(path: &Path, limit: u64) -> anyhow::Result<T> {
    let bytes = files::read(path, limit)?;
    let damaged = || format!("{} is damaged", path.display());
    let text = String::from_utf8(bytes).ok().with_context(damaged)?;
    let (seal, json) = text.split_once('\n').with_context(damaged)?;
    let json = json.strip_suffix('\n').with_context(damaged)?;
    if sha256(json.as_bytes()) != seal {
        bail!("{}: its checksum is another one", damaged());
    }
    serde_json::from_str(json).with_context(damaged)
}
