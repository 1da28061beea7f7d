//! The device's figures as objects of SNMP: what `docs/SEKISHO-MIB.txt` says, served to snmpd line by line.
//!
//! The figures are those that Prometheus reads ([`Figures`]); [`Tree`] says which object each of them is, [`serve`] answers
//! snmpd's questions about the tree, and [`Reader`] has a tree ready. Nothing here needs a right, and nothing is changed.

#![forbid(unsafe_code)]

mod figures;
mod oid;
mod pass;
mod reader;
mod tree;

pub use self::{
    figures::{Figures, Sample},
    oid::Oid,
    pass::serve,
    reader::Reader,
    tree::{Tree, Value},
};

/// Where our objects stand. 32473 is IANA's enterprise number for documentation (RFC 5612): no maker of devices has given
/// Sekisho one of its own yet.
pub const BASE: &str = ".1.3.6.1.4.1.32473.1";
