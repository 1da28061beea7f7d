//! The checked design: what every other room works from. A value of [`Design`] keeps every rule of this crate.

use std::{collections::BTreeMap, fmt, net::Ipv4Addr};

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Approval, Certificates, Class, Collector, DnsName, Endpoint, FlowLog, Global, GlobalFor, Host,
    InterfaceAddress, Limits, LineRate, Metrics, Name, NamedServices, Names, NightlyBackup, Object,
    OrganisationCode, Origin, Page, Policy, PortMode, PortName, Private, PublicKey, RolloutServer,
    Service, Snmp, Traffic,
};

/// One site, whole: the operator's profile and the organisation's own part, checked against each other.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Design {
    /// The operator's part (R26).
    pub profile: Profile,
    /// Whose site it is.
    pub site: Site,
    /// The uplink.
    pub lgwan: Lgwan,
    /// The office LANs; a union may have none for the education board.
    pub lans: BTreeMap<Lan, LanInterface>,
    /// The port for local administration.
    pub maintenance: Option<Maintenance>,
    /// How the line is divided where it is full (R35 R49).
    pub traffic: Traffic,
    /// Bidirectional servers, each behind one global address (R13).
    pub servers: Vec<Server>,
    /// One-way terminals, by rows that name the NAPT address (R14).
    pub terminals: Vec<Terminals>,
    /// Hosts and networks under names of the site's own.
    pub objects: Vec<Object>,
    /// Services under names of the site's own.
    pub services: Vec<NamedServices>,
    /// What else is admitted, in the order that counts where two speak of one flow (R51).
    pub policies: Vec<Policy>,
    /// What one source may have open.
    pub limits: Limits,
    /// How the office resolves names; `None` where no method is chosen (R17).
    pub names: Option<Names>,
    /// The log of flows; `None` where none is kept (R77).
    pub flow_log: Option<FlowLog>,
    /// The office's collector of log messages; `None` where there is none (R77).
    pub collector: Option<Collector>,
    /// From where the device's page can be reached (R65).
    pub page: Page,
    /// Who may read the device's figures.
    pub metrics: Metrics,
    /// The backup that the device makes each night, for whom.
    pub backup: Option<NightlyBackup>,
    /// Who may ask by SNMP.
    pub snmp: Snmp,
    /// Whether the box takes the firmware that the operator rolls out.
    pub rollout: bool,
}

/// Whose site it is and how its servers are placed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Site {
    /// The site's name as people say it.
    pub name: String,
    /// The organisation that holds the device.
    pub organisation: OrganisationCode,
    /// What the organisation is.
    pub kind: Kind,
    /// Where its servers stand (R24).
    pub placement: Placement,
}

/// What an organisation is. Only prefectures and municipalities have an education board.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// 都道府県.
    Prefecture,
    /// 市区町村.
    Municipality,
    /// 一部事務組合.
    Union,
    /// 広域連合.
    WideAreaUnion,
}

/// Where the servers stand: the paper's connection examples 1 to 4 (R24).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// 1: in the office.
    Office,
    /// 2: some in a data centre, reached by a leased line.
    PartlyDataCentre,
    /// 3: all in a data centre, and the device with them.
    DataCentre,
    /// 4: at an LGWAN-ASP; the office has terminals only.
    TerminalsOnly,
}

/// One of the two office LANs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Lan {
    /// 首長部局業務系LAN.
    HeadOffice,
    /// 教育委員会業務系LAN.
    EducationBoard,
}

/// The uplink to LGWAN.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Lgwan {
    /// The port that the uplink is plugged into.
    pub port: PortName,
    /// What the port and its neighbour speak; `None` where they agree on it by themselves.
    pub mode: Option<PortMode>,
    /// The device's address on it.
    pub address: InterfaceAddress,
    /// The next hop towards everything on LGWAN.
    pub gateway: Ipv4Addr,
    /// Largest IP packet that the uplink carries, in bytes.
    pub mtu: u16,
    /// What the line is contracted for, each way (R44). Nothing is shaped without it.
    pub line_rate: Option<LineRate>,
    /// LGWAN's own resolvers; the device may ask these and no others.
    pub dns: Vec<Ipv4Addr>,
}

/// The device's side of an office LAN.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LanInterface {
    /// The port that the LAN is plugged into.
    pub port: PortName,
    /// As of [`Lgwan::mode`].
    pub mode: Option<PortMode>,
    /// The device's address on it.
    pub address: InterfaceAddress,
    /// Networks behind a router of this LAN: data centres, other business LANs (R18).
    pub routes: Vec<LanRoute>,
    /// What its downwards traffic may take of the line, 1 to 100 percent; `None` where nothing is written, see
    /// [`crate::lan_shares`].
    pub share: Option<u8>,
}

/// A network behind a router of a LAN.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct LanRoute {
    /// The network.
    pub to: Ipv4Net,
    /// The router, on the LAN's own subnet.
    pub via: Ipv4Addr,
}

/// The port for local administration.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Maintenance {
    /// The port that the clerk plugs into.
    pub port: PortName,
    /// As of [`Lgwan::mode`].
    pub mode: Option<PortMode>,
    /// The device's address on it.
    pub address: InterfaceAddress,
}

/// A bidirectional server (双方向通信サーバ): one private address, one global address, both directions (R13).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Server {
    /// The row's name.
    pub name: Name,
    /// The LAN that it is reached through.
    pub lan: Lan,
    /// Its address in the office.
    pub private: Private,
    /// Its address on the platform.
    pub global: Global,
    /// What the platform sees in its place, by destination (R86).
    pub global_for: Vec<GlobalFor>,
    /// Production or test (R89).
    pub environment: Environment,
    /// What its traffic is worth when the line is full (R35).
    pub class: Class,
    /// Whether FTP's data connections are let through, for those of its flows that are FTP's (R90).
    pub ftp: bool,
    /// What it may ask of the platform. Web unless the design says otherwise (R32).
    pub services: Vec<Service>,
    /// The approval of those that take one (R58).
    pub approval: Option<Approval>,
    /// Who on the platform may start a connection to it, and for what.
    pub allow_from_platform: Vec<Allowance>,
    /// What it calls itself in its TLS certificate or in the first line that it says, so that a connection check can tell
    /// it from another host.
    pub identity: Option<String>,
}

/// Sources on the platform and what they may start.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Allowance {
    /// Sources on the platform.
    pub from: Origin,
    /// What they may start.
    pub services: Vec<Service>,
    /// The approval of those that take one (R58).
    pub approval: Option<Approval>,
}

/// A row of one-way terminals (片方向通信端末) behind one NAPT address (R14).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Terminals {
    /// The row's name.
    pub name: Name,
    /// The LAN that they are on.
    pub lan: Lan,
    /// Their addresses.
    pub from: Vec<Ipv4Net>,
    /// The NAPT address; rows of one LAN may share it.
    pub global: Global,
    /// What the platform sees in its place, by destination (R86).
    pub global_for: Vec<GlobalFor>,
    /// Production or test (R89).
    pub environment: Environment,
    /// What their traffic is worth when the line is full (R35).
    pub class: Class,
    /// What each host may send and may get, in bits a second; `None` where nothing caps it (R64).
    pub cap: Option<LineRate>,
    /// What they may ask of the platform. Web unless the design says otherwise (R32).
    pub services: Vec<Service>,
    /// The approval of those that take one (R58).
    pub approval: Option<Approval>,
}

/// Production and test never talk to each other (R89).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// 本番.
    Production,
    /// 検証.
    Test,
}

/// The operator's part: signed, the same for every box of an organisation, not the site's to change (R26).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Profile {
    /// The organisation that it was issued for.
    pub organisation: OrganisationCode,
    /// Serial number and time of issue.
    pub stamp: ProfileStamp,
    /// The platform's centres, in order of preference.
    pub centres: Vec<Centre>,
    /// The organisation's global addresses.
    pub pool: Vec<Ipv4Net>,
    /// The device's own address on the platform: one of the pool, never translated.
    pub device_address: Global,
    /// The platform's networks.
    pub networks: Vec<PlatformNetwork>,
    /// The platform's DNS zones.
    pub zones: Vec<Zone>,
    /// Time servers on LGWAN (R62).
    pub ntp: Vec<Host>,
    /// Services of the platform that a connection check asks (R22).
    pub services: Vec<PlatformService>,
    /// Who signs the certificates of the platform's services; anybody is taken where there is none (R23).
    pub authority: Option<Certificates>,
    /// The TCP port at each centre's probe address where calls back are asked for; `None` where the operator offers none
    /// (R20).
    pub dial_back: Option<u16>,
    /// Where firmware is rolled out from; `None` where the operator doesn't do so.
    pub rollout: Option<RolloutServer>,
}

/// A service of the platform that a connection check asks (R22).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PlatformService {
    /// The row's name.
    pub name: Name,
    /// Where it is, on one of the platform's networks.
    pub address: Ipv4Addr,
    /// The name that leads there, and that its certificate bears.
    pub host: Option<DnsName>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its port.
    pub port: u16,
}

/// What a service of the platform speaks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Something over TCP.
    Tcp,
    /// Something over TLS.
    Tls,
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// NTP over UDP.
    Ntp,
}

/// What makes one profile newer than another: both serial and time of issue.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileStamp {
    /// Counts up with every issue.
    pub serial: u64,
    /// When the operator issued it.
    pub issued: Timestamp,
}

/// A centre of the platform (拠点): one end of a tunnel.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Centre {
    /// `east` or `west` in the field; any name in a trial.
    pub name: Name,
    /// Where its tunnel end listens, on LGWAN.
    pub endpoint: Endpoint,
    /// Its Curve25519 public key.
    pub public_key: PublicKey,
    /// An address that answers ICMP echo inside this centre's tunnel.
    pub probe: Ipv4Addr,
}

/// A network of the platform.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct PlatformNetwork {
    /// The network.
    pub prefix: Ipv4Net,
    /// Production or test (R89).
    pub environment: Environment,
}

/// A DNS zone of the platform.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Zone {
    /// The zone's name, without a trailing dot.
    pub name: String,
    /// Resolvers inside the tunnel, in the order to ask them.
    pub resolvers: Vec<Ipv4Addr>,
}

impl Design {
    /// Where the box asks for new firmware; `None` where it asks nobody.
    pub fn rollout_server(&self) -> Option<&RolloutServer> {
        self.profile.rollout.as_ref().filter(|_| self.rollout)
    }
}

impl Lan {
    /// Both LANs, in the order that people name them.
    pub const ALL: [Self; 2] = [Self::HeadOffice, Self::EducationBoard];

    /// The word of the design file, of logs and of counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HeadOffice => "head-office",
            Self::EducationBoard => "education-board",
        }
    }
}

impl fmt::Display for Lan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Protocol {
    /// All, the plainest first.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Tls, Self::Http, Self::Https, Self::Ntp];

    /// The word of the design file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Https => "https",
            Self::Ntp => "ntp",
        }
    }

    /// The port that it is at where none is named; `None` where it has no such port.
    pub fn usual_port(self) -> Option<u16> {
        match self {
            Self::Tcp | Self::Tls => None,
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Ntp => Some(123),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Kind {
    /// Whether an organisation of this kind has an education board.
    pub fn has_education_board(self) -> bool {
        matches!(self, Self::Prefecture | Self::Municipality)
    }
}

impl Placement {
    /// The paper's number, 1 to 4.
    pub fn number(self) -> u8 {
        match self {
            Self::Office => 1,
            Self::PartlyDataCentre => 2,
            Self::DataCentre => 3,
            Self::TerminalsOnly => 4,
        }
    }
}
