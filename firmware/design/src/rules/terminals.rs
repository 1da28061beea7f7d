//! Rows of terminals: where they stand, and who else stands there (R14).

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::rows::{device, reach};
use crate::{
    Global, Lan, Rule,
    draft::{RowDraft, SiteDraft, TerminalsDraft},
    reader::{At, Log, Place},
};

struct Entry<'a> {
    from: Ipv4Net,
    global: Global,
    row: &'a RowDraft,
    place: &'a Place,
}

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
        }
        overlaps(&terminals, log);
        servers_among(site, lan, &terminals, log);
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

fn servers_among(site: &SiteDraft, lan: Lan, terminals: &[&TerminalsDraft], log: &mut Log) {
    let mut servers: Vec<(Ipv4Addr, &RowDraft)> = Vec::new();
    for server in &site.servers {
        if let (Some(on), Some(private)) = (&server.row.lan, &server.private)
            && on.value == lan
        {
            servers.push((private.value.get(), &server.row));
        }
    }
    servers.sort_by_key(|(address, row)| (*address, &row.place));
    for At { value: from, place } in terminals.iter().flat_map(|row| row.from.iter().flatten()) {
        let first = servers.partition_point(|(address, _)| *address < from.network());
        let end = servers.partition_point(|(address, _)| *address <= from.broadcast());
        if let [(_, server), more @ ..] = &servers[first..end] {
            let server = server.label();
            log.add(place, Rule::StaticWins { from: *from, server, more: more.len() });
        }
    }
}
