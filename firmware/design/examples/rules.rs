//! Writes `docs/rules.md` from the rules and their cases.

#![expect(clippy::unwrap_used, reason = "a tool for developers, who see the panic")]

#[path = "../tests/common/cases.rs"]
mod cases;
#[path = "../tests/common/keys.rs"]
mod keys;
#[path = "../tests/common/pair.rs"]
mod pair;
#[path = "../tests/common/rulebook.rs"]
mod rulebook;

fn main() -> std::io::Result<()> {
    std::fs::write(keys::path(rulebook::PAGE), rulebook::page())
}
