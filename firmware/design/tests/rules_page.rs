//! `docs/rules.md` says what the rules say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/cases.rs"]
mod cases;
#[path = "common/keys.rs"]
mod keys;
#[path = "common/pair.rs"]
mod pair;
#[path = "common/rulebook.rs"]
mod rulebook;

use sekisho_design::Rule;

#[test]
fn the_page_is_current() {
    let page = std::fs::read_to_string(keys::path(rulebook::PAGE)).unwrap();
    assert!(
        page == rulebook::page(),
        "{} is old: cargo run -p sekisho-design --example rules",
        rulebook::PAGE
    );
}

#[test]
fn every_rule_stands_there_once() {
    let page = rulebook::page();
    for code in Rule::CODES {
        assert_eq!(page.matches(&format!("\n### {code} (")).count(), 1, "{code}");
    }
}
