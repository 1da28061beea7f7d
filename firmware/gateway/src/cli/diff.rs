//! `sekisho diff`: two designs, and what is different.

use std::path::{Path, PathBuf};

use clap::Args;
use sekisho_design::{Design, Difference, Language, check, diff};

use super::{CommandError, Files, Format, show, with_files};

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

/// Says what changes from one design to the other. Both must keep every rule.
pub(super) fn run(pair: &Pair, format: Format, language: Language) -> Result<String, CommandError> {
    let design = |path: &Path| -> Result<Design, CommandError> {
        Ok(with_files(&files(path), &pair.operator_key, check)?.design)
    };
    let found = diff(&design(&pair.before)?, &design(&pair.after)?);
    Ok(if format == Format::Json { show::json(&found) } else { sentences(&found, language) })
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
