//! `sekisho-snmp` as snmpd starts it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::Write as _,
    net::TcpListener,
    process::{Command, Output, Stdio},
};

fn run(words: &[&str], questions: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sekisho-snmp"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever was called wrongly reads nothing.
    drop(program.stdin.take().unwrap().write_all(questions.as_bytes()));
    program.wait_with_output().unwrap()
}

/// snmpd takes whatever a program says on standard error for answers.
#[test]
fn answers_are_all_that_it_says_also_where_there_are_no_figures() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = listener.local_addr().unwrap().to_string();
    drop(listener);
    let said = run(&[&nowhere], "PING\ngetnext\n.1.3.6.1.4.1.32473.1\n");
    let wanted = "PONG\n.1.3.6.1.4.1.32473.1.1.1.1.0\ninteger\n2\n";
    assert_eq!(String::from_utf8(said.stdout).unwrap(), wanted);
    assert!(said.stderr.is_empty() && said.status.success(), "{:?}", said.stderr);
}

#[test]
fn a_wrong_call_is_said() {
    for words in [&[][..], &["here"], &["127.0.0.1"], &["127.0.0.1:1", "more"]] {
        let said = run(words, "PING\n");
        assert_eq!(said.status.code(), Some(2), "{words:?}");
        assert!(said.stdout.is_empty() && !said.stderr.is_empty(), "{words:?}");
    }
}
