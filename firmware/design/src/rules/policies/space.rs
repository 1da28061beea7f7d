//! The pieces that hosts, networks and services are cut into, and what rows admit by themselves.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::{
    Book,
    axis::{Axis, Pieces},
};
use crate::{
    Class, DnsName, Environment, Lan, Member, Name, Origin, Service,
    draft::{RowDraft, SiteDraft},
};

type Range = (u64, u64);

/// All that policies can be about.
pub(super) struct Space<'a> {
    office: Axis,
    platform: Axis,
    service: Axis,
    rows: BTreeMap<&'a Name, Pieces>,
    names: BTreeMap<&'a DnsName, u64>,
    declared: Pieces,
    by_environment: BTreeMap<Environment, [Pieces; 2]>,
    by_class: BTreeMap<Class, Pieces>,
    /// Addresses of servers, whose own rows alone speak for them.
    pub(super) servers: Pieces,
    /// FTP's control connection.
    pub(super) ftp: Pieces,
    /// What rows admit, rows of equal terms together.
    pub(super) terms: Vec<Terms<'a>>,
}

/// What some rows admit by themselves, and how.
pub(super) struct Terms<'a> {
    pub(super) environment: Environment,
    pub(super) class: Class,
    pub(super) ftp: bool,
    pub(super) hosts: Pieces,
    /// What they may start.
    pub(super) services: Pieces,
    /// Who may start what towards them.
    allowed: Vec<(Pieces, Pieces)>,
    rows: Vec<(&'a Name, Pieces)>,
}

/// A row as far as it matters here.
struct Row<'a> {
    name: &'a Name,
    is_server: bool,
    hosts: Vec<Range>,
    terms: Key,
}

/// What rows of equal terms have in common.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
    environment: Environment,
    class: Class,
    ftp: bool,
    services: Vec<Service>,
    allowed: Vec<(Origin, Vec<Service>)>,
}

/// Names of hosts are numbers after all addresses.
const NAMES: u64 = 1 << 32;
/// UDP's ports are numbers after TCP's, and echo is the one after both.
const UDP: u64 = 1 << 16;
const ECHO: u64 = 1 << 17;
const FTP: Range = (21, 21);

impl<'a> Space<'a> {
    pub(super) fn of(book: &Book<'a>) -> Self {
        let rows = rows(book.site);
        let names: BTreeMap<_, _> = names(book.site).into_iter().zip(NAMES..).collect();
        let office = Axis::new(
            rows.iter()
                .flat_map(|row| row.hosts.clone())
                .chain(members(book.site).filter_map(as_network).flat_map(on_both)),
        );
        let platform =
            Axis::new(networks(book).map(range).chain(names.values().map(|at| (*at, *at))));
        let service = Axis::new(services(book.site).map(ports).chain([FTP]));
        let servers = rows.iter().filter(|row| row.is_server).flat_map(|row| row.hosts.clone());
        let servers = office.pieces(servers);
        let pieces = |row: &Row<'_>| {
            let all = office.pieces(row.hosts.clone());
            if row.is_server { all } else { all.without(&servers) }
        };
        let rows: Vec<_> =
            rows.iter().map(|row| (row.name, pieces(row), row.terms.clone())).collect();
        let mut declared = office.pieces([]);
        let mut by_class: BTreeMap<Class, Pieces> = BTreeMap::new();
        let mut hosts_of: BTreeMap<Environment, Pieces> = BTreeMap::new();
        for (_, hosts, terms) in &rows {
            declared.add(hosts);
            by_class.entry(terms.class).or_insert_with(|| office.pieces([])).add(hosts);
            hosts_of.entry(terms.environment).or_insert_with(|| office.pieces([])).add(hosts);
        }
        let environment = |of: Environment| {
            let own = book.profile.networks.iter().flatten();
            let own = own.filter(|network| network.environment.value == of);
            let own = own.map(|network| range(network.prefix.value));
            let networks = platform.pieces(own.chain(names.values().map(|at| (*at, *at))));
            let hosts = hosts_of.get(&of).cloned().unwrap_or_else(|| office.pieces([]));
            (of, [hosts, networks])
        };
        let mut space = Self {
            by_environment: [Environment::Production, Environment::Test].map(environment).into(),
            ftp: service.pieces([FTP]),
            rows: rows.iter().map(|(name, hosts, _)| (*name, hosts.clone())).collect(),
            office,
            platform,
            service,
            names,
            declared,
            by_class,
            servers,
            terms: Vec::new(),
        };
        space.terms = space.terms_of(rows);
        space
    }

    fn terms_of(&self, rows: Vec<(&'a Name, Pieces, Key)>) -> Vec<Terms<'a>> {
        let mut together: BTreeMap<Key, Vec<(&'a Name, Pieces)>> = BTreeMap::new();
        for (name, hosts, terms) in rows {
            together.entry(terms).or_default().push((name, hosts));
        }
        let terms = |(key, rows): (Key, Vec<(&'a Name, Pieces)>)| {
            let mut hosts = self.office.pieces([]);
            for (_, row) in &rows {
                hosts.add(row);
            }
            let allowed = key.allowed.into_iter().map(|(from, services)| {
                let from = match from {
                    Origin::Network(network) => Member::Network(network),
                    Origin::Name(host) => Member::Host(host),
                };
                (self.networks(&[&from]), self.services(services))
            });
            Terms {
                environment: key.environment,
                class: key.class,
                ftp: key.ftp,
                hosts,
                services: self.services(key.services),
                allowed: allowed.collect(),
                rows,
            }
        };
        together.into_iter().map(terms).collect()
    }

    /// The hosts of rows that members stand for.
    pub(super) fn hosts(&self, members: &[&Member]) -> Pieces {
        let addresses = members.iter().copied().filter_map(as_network).flat_map(on_both);
        let mut hosts = self.office.pieces(addresses).and(&self.declared);
        for member in members {
            if let Member::Named(name) = member
                && let Some(row) = self.rows.get(name)
            {
                hosts.add(row);
            }
        }
        hosts
    }

    /// The networks of the platform that members stand for.
    pub(super) fn networks(&self, members: &[&Member]) -> Pieces {
        let ranges = members.iter().filter_map(|member| match member {
            Member::Network(network) => Some(range(*network)),
            Member::Host(host) => self.names.get(&host.name).map(|at| (*at, *at)),
            Member::Named(_) => None,
        });
        self.platform.pieces(ranges)
    }

    pub(super) fn services(&self, services: impl IntoIterator<Item = Service>) -> Pieces {
        self.service.pieces(services.into_iter().map(ports))
    }

    pub(super) fn hosts_of(&self, environment: Environment) -> Option<&Pieces> {
        self.by_environment.get(&environment).map(|[hosts, _]| hosts)
    }

    pub(super) fn networks_of(&self, environment: Environment) -> Option<&Pieces> {
        self.by_environment.get(&environment).map(|[_, networks]| networks)
    }

    /// The hosts whose rows are of a class.
    pub(super) fn hosts_in(&self, class: Class) -> Pieces {
        self.by_class.get(&class).cloned().unwrap_or_else(|| self.office.pieces([]))
    }
}

impl<'a> Terms<'a> {
    /// Who may start all of these services.
    pub(super) fn sources(&self, services: &Pieces, none: Pieces) -> Pieces {
        let mut sources = none;
        for (from, allowed) in &self.allowed {
            if services.is_within(allowed) {
                sources.add(from);
            }
        }
        sources
    }

    /// The first row that has one of these hosts.
    pub(super) fn row_with(&self, hosts: &Pieces) -> Option<&'a Name> {
        self.rows.iter().find(|(_, row)| row.meets(hosts)).map(|(name, _)| *name)
    }
}

/// Rows that are known whole.
fn rows(site: &SiteDraft) -> Vec<Row<'_>> {
    let servers = site.servers.iter().filter_map(|server| {
        let allowed = server.allow.as_ref()?.iter().map(|allowance| {
            let services = allowance.services.as_ref()?.iter().map(|service| service.value);
            Some((allowance.from.as_ref()?.value.clone(), services.collect()))
        });
        let terms = key(&server.row, server.ftp.as_ref()?.value, allowed.collect::<Option<_>>()?)?;
        let hosts = vec![Ipv4Net::from(server.private.as_ref()?.value.get())];
        row(&server.row, true, &hosts, terms)
    });
    let terminals = site.terminals.iter().filter_map(|terminals| {
        let hosts: Vec<_> = terminals.from.as_ref()?.iter().map(|from| from.value).collect();
        row(&terminals.row, false, &hosts, key(&terminals.row, false, Vec::new())?)
    });
    servers.chain(terminals).collect()
}

fn row<'a>(draft: &'a RowDraft, is_server: bool, hosts: &[Ipv4Net], terms: Key) -> Option<Row<'a>> {
    let lan = draft.lan.as_ref()?.value;
    let hosts = hosts.iter().map(|network| on(lan, *network)).collect();
    Some(Row { name: &draft.name.as_ref()?.value, is_server, hosts, terms })
}

fn key(row: &RowDraft, ftp: bool, allowed: Vec<(Origin, Vec<Service>)>) -> Option<Key> {
    Some(Key {
        environment: row.environment.as_ref()?.value,
        class: row.class?,
        ftp,
        services: row.services.as_ref()?.iter().map(|service| service.value).collect(),
        allowed,
    })
}

/// The members of all objects and policies.
fn members(site: &SiteDraft) -> impl Iterator<Item = &Member> {
    let objects = site.objects.iter().filter_map(|object| object.members.as_ref());
    let ends = site.policies.iter().flat_map(|policy| [&policy.from, &policy.to]);
    objects.chain(ends.flatten()).flatten().map(|member| &member.value)
}

fn origins(site: &SiteDraft) -> impl Iterator<Item = &Origin> {
    let allowances = site.servers.iter().flat_map(|server| server.allow.iter().flatten());
    allowances.filter_map(|allowance| allowance.from.as_ref()).map(|from| &from.value)
}

/// The names of hosts of the platform.
fn names(site: &SiteDraft) -> BTreeSet<&DnsName> {
    let members = members(site).filter_map(|member| match member {
        Member::Host(host) => Some(&host.name),
        Member::Network(_) | Member::Named(_) => None,
    });
    let origins = origins(site).filter_map(|origin| match origin {
        Origin::Name(host) => Some(&host.name),
        Origin::Network(_) => None,
    });
    members.chain(origins).collect()
}

/// The platform's networks, and what of them is named.
fn networks<'b>(book: &'b Book<'_>) -> impl Iterator<Item = Ipv4Net> + 'b {
    let origins = origins(book.site).filter_map(|origin| match origin {
        Origin::Network(network) => Some(*network),
        Origin::Name(_) => None,
    });
    let profile = book.profile.networks.iter().flatten().map(|network| network.prefix.value);
    profile.chain(members(book.site).filter_map(as_network)).chain(origins)
}

fn services(site: &SiteDraft) -> impl Iterator<Item = Service> {
    let rows = site.rows().flat_map(|row| row.services.iter().flatten());
    let allowances = site.servers.iter().flat_map(|server| server.allow.iter().flatten());
    let allowed = allowances.flat_map(|allowance| allowance.services.iter().flatten());
    let named = site.services.iter().flat_map(|services| services.services.iter().flatten());
    let policies = site.policies.iter().flat_map(|policy| policy.services.iter().flatten());
    let own = policies.filter_map(|entry| match entry.value {
        crate::ServiceMember::Service(service) => Some(service),
        crate::ServiceMember::Named(_) => None,
    });
    rows.chain(allowed).chain(named).map(|service| service.value).chain(own)
}

fn as_network(member: &Member) -> Option<Ipv4Net> {
    match member {
        Member::Network(network) => Some(*network),
        Member::Host(_) | Member::Named(_) => None,
    }
}

fn range(network: Ipv4Net) -> Range {
    (u32::from(network.network()).into(), u32::from(network.broadcast()).into())
}

/// Each LAN has addresses of its own.
fn on(lan: Lan, network: Ipv4Net) -> Range {
    let base = match lan {
        Lan::HeadOffice => 0,
        Lan::EducationBoard => 1 << 32,
    };
    let (first, last) = range(network);
    (base + first, base + last)
}

fn on_both(network: Ipv4Net) -> [Range; 2] {
    Lan::ALL.map(|lan| on(lan, network))
}

fn ports(service: Service) -> Range {
    match service {
        Service::Tcp(ports) => (ports.first().into(), ports.last().into()),
        Service::Udp(ports) => (UDP + u64::from(ports.first()), UDP + u64::from(ports.last())),
        Service::IcmpEcho => (ECHO, ECHO),
    }
}
