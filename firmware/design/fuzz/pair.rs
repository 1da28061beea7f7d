//! A valid pair of files, and checking a pair with the test operator's key.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use sekisho_design::{
    Accepted, Problems, PublicKey, Source, Sources, Trust, check, sign, without_signature,
};

/// The site that every bad file of the tests breaks.
pub const SITE: &str = include_str!("../tests/base/site.toml");

/// The profile that belongs to it, not signed.
pub const PROFILE: &str = include_str!("../tests/base/profile.toml");

static OPERATOR: LazyLock<(Vec<u8>, PublicKey)> = LazyLock::new(|| {
    let private = include_str!("../../../tests/lab/keys/operator.key").trim();
    let public = include_str!("../../../tests/lab/keys/operator.pub").trim();
    (BASE64_STANDARD.decode(private).expect("a key"), public.parse().expect("a key"))
});

/// The profile with the operator's signature instead of the one that it has; as it is, where it has several.
pub fn signed(profile: &str) -> String {
    sign(without_signature(profile), &OPERATOR.0).unwrap_or_else(|_| profile.to_owned())
}

/// Checks two files.
pub fn check_pair(site: &[u8], profile: &[u8]) -> Result<Accepted, Problems> {
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site },
        profile: Source { name: "profile.toml", bytes: profile },
    };
    check(&sources, &Trust { operator: OPERATOR.1, in_force: None })
}
