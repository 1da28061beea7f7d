//! Whether a bundle may be installed, from what RAUC says of it after its signature was verified.

use std::path::{Path, PathBuf};

use sekisho_design::PublicKey;
use semver::Version;
use serde::Deserialize;

/// What a bundle says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bundle {
    pub(super) compatible: String,
    pub(super) version: Version,
    /// Bytes that it writes into the slot.
    pub(super) size: u64,
}

/// What a bundle is measured by.
#[derive(Clone, Debug)]
pub(super) struct Box_ {
    pub(super) compatible: String,
    /// The oldest version that the firmware that runs lets in.
    pub(super) floor: Version,
    /// Bytes that the slot holds.
    pub(super) room: u64,
}

/// Why a bundle isn't installed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum BundleError {
    #[error("{} is no update of Sekisho", .0.display())]
    NoBundle(PathBuf),
    #[error("{} is truncated: its end, with the signature, is missing", .0.display())]
    Truncated(PathBuf),
    #[error("{} has {bytes} bytes; the slot holds {room}", path.display())]
    Giant { path: PathBuf, bytes: u64, room: u64 },
    #[error("{} isn't signed by the maker of this firmware: {said}", path.display())]
    Signature { path: PathBuf, said: String },
    #[error("{} can't be read as an update: {said}", path.display())]
    Unreadable { path: PathBuf, said: String },
    #[error("the update is for '{found}', and this box is '{expected}'")]
    Foreign { found: String, expected: String },
    #[error("version {version} is older than {floor}, the oldest that this firmware goes back to")]
    BelowFloor { version: Version, floor: Version },
    #[error("the token doesn't allow this: {0}")]
    Token(String),
}

impl BundleError {
    pub(super) fn way_out(&self) -> &'static str {
        match self {
            Self::NoBundle(_) => "Name the file that ends in .raucb.",
            Self::Truncated(_) | Self::Unreadable { .. } => {
                "Copy the file again, and compare its SHA-256 with the maker's."
            }
            Self::Giant { .. } | Self::Foreign { .. } => {
                "Take the update that was made for this box."
            }
            Self::Signature { .. } => {
                "Get the update from its maker again. A development build takes development updates alone, a release only releases."
            }
            Self::BelowFloor { .. } => {
                "Older firmware has known holes. If it must be, ask the operator for a token for this device and version: --token FILE"
            }
            Self::Token(_) => {
                "Ask the operator for a token with this device's key (`sekisho key`) and this version."
            }
        }
    }
}

/// What can be told from the file alone: it isn't read further where it can't be an update.
pub(super) fn look(
    path: &Path,
    beginning: &[u8],
    bytes: u64,
    room: u64,
) -> Result<(), BundleError> {
    /// The first bytes of squashfs.
    const MAGIC: &[u8] = b"hsqs";
    /// What a bundle has beside the root file system.
    const BESIDE: u64 = 16 << 20;
    if !beginning.starts_with(MAGIC) {
        return Err(BundleError::NoBundle(path.to_owned()));
    }
    if bytes > room + BESIDE {
        return Err(BundleError::Giant { path: path.to_owned(), bytes, room });
    }
    Ok(())
}

/// What RAUC said when it couldn't read a bundle.
pub(super) fn unreadable(path: &Path, said: &str) -> BundleError {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.starts_with("rauc-Message"));
    let last = lines.rfind(|line| !line.is_empty()).unwrap_or("no reason was given").to_owned();
    let path = path.to_owned();
    if last.contains("exceeds bundle size") || last.contains("Signature size is 0") {
        BundleError::Truncated(path)
    } else if last.contains("signature") || last.contains("certificate") {
        BundleError::Signature { path, said: last }
    } else {
        BundleError::Unreadable { path, said: last }
    }
}

/// Reads `rauc info --output-format=json`.
pub(super) fn read(path: &Path, json: &[u8]) -> Result<Bundle, BundleError> {
    #[derive(Deserialize)]
    struct Info {
        compatible: String,
        version: Option<String>,
        images: Vec<std::collections::BTreeMap<String, Image>>,
    }
    #[derive(Deserialize)]
    struct Image {
        size: u64,
    }
    let unreadable = |said: String| BundleError::Unreadable { path: path.to_owned(), said };
    let info: Info = serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))?;
    let version = info.version.unwrap_or_default();
    let version =
        version.parse().map_err(|error| unreadable(format!("version '{version}': {error}")))?;
    let mut images = info.images.into_iter().flatten();
    let (Some((_, Image { size })), None) = (images.next(), images.next()) else {
        return Err(unreadable("it doesn't hold one root file system".to_owned()));
    };
    Ok(Bundle { compatible: info.compatible, version, size })
}

/// Whether a bundle may be written into the slot.
pub(super) fn judge(
    path: &Path,
    bundle: &Bundle,
    it: &Box_,
    token: Option<&Token>,
    device: Option<&PublicKey>,
) -> Result<(), BundleError> {
    let Bundle { compatible, version, size } = bundle;
    if *compatible != it.compatible {
        let (found, expected) = (compatible.clone(), it.compatible.clone());
        return Err(BundleError::Foreign { found, expected });
    }
    if *size > it.room {
        return Err(BundleError::Giant { path: path.to_owned(), bytes: *size, room: it.room });
    }
    if *version >= it.floor {
        return Ok(());
    }
    let Some(token) = token else {
        let (version, floor) = (version.clone(), it.floor.clone());
        return Err(BundleError::BelowFloor { version, floor });
    };
    if token.version != *version {
        let allowed = &token.version;
        return Err(BundleError::Token(format!("it is for version {allowed}, not {version}")));
    }
    if Some(&token.device) != device {
        return Err(BundleError::Token(format!("it is for the device {}", token.device)));
    }
    Ok(())
}

/// The operator's word that one device may take one older version.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    allow: Allowed,
    device: PublicKey,
    version: Version,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Allowed {
    OlderFirmware,
}

impl Token {
    /// Reads a token that the operator has signed.
    pub(super) fn read(text: &str, operator: &PublicKey) -> Result<Self, BundleError> {
        let signed = sekisho_design::signed_by(text, operator).ok_or_else(|| {
            BundleError::Token("the operator's signature isn't under it".to_owned())
        })?;
        toml::from_str(signed).map_err(|error| BundleError::Token(error.message().to_owned()))
    }
}

#[cfg(test)]
mod tests;
