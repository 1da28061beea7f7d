//! The capsule: what a box needs to be put up again, as one file in the age format (age-encryption.org/v1).
//!
//! ```text
//! age header: one passphrase (scrypt), or one recipient's key (X25519)
//!  └─ one JSON object: "format", "schema", then Contents
//! ```
//! Whoever has the passphrase or the recipient's secret key opens it on any PC as well: `age -d capsule.age | jq -r .site`.
//!
//! This crate is pure. It reads no file and no clock; what it takes from the machine is random numbers for keys and salts.

#![forbid(unsafe_code)]

mod contents;
mod fault;
mod lock;
mod passphrase;

pub use self::{
    contents::{Contents, Identity, SCHEMA, Secret, User},
    fault::Fault,
    lock::{Key, LARGEST, Lock, MOST_WORK, Recipient, Unlock, WORK, has_passphrase, open, seal},
    passphrase::{LONGEST, Passphrase, SHORTEST, WORD_BITS},
};
