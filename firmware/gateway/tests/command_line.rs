//! `sekisho` as people and programs call it, without a device: what it prints and how it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on ends")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sekisho_control::{Failure, FailureKind};
use sekisho_design::{Report, Severity};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Runs `sekisho` with an environment that speaks no language unless told.
fn sekisho(words: &[&str], language: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", language);
    command.args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn sample(name: &str) -> PathBuf {
    Path::new(ROOT).join("config-samples").join(name)
}

/// Checks two files with the lab's operator key.
fn check(site: &Path, profile: &Path, more: &[&str], language: &str) -> Output {
    let key = Path::new(ROOT).join("tests/lab/keys/operator.pub");
    let [site, profile, key] = [site, profile, &key].map(|path| path.to_str().unwrap());
    let words = ["check", "--site", site, "--profile", profile, "--operator-key", key];
    sekisho(&[&words, more].concat(), language)
}

fn failure(output: &Output) -> Failure {
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn every_sample_is_accepted() {
    for entry in fs::read_dir(Path::new(ROOT).join("config-samples")).unwrap() {
        let folder = entry.unwrap().path();
        let (site, profile) = (folder.join("site.toml"), folder.join("platform-profile.toml"));
        if !site.is_file() {
            continue;
        }
        let output = check(&site, &profile, &[], "C");
        assert_eq!(code(&output), 0, "{output:?}");
        assert!(text(&output.stdout).contains("The design keeps every rule."), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let output = check(&site, &profile, &["--format", "json"], "C");
        let warnings: Vec<Report> = serde_json::from_slice(&output.stdout).unwrap();
        assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning));
    }
}

#[test]
fn problems_are_shown_all_at_once_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let good = sample("1-office");
    let profile = good.join("platform-profile.toml");
    let site = folder.path().join("site.toml");
    let text_of_site = fs::read_to_string(good.join("site.toml")).unwrap();
    let bad = text_of_site
        .replace("\"192.168.1.10\"", "\"203.0.113.9\"")
        .replace("\"100.64.10.12\"", "\"198.51.100.7\"");
    fs::write(&site, bad).unwrap();

    let languages = [
        ("en_GB.UTF-8", &[][..], "error ADDR-01", "error POOL-01"),
        ("ja_JP.UTF-8", &[], "誤り ADDR-01", "誤り POOL-01"),
        ("ja_JP.UTF-8", &["--lang", "en"], "error ADDR-01", "error POOL-01"),
        ("C", &["--lang", "ja"], "誤り ADDR-01", "誤り POOL-01"),
    ];
    for (environment, more, first, second) in languages {
        let output = check(&site, &profile, more, environment);
        assert_eq!(code(&output), 1, "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains(first) && said.contains(second), "{said}");
        let place = format!("{}:", site.display());
        assert!(said.lines().any(|line| line.starts_with(&place)), "{said}");
    }

    let failure = failure(&check(&site, &profile, &["--format", "json"], "C"));
    assert_eq!(failure.kind, FailureKind::Refused);
    let codes: Vec<_> = failure.problems.iter().map(|problem| &*problem.code).collect();
    assert!(codes.contains(&"ADDR-01") && codes.contains(&"POOL-01"), "{codes:?}");
    for Report { line, column, sentence, mend, .. } in &failure.problems {
        assert!(*line > 0 && *column > 0);
        let texts = [&sentence.ja, &sentence.en, &mend.ja, &mend.en];
        assert!(texts.iter().all(|text| !text.is_empty()), "{texts:?}");
    }
}

#[test]
fn files_that_hold_no_design_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let profile = sample("1-office").join("platform-profile.toml");
    let file = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    };
    let long = "見".repeat(4_000_000);
    let refused = [
        (file("syntax", b"[site"), "FILE-03"),
        (file("empty", b""), "FORM-04"),
        (file("type", b"schema = \"one\""), "FORM-05"),
        (file("shift-jis", b"# \x8c\xa9\x96{\n"), "FILE-02"),
        (file("long", format!("# {long}").as_bytes()), "FILE-01"),
    ];
    for (site, problem) in &refused {
        let output = check(site, &profile, &["--format", "json"], "C");
        assert_eq!(code(&output), 1, "{output:?}");
        let failure = failure(&output);
        assert!(failure.problems.iter().any(|found| found.code == *problem), "{failure:?}");
    }

    let missing = folder.path().join("missing.toml");
    for (site, way_out) in [(&*missing, "name the file"), (folder.path(), "")] {
        let output = check(site, &profile, &[], "C");
        assert_eq!(code(&output), 2, "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains("can't read") && said.contains(way_out), "{said}");
    }
    let failure = failure(&check(&missing, &profile, &["--format", "json"], "C"));
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.way_out.is_some() && failure.problems.is_empty(), "{failure:?}");
}

#[test]
fn an_operator_key_that_is_none_is_said() {
    let site = sample("1-office").join("site.toml").display().to_string();
    for (key, says) in [(&*site, "operator's key"), ("/nonexistent/key", "No such file")] {
        let output = sekisho(&["check", "--site", &site, "--operator-key", key], "C");
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(text(&output.stderr).contains(says), "{output:?}");
    }
}

#[test]
fn without_a_daemon_each_command_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock").display().to_string();
    let site = sample("1-office").join("site.toml").display().to_string();
    let asked = ["trace", "--live", "--from", "192.168.1.100", "--to", "100.72.1.10:443/tcp"];
    let commands = [
        &["status"][..],
        &["key"],
        &["plan", "--site", &site],
        &["apply", "--site", &site],
        &asked,
        &["apply", "--site", &site, "--seen", "3", "--confirm-within", "5m", "--reason", "why"],
        &["confirm"],
        &["rollback", "4"],
        &["history"],
        &["restore", "1"],
        &["diff", "1", "2"],
    ];
    for words in commands {
        let words = [&["--socket", &socket], words].concat();
        let output = sekisho(&words, "C");
        assert_eq!(code(&output), 3, "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains(&socket) && said.contains("start sekishod"), "{said}");
        let failure = failure(&sekisho(&[&words[..], &["--format", "json"]].concat(), "C"));
        assert_eq!(failure.kind, FailureKind::Device);
        assert!(failure.way_out.is_some(), "{failure:?}");
    }
}

#[test]
fn wrong_usage_is_code_2_and_help_names_every_option() {
    let wrong = [
        &[][..],
        &["aply"],
        &["check", "--sites", "x"],
        &["status", "--format", "xml"],
        &["apply", "--confirm-within", "soon"],
        &["apply", "--seen", "-1"],
        &["confirm", "it"],
        &["confirm", "--token", "a"],
        &["confirm", "--at", "192.168.254.1"],
        &["apply", "--came-by", "port4"],
        &["restore"],
    ];
    for words in wrong {
        let output = sekisho(words, "C");
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(!output.stderr.is_empty());
    }
    let help = |words: &[&str]| {
        let output = sekisho(&[words, &["--help"]].concat(), "C");
        assert_eq!(code(&output), 0, "{output:?}");
        text(&output.stdout).to_owned()
    };
    let whole = help(&[]);
    let commands =
        ["check", "plan", "apply", "confirm", "rollback", "history", "restore", "status"];
    for part in commands.iter().chain(&["key", "Exit codes", "--version"]) {
        assert!(whole.contains(part), "{part}: {whole}");
    }
    let options: [(&str, &[&str]); 8] = [
        ("check", &["--site", "--profile", "--operator-key"]),
        ("plan", &["--site", "--profile", "--steps"]),
        ("trace", &["--from", "--to", "--lan", "--from-platform", "--live", "--site"]),
        ("apply", &["--site", "--profile", "--confirm-within", "--reason", "--seen", "--came-by"]),
        ("confirm", &["--token", "--at"]),
        ("restore", &["--confirm-within", "--reason", "--seen"]),
        ("status", &[]),
        ("key", &[]),
    ];
    for (command, own) in options {
        let shown = help(&[command]);
        for option in own.iter().chain(&["--socket", "--format", "--lang"]) {
            assert!(shown.contains(option), "{command} {option}: {shown}");
        }
    }
    for program in [env!("CARGO_BIN_EXE_sekisho"), env!("CARGO_BIN_EXE_sekishod")] {
        let output = Command::new(program).arg("--version").output().unwrap();
        assert!(text(&output.stdout).contains(env!("CARGO_PKG_VERSION")), "{output:?}");
    }
}
