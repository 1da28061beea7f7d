//! `sekisho format`: site designs in canonical form.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use sekisho_design::{LARGEST_FILE, Language, Problems, Source, format};
use serde::Serialize;

use super::{CommandError, Format, read, reports, rewrite, show};

#[derive(Args, Debug)]
pub(super) struct Forms {
    /// Site designs; - reads standard input and writes standard output
    #[arg(value_name = "FILE", default_value = "site.toml")]
    files: Vec<PathBuf>,
    /// Change nothing, and end with exit code 1 where a file is in another form
    #[arg(long, conflicts_with = "stdout")]
    check: bool,
    /// Print the canonical form and leave the files alone
    #[arg(long)]
    stdout: bool,
}

/// What became of a file.
#[derive(Debug, Serialize)]
struct Formatted {
    file: String,
    /// Whether it was, or would be, written anew.
    changed: bool,
    /// The canonical form, where it goes to standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Puts files in canonical form. Where one of them can't be read, none is written.
pub(super) fn run(
    Forms { files, check, stdout }: &Forms,
    shape: Format,
    language: Language,
) -> Result<String, CommandError> {
    let mut forms = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        let bytes = contents(path)?;
        let name = path.to_string_lossy();
        match format(&Source { name: &name, bytes: &bytes }) {
            Ok(form) => forms.push((path, form.as_bytes() != bytes, form)),
            Err(Problems(found)) => problems.extend(reports(found)),
        }
    }
    if !problems.is_empty() {
        return Err(CommandError::Refused(problems));
    }
    if *check {
        let others = forms.iter().filter(|(_, changed, _)| *changed);
        let others: Vec<_> = others.map(|(path, ..)| path.display().to_string()).collect();
        if !others.is_empty() {
            return Err(CommandError::OtherForm(others.join(", ")));
        }
    }
    let mut formatted = Vec::new();
    for (path, changed, form) in forms {
        let printed = !check && (*stdout || is_standard(path));
        if changed && !printed {
            rewrite::replace(path, form.as_bytes())?;
        }
        let file = path.to_string_lossy().into_owned();
        formatted.push(Formatted { file, changed, text: printed.then_some(form) });
    }
    Ok(if shape == Format::Json { show::json(&formatted) } else { said(&formatted, language) })
}

/// A file's contents, or what standard input has.
fn contents(path: &Path) -> Result<Vec<u8>, CommandError> {
    if !is_standard(path) {
        return read(path);
    }
    let mut bytes = Vec::new();
    io::stdin()
        .take(LARGEST_FILE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| CommandError::Read { path: path.to_owned(), source })?;
    Ok(bytes)
}

fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

fn said(formatted: &[Formatted], language: Language) -> String {
    formatted.iter().map(|formatted| line(formatted, language)).collect()
}

fn line(Formatted { file, changed, text }: &Formatted, language: Language) -> String {
    match (text, changed, language) {
        (Some(text), ..) => text.clone(),
        (None, true, Language::Japanese) => format!("{file}：整えました。\n"),
        (None, false, Language::Japanese) => format!("{file}：整っています。\n"),
        (None, true, Language::English) => format!("{file}: put in canonical form.\n"),
        (None, false, Language::English) => format!("{file}: in canonical form.\n"),
    }
}
