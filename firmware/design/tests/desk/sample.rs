//! The folders under `config-samples/` as designs.

use std::fs;

use sekisho_design::{Design, PublicKey, Source, Sources, Trust, check};

use crate::keys;

/// Trust in the test operator's key, without a profile in force.
pub(crate) fn trust() -> Trust {
    let operator: PublicKey = keys::key("operator.pub").parse().unwrap();
    Trust { operator, in_force: None }
}

/// The site and the profile of a sample.
pub(crate) fn texts(sample: &str) -> (String, String) {
    let folder = keys::path("config-samples").join(sample);
    let read = |file| fs::read_to_string(folder.join(file)).unwrap();
    (read("site.toml"), read("platform-profile.toml"))
}

/// Two texts as what `check` takes.
pub(crate) fn sources<'a>(site: &'a str, profile: &'a str) -> Sources<'a> {
    Sources {
        site: Source { name: "site.toml", bytes: site.as_bytes() },
        profile: Source { name: "platform-profile.toml", bytes: profile.as_bytes() },
    }
}

/// A sample's design.
pub(crate) fn design(sample: &str) -> Design {
    let (site, profile) = texts(sample);
    check(&sources(&site, &profile), &trust()).unwrap().design
}
