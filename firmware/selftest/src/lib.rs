//! The self-test: from the cable to the intermediate server's certificate (R19 R20 R22 R23 R92).
//!
//! [`checks`] says what a design asks to be looked at; [`run()`] carries that out, each check after those that it needs;
//! [`first_cause`] says what to mend first. All of it is pure but for the observations, which are made behind [`Prober`];
//! nothing here changes the device.

#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a check asks for one kind of observation; any other counts as none, and so does an answer that tells nothing"
)]

mod answer;
mod check;
pub mod device;
mod diagnose;
pub mod inside;
pub mod probe;
mod queue;
mod run;
pub mod talk;
mod tree;
pub mod wire;

pub use check::{Check, Judgement, Traits};
pub use diagnose::{first_cause, level, verdict};
pub use probe::Prober;
pub use run::{Depth, run};
pub use tree::{checks, unknown, watched};
