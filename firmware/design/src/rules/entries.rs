//! Static entries: each name once a LAN, aliases that lead somewhere, addresses that their LANs reach (R87).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{
    interfaces::unicast,
    names::{designed, on_subnet},
    netset::NetSet,
    rows::reach,
    zoneset::ZoneSet,
};
use crate::{
    DnsName, Lan, Private, Rule,
    draft::{EntryDraft, NamesDraft, ProfileDraft, RowDraft, SiteDraft, TargetDraft},
    reader::{At, Log, Place},
};

/// The zone of all names that stand for IPv4 addresses (RFC 1035, clause 3.5).
pub(super) const REVERSE: &str = "in-addr.arpa";

/// What a LAN's clients get for a name.
type View<'a> = BTreeMap<&'a DnsName, &'a TargetDraft>;

pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let Some(names) = &site.names else { return };
    let zones = ZoneSet::of(profile);
    for entry in &names.entries {
        for lan in entry.lans.iter().flatten().flatten() {
            designed(lan.value, &lan.place, site, log);
        }
        name(entry, &zones, log);
    }
    let views = views(names, site, log);
    loops(&views, log);
    aliases(names, site, &views, &zones, log);
    addresses(names, site, log);
}

fn name(entry: &EntryDraft, zones: &ZoneSet<'_>, log: &mut Log) {
    let Some(At { value: name, place }) = &entry.name else { return };
    if name.is_in(REVERSE) {
        log.add(place, Rule::EntryReversed { name: name.clone() });
    }
    match zones.around(name) {
        Some(zone) if zone == name.as_str() => {
            log.add(place, Rule::EntryIsZone { name: name.clone() });
        }
        Some(zone) => {
            log.add(place, Rule::EntryInZone { name: name.clone(), zone: zone.to_owned() });
        }
        None => {}
    }
}

/// What each LAN gets, each name once.
fn views<'a>(names: &'a NamesDraft, site: &SiteDraft, log: &mut Log) -> BTreeMap<Lan, View<'a>> {
    let mut views: BTreeMap<Lan, View<'a>> = BTreeMap::new();
    for entry in &names.entries {
        let (Some(At { value: name, place }), Some(target)) = (&entry.name, &entry.target) else {
            continue;
        };
        let mut mixed = false;
        for lan in entry.lans(&site.lans) {
            match views.entry(lan).or_default().get(name) {
                None => {
                    views.entry(lan).or_default().insert(name, target);
                }
                Some(first) if first.is_alias() == target.is_alias() => {
                    log.add(place, Rule::EntryTwice { name: name.clone(), lan });
                }
                Some(_) => mixed = true,
            }
        }
        if mixed {
            log.add(place, Rule::AliasAndAddresses);
        }
    }
    views
}

/// Each loop is said once, at the alias that closes it.
fn loops(views: &BTreeMap<Lan, View<'_>>, log: &mut Log) {
    let mut closing: BTreeMap<&Place, &DnsName> = BTreeMap::new();
    for view in views.values() {
        let mut done: BTreeSet<&DnsName> = BTreeSet::new();
        for start in view.keys() {
            let mut trail: BTreeSet<&DnsName> = BTreeSet::new();
            let mut name = *start;
            while let Some(TargetDraft::Alias(alias)) = view.get(name)
                && !done.contains(name)
            {
                trail.insert(name);
                if trail.contains(&alias.value) {
                    closing.insert(&alias.place, name);
                    break;
                }
                name = &alias.value;
            }
            done.extend(trail);
        }
    }
    for (place, name) in closing {
        log.add(place, Rule::AliasLoop { name: name.clone() });
    }
}

/// What an alias stands for is known to somebody whom its LANs ask.
fn aliases(
    names: &NamesDraft,
    site: &SiteDraft,
    views: &BTreeMap<Lan, View<'_>>,
    zones: &ZoneSet<'_>,
    log: &mut Log,
) {
    let Some(office_dns) = &names.office_dns else { return };
    if !zones.whole || !names.entries_whole || !names.entries.iter().all(EntryDraft::is_known) {
        return;
    }
    let asks: BTreeSet<Lan> = office_dns.value.iter().map(|servers| servers.lan.value).collect();
    for entry in &names.entries {
        let Some(TargetDraft::Alias(At { value: alias, place })) = &entry.target else { continue };
        for lan in entry.lans(&site.lans) {
            let is_entry = views.get(&lan).is_some_and(|view| view.contains_key(alias));
            if !is_entry && zones.around(alias).is_none() && !asks.contains(&lan) {
                log.add(place, Rule::AliasOutOfReach { alias: alias.clone(), lan });
            }
        }
    }
}

/// Servers by the addresses that entries may lead to.
struct Servers<'a> {
    private: BTreeMap<(Lan, Ipv4Addr), &'a RowDraft>,
    global: BTreeMap<Ipv4Addr, (Lan, &'a RowDraft)>,
}

impl<'a> Servers<'a> {
    fn of(site: &'a SiteDraft) -> Self {
        let mut servers = Self { private: BTreeMap::new(), global: BTreeMap::new() };
        for server in &site.servers {
            let Some(lan) = server.row.lan.as_ref().map(|lan| lan.value) else { continue };
            if let Some(private) = &server.private {
                servers.private.entry((lan, private.value.get())).or_insert(&server.row);
            }
            if let Some(global) = &server.row.global {
                servers.global.entry(global.value.get()).or_insert((lan, &server.row));
            }
        }
        servers
    }

    /// The server of another LAN that has an address which none of this LAN has.
    fn elsewhere(&self, address: Ipv4Addr, lan: Lan) -> Option<&'a RowDraft> {
        let global = self.global.get(&address).filter(|(other, _)| *other != lan);
        let private = |other: Lan| self.private.get(&(other, address)).copied();
        let others = || Lan::ALL.into_iter().filter(move |other| *other != lan);
        let private = private(lan).is_none().then(|| others().find_map(private)).flatten();
        global.map(|(_, row)| *row).or(private)
    }
}

/// Whoever gets an entry reaches what it leads to.
fn addresses(names: &NamesDraft, site: &SiteDraft, log: &mut Log) {
    let (servers, reach) = (Servers::of(site), reach(site));
    for entry in &names.entries {
        let Some(TargetDraft::Addresses(addresses)) = &entry.target else { continue };
        for At { value: address, place } in addresses {
            unicast(*address, place, log);
            for lan in entry.lans(&site.lans) {
                on_subnet(*address, lan, place, site, log);
                reached(*address, lan, place, &servers, reach.get(&lan), log);
            }
        }
    }
}

fn reached(
    address: Ipv4Addr,
    lan: Lan,
    place: &Place,
    servers: &Servers<'_>,
    reach: Option<&NetSet>,
    log: &mut Log,
) {
    let outside = || reach.is_some_and(|reach| reach.around_address(address).is_none());
    if let Some(row) = servers.elsewhere(address, lan) {
        log.add(place, Rule::EntryOfOtherLan { address, lan, server: row.label() });
    } else if Private::try_from(address).is_ok() && outside() {
        log.add(place, Rule::EntryUnreachable { address, lan });
    }
}

impl EntryDraft {
    /// Whether it is known which names which LANs get.
    fn is_known(&self) -> bool {
        self.name.is_some() && self.lans.is_ok() && self.target.is_some()
    }
}

impl TargetDraft {
    fn is_alias(&self) -> bool {
        matches!(self, Self::Alias(_))
    }
}
