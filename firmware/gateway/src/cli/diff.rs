//! `sekisho diff`: two designs, and what is different.

use std::path::{Path, PathBuf};

use clap::Args;
use sekisho_control::Stored;
use sekisho_design::{Design, Difference, Language, Problems, Source, Sources, Trust, check, diff};

use super::{CommandError, Files, Format, operator, reports, show, with_files};

#[derive(Args, Debug)]
pub(super) struct Pair {
    /// The design to start from
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The design to compare with it
    #[arg(value_name = "B")]
    after: PathBuf,
    /// The operator's Ed25519 public key, base64
    #[arg(long, value_name = "FILE", default_value = "/etc/sekisho/operator.pub")]
    operator_key: PathBuf,
}

/// Names of the platform profile: as it is delivered, and in a device's generations.
const PROFILES: [&str; 2] = ["platform-profile.toml", "profile.toml"];

/// Both designs of a pair. A number that no file is called by is a generation, which the device has.
pub(super) fn sides(
    pair: &Pair,
    generation: impl Fn(u64) -> Result<Stored, CommandError>,
) -> Result<[Design; 2], CommandError> {
    let design = |path: &Path| -> Result<Design, CommandError> {
        let number = path.to_str().and_then(|text| text.parse().ok());
        match number {
            Some(number) if !path.exists() => kept(&generation(number)?, &pair.operator_key),
            _ => Ok(with_files(&files(path), &pair.operator_key, check)?.design),
        }
    };
    Ok([design(&pair.before)?, design(&pair.after)?])
}

fn kept(stored: &Stored, operator_key: &Path) -> Result<Design, CommandError> {
    let number = stored.generation.number;
    let [site, profile] = ["site", "profile"].map(|part| format!("{part} of generation {number}"));
    let sources = Sources {
        site: Source { name: &site, bytes: stored.site.as_bytes() },
        profile: Source { name: &profile, bytes: stored.profile.as_bytes() },
    };
    let trust = Trust { operator: operator(operator_key)?, in_force: None };
    let accepted = check(&sources, &trust)
        .map_err(|Problems(problems)| CommandError::Refused(reports(problems)))?;
    Ok(accepted.design)
}

/// Says what changes from one design to the other.
pub(super) fn run(before: &Design, after: &Design, format: Format, language: Language) -> String {
    let found = diff(before, after);
    if format == Format::Json { show::json(&found) } else { sentences(&found, language) }
}

fn sentences(found: &[Difference], language: Language) -> String {
    if found.is_empty() {
        return match language {
            Language::Japanese => "違いはありません。".to_owned(),
            Language::English => "There is no difference.".to_owned(),
        };
    }
    let sentences: Vec<_> = found.iter().map(|found| found.sentence.get(language)).collect();
    sentences.join("\n")
}

/// The two files that a path stands for.
fn files(path: &Path) -> Files {
    let (folder, site) = if path.is_dir() {
        (path, path.join("site.toml"))
    } else {
        (path.parent().unwrap_or(Path::new("")), path.to_owned())
    };
    let [delivered, kept] = PROFILES.map(|name| folder.join(name));
    let profile = if !delivered.exists() && kept.exists() { kept } else { delivered };
    Files { site, profile }
}
