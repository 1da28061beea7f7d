//! Every key that the reader knows has its place in the canonical order.

use std::{collections::BTreeSet, fmt::Write as _};

use sekisho_design::Rule;

use crate::{form::POLICIES, format::formatted, keys, pair};

/// A key that no table has; it sorts before all others but those that have a place.
const STRANGER: &str = "aaa";

/// A site in which every table has a key that nobody knows.
fn strange() -> String {
    let key = format!("{STRANGER} = 1\n");
    let site = (pair::base("site.toml") + POLICIES)
        .replace(" = [\n  {", &format!(" = [\n  {{ {STRANGER} = 1,"))
        .replace("office-dns = {", &format!("office-dns = {{ {STRANGER} = 1,"))
        .replace("shares = {", &format!("shares = {{ {STRANGER} = 1,"))
        .replace("[interface.lgwan]", "[interface]\n[interface.lgwan]");
    let line = |line: &str| {
        let more = if line.starts_with('[') { &*key } else { "" };
        format!("{line}\n{more}")
    };
    key.clone() + &site.lines().map(line).collect::<String>()
}

/// A file with one table, which stands at a path and has a stranger before a key.
fn stranger_first(path: &str, key: &str) -> String {
    let mut text = String::new();
    let mut above = Vec::new();
    for part in path.split_terminator('.') {
        let (name, (open, close)) = match part.split_once('[') {
            Some((name, _)) => (name, ("[[", "]]")),
            None => (part, ("[", "]")),
        };
        above.push(name);
        writeln!(text, "{open}{}{close}", above.join(".")).unwrap();
    }
    text + &format!("{STRANGER} = 1\n{key} = 1\n")
}

#[test]
fn every_key_that_the_reader_knows_has_its_place() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let problems = pair::check_pair(strange().as_bytes(), profile.as_bytes()).unwrap_err().0;
    let mut tables = BTreeSet::new();
    for problem in &problems {
        let Rule::UnknownKey { key, known } = &problem.rule else { panic!("{problem}") };
        assert_eq!(key, STRANGER);
        let path = problem.path.strip_suffix(STRANGER).unwrap();
        tables.insert(path);
        for known in known {
            let text = formatted(&stranger_first(path, known)).unwrap();
            let place = |key: &str| text.find(&format!("{key} = 1")).unwrap();
            assert!(place(known) < place(STRANGER), "{path}{known}:\n{text}");
        }
    }
    for path in [
        "",
        "site.",
        "interface.",
        "interface.lgwan.",
        "interface.head-office.routes[0].",
        "interface.maintenance.",
        "traffic.",
        "traffic.shares.",
        "server[0].",
        "server[0].allow-from-platform[0].",
        "server[2].global-for[0].",
        "terminals[0].",
        "terminals[2].global-for[0].",
        "object[0].",
        "service[0].",
        "policy[0].",
        "limits.",
        "names.",
        "names.office-dns.",
        "names.entry[0].",
        "flow-log.",
        "collector.",
        "page.",
    ] {
        assert!(tables.contains(path), "{path}: {tables:?}");
    }
}
