//! From a checked design to the kernel state it needs, and the steps that lead there.
//!
//! This crate is pure: it says what the kernel must hold and how to come there; `sekisho-host` looks and acts.

#![forbid(unsafe_code)]

pub mod account;
mod desired;
mod deviation;
mod diff;
pub mod ends;
mod permit;
pub mod ports;
mod queues;
pub mod ruleset;
#[cfg(feature = "schema")]
mod schema;
mod sentence;
pub mod shaping;
pub mod state;
mod step;
pub mod table;
pub mod trace;
mod tracking;

pub use desired::{TUNNEL, desired, desired_over, lan_number, tunnel_mtu};
pub use deviation::{Deviation, deviations};
pub use diff::{MissingPorts, steps};
pub use state::KernelState;
pub use step::{Change, Step};
pub use tracking::table_size;
