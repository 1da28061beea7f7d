//! Whose the counts are: sums by row, policy, host and shared address.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    ops::RangeInclusive,
};

use sekisho_control::{
    ConnectionTable, HostTraffic, MOST_HOSTS, NaptUse, PortsInUse, RowKind, RowTraffic, Tally,
    Traffic,
};
use sekisho_design::{Design, Lan, Name};
use sekisho_host::{Count, Metered};
use sekisho_plan::{
    account::{Account, Accounts},
    lan_number,
    ruleset::NAPT_PORTS,
};

/// Who may have sent or got something, by a design.
#[derive(Debug, Default)]
pub(super) struct Owners {
    accounts: Accounts,
    /// Servers, terminals and policies, without any traffic.
    rows: Vec<RowTraffic>,
    servers: BTreeMap<(u32, Ipv4Addr), Name>,
    terminals: Vec<(u32, RangeInclusive<Ipv4Addr>, Name)>,
    /// The servers' global addresses.
    globals: BTreeMap<Ipv4Addr, Name>,
    shared: BTreeMap<Ipv4Addr, Vec<Name>>,
}

/// The global addresses of which hosts share the ports, and their rows.
pub(super) fn shared(design: &Design) -> BTreeMap<Ipv4Addr, Vec<Name>> {
    let servers = design
        .servers
        .iter()
        .flat_map(|row| row.global_for.iter().map(|entry| (entry.global, &row.name)));
    let terminals = design.terminals.iter().flat_map(|row| {
        let others = row.global_for.iter().map(|entry| entry.global);
        others.chain([row.global]).map(|global| (global, &row.name))
    });
    let mut shared: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (global, row) in servers.chain(terminals) {
        shared.entry(global.get()).or_default().insert(row.clone());
    }
    shared.into_iter().map(|(global, rows)| (global, rows.into_iter().collect())).collect()
}

impl Owners {
    /// Those of a design as it is written: a policy whose time is over keeps what was counted for it.
    pub(super) fn of(design: &Design) -> Self {
        let servers = design.servers.iter();
        let terminals = design.terminals.iter().flat_map(|row| {
            let lan = lan_number(row.lan);
            row.from
                .iter()
                .map(move |from| (lan, from.network()..=from.broadcast(), row.name.clone()))
        });
        Self {
            accounts: Accounts::of(design),
            rows: rows(design),
            servers: servers
                .clone()
                .map(|row| ((lan_number(row.lan), row.private.get()), row.name.clone()))
                .collect(),
            terminals: terminals.collect(),
            globals: servers.map(|row| (row.global.get(), row.name.clone())).collect(),
            shared: shared(design),
        }
    }

    /// The shared addresses.
    pub(super) fn shared(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.shared.keys().copied()
    }

    /// What was counted, by whose it is.
    pub(super) fn traffic(
        &self,
        metered: &Metered,
        ports: &BTreeMap<Ipv4Addr, PortsInUse>,
        connections: Option<ConnectionTable>,
    ) -> Traffic {
        let (hosts, hosts_left_out) = most(self.hosts(metered));
        Traffic {
            rows: self.sums(metered),
            hosts,
            hosts_left_out,
            napt: self.napt(metered, ports),
            connections,
        }
    }

    fn sums(&self, metered: &Metered) -> Vec<RowTraffic> {
        let mut rows = self.rows.clone();
        let places: BTreeMap<_, _> = self
            .rows
            .iter()
            .enumerate()
            .map(|(place, row)| ((row.kind == RowKind::Policy, &row.name), place))
            .collect();
        let place = |policy, name| places.get(&(policy, name)).copied();
        for (number, Account { row, policy, .. }) in self.accounts.iter() {
            let policy = policy.as_ref().and_then(|policy| place(true, policy));
            for place in place(false, row).into_iter().chain(policy) {
                let row = &mut rows[place];
                add(&mut row.up, metered.account_up.get(&number));
                add(&mut row.down, metered.account_down.get(&number));
                row.opened += metered.account_opened.get(&number).map_or(0, |count| count.packets);
            }
        }
        let of_hosts = metered.host_refused.iter().map(|(host, count)| (self.row_of(*host), count));
        let of_globals =
            metered.global_refused.iter().map(|(global, count)| (self.globals.get(global), count));
        for (row, count) in of_hosts.chain(of_globals) {
            if let Some(refused) =
                row.and_then(|row| place(false, row)).and_then(|place| rows[place].refused.as_mut())
            {
                add(refused, Some(count));
            }
        }
        rows
    }

    fn hosts(&self, metered: &Metered) -> Vec<HostTraffic> {
        let Metered { host_up, host_down, host_refused, .. } = metered;
        let keys: BTreeSet<_> =
            [host_up, host_down, host_refused].into_iter().flat_map(BTreeMap::keys).collect();
        keys.into_iter()
            .filter_map(|host| {
                let (number, address) = *host;
                let lans = [Lan::HeadOffice, Lan::EducationBoard];
                Some(HostTraffic {
                    lan: lans.into_iter().find(|lan| lan_number(*lan) == number)?,
                    address,
                    row: self.row_of(*host).cloned(),
                    up: tally(host_up.get(host)),
                    down: tally(host_down.get(host)),
                    refused: tally(host_refused.get(host)),
                })
            })
            .collect()
    }

    fn napt(&self, metered: &Metered, ports: &BTreeMap<Ipv4Addr, PortsInUse>) -> Vec<NaptUse> {
        let of = |(global, rows): (&Ipv4Addr, &Vec<Name>)| NaptUse {
            global: *global,
            rows: rows.clone(),
            first_port: *NAPT_PORTS.start(),
            last_port: *NAPT_PORTS.end(),
            ports: ports.get(global).copied().unwrap_or_default(),
            refused: tally(metered.global_refused.get(global)),
        };
        self.shared.iter().map(of).collect()
    }

    /// The row of a host, as the packet filter has it: a server's own row first, then the first terminals that cover it.
    fn row_of(&self, host: (u32, Ipv4Addr)) -> Option<&Name> {
        self.servers.get(&host).or_else(|| {
            let (lan, address) = host;
            let mut covering =
                self.terminals.iter().filter(|(of, from, _)| *of == lan && from.contains(&address));
            covering.next().map(|(.., row)| row)
        })
    }
}

fn rows(design: &Design) -> Vec<RowTraffic> {
    let empty = |kind, name: &Name| RowTraffic {
        kind,
        name: name.clone(),
        lan: None,
        environment: None,
        class: None,
        until: None,
        up: Tally::default(),
        down: Tally::default(),
        opened: 0,
        refused: Some(Tally::default()),
    };
    let servers = design.servers.iter().map(|row| RowTraffic {
        lan: Some(row.lan),
        environment: Some(row.environment),
        class: Some(row.class),
        ..empty(RowKind::Server, &row.name)
    });
    let terminals = design.terminals.iter().map(|row| RowTraffic {
        lan: Some(row.lan),
        environment: Some(row.environment),
        class: Some(row.class),
        ..empty(RowKind::Terminals, &row.name)
    });
    let policies = design.policies.iter().map(|policy| RowTraffic {
        environment: policy.environment,
        class: policy.class,
        until: policy.until,
        refused: None,
        ..empty(RowKind::Policy, &policy.name)
    });
    servers.chain(terminals).chain(policies).collect()
}

/// Those with the most traffic, in their order, and how many are left out.
fn most(mut hosts: Vec<HostTraffic>) -> (Vec<HostTraffic>, usize) {
    let left_out = hosts.len().saturating_sub(MOST_HOSTS);
    if left_out > 0 {
        hosts.sort_by_key(|host| std::cmp::Reverse(host.up.bytes.saturating_add(host.down.bytes)));
        hosts.truncate(MOST_HOSTS);
        hosts.sort_by_key(|host| (host.lan, host.address));
    }
    (hosts, left_out)
}

fn tally(count: Option<&Count>) -> Tally {
    let count = count.copied().unwrap_or_default();
    Tally { packets: count.packets, bytes: count.bytes }
}

fn add(to: &mut Tally, count: Option<&Count>) {
    let Tally { packets, bytes } = tally(count);
    to.packets += packets;
    to.bytes += bytes;
}

#[cfg(test)]
mod tests;
