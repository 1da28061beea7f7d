//! Policies: rows that admit flows beyond what servers and terminals may by themselves, and the words that they use.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Approval, Class, Design, DnsName, Environment, Global, Lan, Name, NamedHost, Origin, Service,
};

/// A row that admits flows between hosts of the office and hosts of the platform (R51 R55).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Policy {
    /// The row's name.
    pub name: Name,
    /// Who starts.
    pub direction: Direction,
    /// The office's end: rows, their hosts, objects of these. Servers only where the platform starts (R14).
    pub office: Vec<Member>,
    /// The platform's end.
    pub platform: Vec<Member>,
    /// What may be started.
    pub services: Vec<ServiceMember>,
    /// Which environment of the platform it is about; `None` where it is that of the office's row. Another one is a
    /// crossing, open for a limited time (R89).
    pub environment: Option<Environment>,
    /// What its traffic is worth; `None` where the office's row says it (R35).
    pub class: Option<Class>,
    /// Whether FTP's data connections are let through for it (R90).
    pub ftp: bool,
    /// The approval of services that take one (R58).
    pub approval: Option<Approval>,
    /// When it ends.
    pub until: Option<Timestamp>,
}

/// Who starts a flow.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The office.
    FromOffice,
    /// The platform.
    FromPlatform,
}

/// One end of a policy, or a part of it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub enum Member {
    /// A network, or one host of it.
    Network(Ipv4Net),
    /// A host by a name of the platform's zones, which has a dot (R85).
    Host(NamedHost),
    /// A server, a row of terminals or an object.
    Named(Name),
}

/// A service, or the name of some.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub enum ServiceMember {
    /// The service itself.
    Service(Service),
    /// The name of a `[[service]]`.
    Named(Name),
}

/// Hosts and networks under one name; others of its kind may be among them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Object {
    /// The name.
    pub name: Name,
    /// What it stands for.
    pub members: Vec<Member>,
}

/// Services under one name.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NamedServices {
    /// The name.
    pub name: Name,
    /// What it stands for.
    pub services: Vec<Service>,
}

/// The global address that some destinations see in place of the row's own (R86).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct GlobalFor {
    /// Destinations on the platform.
    pub to: Vec<Origin>,
    /// What they see.
    pub global: Global,
}

/// What one source may have open and may open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Limits {
    /// Connections at a time.
    pub connections: u32,
    /// New connections a second.
    pub new_per_second: u32,
}

impl Limits {
    /// What counter terminals and servers never come to, and a host gone wild does. The kernel looks through all open
    /// connections of a source when that opens one more, so that many more would cost the others.
    pub const USUAL: Self = Self { connections: 2048, new_per_second: 500 };
}

/// Hosts of one row that a policy is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OfficeHosts<'a> {
    /// The server or the terminals.
    pub row: &'a Name,
    /// Their LAN.
    pub lan: Lan,
    /// Their addresses in the office.
    pub addresses: Ipv4Net,
    /// The row's environment.
    pub environment: Environment,
}

impl Design {
    /// The hosts of the office that a policy is about: only those of some row (R55).
    pub fn office_hosts(&self, policy: &Policy) -> Vec<OfficeHosts<'_>> {
        let members = self.flat(&policy.office);
        let servers = self.servers.iter().map(|row| OfficeHosts {
            row: &row.name,
            lan: row.lan,
            addresses: row.private.get().into(),
            environment: row.environment,
        });
        let terminals = self.terminals.iter().flat_map(|row| {
            row.from.iter().map(|from| OfficeHosts {
                row: &row.name,
                lan: row.lan,
                addresses: *from,
                environment: row.environment,
            })
        });
        let mut hosts = Vec::new();
        for row in servers.chain(terminals) {
            for member in &members {
                let addresses = match member {
                    Member::Named(name) => (name == row.row).then_some(row.addresses),
                    Member::Network(network) => common(*network, row.addresses),
                    Member::Host(_) => None,
                };
                let found = addresses.map(|addresses| OfficeHosts { addresses, ..row });
                hosts.extend(found.filter(|found| !hosts.contains(found)));
            }
        }
        hosts
    }

    /// The networks of the platform, of one environment, that a policy is about now.
    pub fn platform_networks(&self, policy: &Policy, environment: Environment) -> Vec<Ipv4Net> {
        let of = |network: &&crate::PlatformNetwork| network.environment == environment;
        let networks: Vec<_> = self.profile.networks.iter().filter(of).collect();
        let stands_for = |member: Member| match member {
            Member::Network(network) => vec![network],
            Member::Host(host) => host.addresses.into_iter().map(Ipv4Net::from).collect(),
            Member::Named(_) => Vec::new(),
        };
        let members = self.flat(&policy.platform).into_iter().flat_map(stands_for);
        let inside = members.flat_map(|member| {
            networks.iter().filter_map(move |network| common(member, network.prefix))
        });
        let inside: BTreeSet<_> = inside.collect();
        inside.into_iter().collect()
    }

    /// What a policy lets start.
    pub fn policy_services(&self, policy: &Policy) -> Vec<Service> {
        let stands_for = |member: &ServiceMember| match member {
            ServiceMember::Service(service) => vec![*service],
            ServiceMember::Named(name) => {
                let found = self.services.iter().find(|services| services.name == *name);
                found.map(|found| found.services.clone()).unwrap_or_default()
            }
        };
        let services: BTreeSet<_> = policy.services.iter().flat_map(stands_for).collect();
        services.into_iter().collect()
    }

    /// Members with objects replaced by what they stand for; names of rows stay.
    fn flat(&self, members: &[Member]) -> Vec<Member> {
        let objects: BTreeMap<_, _> =
            self.objects.iter().map(|object| (&object.name, object.members.as_slice())).collect();
        flatten(members, |name| objects.get(name).copied())
    }

    /// The design as it is at a time: without the policies whose time is over (R89).
    pub fn at(&self, now: Timestamp) -> Cow<'_, Self> {
        self.admitting(|policy| policy.until.is_none_or(|until| until > now))
    }

    /// The design with some of its policies only.
    pub fn admitting(&self, open: impl Fn(&Policy) -> bool) -> Cow<'_, Self> {
        if self.policies.iter().all(&open) {
            return Cow::Borrowed(self);
        }
        let mut design = self.clone();
        design.policies.retain(open);
        Cow::Owned(design)
    }

    /// The environment of a server or of terminals.
    pub fn environment_of(&self, row: &Name) -> Option<Environment> {
        let servers = self.servers.iter().map(|server| (&server.name, server.environment));
        let terminals = self.terminals.iter().map(|row| (&row.name, row.environment));
        servers.chain(terminals).find(|(name, _)| *name == row).map(|(_, of)| of)
    }

    /// The names that policies and their objects call hosts by.
    pub(crate) fn member_names(&self) -> impl Iterator<Item = &DnsName> {
        let policies = self.policies.iter().flat_map(|policy| &policy.platform);
        let objects = self.objects.iter().flat_map(|object| &object.members);
        let sources = self.globals_for().flat_map(|entry| &entry.to);
        let named = policies.chain(objects).filter_map(|member| match member {
            Member::Host(host) => Some(&host.name),
            Member::Network(_) | Member::Named(_) => None,
        });
        named.chain(sources.filter_map(|origin| match origin {
            Origin::Name(host) => Some(&host.name),
            Origin::Network(_) => None,
        }))
    }

    /// The addresses that some destinations see, of all rows.
    pub fn globals_for(&self) -> impl Iterator<Item = &GlobalFor> {
        let servers = self.servers.iter().flat_map(|row| &row.global_for);
        servers.chain(self.terminals.iter().flat_map(|row| &row.global_for))
    }
}

/// Replaces the names of objects by what they stand for, each once; a name that is no object's stays. Whoever comes back to
/// an object is told nothing new.
fn flatten<'a>(
    members: &'a [Member],
    object: impl Fn(&Name) -> Option<&'a [Member]>,
) -> Vec<Member> {
    let mut flat = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<&Member> = members.iter().collect();
    while let Some(member) = waiting.pop() {
        let inner = match member {
            Member::Named(name) => object(name).filter(|_| seen.insert(name.clone())),
            Member::Network(_) | Member::Host(_) => None,
        };
        match (inner, member) {
            (Some(inner), _) => waiting.extend(inner),
            (None, Member::Named(name)) if seen.contains(name) => {}
            (None, member) => {
                flat.insert(member.clone());
            }
        }
    }
    flat.into_iter().collect()
}

/// What two networks have in common: the smaller one, or nothing.
pub(crate) fn common(one: Ipv4Net, other: Ipv4Net) -> Option<Ipv4Net> {
    if one.contains(&other) { Some(other) } else { other.contains(&one).then_some(one) }
}

/// The text names no end of a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("neither an address, a network, a host's name nor the name of a row or an object")]
pub struct MalformedMember;

impl FromStr for Member {
    type Err = MalformedMember;

    fn from_str(text: &str) -> Result<Self, MalformedMember> {
        if let Ok(network) = text.parse::<Ipv4Net>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
            return Ok(Self::Network(address.into()));
        }
        if text.contains('.') {
            let name = text.parse().map_err(|_| MalformedMember)?;
            return Ok(Self::Host(NamedHost::new(name)));
        }
        text.parse().map(Self::Named).map_err(|_| MalformedMember)
    }
}

impl FromStr for ServiceMember {
    type Err = crate::service::MalformedService;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self::Service)
            .or_else(|error| text.parse().map(Self::Named).map_err(|_| error))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => f.write_str(&crate::messages::range(*network)),
            Self::Host(host) => host.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for ServiceMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => service.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

impl From<Member> for String {
    fn from(member: Member) -> Self {
        member.to_string()
    }
}

impl From<ServiceMember> for String {
    fn from(member: ServiceMember) -> Self {
        member.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_networks_hosts_or_names() {
        let shown = |text: &str| text.parse::<Member>().map(|member| member.to_string());
        for text in ["100.72.0.0/16", "100.72.0.1", "web.platform.example", "counter-1"] {
            assert_eq!(shown(text).unwrap(), text);
        }
        for text in ["", "100.72.0.300", "a b", "a..b", "Counter", "1counter", "100.72.0.0/33"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }

    #[test]
    fn objects_stand_for_their_members_also_in_a_circle() {
        let member = |text: &str| text.parse::<Member>().unwrap();
        let (a, b) = ([member("b"), member("10.0.0.1")], [member("a"), member("juki")]);
        let object = |name: &Name| match name.as_str() {
            "a" => Some(a.as_slice()),
            "b" => Some(b.as_slice()),
            _ => None,
        };
        let flat = flatten(&a[..1], object);
        assert_eq!(flat, [member("10.0.0.1"), member("juki")]);
    }
}
