//! A file in canonical form says the same, keeps every comment, and is its own canonical form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_design::{Problems, Source, format};
use toml_parser::{Source as Text, lexer::TokenKind};

fuzz_target!(|bytes: &[u8]| {
    let Ok(form) = formatted(bytes) else { return };
    let text = str::from_utf8(bytes).expect("it was read");
    assert_eq!(values(&form), values(text), "{form}");
    assert_eq!(comments(&form), comments(text), "{form}");
    assert!(!form.contains('\r') && !form.contains('\u{FEFF}'), "{form:?}");
    assert!(form.is_empty() || form.ends_with('\n'), "{form:?}");
    assert_eq!(formatted(form.as_bytes()).expect(&form), form);
});

fn formatted(bytes: &[u8]) -> Result<String, Problems> {
    format(&Source { name: "site.toml", bytes })
}

/// What a text says, in a form in which one "not a number" equals another.
fn values(text: &str) -> String {
    format!("{:?}", text.parse::<toml::Table>().expect(text))
}

/// Every comment, sorted.
fn comments(text: &str) -> Vec<&str> {
    let tokens = Text::new(text).lex().into_vec();
    let comment = |token: &toml_parser::lexer::Token| {
        (token.kind() == TokenKind::Comment)
            .then(|| text[token.span().start()..token.span().end()].trim())
    };
    let mut comments: Vec<_> = tokens.iter().filter_map(comment).collect();
    comments.sort_unstable();
    comments
}
