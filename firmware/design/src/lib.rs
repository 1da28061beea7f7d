//! The platform profile and the site design: from text to a checked model, or every problem.
//!
//! This crate is pure. It reads no file and no clock; whoever calls it brings the bytes, the operator's key and the
//! stamp of the profile in force.

#![forbid(unsafe_code)]

mod address;
mod approval;
mod backup;
mod certificate;
mod check;
mod class;
mod diff;
mod draft;
mod host;
mod import;
mod key;
mod ledger;
mod line;
mod log;
mod messages;
mod metrics;
mod migrate;
mod model;
mod name;
mod names;
mod organisation;
mod page;
mod parts;
mod policy;
mod print;
mod problem;
mod reader;
mod rollout;
mod rule;
mod rules;
mod service;
mod sheets;
mod signature;
mod traffic;
mod words;

pub use address::{Global, InterfaceAddress, Private};
pub use approval::Approval;
pub use backup::{BackupRecipient, MalformedRecipient, NightlyBackup};
pub use certificate::{Certificates, MalformedCertificates};
pub use check::{Accepted, LARGEST_FILE, Source, Sources, Trust, check, stamp};
pub use class::Class;
pub use diff::{Difference, diff};
pub use host::{Endpoint, Host, MalformedHost, NamedHost, Origin};
pub use import::{Changes, Imported, LARGEST_TABLE, RowKind, Tables, import};
pub use key::{MalformedKey, PublicKey};
pub use ledger::{Holder, Holding, Ledger, Totals, ledger};
pub use line::{Duplex, LineRate, PortMode, Speed};
pub use log::{Collector, CollectorTransport, FlowLog, LogSize, OfficeSide, Sent};
pub use metrics::{Metrics, Snmp};
pub use model::{
    Allowance, Centre, Design, Environment, Kind, Lan, LanInterface, LanRoute, Lgwan, Maintenance,
    Placement, PlatformNetwork, PlatformService, Profile, ProfileStamp, Protocol, Server, Site,
    Terminals, Zone,
};
pub use name::{DnsName, MalformedName, Name, PortName};
pub use names::{Method, NameEntry, NameTarget, Names};
pub use organisation::OrganisationCode;
pub use page::Page;
pub use parts::{CentrePart, Column, Role, Shape};
pub use policy::{
    Direction, GlobalFor, Limits, Member, NamedServices, Object, OfficeHosts, Policy, ServiceMember,
};
pub use print::{format, print_site};
pub use problem::{Both, Language, Problem, Problems, Report, Severity};
pub use rollout::{MalformedTenant, RolloutServer, Tenant};
pub use rule::Rule;
pub use service::{PortRange, Service};
pub use sheets::{Sheet, TunnelHabits, escaped};
pub use signature::{SignError, sign, signed_by, without_signature};
pub use traffic::{Shares, Traffic, lan_shares};
