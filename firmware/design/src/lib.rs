//! The platform profile and the site design: from text to a checked model, or every problem.
//!
//! This crate is pure. It reads no file and no clock; whoever calls it brings the bytes, the operator's key and the
//! stamp of the profile in force.

#![forbid(unsafe_code)]

mod address;
mod check;
mod diff;
mod draft;
mod key;
mod ledger;
mod messages;
mod model;
mod name;
mod organisation;
mod problem;
mod reader;
mod rule;
mod rules;
mod service;
mod sheets;
mod signature;
mod words;

pub use address::{Global, InterfaceAddress, Private};
pub use check::{Accepted, LARGEST_FILE, Source, Sources, Trust, check, stamp};
pub use diff::{Difference, diff};
pub use key::{MalformedKey, PublicKey};
pub use ledger::{Holder, Holding, Ledger, Totals, ledger};
pub use model::{
    Allowance, Centre, Design, Environment, Kind, Lan, LanInterface, LanRoute, Lgwan, Maintenance,
    Placement, PlatformNetwork, Profile, ProfileStamp, Server, Site, Terminals, Zone,
};
pub use name::{Name, PortName};
pub use organisation::OrganisationCode;
pub use problem::{Both, Language, Problem, Problems, Report, Severity};
pub use rule::{CentrePart, Role, Rule, Shape};
pub use service::{PortRange, Service};
pub use sheets::{Sheet, TunnelHabits};
pub use signature::{SignError, sign, without_signature};
