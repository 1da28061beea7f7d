//! The test keys under `tests/lab/keys/`.

use std::{fs, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use sekisho_design::sign;

/// A file below the repository's root.
pub(crate) fn path(below_root: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(below_root)
}

/// A test key as text.
pub(crate) fn key(name: &str) -> String {
    fs::read_to_string(path("tests/lab/keys").join(name)).unwrap().trim().to_owned()
}

/// Signs with the test operator's key.
pub(crate) fn signed(profile: &str) -> String {
    sign(profile, &BASE64_STANDARD.decode(key("operator.key")).unwrap()).unwrap()
}
