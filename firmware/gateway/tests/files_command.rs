//! `sekisho format` and `import`: what they write, what they leave alone, and how they end.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use sekisho_control::{Failure, FailureKind};
use serde_json::Value;
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn sekisho(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.current_dir(folder).args(words).args(["--lang", "en"]).output().unwrap()
}

fn import(folder: &Path, words: &[&str]) -> Output {
    let key = format!("{ROOT}/tests/lab/keys/operator.pub");
    sekisho(folder, &[&["import"], words, &["--operator-key", &key]].concat())
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

fn sample(file: &str) -> PathBuf {
    Path::new(ROOT).join("config-samples/1-office").join(file)
}

/// A folder with both files of a sample, and what is in the site.
fn office() -> (TempDir, String) {
    copy_of("1-office")
}

fn copy_of(sample: &str) -> (TempDir, String) {
    let (folder, from) = (tempfile::tempdir().unwrap(), Path::new(ROOT).join("config-samples"));
    for file in ["site.toml", "platform-profile.toml"] {
        fs::copy(from.join(sample).join(file), folder.path().join(file)).unwrap();
    }
    let site = site(&folder);
    (folder, site)
}

fn site(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("site.toml")).unwrap()
}

#[test]
fn format_writes_what_differs_and_nothing_else() {
    let (folder, canonical) = office();
    let path = folder.path().join("site.toml");
    let other = canonical.replace("name = ", "name   =").replace('\n', "\r\n");
    fs::write(&path, &other).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("site.toml", folder.path().join("link.toml")).unwrap();

    let output = sekisho(folder.path(), &["format", "--check"]);
    assert_eq!((code(&output), site(&folder)), (1, other.clone()), "{output:?}");
    assert!(err(&output).contains("not in canonical form: site.toml"), "{output:?}");
    let output = sekisho(folder.path(), &["format", "--stdout"]);
    assert_eq!((code(&output), out(&output), site(&folder)), (0, &*canonical, other));

    let output = sekisho(folder.path(), &["format", "link.toml"]);
    assert_eq!((code(&output), site(&folder)), (0, canonical.clone()), "{output:?}");
    assert_eq!(out(&output), "link.toml: put in canonical form.\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(folder.path().join("link.toml").is_symlink());
    let written = fs::metadata(&path).unwrap().modified().unwrap();

    let output = sekisho(folder.path(), &["format"]);
    assert_eq!((code(&output), out(&output)), (0, "site.toml: in canonical form.\n"));
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    assert_eq!(code(&sekisho(folder.path(), &["format", "--check", "site.toml"])), 0);
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn format_reads_standard_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["format", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"site.kind='union'\nschema=1").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), out(&output)), (0, "schema = 1\n\n[site]\nkind = \"union\"\n"));
}

#[test]
fn format_writes_no_file_where_one_is_wrong() {
    let (folder, canonical) = office();
    let other = canonical.replace("name = ", "name=");
    fs::write(folder.path().join("site.toml"), &other).unwrap();
    fs::write(folder.path().join("broken.toml"), "schema = 1\n[site\n").unwrap();
    let profile = fs::read(sample("platform-profile.toml")).unwrap();
    for (wrong, problem) in
        [("broken.toml", "error FILE-03"), ("platform-profile.toml", "error FILE-04")]
    {
        let output = sekisho(folder.path(), &["format", "site.toml", wrong]);
        assert_eq!((code(&output), site(&folder)), (1, other.clone()), "{output:?}");
        assert!(err(&output).contains(problem) && err(&output).contains(wrong), "{output:?}");
    }
    assert_eq!(fs::read(folder.path().join("platform-profile.toml")).unwrap(), profile);

    let output = sekisho(folder.path(), &["format", "missing.toml"]);
    assert_eq!(code(&output), 2, "{output:?}");
    let output = sekisho(folder.path(), &["format", "--check", "--format", "json"]);
    let failure: Failure = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), failure.kind), (1, FailureKind::Refused));
}

const NEW: &str = "名前,LAN,変換前（庁内）,変換後（グローバル）\natena,首長部局業務系LAN,192.168.1.12,100.64.10.12\n";

#[test]
fn import_writes_a_site_that_keeps_every_rule() {
    let (folder, before) = office();
    fs::write(folder.path().join("new.csv"), NEW).unwrap();
    let after = before.replace("private = \"192.168.1.11\"", "private = \"192.168.1.12\"");
    assert_ne!(after, before);

    let output = import(folder.path(), &["--servers", "new.csv", "--stdout"]);
    assert_eq!((code(&output), out(&output), site(&folder)), (0, &*after, before), "{output:?}");
    let output = import(folder.path(), &["--servers", "new.csv"]);
    assert_eq!((code(&output), site(&folder)), (0, after.clone()), "{output:?}");
    assert!(out(&output).contains("Servers: 0 added, 1 (atena) changed, 0 as before, 0 removed"));
    assert!(out(&output).contains("Written to site.toml"), "{output:?}");

    let output = import(folder.path(), &["--servers", "new.csv", "--replace", "--format", "json"]);
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done["changes"]["servers"]["removed"], serde_json::json!(["juki"]), "{done}");
    assert_eq!(done["changes"]["servers"]["unchanged"], serde_json::json!(["atena"]));
    let left = site(&folder);
    assert!(!left.contains("name = \"juki\"") && left.contains("name = \"atena\""));
}

#[test]
fn import_takes_back_what_sheet_prints() {
    let (folder, before) = office();
    let key = format!("{ROOT}/tests/lab/keys/operator.pub");
    let sheet = ["sheet", "translation", "--format", "csv", "--operator-key", &key];
    fs::write(folder.path().join("sheet.csv"), sekisho(folder.path(), &sheet).stdout).unwrap();
    let words = ["--servers", "sheet.csv", "--terminals", "sheet.csv", "--replace"];
    let output = import(folder.path(), &words);
    assert_eq!((code(&output), site(&folder)), (0, before), "{output:?}");
    assert!(out(&output).contains("Terminals: 0 added, 0 changed, 2 as before, 0 removed"));
    assert_eq!(out(&output).matches("CSV-05").count(), 1, "{output:?}");
}

#[test]
fn import_takes_back_the_policies_of_the_flow_inventory() {
    let (folder, before) = copy_of("policies");
    let key = format!("{ROOT}/tests/lab/keys/operator.pub");
    let sheet = ["sheet", "flows", "--format", "csv", "--operator-key", &key];
    let sheet = sekisho(folder.path(), &sheet).stdout;
    fs::write(folder.path().join("flows.csv"), &sheet).unwrap();
    let output = import(folder.path(), &["--flows", "flows.csv", "--replace"]);
    assert_eq!((code(&output), site(&folder)), (0, before), "{output:?}");
    assert!(out(&output).contains("Policies: 0 added, 0 changed, 3 as before, 0 removed"));

    let other = String::from_utf8(sheet).unwrap().replace("tcp/8443", "tcp/8444");
    fs::write(folder.path().join("flows.csv"), other).unwrap();
    let output = import(folder.path(), &["--flows", "flows.csv", "--format", "json"]);
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done["changes"]["policies"]["changed"], serde_json::json!(["notices"]), "{done}");
    assert!(site(&folder).contains("services = [\"tcp/8444\"]"));
}

#[test]
fn import_writes_nothing_that_is_wrong_unless_told_where() {
    let (folder, before) = office();
    fs::write(folder.path().join("outside.csv"), NEW.replace("100.64.10.12", "100.64.99.12"))
        .unwrap();
    fs::write(folder.path().join("no-table.csv"), "名前\nＡ\n").unwrap();
    let wrong = [("outside.csv", "outside.csv:2:31: error POOL-01"), ("no-table.csv", "CSV-03")];
    for (table, problem) in wrong {
        for more in [&[][..], &["--stdout"]] {
            let output = import(folder.path(), &[&["--servers", table], more].concat());
            assert_eq!((code(&output), out(&output)), (1, ""), "{output:?}");
            assert!(err(&output).contains(problem), "{output:?}");
            assert!(err(&output).contains("nothing was written"), "{output:?}");
        }
    }
    let output = import(folder.path(), &["--servers", "no-table.csv", "--output", "draft.toml"]);
    assert_eq!(code(&output), 1, "{output:?}");
    assert!(!folder.path().join("draft.toml").exists());
    let output = import(folder.path(), &["--servers", "outside.csv", "--output", "draft.toml"]);
    assert_eq!(code(&output), 1, "{output:?}");
    assert!(err(&output).contains("draft.toml is written, and breaks rules"), "{output:?}");
    let draft = fs::read_to_string(folder.path().join("draft.toml")).unwrap();
    assert!(draft.contains("100.64.99.12"));
    assert_eq!(site(&folder), before);

    assert_eq!(code(&import(folder.path(), &[])), 2);
    assert_eq!(code(&import(folder.path(), &["--servers", "missing.csv"])), 2);
    let output = import(folder.path(), &["--servers", "outside.csv", "--format", "json"]);
    let failure: Failure = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), failure.kind), (1, FailureKind::Refused));
    assert_eq!((&*failure.problems[0].file, failure.problems[0].line), ("outside.csv", 2));
}

#[test]
fn a_folder_that_can_not_be_written_is_said() {
    let (folder, before) = office();
    fs::write(folder.path().join("new.csv"), NEW).unwrap();
    let words = ["--servers", "new.csv", "--output", "missing/site.toml"];
    let output = import(folder.path(), &words);
    assert_eq!((code(&output), site(&folder)), (2, before), "{output:?}");
    assert!(err(&output).contains("missing/site.toml"), "{output:?}");
}
