//! `sekisho ledger`, `sheet` and `diff`: what they print and how they end.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sekisho_control::{Failure, FailureKind};
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Runs a command with the lab's operator key.
fn sekisho(words: &[&str], language: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    let key = Path::new(ROOT).join("tests/lab/keys/operator.pub");
    command.args(words).arg("--operator-key").arg(key).args(["--lang", language]);
    command.output().unwrap()
}

fn done(words: &[&str], language: &str) -> String {
    let output = sekisho(words, language);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn sample(name: &str) -> PathBuf {
    Path::new(ROOT).join("config-samples").join(name)
}

/// Words that name both files of a sample.
fn files(name: &str) -> [String; 4] {
    let file = |file| sample(name).join(file).to_str().unwrap().to_owned();
    ["--site".to_owned(), file("site.toml"), "--profile".to_owned(), file("platform-profile.toml")]
}

/// A folder with a sample's files, the site changed.
fn changed(name: &str, old: &str, new: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let site = fs::read_to_string(sample(name).join("site.toml")).unwrap();
    assert!(site.contains(old));
    fs::write(folder.path().join("site.toml"), site.replace(old, new)).unwrap();
    let profile = "platform-profile.toml";
    fs::copy(sample(name).join(profile), folder.path().join(profile)).unwrap();
    folder
}

/// The golden files are of the `design` crate, which is told what the tunnel does; here its own constants speak.
#[test]
fn every_sheet_is_the_golden_one_to_the_byte() {
    for name in ["1-office", "2-partly-data-centre"] {
        for kind in ["ledger", "translation", "flows", "firewall"] {
            for language in ["ja", "en"] {
                for (format, ending) in [("csv", "csv"), ("html", "html"), ("text", "txt")] {
                    let files = files(name);
                    let mut words = if kind == "ledger" { vec![kind] } else { vec!["sheet", kind] };
                    words.extend(files.iter().map(String::as_str));
                    words.extend(["--format", format]);
                    let golden = format!(
                        "{ROOT}/firmware/design/tests/golden/{name}/{kind}.{language}.{ending}"
                    );
                    let golden = fs::read_to_string(golden).unwrap();
                    assert_eq!(done(&words, language), golden, "{name} {kind} {format}");
                }
            }
        }
    }
}

#[test]
fn programs_get_the_ledger_and_the_sheets_as_json() {
    let files = files("1-office");
    let files = files.each_ref().map(String::as_str);
    let json = |words: &[&str]| -> Value {
        let words = [words, &files, &["--format", "json"]].concat();
        serde_json::from_str(&done(&words, "en")).unwrap()
    };
    let ledger = json(&["ledger"]);
    assert_eq!((&ledger["totals"]["free"], &ledger["totals"]["pool"]), (&251.into(), &256.into()));
    assert_eq!(ledger["pool"][3]["holder"], "server");
    assert_eq!(ledger["pool"][3]["name"], "juki");
    assert_eq!(ledger["pool"][3]["first"], "100.64.10.11");
    let sheet = json(&["sheet", "flows"]);
    assert_eq!(sheet["rows"].as_array().unwrap().len(), 6);
}

#[test]
fn the_ledger_names_what_to_apply_for_where_check_refuses() {
    let folder = changed("1-office", "100.64.10.12", "100.64.99.12");
    let files = ["site.toml", "platform-profile.toml"].map(|file| folder.path().join(file));
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    let words = ["--site", files[0], "--profile", files[1]];
    let said = done(&[&["ledger"][..], &words].concat(), "ja");
    let row = said.lines().find(|line| line.contains("100.64.99.12")).unwrap();
    assert!(row.contains("申請が必要（静的）") && row.contains("atena"), "{said}");
    for command in [&["check"][..], &["sheet", "flows"]] {
        let output = sekisho(&[command, &words].concat(), "ja");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("POOL-01"));
    }
}

#[test]
fn a_difference_is_told_by_folders_and_by_files() {
    let folder = changed("1-office", "100.64.10.12", "100.64.10.13");
    let before = sample("1-office");
    let after = folder.path().to_str().unwrap();
    let before_site = before.join("site.toml");
    let after_site = folder.path().join("site.toml");
    let said = done(&["diff", before.to_str().unwrap(), after], "ja");
    let expected =
        "サーバ「atena」：グローバルアドレスが 100.64.10.12 から 100.64.10.13 に変わります。\n";
    assert_eq!(said, expected);
    let sites = [&before_site, &after_site].map(|site| site.to_str().unwrap());
    assert_eq!(done(&["diff", sites[0], sites[1]], "ja"), expected);

    let json = done(&["diff", sites[0], after, "--format", "json"], "en");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["path"], "server.atena.global");
    assert_eq!(json.as_array().unwrap().len(), 1);

    // A generation on the device calls its profile otherwise.
    let [from, to] = ["platform-profile.toml", "profile.toml"].map(|file| folder.path().join(file));
    fs::rename(from, to).unwrap();
    assert_eq!(done(&["diff", sites[0], after], "ja"), expected);
}

#[test]
fn equal_designs_have_no_difference() {
    let folder = sample("large");
    let folder = folder.to_str().unwrap();
    assert_eq!(done(&["diff", folder, folder], "en"), "There is no difference.\n");
    assert_eq!(done(&["diff", folder, folder, "--format", "json"], "en"), "[]\n");
}

#[test]
fn a_design_that_breaks_rules_or_is_not_there_is_said() {
    let folder = changed("1-office", "100.64.10.12", "100.64.10.11");
    let base = sample("1-office");
    let [good, bad] = [&base, folder.path()].map(|path| path.to_str().unwrap());
    for words in [["diff", good, bad], ["diff", bad, good]] {
        let output = sekisho(&words, "en");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("POOL-02") && said.contains(bad), "{said}");
    }
    let output = sekisho(&["diff", good, "/nowhere", "--format", "json"], "en");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let failure: Failure = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.message.contains("/nowhere"), "{failure:?}");
}

#[test]
fn only_tables_have_the_formats_of_tables() {
    let words = ["check", "--format", "csv"];
    let output = sekisho(&words, "en");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("only 'ledger' and 'sheet'"));
    let page = ["flows", "--format", "html"];
    let output = Command::new(env!("CARGO_BIN_EXE_sekisho")).args(page).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("'flows' has csv"));
}
