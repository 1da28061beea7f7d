//! What rules name: types of TOML, kinds of networks, columns of tables, parts of centres.

use crate::Lan;

/// The types of TOML.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Text in quotes.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// `true` or `false`.
    Boolean,
    /// A date, a time or both.
    Time,
    /// Values in brackets.
    List,
    /// Keys with values.
    Table,
}

/// What a network is to the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The subnet of the uplink.
    Lgwan,
    /// The subnet of a LAN, or a network behind its router.
    Lan(Lan),
    /// The subnet of the maintenance port.
    Maintenance,
    /// A network of the platform.
    Platform,
    /// The organisation's global addresses.
    Pool,
}

/// What a column of a table holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Column {
    /// How the address is translated: static for a server, NAPT for terminals.
    Method,
    /// The row's name.
    Name,
    /// The LAN.
    Lan,
    /// The address before translation.
    Inside,
    /// The address after it.
    Global,
    /// Production or test.
    Environment,
    /// The number of a row of flows.
    Number,
    /// What a row of flows is: of a server, of terminals, or a policy.
    Kind,
    /// Who starts a flow.
    From,
    /// Who is asked.
    To,
    /// The services of a flow.
    Services,
    /// What traffic is worth.
    Class,
    /// Whether FTP's data connections are let through.
    Ftp,
    /// The note of an approval.
    Approval,
    /// When a policy ends.
    Until,
}

/// What no two centres share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CentrePart {
    /// The name.
    Name,
    /// The endpoint.
    Endpoint,
    /// The public key.
    PublicKey,
    /// The rank.
    Preference,
    /// The probe address.
    Probe,
}
