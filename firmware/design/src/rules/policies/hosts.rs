//! The rows of the office, to look their hosts up in.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::{
    Environment, Name,
    draft::{RowDraft, SiteDraft},
    rules::NetSet,
};

/// Hosts of declared rows.
pub(super) struct Hosts<'a> {
    /// Whether no host is missing there.
    pub(super) whole: bool,
    rows: BTreeMap<&'a Name, Row>,
    /// Servers by address; two LANs may each have one.
    servers: BTreeMap<Ipv4Addr, Vec<&'a Name>>,
    all: NetSet,
    terminals: Sources<'a>,
    by_environment: BTreeMap<Environment, Sources<'a>>,
}

/// What is known of a row.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) is_server: bool,
    pub(super) environment: Option<Environment>,
}

/// Networks of rows, with a row for each.
struct Sources<'a> {
    networks: NetSet,
    rows: BTreeMap<Ipv4Net, &'a Name>,
}

impl<'a> Hosts<'a> {
    pub(super) fn of(site: &'a SiteDraft) -> Self {
        let servers = site.servers.iter().map(|server| {
            let addresses = server.private.as_ref().map(|at| at.value.get());
            (&server.row, true, addresses.map(Ipv4Net::from).into_iter().collect::<Vec<_>>())
        });
        let terminals = site.terminals.iter().map(|terminals| {
            let from = terminals.from.iter().flatten();
            (&terminals.row, false, from.map(|from| from.value).collect::<Vec<_>>())
        });
        let rows: Vec<(&RowDraft, bool, Vec<Ipv4Net>)> = servers.chain(terminals).collect();
        let named = rows.iter().filter_map(|(row, is_server, _)| {
            let environment = row.environment.as_ref().map(|at| at.value);
            Some((&row.name.as_ref()?.value, Row { is_server: *is_server, environment }))
        });
        let of = |environment: Environment| {
            let same = rows.iter().filter(move |(row, ..)| {
                row.environment.as_ref().is_some_and(|at| at.value == environment)
            });
            (environment, Sources::of(same))
        };
        Self {
            whole: site.servers_whole
                && site.terminals_whole
                && rows.iter().all(|(row, _, hosts)| row.name.is_some() && !hosts.is_empty()),
            rows: named.collect(),
            servers: by_address(site),
            all: NetSet::new(rows.iter().flat_map(|(.., hosts)| hosts.iter().copied())),
            terminals: Sources::of(rows.iter().filter(|(_, is_server, _)| !is_server)),
            by_environment: [Environment::Production, Environment::Test].map(of).into(),
        }
    }

    /// Whether a host is among these addresses.
    pub(super) fn overlap(&self, network: Ipv4Net) -> bool {
        self.all.overlaps(network)
    }

    pub(super) fn row(&self, name: &Name) -> Option<Row> {
        self.rows.get(name).copied()
    }

    /// A row of terminals that these addresses reach into; an address of a server is the server's alone.
    pub(super) fn terminals(&self, network: Ipv4Net) -> Option<&'a Name> {
        if self.server(network) { None } else { self.terminals.overlapping(network) }
    }

    /// A row of an environment that these addresses reach into.
    pub(super) fn row_of(&self, environment: Environment, network: Ipv4Net) -> Option<&'a Name> {
        if self.server(network) {
            let mut servers = self.servers.get(&network.addr())?.iter().copied();
            return servers.find(|name| {
                self.row(name).is_some_and(|row| row.environment == Some(environment))
            });
        }
        self.by_environment.get(&environment)?.overlapping(network)
    }

    fn server(&self, network: Ipv4Net) -> bool {
        network.prefix_len() == 32 && self.servers.contains_key(&network.addr())
    }
}

impl<'a> Sources<'a> {
    fn of<'r>(rows: impl Iterator<Item = &'r (&'a RowDraft, bool, Vec<Ipv4Net>)>) -> Self
    where
        'a: 'r,
    {
        let named = rows.filter_map(|(row, _, hosts)| Some((&row.name.as_ref()?.value, hosts)));
        let pairs = named.flat_map(|(name, hosts)| hosts.iter().map(move |host| (*host, name)));
        let rows: BTreeMap<_, _> = pairs.collect();
        Self { networks: NetSet::new(rows.keys().copied()), rows }
    }

    fn overlapping(&self, network: Ipv4Net) -> Option<&'a Name> {
        self.rows.get(&self.networks.overlapping(network)?).copied()
    }
}

fn by_address(site: &SiteDraft) -> BTreeMap<Ipv4Addr, Vec<&Name>> {
    let mut servers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for server in &site.servers {
        if let (Some(private), Some(name)) = (&server.private, &server.row.name) {
            servers.entry(private.value.get()).or_default().push(&name.value);
        }
    }
    servers
}
