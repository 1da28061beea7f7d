//! The designs under `config-samples`, checked with the test operator's key.

use std::{fs, path::Path};

use sekisho_design::{Design, PublicKey, Source, Sources, Trust, check};

pub(crate) fn sample(name: &str) -> Design {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read(root.join(path)).unwrap();
    let key = String::from_utf8(read("tests/lab/keys/operator.pub")).unwrap();
    let operator: PublicKey = key.trim().parse().unwrap();
    let site = read(&format!("config-samples/{name}/site.toml"));
    let profile = read(&format!("config-samples/{name}/platform-profile.toml"));
    let sources = Sources {
        site: Source { name: "site.toml", bytes: &site },
        profile: Source { name: "platform-profile.toml", bytes: &profile },
    };
    check(&sources, &Trust { operator, in_force: None }).unwrap().design
}
