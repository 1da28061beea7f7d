//! Sites of any size, in files as an office and the operator would have them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sekisho_design::{Design, Source, Sources, Trust, check, sign};
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const HEAD: &str = r#"schema = 1

[site]
name = "大きな市"
organisation = "011002"
kind = "municipality"
placement = 1

[interface.lgwan]
port = "port1"
address = "198.18.1.2/24"
gateway = "198.18.1.1"

[interface.head-office]
port = "port2"
address = "10.0.255.254/16"

[interface.education-board]
port = "port3"
address = "10.1.255.254/16"
"#;

/// A design in a folder of its own.
pub(crate) struct Site(TempDir);

impl Site {
    /// A site with so many servers, half of them on each LAN; up to 16,000.
    pub(crate) fn with_servers(servers: usize) -> Self {
        let mut site = HEAD.to_owned();
        for number in 0..servers {
            let lan = ["head-office", "education-board"][number % 2];
            let (high, low) = (number / 250, number % 250 + 1);
            let net = number % 2;
            write!(
                site,
                "\n[[server]]\nname = \"s{number}\"\ninterface = \"{lan}\"\n\
                 private = \"10.{net}.{high}.{low}\"\nglobal = \"100.64.{high}.{low}\"\n\
                 allow-from-platform = [{{ from = \"100.72.0.0/16\", services = [\"https\"] }}]\n"
            )
            .unwrap();
        }
        let sample = fs::read_to_string(sample("1-office").join("platform-profile.toml")).unwrap();
        let profile = sekisho_design::without_signature(&sample)
            .replace("100.64.10.0/24", "100.64.0.0/18")
            .replace("\"100.64.10.1\"", "\"100.64.63.254\"");
        let key = fs::read_to_string(Path::new(ROOT).join("tests/lab/keys/operator.key")).unwrap();
        let profile = sign(&profile, &BASE64_STANDARD.decode(key.trim()).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("site.toml"), site).unwrap();
        fs::write(folder.path().join("platform-profile.toml"), profile).unwrap();
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// The folder of a sample.
pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(ROOT).join("config-samples").join(name)
}

/// The checked design of a folder.
pub(crate) fn design(folder: &Path) -> Design {
    let [site, profile] = files(folder).map(|file| fs::read(file).unwrap());
    let sources = Sources {
        site: Source { name: "site.toml", bytes: &site },
        profile: Source { name: "platform-profile.toml", bytes: &profile },
    };
    let operator = fs::read_to_string(operator_key()).unwrap().trim().parse().unwrap();
    check(&sources, &Trust { operator, in_force: None }).unwrap().design
}

/// How long the whole process `sekisho check` takes; it must accept the design.
pub(crate) fn check_takes(folder: &Path) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    let [site, profile] = files(folder);
    command.args(["check", "--lang", "en", "--site"]).arg(site).arg("--profile").arg(profile);
    command.arg("--operator-key").arg(operator_key());
    let start = Instant::now();
    let output = command.output().unwrap();
    let taken = start.elapsed();
    assert!(output.status.success(), "{output:?}");
    taken
}

/// The middle one of several.
pub(crate) fn median(runs: usize, mut measure: impl FnMut() -> Duration) -> Duration {
    let mut taken: Vec<_> = (0..runs).map(|_| measure()).collect();
    taken.sort_unstable();
    taken[runs / 2]
}

fn files(folder: &Path) -> [PathBuf; 2] {
    ["site.toml", "platform-profile.toml"].map(|file| folder.join(file))
}

fn operator_key() -> PathBuf {
    Path::new(ROOT).join("tests/lab/keys/operator.pub")
}
