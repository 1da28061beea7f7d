//! `sekisho import`: rows of a site from the tables of a spreadsheet.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use sekisho_design::{
    Accepted, Changes, Imported, LARGEST_FILE, LARGEST_TABLE, Language, Problem, Problems, Report,
    RowKind, Source, Tables, check, import,
};
use serde::Serialize;

use super::{
    CommandError, Format, SignedFiles, read, read_up_to, reports, rewrite, show, with_site,
};

#[derive(Args, Debug)]
pub(super) struct Import {
    /// A table (CSV) whose servers go into the site
    #[arg(long, value_name = "FILE", required_unless_present_any = ["terminals", "flows"])]
    servers: Option<PathBuf>,
    /// A table whose terminals go into the site; it may be the same file
    #[arg(long, value_name = "FILE")]
    terminals: Option<PathBuf>,
    /// A flow inventory (CSV) whose policies go into the site
    #[arg(long, value_name = "FILE")]
    flows: Option<PathBuf>,
    /// Remove rows that the table doesn't name
    #[arg(long)]
    replace: bool,
    /// Print the site and leave its file alone
    #[arg(long, conflicts_with = "output")]
    stdout: bool,
    /// Write the site here, even if it breaks rules
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    files: SignedFiles,
}

/// Why an import ends without success.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotImported {
    #[error("these tables can't be put into this site; nothing was written")]
    Unreadable(Vec<Report>),
    #[error("with these rows the site breaks rules; nothing was written")]
    BreaksRules(Vec<Report>),
    #[error("{} is written, and breaks rules", path.display())]
    Written { path: PathBuf, problems: Vec<Report> },
}

/// What an import did.
#[derive(Serialize)]
struct Done<'a> {
    changes: &'a BTreeMap<RowKind, Changes>,
    /// Where the site was written, if it was.
    written: Option<String>,
    /// The site, where it goes to standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a str>,
    warnings: Vec<Report>,
}

impl NotImported {
    pub(super) fn problems(&self) -> &[Report] {
        match self {
            Self::Unreadable(problems)
            | Self::BreaksRules(problems)
            | Self::Written { problems, .. } => problems,
        }
    }

    pub(super) fn way_out(&self) -> Option<String> {
        match self {
            Self::BreaksRules(_) => {
                Some("mend the tables, or have it written as it is: --output FILE".to_owned())
            }
            Self::Unreadable(_) | Self::Written { .. } => None,
        }
    }
}

/// Puts the rows of tables into a site, and checks the site whole before it is written.
pub(super) fn run(
    arguments: &Import,
    format: Format,
    language: Language,
) -> Result<String, CommandError> {
    let SignedFiles { files, operator_key } = &arguments.files;
    let before = read(&files.site)?;
    let name = files.site.to_string_lossy();
    let imported = rows_in(arguments, &Source { name: &name, bytes: &before })?;
    let checked = with_site(imported.site.as_bytes(), files, operator_key, check)?;

    let target = arguments.output.as_ref().unwrap_or(&files.site);
    let shown = |problems| {
        let problems = imported.in_tables(problems, &name).into_iter();
        // What isn't in a table is in the file that is written.
        let named = problems.map(|problem: Problem| {
            let is_site = problem.file == *name;
            let file = if is_site { target.to_string_lossy().into_owned() } else { problem.file };
            Problem { file, ..problem }
        });
        reports(imported.notices.iter().cloned().chain(named).collect())
    };
    let warnings = match checked {
        Ok(Accepted { warnings, .. }) => shown(warnings),
        Err(Problems(problems)) => {
            let problems = shown(problems);
            let Some(path) = &arguments.output else {
                return Err(NotImported::BreaksRules(problems).into());
            };
            rewrite::write(path, imported.site.as_bytes())?;
            return Err(NotImported::Written { path: path.clone(), problems }.into());
        }
    };
    if !arguments.stdout {
        write(target, &imported.site, (target == &files.site).then_some(&*before))?;
    }
    let done = Done {
        changes: &imported.changes,
        written: (!arguments.stdout).then(|| target.to_string_lossy().into_owned()),
        site: arguments.stdout.then_some(&*imported.site),
        warnings,
    };
    Ok(if format == Format::Json { show::json(&done) } else { said(&done, language) })
}

/// A file's name and content.
type Named = (String, Vec<u8>);

/// Reads the tables and puts their rows into a site.
fn rows_in(arguments: &Import, site: &Source<'_>) -> Result<Imported, CommandError> {
    let table = |path: Option<&PathBuf>, limit| -> Result<Option<Named>, CommandError> {
        path.map(|path| Ok((path.to_string_lossy().into_owned(), read_up_to(path, limit)?)))
            .transpose()
    };
    let servers = table(arguments.servers.as_ref(), LARGEST_FILE)?;
    let terminals = table(arguments.terminals.as_ref(), LARGEST_FILE)?;
    let flows = table(arguments.flows.as_ref(), LARGEST_TABLE)?;
    let tables = Tables {
        servers: servers.as_ref().map(source),
        terminals: terminals.as_ref().map(source),
        flows: flows.as_ref().map(source),
        replace: arguments.replace,
    };
    import(site, &tables)
        .map_err(|Problems(problems)| NotImported::Unreadable(reports(problems)).into())
}

fn source((name, bytes): &Named) -> Source<'_> {
    Source { name, bytes }
}

/// Writes a site, unless this very text stands there.
fn write(path: &Path, site: &str, before: Option<&[u8]>) -> Result<(), CommandError> {
    if before == Some(site.as_bytes()) {
        return Ok(());
    }
    Ok(rewrite::write(path, site.as_bytes())?)
}

fn said(done: &Done<'_>, language: Language) -> String {
    if let Some(site) = done.site {
        // The site alone goes to standard output, so that it can be sent to a file.
        eprint!("{}", show::problems(&done.warnings, language));
        return site.to_owned();
    }
    let mut text = show::problems(&done.warnings, language);
    for (kind, changes) in done.changes {
        text += &sentence(*kind, changes, language);
    }
    if let Some(path) = &done.written {
        let _ = match language {
            Language::Japanese => writeln!(text, "{path} に書きました。設計に誤りはありません。"),
            Language::English => writeln!(text, "Written to {path}. The design keeps every rule."),
        };
    }
    text
}

fn sentence(kind: RowKind, changes: &Changes, language: Language) -> String {
    let names = |names: &[String]| match (names, language) {
        ([], _) => "0".to_owned(),
        (names, Language::Japanese) => format!("{}（{}）", names.len(), names.join("、")),
        (names, Language::English) => format!("{} ({})", names.len(), names.join(", ")),
    };
    let added = names(&changes.added);
    let differing = names(&changes.changed);
    let same = changes.unchanged.len();
    let removed = names(&changes.removed);
    let (japanese, english) = match kind {
        RowKind::Servers => ("サーバ", "Servers"),
        RowKind::Terminals => ("端末", "Terminals"),
        RowKind::Policies => ("通信許可", "Policies"),
    };
    match language {
        Language::Japanese => {
            format!("{japanese}：追加 {added}、変更 {differing}、変更なし {same}、削除 {removed}\n")
        }
        Language::English => {
            format!(
                "{english}: {added} added, {differing} changed, {same} as before, {removed} removed\n"
            )
        }
    }
}
