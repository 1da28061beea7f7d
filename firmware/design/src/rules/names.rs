//! How the office resolves names: the method, the office's DNS servers, and where answers may lead (R17).

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    interfaces::{host, unicast},
    netset::NetSet,
    networks,
    rows::{device, reach},
};
use crate::{
    Lan, Method, Role, Rule,
    draft::{NamesDraft, ProfileDraft, SiteDraft},
    reader::{At, Log, Place},
};

/// The shortest prefix that answers may be let through by.
const SHORTEST: u8 = 8;

pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let Some(names) = &site.names else { return };
    match &names.method {
        Some(At { value: Method::Forward, place }) => forwarded(names, place, log),
        Some(At { value: Method::Hosts, .. }) => unused(names, log),
        Some(At { value: Method::Device, .. }) | None => {}
    }
    office_dns(names, site, &reach(site), log);
    answers(names, site, profile, log);
}

fn forwarded(names: &NamesDraft, method: &Place, log: &mut Log) {
    if names.office_dns.as_ref().is_some_and(|servers| servers.value.is_empty()) {
        log.add(method, Rule::ForwardWithoutDns);
    }
}

/// What is written for clients that never ask.
fn unused(names: &NamesDraft, log: &mut Log) {
    let office_dns = names.office_dns.as_ref().filter(|servers| !servers.value.is_empty());
    let rewrite_own = names.rewrite_own.as_ref().filter(|rewrite| rewrite.value);
    let query_log = names.query_log_days.as_ref().ok().and_then(Option::as_ref);
    for (key, place) in [
        ("office-dns", office_dns.map(|at| &at.place)),
        ("rewrite-own", rewrite_own.map(|at| &at.place)),
        ("query-log-days", query_log.map(|at| &at.place)),
    ] {
        if let Some(place) = place {
            log.add(place, Rule::UnusedWithHosts { key });
        }
    }
}

/// The office's DNS servers are other hosts, and their LANs reach them.
fn office_dns(names: &NamesDraft, site: &SiteDraft, reach: &BTreeMap<Lan, NetSet>, log: &mut Log) {
    for servers in names.office_dns.iter().flat_map(|servers| &servers.value) {
        let At { value: lan, place } = &servers.lan;
        designed(*lan, place, site, log);
        for At { value: address, place } in servers.servers.iter().flatten() {
            office_server(*address, *lan, place, site, reach, log);
        }
    }
}

fn office_server(
    address: Ipv4Addr,
    lan: Lan,
    place: &Place,
    site: &SiteDraft,
    reach: &BTreeMap<Lan, NetSet>,
    log: &mut Log,
) {
    if Lan::ALL.into_iter().any(|lan| device(site, lan) == Some(address)) {
        log.add(place, Rule::OfDevice { address });
    } else if reach.get(&lan).is_some_and(|reach| reach.around_address(address).is_none()) {
        log.add(place, Rule::OfficeDnsUnreachable { address, lan });
    }
    on_subnet(address, lan, place, site, log);
}

/// A LAN that is named is designed.
pub(super) fn designed(lan: Lan, place: &Place, site: &SiteDraft, log: &mut Log) {
    if site.interfaces.is_some() && !site.lans.contains_key(&lan) {
        log.add(place, Rule::LanNotDesigned { lan });
    }
}

/// What stands on a LAN's own subnet has a host's address there.
pub(super) fn on_subnet(
    address: Ipv4Addr,
    lan: Lan,
    place: &Place,
    site: &SiteDraft,
    log: &mut Log,
) {
    if let Some(device) = site.lans.get(&lan).and_then(|draft| draft.port.address.as_ref()) {
        host(address, device.value.subnet(), place, log);
    }
}

/// Answers of the platform never lead to a network that the device is beside.
fn answers(names: &NamesDraft, site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let all = networks::all(site, profile);
    let roles = [
        Role::Lan(Lan::HeadOffice),
        Role::Lan(Lan::EducationBoard),
        Role::Maintenance,
        Role::Lgwan,
    ];
    let sets = roles.map(|wanted| {
        let networks = all.iter().filter(|(_, role, _)| *role == wanted);
        (wanted, NetSet::new(networks.map(|(network, ..)| *network)))
    });
    for At { value: network, place } in names.outside_answers.iter().flatten() {
        if network.prefix_len() < SHORTEST {
            log.add(place, Rule::AnswersTooWide { network: *network });
        } else {
            unicast(*network, place, log);
            inside(*network, place, &sets, log);
        }
    }
}

fn inside(network: Ipv4Net, place: &Place, sets: &[(Role, NetSet)], log: &mut Log) {
    let found = sets.iter().find_map(|(role, set)| Some((*role, set.overlapping(network)?)));
    if let Some((role, other)) = found {
        log.add(place, Rule::AnswersInside { network, other, role });
    }
}
