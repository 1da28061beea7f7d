//! Rows of terminals: where they stand, and who else stands there (R14).

use std::{collections::BTreeMap, net::Ipv4Addr, ops::RangeInclusive};

use ipnet::Ipv4Net;

use super::{
    interfaces::host,
    netset::NetSet,
    rows::{device, reach},
};
use crate::{
    Global, Lan, Private, Rule,
    draft::{RowDraft, SiteDraft, TerminalsDraft},
    reader::{At, Log, Place},
};

struct Entry<'a> {
    from: Ipv4Net,
    global: Global,
    row: &'a RowDraft,
    place: &'a Place,
}

/// The shortest prefix that passes without a word: it has fewer addresses than one global address has ports, 65,536.
const SHORTEST: u8 = 17;

/// The last bytes of the addresses that DHCP servers usually give out.
const LEASED: RangeInclusive<u8> = 100..=199;

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    let reach = reach(site);
    for (lan, terminals) in by_lan(site) {
        for At { value: from, place } in terminals.iter().flat_map(|row| row.from.iter().flatten())
        {
            if reach.get(&lan).is_some_and(|reach| reach.around(*from).is_none()) {
                log.add(place, Rule::TerminalsOutside { from: *from, lan });
            }
            // The device itself is no terminal of a whole subnet; its address on the other LAN could be somebody's here.
            let own = device(site, lan).filter(|_| from.prefix_len() < 32);
            let devices = Lan::ALL.into_iter().filter_map(|lan| device(site, lan));
            for address in
                devices.filter(|device| from.contains(device) && Some(*device) != own).take(1)
            {
                log.add(place, Rule::OfDevice { address });
            }
            single(site, lan, *from, place, log);
            if from.prefix_len() < SHORTEST {
                log.add(place, Rule::WideTerminals { from: *from });
            }
        }
        overlaps(&terminals, log);
        let servers = Servers::of(site, lan);
        for row in &terminals {
            among(row, &servers, log);
        }
        beside_leases(site, lan, &terminals, log);
    }
}

/// One terminal by itself has an address that a host of its subnet can have.
fn single(site: &SiteDraft, lan: Lan, from: Ipv4Net, place: &Place, log: &mut Log) {
    let subnet = site.lans.get(&lan).and_then(|draft| draft.port.address.as_ref());
    if let Some(address) = subnet.filter(|_| from.prefix_len() == 32) {
        host(from.addr(), address.value.subnet(), place, log);
    }
}

fn by_lan(site: &SiteDraft) -> BTreeMap<Lan, Vec<&TerminalsDraft>> {
    let mut by_lan: BTreeMap<Lan, Vec<&TerminalsDraft>> = BTreeMap::new();
    for terminals in &site.terminals {
        if let Some(lan) = &terminals.row.lan {
            by_lan.entry(lan.value).or_default().push(terminals);
        }
    }
    by_lan
}

/// A terminal has one NAPT address. Networks overlap only by one holding the other, so in order each need be compared
/// with the innermost open one: where those chains agree pair by pair, they agree throughout.
fn overlaps(terminals: &[&TerminalsDraft], log: &mut Log) {
    let mut entries = Vec::new();
    for draft in terminals {
        let Some(global) = &draft.row.global else { continue };
        let from = draft.from.iter().flatten();
        entries.extend(from.map(|At { value, place }| Entry {
            from: *value,
            global: global.value,
            row: &draft.row,
            place,
        }));
    }
    entries.sort_by_key(|entry| (entry.from.network(), entry.from.prefix_len(), entry.place));
    let mut open: Vec<&Entry<'_>> = Vec::new();
    for entry in &entries {
        while open.last().is_some_and(|outer| !outer.from.contains(&entry.from)) {
            open.pop();
        }
        if let Some(outer) = open.last()
            && outer.global != entry.global
        {
            let (earlier, later) =
                if outer.place < entry.place { (*outer, entry) } else { (entry, *outer) };
            let (from, other) = (later.from, earlier.from);
            log.add(later.place, Rule::TerminalsOverlap { from, other, row: earlier.row.label() });
        }
        open.push(entry);
    }
}

fn servers(site: &SiteDraft, lan: Lan) -> impl Iterator<Item = (&At<Private>, &RowDraft)> {
    site.servers.iter().filter_map(move |server| {
        let on = server.row.lan.as_ref().filter(|on| on.value == lan);
        on.and(server.private.as_ref()).map(|private| (private, &server.row))
    })
}

/// The servers of a LAN in the order of their addresses, and these addresses, each once.
struct Servers<'a> {
    rows: Vec<(Ipv4Addr, &'a RowDraft)>,
    addresses: Vec<Ipv4Addr>,
}

impl<'a> Servers<'a> {
    fn of(site: &'a SiteDraft, lan: Lan) -> Self {
        let rows = servers(site, lan).map(|(private, row)| (private.value.get(), row));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(address, row)| (*address, &row.place));
        let mut addresses: Vec<_> = rows.iter().map(|(address, _)| *address).collect();
        addresses.dedup();
        Self { rows, addresses }
    }

    fn inside(&self, from: Ipv4Net) -> &[(Ipv4Addr, &'a RowDraft)] {
        let first = self.rows.partition_point(|(address, _)| *address < from.network());
        let end = self.rows.partition_point(|(address, _)| *address <= from.broadcast());
        &self.rows[first..end]
    }

    fn fill(&self, from: Ipv4Net) -> bool {
        let first = self.addresses.partition_point(|address| *address < from.network());
        let end = self.addresses.partition_point(|address| *address <= from.broadcast());
        (end - first) as u64 == 1 << (32 - from.prefix_len())
    }
}

/// A row that consists of servers is never used; else each of its networks is told the servers in it.
fn among(row: &TerminalsDraft, servers: &Servers<'_>, log: &mut Log) {
    let Some(sources) = &row.from else { return };
    if sources.iter().all(|from| servers.fill(from.value)) {
        log.add(&row.row.place, Rule::OnlyServers);
        return;
    }
    for At { value: from, place } in sources {
        if let [(_, server), more @ ..] = servers.inside(*from) {
            let server = server.label();
            log.add(place, Rule::StaticWins { from: *from, server, more: more.len() });
        }
    }
}

/// A server in a gap of terminals, or at their edge, may stand where addresses are given out.
fn beside_leases(site: &SiteDraft, lan: Lan, terminals: &[&TerminalsDraft], log: &mut Log) {
    let subnet = site.lans.get(&lan).and_then(|draft| draft.port.address.as_ref());
    let Some(subnet) = subnet.map(|address| address.value.subnet()) else { return };
    let sources = terminals.iter().flat_map(|row| row.from.iter().flatten());
    let sources = NetSet::new(sources.map(|from| from.value));
    let leased = |address: Ipv4Addr| {
        subnet.prefix_len() >= 24
            && subnet.contains(&address)
            && LEASED.contains(&address.octets()[3])
            && sources.around_address(address).is_none()
    };
    for (At { value: address, place }, _) in servers(site, lan) {
        let number = u32::from(address.get());
        let mut beside = [number.saturating_sub(1), number.saturating_add(1)]
            .into_iter()
            .filter_map(|near| sources.around_address(near.into()));
        if let Some(from) = beside.next().filter(|_| leased(address.get())) {
            log.add(place, Rule::AmongLeases { address: *address, from });
        }
    }
}
