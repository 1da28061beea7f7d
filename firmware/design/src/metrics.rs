//! Who reads the device's figures: by Prometheus' way, or by SNMP.

use ipnet::Ipv4Net;
use serde::Serialize;

/// Who may read the figures. They have no password, so no other side of the device ever gets them.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Metrics {
    /// Sources on the subnet of the maintenance port, each once; none where the figures are closed.
    pub maintenance: Vec<Ipv4Net>,
}

impl Metrics {
    /// The port that figures are served at.
    pub const PORT: u16 = 9464;

    /// How many sources may be named: collectors, of which an office has one or two.
    pub(crate) const MOST_SOURCES: usize = 8;
}

/// Who may ask by SNMP. Each question bears a key besides, which is no part of the design.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Snmp {
    /// Sources on the subnet of the maintenance port, each once; none where nobody is answered.
    pub maintenance: Vec<Ipv4Net>,
}

impl Snmp {
    /// The port that questions come to, by UDP.
    pub const PORT: u16 = 161;

    /// How many sources may be named.
    pub(crate) const MOST_SOURCES: usize = Metrics::MOST_SOURCES;
}
