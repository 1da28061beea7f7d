use proptest::prelude::*;

use super::*;
use crate::{BASE, Figures};

fn answers(questions: &[u8]) -> String {
    let mut output = Vec::new();
    let tree = || Tree::of(Some(&Figures::read("sekisho_up 1\nsekisho_connections 7\n")));
    serve(questions, &mut output, tree).unwrap();
    String::from_utf8(output).unwrap()
}

/// With our base in place of `BASE`.
fn said(questions: &str) -> String {
    answers(questions.replace("BASE", BASE).as_bytes()).replace(BASE, "BASE")
}

#[test]
fn questions_are_answered_with_name_type_and_value() {
    assert_eq!(said("PING\n"), "PONG\n");
    assert_eq!(said("get\nBASE.1.4.3.0\n"), "BASE.1.4.3.0\ngauge\n7\n");
    assert_eq!(said("get\nBASE.1.4.3\n"), "NONE\n", "no instance");
    assert_eq!(said("getnext\nBASE\n"), "BASE.1.1.1.0\ninteger\n1\n");
    assert_eq!(said("getnext\nBASE.1.1.1.0\n"), "BASE.1.2.1.0\ninteger\n0\n");
    assert_eq!(said("getnext\nBASE.1.4.3.0\n"), "NONE\n", "the end");
    assert_eq!(
        told(&BASE.parse().unwrap(), &Value::Counter(u64::MAX)).lines().last(),
        Some("18446744073709551615")
    );
    assert_eq!(
        told(&BASE.parse().unwrap(), &Value::Text(String::new())).lines().nth(1),
        Some("string")
    );
}

#[test]
fn nothing_is_ever_set() {
    assert_eq!(said("set\nBASE.1.4.3.0\ngauge 9\nPING\n"), "not-writable\nPONG\n");
}

#[test]
fn garbage_gets_nothing_and_the_next_question_its_answer() {
    let long = "x".repeat(100_000);
    for garbage in ["GET", "get BASE", "pong", "\u{feff}PING", ".1.3.6", &long] {
        assert_eq!(said(&format!("{garbage}\nPING\n")), "NONE\nPONG\n", "{garbage}");
    }
    for name in ["x", "-1", ".1.3.99999999999", "BASE.", "..", &long, "getnext"] {
        for command in ["get", "getnext"] {
            assert_eq!(said(&format!("{command}\n{name}\nPING\n")), "NONE\nPONG\n", "{name}");
        }
    }
    assert_eq!(answers(b"\xff\xfe\x00\nPING\n"), "NONE\nPONG\n");
    assert_eq!(said("PING\r\n"), "PONG\n");
}

#[test]
fn the_end_comes_wherever_it_comes() {
    for end in ["", "get\n", "getnext\n", "set\n", "set\nBASE.1\n"] {
        assert_eq!(said(end), "", "{end}");
    }
    assert_eq!(said("PING\n\nPING\n"), "PONG\n", "an empty line is snmpd's goodbye");
    assert_eq!(said("PING"), "PONG\n");
}

#[test]
fn an_end_that_takes_no_answers_is_an_error() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert!(serve(&b"PING\n"[..], Gone, || Tree::of(None)).is_err());
}

proptest! {
    /// Whatever comes, answers are of the protocol's form.
    #[test]
    fn nothing_puts_it_out_of_form(bytes in proptest::collection::vec(prop_oneof![
        Just(b"get\n".to_vec()), Just(b"getnext\n".to_vec()), Just(b"set\n".to_vec()), Just(b"PING\n".to_vec()),
        Just(format!("{BASE}.1\n").into_bytes()), proptest::collection::vec(any::<u8>(), 0..12),
    ], 0..12)) {
        let said = answers(&bytes.concat());
        let mut lines = said.lines();
        while let Some(line) = lines.next() {
            if !["NONE", "PONG", "not-writable"].contains(&line) {
                prop_assert!(line.starts_with(BASE), "{}", line);
                prop_assert!(["integer", "gauge", "string"].contains(&lines.next().unwrap()));
                prop_assert!(lines.next().is_some());
            }
        }
    }
}
