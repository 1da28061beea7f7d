//! `sekisho trace` as people and programs call it, without a device.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

use std::process::{Command, Output};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn trace(sample: &str, words: &[&str]) -> Output {
    let file = |name: &str| format!("{ROOT}/{name}");
    let files = [
        file(&format!("config-samples/{sample}/site.toml")),
        file(&format!("config-samples/{sample}/platform-profile.toml")),
        file("tests/lab/keys/operator.pub"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C");
    command.args(["trace", "--site", &files[0], "--profile", &files[1]]);
    command.args(["--operator-key", &files[2]]).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn a_trace_is_told_in_either_language_and_as_data() {
    let words = ["--from", "192.168.1.100", "--to", "100.72.1.10:8080/tcp"];
    for (language, verdict, advice) in [
        ("en", "refused by head-office/undeclared-service", "To let it pass: add \"tcp/8080\""),
        (
            "ja",
            "拒否します: head-office/undeclared-service",
            "通すには: [[terminals]] の行 'counter'",
        ),
    ] {
        let output = trace("1-office", &[&words[..], &["--lang", language]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = text(&output.stdout);
        assert!(said.contains(verdict) && said.contains(advice), "{said}");
    }
    let output = trace("1-office", &[&words[..], &["--format", "json"]].concat());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["question"]["side"], "head-office");
    assert_eq!(value["outcome"]["result"], "refused");
    assert_eq!(value["outcome"]["told"], "prohibited");
    assert_eq!(value["counted"], serde_json::json!(["head-office/undeclared-service"]));
    assert_eq!(value["advice"]["change"]["service"]["row"]["terminals"], "counter");
    assert!(value["there"].as_array().unwrap().iter().any(|step| step["step"] == "route"));
    assert!(value["back"].is_null());
}

#[test]
fn the_side_is_taken_from_the_source_or_from_who_asks() {
    let result = |sample, words: &[&str]| {
        let output = trace(sample, &[words, &["--format", "json"]].concat());
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        (value["question"]["side"].clone(), value["outcome"]["result"].clone())
    };
    let from = ["--from", "192.168.1.100", "--to", "100.72.1.10:443/tcp"];
    assert_eq!(result("1-office", &from), ("head-office".into(), "delivered".into()));
    for lan in ["head-office", "education-board"] {
        let words = [&from[..], &["--lan", lan]].concat();
        assert_eq!(result("overlapping-ranges", &words), (lan.into(), "delivered".into()));
    }
    let words = [&from[..], &["--from-platform"]].concat();
    assert_eq!(result("1-office", &words), ("platform".into(), "refused".into()));
    let words = ["--from", "100.72.1.10", "--to", "100.64.10.11/icmp-echo"];
    assert_eq!(result("1-office", &words), ("platform".into(), "delivered".into()));
}

#[test]
fn what_can_t_be_traced_says_why_and_what_to_do() {
    let to = ["--to", "100.72.1.10:443/tcp"];
    let cases: [(&str, &[&str], &str); 6] = [
        ("overlapping-ranges", &["--from", "192.168.1.100"], "--lan education-board"),
        ("1-office", &["--from", "8.8.8.8"], "--from-platform"),
        ("union", &["--from", "192.168.1.100", "--lan", "education-board"], "no side"),
        ("1-office", &["--from", "127.0.0.1", "--lan", "head-office"], "no host's address"),
        ("1-office", &["--from", "192.168.1.100", "--to", "100.72.1.10"], "100.72.1.10:443/tcp"),
        ("1-office", &["--from", "1.2.3.4", "--lan", "head-office", "--from-platform"], "--lan"),
    ];
    for (sample, words, says) in cases {
        let to = if words.contains(&"--to") { &[][..] } else { &to };
        let output = trace(sample, &[words, to].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(says), "{output:?}");
    }
    // The device has its files.
    let words = ["--from", "192.168.1.100", "--to", "100.72.1.10:443/tcp", "--live"];
    let output = trace("1-office", &words);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("--live"), "{output:?}");
    let output = trace("nonexistent", &["--from", "192.168.1.100", "--to", "100.72.1.10:443/tcp"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
