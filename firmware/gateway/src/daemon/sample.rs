//! A design to test with.

use std::{fs, path::Path};

use sekisho_design::{Design, PublicKey, Source, Sources, Trust, check};

/// The sample of a city with all its servers in the office.
pub(super) fn office() -> Design {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read(root.join(path)).unwrap();
    let key = String::from_utf8(read("tests/lab/keys/operator.pub")).unwrap();
    let operator: PublicKey = key.trim().parse().unwrap();
    let site = read("config-samples/1-office/site.toml");
    let profile = read("config-samples/1-office/platform-profile.toml");
    let sources = Sources {
        site: Source { name: "site.toml", bytes: &site },
        profile: Source { name: "platform-profile.toml", bytes: &profile },
    };
    check(&sources, &Trust { operator, in_force: None }).unwrap().design
}
