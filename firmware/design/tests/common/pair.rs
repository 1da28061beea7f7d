//! The valid pair under `tests/base/`, and checking a pair of texts.

use std::fs;

use sekisho_design::{Accepted, Problems, ProfileStamp, Source, Sources, Trust, check};

use crate::keys;

/// A file of `tests/base/`.
pub(crate) fn base(name: &str) -> String {
    fs::read_to_string(keys::path("firmware/design/tests/base").join(name)).unwrap()
}

/// Checks two files against the test operator's key, with a profile of serial 7 in force.
pub(crate) fn check_pair(site: &[u8], profile: &[u8]) -> Result<Accepted, Problems> {
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site },
        profile: Source { name: "profile.toml", bytes: profile },
    };
    let in_force = ProfileStamp { serial: 7, issued: "2026-03-01T00:00:00Z".parse().unwrap() };
    check(
        &sources,
        &Trust { operator: keys::key("operator.pub").parse().unwrap(), in_force: Some(in_force) },
    )
}
