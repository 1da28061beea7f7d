//! The broken designs under `tests/bad/`; see the README there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sekisho_design::{Problem, Problems, Severity, Source, Tables, import};

use crate::{keys, pair};

/// Every case's folder, in the order of their names.
pub(crate) fn all() -> Vec<PathBuf> {
    let folder = fs::read_dir(keys::path("firmware/design/tests/bad")).unwrap();
    let mut cases: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.is_dir());
    cases.sort();
    cases
}

/// Every problem of a case.
pub(crate) fn problems(case: &Path) -> Vec<Problem> {
    let (site, profile) = files(case);
    let tables = ["servers.csv", "terminals.csv", "flows.csv"];
    let tables = tables.map(|name| fs::read(case.join(name)).ok());
    let checked = if tables.iter().any(Option::is_some) {
        imported(&site, tables.each_ref().map(Option::as_deref))
    } else {
        pair::check_pair(&site, profile.as_bytes()).map(|accepted| accepted.warnings)
    };
    checked.unwrap_or_else(|Problems(problems)| {
        assert!(problems.iter().any(|problem| problem.severity() == Severity::Error));
        problems
    })
}

/// What is said about the tables of a case.
fn imported(
    site: &[u8],
    [servers, terminals, flows]: [Option<&[u8]>; 3],
) -> Result<Vec<Problem>, Problems> {
    let table = |name, bytes: Option<_>| bytes.map(|bytes| Source { name, bytes });
    let tables = Tables {
        servers: table("servers.csv", servers),
        terminals: table("terminals.csv", terminals),
        flows: table("flows.csv", flows),
        replace: false,
    };
    Ok(import(&Source { name: "site.toml", bytes: site }, &tables)?.notices)
}

/// Both files of a case, after its edits.
fn files(case: &Path) -> (Vec<u8>, String) {
    let edited = |text: String, name: &str| match fs::read_to_string(case.join(name)) {
        Ok(edit) => apply(&text, &edit),
        Err(_) => text,
    };
    let site = match fs::read(case.join("site.toml")) {
        Ok(whole) => whole,
        Err(_) => edited(pair::base("site.toml"), "site.edit").into_bytes(),
    };
    let profile = keys::signed(&edited(pair::base("profile.toml"), "profile.edit"));
    (site, edited(profile, "signed.edit"))
}

fn apply(text: &str, edit: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for block in edit.split("\n\n") {
        let side = |sign: &str| -> Vec<String> {
            let lines = block.lines().filter_map(|line| line.strip_prefix(sign));
            lines.map(|line| line.replace("\\0", "\0")).collect()
        };
        let (old, new) = (side("- "), side("+ "));
        let place = if old.is_empty() {
            lines.len()
        } else {
            let fits =
                |start: &usize| old.iter().zip(&lines[*start..]).all(|(old, line)| same(old, line));
            let places: Vec<_> = (0..=lines.len() - old.len()).filter(fits).collect();
            assert_eq!(places.len(), 1, "found {} times: {old:?}", places.len());
            places[0]
        };
        lines.splice(place..place + old.len(), new);
    }
    lines.join("\n") + "\n"
}

fn same(pattern: &str, line: &str) -> bool {
    pattern.strip_suffix('…').map_or(pattern == line, |start| line.starts_with(start))
}
