//! Every rule has a bad file, and what is said about it is written down. See `bad/README.md`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/cases.rs"]
mod cases;
#[path = "common/keys.rs"]
mod keys;
#[path = "common/pair.rs"]
mod pair;

use std::{collections::BTreeSet, fmt::Write, fs};

use sekisho_design::{LARGEST_FILE, Language, Problem, Rule, Severity};

/// Codes whose bad file is made elsewhere, because it would be large: here, and with the tests of flows.
const MADE_HERE: [&str; 2] = ["CSV-12", "FILE-01"];

fn shown(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let Problem { file, line, column, path, .. } = problem;
        let severity = if problem.severity() == Severity::Error { "error" } else { "warning" };
        writeln!(text, "{file}:{line}:{column} [{path}] {} {severity}", problem.code()).unwrap();
        for language in [Language::Japanese, Language::English] {
            writeln!(text, "  {}", problem.sentence(language)).unwrap();
            writeln!(text, "  {}", problem.mend(language)).unwrap();
        }
    }
    text
}

#[test]
fn each_bad_file_gets_the_answer_that_is_written_down() {
    let mut covered: BTreeSet<String> = MADE_HERE.map(str::to_owned).into();
    let mut wrong = String::new();
    for case in cases::all() {
        let name = case.file_name().unwrap().to_str().unwrap();
        let problems = cases::problems(&case);
        let code =
            name.get(..7).filter(|code| Rule::CODES.contains(code)).or_else(|| name.get(..6));
        if let Some(code) = code.filter(|code| Rule::CODES.contains(code)) {
            assert!(problems.iter().any(|problem| problem.code() == code), "{name} lacks its rule");
            covered.insert(code.to_owned());
        }
        let (shown, expected) = (shown(&problems), case.join("expected.txt"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &shown).unwrap();
        } else if fs::read_to_string(&expected).ok().as_ref() != Some(&shown) {
            write!(wrong, "\n{name}:\n{shown}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "these differ from expected.txt:{wrong}");
    assert_eq!(covered, Rule::CODES.iter().map(|code| (*code).to_owned()).collect());
}

#[test]
fn codes_are_unique() {
    assert_eq!(Rule::CODES.iter().collect::<BTreeSet<_>>().len(), Rule::CODES.len());
}

#[test]
fn the_base_is_valid() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let accepted =
        pair::check_pair(pair::base("site.toml").as_bytes(), profile.as_bytes()).unwrap();
    assert_eq!(accepted.warnings, []);
}

#[test]
fn a_file_of_ten_megabytes_is_refused_unread() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let huge = vec![b'#'; 10 << 20];
    let problems = pair::check_pair(&huge, profile.as_bytes()).unwrap_err().0;
    let rule = Rule::TooLarge { bytes: 10 << 20, limit: LARGEST_FILE };
    assert_eq!(problems.iter().map(|problem| &problem.rule).collect::<Vec<_>>(), [&rule]);
    assert_eq!((problems[0].line, problems[0].column), (1, 1));
    assert!(problems[0].sentence(Language::Japanese).contains("大きすぎ"));

    let problems = pair::check_pair(pair::base("site.toml").as_bytes(), &huge).unwrap_err().0;
    assert_eq!(problems.iter().map(|problem| &problem.rule).collect::<Vec<_>>(), [&rule]);
}
