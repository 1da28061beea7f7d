//! The audit trail: who did what, when and from where, in a chain of hashes that shows any record that was changed, dropped
//! or moved.
//!
//! ```text
//! audit/00000000000000000001.jsonl   a segment: its anchor, then one record a line
//! audit/head.json                    number and hash of the newest record, so that a cut end is found too
//! ```
//!
//! Where the disk refuses, nothing that changes the device is carried out until it takes records again; looking goes on.
//! [`chain`] is the pure part.

pub mod chain;
mod guard;
mod query;
pub(crate) mod routes;
mod trail;

pub use chain::{Anchor, Event, Outcome, Record};
pub use guard::Note;
pub(crate) use guard::{append, asked, begin, ended};
pub use query::{Page, Wish};
pub use trail::{Fault, Limits, Trail, Verification, verify_file};
