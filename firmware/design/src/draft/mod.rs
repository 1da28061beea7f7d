//! Both files as far as they could be read. A `None` is a value that is unknown because its own problem is already
//! taken down; rules stay silent about it.

mod assemble;
mod backup;
mod log;
mod metrics;
mod names;
mod objects;
mod page;
mod policies;
mod profile;
mod rollout;
mod site;
mod traffic;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use jiff::Timestamp;

use crate::{
    Approval, BackupRecipient, Certificates, Class, CollectorTransport, DnsName, Endpoint,
    Environment, Global, Host, InterfaceAddress, Kind, Lan, LineRate, LogSize, Method, Name,
    OfficeSide, OrganisationCode, Origin, Placement, PortMode, PortName, Private, ProfileStamp,
    Protocol, PublicKey, Sent, Service, Shares, Tenant,
    reader::{At, Place},
};

pub(crate) use assemble::assemble;
pub(crate) use names::METHODS;
pub(crate) use objects::{Objects, Side, platform, side};
pub(crate) use policies::{LimitsDraft, ObjectDraft, PolicyDraft, ServicesDraft};
pub(crate) use profile::{read_profile, read_signature};
pub(crate) use site::{KINDS, USUAL_MTU, read_site};
pub(crate) use values::{ENVIRONMENTS, bounds};

/// A list that is known whole, or not at all.
pub(crate) type Whole<T> = Option<Vec<At<T>>>;

/// A value that may be left out.
pub(crate) type Optional<T> = Result<Option<At<T>>, Unknown>;

/// What stands there, if anything does, couldn't be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown;

#[expect(clippy::struct_excessive_bools, reason = "each says of one list whether it is whole")]
#[derive(Debug, Default)]
pub(crate) struct SiteDraft {
    pub(crate) name: Option<String>,
    pub(crate) organisation: Option<At<OrganisationCode>>,
    pub(crate) kind: Option<At<Kind>>,
    pub(crate) placement: Option<At<Placement>>,
    /// Where the interfaces stand; `None` where they can't be known whole.
    pub(crate) interfaces: Option<Place>,
    pub(crate) lgwan: Option<LgwanDraft>,
    pub(crate) lans: BTreeMap<Lan, LanDraft>,
    pub(crate) maintenance: Option<PortDraft>,
    pub(crate) traffic: Option<TrafficDraft>,
    pub(crate) servers: Vec<ServerDraft>,
    /// Whether no server is missing there.
    pub(crate) servers_whole: bool,
    pub(crate) terminals: Vec<TerminalsDraft>,
    /// Whether no row of terminals is missing there.
    pub(crate) terminals_whole: bool,
    pub(crate) objects: Vec<ObjectDraft>,
    /// Whether no object is missing there.
    pub(crate) objects_whole: bool,
    pub(crate) services: Vec<ServicesDraft>,
    /// Whether no named services are missing there.
    pub(crate) services_whole: bool,
    pub(crate) policies: Vec<PolicyDraft>,
    /// Whether no policy is missing there.
    pub(crate) policies_whole: bool,
    pub(crate) limits: Option<LimitsDraft>,
    pub(crate) names: Option<NamesDraft>,
    /// Whether a flow log is designed, known or not.
    pub(crate) has_flow_log: bool,
    pub(crate) flow_log: Option<FlowLogDraft>,
    pub(crate) collector: Option<CollectorDraft>,
    pub(crate) page: Option<PageDraft>,
    pub(crate) metrics: Option<ReadersDraft>,
    pub(crate) backup: Option<NightlyBackupDraft>,
    pub(crate) snmp: Option<ReadersDraft>,
    pub(crate) rollout: Option<RolloutDraft>,
}

#[derive(Debug)]
pub(crate) struct PortDraft {
    pub(crate) place: Place,
    pub(crate) port: Option<At<PortName>>,
    pub(crate) mode: Optional<PortMode>,
    pub(crate) address: Option<At<InterfaceAddress>>,
}

#[derive(Debug)]
pub(crate) struct LgwanDraft {
    pub(crate) port: PortDraft,
    pub(crate) gateway: Option<At<Ipv4Addr>>,
    pub(crate) mtu: Option<u16>,
    pub(crate) line_rate: Optional<LineRate>,
    pub(crate) dns: Whole<Ipv4Addr>,
}

#[derive(Debug)]
pub(crate) struct LanDraft {
    pub(crate) port: PortDraft,
    /// `None` where the list can't be known whole.
    pub(crate) routes: Option<Vec<RouteDraft>>,
    pub(crate) share: Optional<u8>,
}

#[derive(Debug)]
pub(crate) struct TrafficDraft {
    pub(crate) shares: Optional<Shares>,
    pub(crate) hold_back: Optional<u16>,
}

#[derive(Debug)]
pub(crate) struct RouteDraft {
    pub(crate) to: Option<At<Ipv4Net>>,
    pub(crate) via: Option<At<Ipv4Addr>>,
}

#[derive(Debug)]
pub(crate) struct ServerDraft {
    pub(crate) row: RowDraft,
    pub(crate) private: Option<At<Private>>,
    pub(crate) ftp: Option<At<bool>>,
    pub(crate) allow: Option<Vec<AllowanceDraft>>,
    pub(crate) identity: Optional<String>,
}

#[derive(Debug)]
pub(crate) struct AllowanceDraft {
    pub(crate) from: Option<At<Origin>>,
    pub(crate) services: Whole<Service>,
    pub(crate) approval: Optional<Approval>,
}

#[derive(Debug)]
pub(crate) struct TerminalsDraft {
    pub(crate) row: RowDraft,
    pub(crate) from: Whole<Ipv4Net>,
    pub(crate) cap: Optional<LineRate>,
}

#[derive(Debug)]
pub(crate) struct NamesDraft {
    pub(crate) method: Option<At<Method>>,
    /// `None` where it can't be known whole.
    pub(crate) office_dns: Option<At<Vec<OfficeDnsDraft>>>,
    pub(crate) rewrite_own: Option<At<bool>>,
    pub(crate) outside_answers: Whole<Ipv4Net>,
    pub(crate) query_log_days: Optional<u8>,
    pub(crate) entries: Vec<EntryDraft>,
    /// Whether no entry is missing there.
    pub(crate) entries_whole: bool,
}

#[derive(Debug)]
pub(crate) struct OfficeDnsDraft {
    pub(crate) lan: At<Lan>,
    pub(crate) servers: Whole<Ipv4Addr>,
}

#[derive(Debug)]
pub(crate) struct EntryDraft {
    pub(crate) name: Option<At<DnsName>>,
    /// `None` inside where every LAN is meant.
    pub(crate) lans: Result<Option<Vec<At<Lan>>>, Unknown>,
    pub(crate) target: Option<TargetDraft>,
}

#[derive(Debug)]
pub(crate) enum TargetDraft {
    Addresses(Vec<At<Ipv4Addr>>),
    Alias(At<DnsName>),
}

#[derive(Debug)]
pub(crate) struct FlowLogDraft {
    pub(crate) days: Option<u16>,
    pub(crate) size: Option<LogSize>,
}

#[derive(Debug)]
pub(crate) struct CollectorDraft {
    pub(crate) address: Option<At<Ipv4Addr>>,
    /// `None` inside where the transport's usual one is meant.
    pub(crate) port: Optional<u16>,
    pub(crate) transport: Option<CollectorTransport>,
    pub(crate) interface: Option<At<OfficeSide>>,
    pub(crate) send: Whole<Sent>,
}

#[derive(Debug)]
pub(crate) struct PageDraft {
    /// Where the sources stand, or the table that lacks them.
    pub(crate) place: Place,
    pub(crate) head_office: Whole<Ipv4Net>,
}

/// Who reads figures.
#[derive(Debug)]
pub(crate) struct ReadersDraft {
    /// Where the sources stand, or the table that lacks them.
    pub(crate) place: Place,
    pub(crate) maintenance: Whole<Ipv4Net>,
}

#[derive(Debug)]
pub(crate) struct NightlyBackupDraft {
    pub(crate) recipient: Option<At<BackupRecipient>>,
}

#[derive(Debug)]
pub(crate) struct RolloutDraft {
    pub(crate) enabled: Option<At<bool>>,
}

/// What rows of servers and of terminals have in common.
#[derive(Debug)]
pub(crate) struct RowDraft {
    pub(crate) place: Place,
    pub(crate) name: Option<At<Name>>,
    pub(crate) lan: Option<At<Lan>>,
    pub(crate) global: Option<At<Global>>,
    /// `None` where the list can't be known whole.
    pub(crate) global_for: Option<Vec<GlobalForDraft>>,
    pub(crate) environment: Option<At<Environment>>,
    pub(crate) class: Option<Class>,
    pub(crate) services: Whole<Service>,
    pub(crate) approval: Optional<Approval>,
}

#[derive(Debug)]
pub(crate) struct GlobalForDraft {
    pub(crate) to: Whole<Origin>,
    pub(crate) global: Option<At<Global>>,
}

#[derive(Debug)]
pub(crate) struct ProfileDraft {
    pub(crate) organisation: Option<At<OrganisationCode>>,
    pub(crate) serial: Option<At<u64>>,
    pub(crate) issued: Option<At<Timestamp>>,
    pub(crate) device_address: Option<At<Global>>,
    pub(crate) pool: Whole<Ipv4Net>,
    pub(crate) ntp: Whole<Host>,
    pub(crate) centres: Vec<CentreDraft>,
    /// Whether no centre is missing there.
    pub(crate) centres_whole: bool,
    /// `None` where they can't be known whole.
    pub(crate) networks: Option<Vec<NetworkDraft>>,
    pub(crate) zones: Vec<ZoneDraft>,
    /// Whether no zone is missing there.
    pub(crate) zones_whole: bool,
    pub(crate) services: Vec<PlatformServiceDraft>,
    pub(crate) authority: Optional<Certificates>,
    pub(crate) dial_back: Optional<u16>,
    pub(crate) rollout: Optional<RolloutServerDraft>,
}

#[derive(Debug)]
pub(crate) struct CentreDraft {
    pub(crate) place: Place,
    pub(crate) name: Option<At<Name>>,
    pub(crate) endpoint: Option<At<Endpoint>>,
    pub(crate) public_key: Option<At<PublicKey>>,
    pub(crate) preference: Option<At<u16>>,
    pub(crate) probe: Option<At<Ipv4Addr>>,
}

#[derive(Debug)]
pub(crate) struct NetworkDraft {
    pub(crate) prefix: At<Ipv4Net>,
    pub(crate) environment: At<Environment>,
}

#[derive(Debug)]
pub(crate) struct ZoneDraft {
    pub(crate) name: Option<At<String>>,
    pub(crate) resolvers: Whole<Ipv4Addr>,
}

#[derive(Debug)]
pub(crate) struct PlatformServiceDraft {
    pub(crate) place: Place,
    pub(crate) name: Option<At<Name>>,
    pub(crate) address: Option<At<Ipv4Addr>>,
    pub(crate) host: Optional<DnsName>,
    pub(crate) protocol: Option<At<Protocol>>,
    /// `None` inside where the protocol's usual one is meant.
    pub(crate) port: Optional<u16>,
}

#[derive(Debug)]
pub(crate) struct RolloutServerDraft {
    pub(crate) address: Option<At<Ipv4Addr>>,
    /// `None` inside where the usual one is meant.
    pub(crate) port: Optional<u16>,
    /// The same.
    pub(crate) tenant: Optional<Tenant>,
}

impl SiteDraft {
    /// What servers and terminals have in common, servers first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &RowDraft> {
        let servers = self.servers.iter().map(|server| &server.row);
        servers.chain(self.terminals.iter().map(|terminals| &terminals.row))
    }
}

impl EntryDraft {
    /// The LANs that get it, of those that are designed; none where that is unknown.
    pub(crate) fn lans(&self, designed: &BTreeMap<Lan, LanDraft>) -> BTreeSet<Lan> {
        match &self.lans {
            Ok(None) => designed.keys().copied().collect(),
            Ok(Some(lans)) => lans.iter().map(|lan| lan.value).collect(),
            Err(Unknown) => BTreeSet::new(),
        }
    }
}

impl RowDraft {
    /// What to call the row in a sentence.
    pub(crate) fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| self.place.path.clone(), |name| name.value.to_string())
    }
}

impl ProfileDraft {
    /// Serial number and time of issue, where both could be read.
    pub(crate) fn stamp(&self) -> Option<ProfileStamp> {
        Some(ProfileStamp {
            serial: self.serial.as_ref()?.value,
            issued: self.issued.as_ref()?.value,
        })
    }
}
