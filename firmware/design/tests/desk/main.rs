//! What an office makes from a design at the desk: the ledger, differences, sheets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod diff;
mod every_key;
#[path = "../common/keys.rs"]
mod keys;
mod ledger;
mod policies;
mod sample;
mod sheets;
