//! Destinations that see another global address: on the platform, and each one address of a row (R86).

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{netset::NetSet, zoneset::ZoneSet};
use crate::{
    DnsName, Global, Origin, Rule,
    draft::{ProfileDraft, RowDraft, SiteDraft, platform},
    reader::{At, Log, Place},
};

pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let (platform, zones) = (platform(profile), ZoneSet::of(profile));
    for row in site.rows() {
        for At { value: origin, place } in origins(row) {
            on_platform(origin, place, platform.as_ref(), &zones, log);
        }
        networks_apart(row, log);
        names_apart(row, log);
    }
}

fn origins(row: &RowDraft) -> impl Iterator<Item = &At<Origin>> {
    row.global_for.iter().flatten().flat_map(|entry| entry.to.iter().flatten())
}

fn on_platform(
    origin: &Origin,
    place: &Place,
    platform: Option<&NetSet>,
    zones: &ZoneSet<'_>,
    log: &mut Log,
) {
    match origin {
        Origin::Network(to) => {
            if platform.is_some_and(|platform| platform.around(*to).is_none()) {
                log.add(place, Rule::DestinationOutside { to: *to });
            }
        }
        Origin::Name(host) => {
            if zones.whole && zones.around(&host.name).is_none() {
                log.add(place, Rule::SourceInNoZone { name: host.name.clone() });
            }
        }
    }
}

/// Networks overlap only by one holding the other; see the overlaps of terminals.
fn networks_apart(row: &RowDraft, log: &mut Log) {
    let mut entries: Vec<(Ipv4Net, Global, &Place)> = Vec::new();
    for entry in row.global_for.iter().flatten() {
        let Some(global) = &entry.global else { continue };
        let networks = entry.to.iter().flatten().filter_map(|to| match &to.value {
            Origin::Network(network) => Some((*network, global.value, &to.place)),
            Origin::Name(_) => None,
        });
        entries.extend(networks);
    }
    let order = |(network, _, place): &(Ipv4Net, Global, &Place)| -> (Ipv4Addr, u8, Place) {
        (network.network(), network.prefix_len(), (*place).clone())
    };
    entries.sort_by_cached_key(order);
    let mut open: Vec<(Ipv4Net, Global, &Place)> = Vec::new();
    for entry in entries {
        while open.last().is_some_and(|(outer, ..)| !outer.contains(&entry.0)) {
            open.pop();
        }
        if let Some(outer) = open.last().filter(|outer| outer.1 != entry.1) {
            let (earlier, later) =
                if outer.2 < entry.2 { (*outer, entry) } else { (entry, *outer) };
            log.add(later.2, twice(later.0, earlier.0, earlier.1));
        }
        open.push(entry);
    }
}

fn names_apart(row: &RowDraft, log: &mut Log) {
    let mut seen: BTreeMap<&DnsName, Global> = BTreeMap::new();
    for entry in row.global_for.iter().flatten() {
        let Some(global) = &entry.global else { continue };
        for At { value: origin, place } in entry.to.iter().flatten() {
            if let Origin::Name(host) = origin {
                let first = *seen.entry(&host.name).or_insert(global.value);
                if first != global.value {
                    let (to, other) = (host.name.to_string(), host.name.to_string());
                    log.add(place, Rule::DestinationTwice { to, other, global: first });
                }
            }
        }
    }
}

fn twice(to: Ipv4Net, other: Ipv4Net, global: Global) -> Rule {
    let [to, other] = [to, other].map(crate::messages::range);
    Rule::DestinationTwice { to, other, global }
}
