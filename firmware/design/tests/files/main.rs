//! The site design as a file: put in canonical form, printed from a design, and filled from spreadsheets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/keys.rs"]
mod keys;
#[path = "../common/pair.rs"]
mod pair;
#[path = "../common/policies.rs"]
mod policies;

mod flows;
mod form;
mod format;
mod import;
mod order;
