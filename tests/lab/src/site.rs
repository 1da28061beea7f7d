//! What the lab takes from the checkout and from the programs it runs.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use sekisho_design::{Design, Source, Sources, Trust, check};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/keys");
/// What the platform's resolver answers.
pub(crate) const ZONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/platform.zone");
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config-samples");

/// The name of the operator's part in a site's folder.
pub const PROFILE: &str = "platform-profile.toml";

/// The folder of a sample site.
pub fn sample(name: &str) -> PathBuf {
    Path::new(SAMPLES).join(name)
}

/// A copy of a sample site whose design goes on with this text, until the next is made.
pub fn sample_with(name: &str, more: &str) -> anyhow::Result<PathBuf> {
    let (from, folder) = (sample(name), PathBuf::from("/run/sample-with"));
    fs::create_dir_all(&folder)?;
    let text = fs::read_to_string(from.join("site.toml"))?;
    fs::write(folder.join("site.toml"), format!("{text}\n{more}"))?;
    fs::copy(from.join(PROFILE), folder.join(PROFILE))?;
    Ok(folder)
}

/// Every sample site, by name.
pub fn samples() -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(SAMPLES).context(SAMPLES)? {
        found.push(entry?.path());
    }
    found.retain(|folder| folder.join("site.toml").is_file());
    found.sort();
    Ok(found)
}

/// The design of a site's folder, checked with the lab's operator key.
pub fn read(folder: &Path) -> anyhow::Result<Design> {
    let file = |name| {
        let path = folder.join(name);
        fs::read(&path).with_context(|| path.display().to_string())
    };
    let (site, profile) = (file("site.toml")?, file(PROFILE)?);
    let sources = Sources {
        site: Source { name: "site.toml", bytes: &site },
        profile: Source { name: PROFILE, bytes: &profile },
    };
    let trust = Trust { operator: key("operator.pub")?.trim().parse()?, in_force: None };
    let accepted =
        check(&sources, &trust).map_err(|problems| anyhow!("{}: {problems}", folder.display()))?;
    Ok(accepted.design)
}

/// The site design of a folder, as the lab's wires can carry it: these have no speed that a port could be fixed at.
pub(crate) fn for_wires(folder: &Path, scratch: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("site.toml");
    // What is no text the daemon has to say.
    let Ok(text) = fs::read_to_string(&path) else { return Ok(path) };
    let fixes = |line: &&str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        matches!(key, "speed" | "duplex")
    };
    if !text.lines().any(|line| fixes(&line)) {
        return Ok(path);
    }
    let lines: Vec<_> = text.lines().filter(|line| !fixes(line)).collect();
    let path = scratch.join("site.toml");
    fs::write(&path, lines.join("\n") + "\n")?;
    Ok(path)
}

/// A key file of the lab, as it is.
pub(crate) fn key(name: &str) -> anyhow::Result<String> {
    let path = key_path(name);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Where a key file of the lab is.
pub(crate) fn key_path(name: &str) -> PathBuf {
    Path::new(KEYS).join(name)
}

/// A program of the project: in `SEKISHO_BIN`, or beside the running program.
pub(crate) fn binary(name: &str) -> anyhow::Result<String> {
    let folders = if let Some(folder) = env::var_os("SEKISHO_BIN") {
        vec![PathBuf::from(folder)]
    } else {
        // Test programs stand one folder deeper, in deps/.
        env::current_exe()?.ancestors().skip(1).take(2).map(Path::to_owned).collect()
    };
    let path = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    let path = path.with_context(|| {
        format!("no {name} in {folders:?}: `cargo build --workspace`, or set SEKISHO_BIN")
    })?;
    Ok(path.to_string_lossy().into_owned())
}

/// The folder of the project's programs.
pub(crate) fn binary_folder() -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(binary("sekisho")?).parent().context("a program in no folder")?.to_owned())
}
