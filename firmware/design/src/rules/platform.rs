//! The platform's side: centres, probes, resolvers, and what the device reaches over LGWAN.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{entries::REVERSE, interfaces::unicast, netset::NetSet, networks};
use crate::{
    CentrePart, Lan, Role, Rule,
    draft::{CentreDraft, ProfileDraft, SiteDraft, platform},
    name::is_in,
    reader::{At, File, Log, Place},
};

pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    if profile.centres_whole && profile.centres.is_empty() {
        log.add(&Place::start(File::Profile), Rule::NoCentre);
    }
    distinct(profile, CentrePart::Name, |centre| part(centre.name.as_ref()), log);
    distinct(profile, CentrePart::Endpoint, |centre| part(centre.endpoint.as_ref()), log);
    distinct(profile, CentrePart::PublicKey, |centre| part(centre.public_key.as_ref()), log);
    distinct(profile, CentrePart::Preference, |centre| part(centre.preference.as_ref()), log);
    distinct(profile, CentrePart::Probe, |centre| part(centre.probe.as_ref()), log);
    for network in profile.networks.iter().flatten() {
        unicast(network.prefix.value, &network.prefix.place, log);
    }
    for prefix in profile.pool.iter().flatten() {
        unicast(prefix.value, &prefix.place, log);
    }
    inside(profile, log);
    zones(profile, log);
    services(profile, log);
    uplink(site, profile, log);
    named(site, profile, log);
}

fn part<T: Ord>(value: Option<&At<T>>) -> Option<(&T, &Place)> {
    value.map(|At { value, place }| (value, place))
}

fn distinct<'a, T: Ord + 'a>(
    profile: &'a ProfileDraft,
    part: CentrePart,
    select: impl Fn(&'a CentreDraft) -> Option<(&'a T, &'a Place)>,
    log: &mut Log,
) {
    let mut holders: BTreeMap<&T, &CentreDraft> = BTreeMap::new();
    for centre in &profile.centres {
        let Some((value, place)) = select(centre) else { continue };
        if let Some(first) = holders.get(value) {
            log.add(place, Rule::CentreTwice { part, first: first.label() });
        } else {
            holders.insert(value, centre);
        }
    }
}

/// Probes and resolvers are hosts of the platform.
fn inside(profile: &ProfileDraft, log: &mut Log) {
    let Some(networks) = platform(profile) else { return };
    let outside = |address: Ipv4Addr| networks.around_address(address).is_none();
    for At { value: address, place } in
        profile.centres.iter().filter_map(|centre| centre.probe.as_ref())
    {
        if outside(*address) {
            log.add(place, Rule::ProbeOutside { address: *address });
        }
    }
    for At { value: address, place } in
        profile.zones.iter().flat_map(|zone| zone.resolvers.iter().flatten())
    {
        if outside(*address) {
            log.add(place, Rule::ResolverOutside { address: *address });
        }
    }
}

fn zones(profile: &ProfileDraft, log: &mut Log) {
    let mut names = std::collections::BTreeSet::new();
    for At { value, place } in profile.zones.iter().filter_map(|zone| zone.name.as_ref()) {
        if !names.insert(value) {
            log.add(place, Rule::ZoneTwice { name: value.clone() });
        }
        // A zone above would hold the whole reverse tree.
        if is_in(value, REVERSE) || is_in(REVERSE, value) {
            log.add(place, Rule::ReverseZone { name: value.clone() });
        }
    }
}

/// Services that a check asks are told apart by their names, and are hosts of the platform.
fn services(profile: &ProfileDraft, log: &mut Log) {
    let mut names = std::collections::BTreeSet::new();
    for service in &profile.services {
        if let Some(At { value, place }) = &service.name
            && !names.insert(value)
        {
            log.add(place, Rule::ServiceTwice { name: value.clone() });
        }
        host(profile, service.address.as_ref(), log);
        let protocol = service.protocol.as_ref().map(|protocol| protocol.value);
        if let (Some(protocol), Ok(None)) = (protocol, &service.port)
            && protocol.usual_port().is_none()
        {
            log.add(&service.place, Rule::ServiceWithoutPort { protocol });
        }
    }
}

/// What the platform offers is at a host of the platform, and not at an address of the organisation.
pub(super) fn host(profile: &ProfileDraft, address: Option<&At<Ipv4Addr>>, log: &mut Log) {
    let Some(At { value: address, place }) = address else { return };
    let address = *address;
    let pool = profile.pool.as_deref().unwrap_or_default();
    let pool = NetSet::new(pool.iter().map(|prefix| prefix.value));
    let outside = |networks: &NetSet| networks.around_address(address).is_none();
    if pool.around_address(address).is_some() {
        log.add(place, Rule::ServiceInPool { address });
    } else if platform(profile).as_ref().is_some_and(outside) {
        log.add(place, Rule::ServiceOutside { address });
    }
}

/// Endpoints, time servers and resolvers on LGWAN are other hosts, in no network of the office or of the platform.
fn uplink(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let all = networks::all(site, profile);
    let roles = [
        Role::Lan(Lan::HeadOffice),
        Role::Lan(Lan::EducationBoard),
        Role::Maintenance,
        Role::Platform,
        Role::Pool,
    ];
    let sets = roles.map(|wanted| {
        let networks = all.iter().filter(|(_, role, _)| *role == wanted);
        (wanted, NetSet::new(networks.map(|(network, ..)| *network)))
    });
    let device = site.lgwan.as_ref().and_then(|lgwan| lgwan.port.address.as_ref());
    let mut check = |address: Ipv4Addr, place: &Place| {
        unicast(address, place, log);
        if device.is_some_and(|device| device.value.address() == address) {
            log.add(place, Rule::OfDevice { address });
        }
        let found = sets.iter().find_map(|(role, set)| Some((*role, set.around_address(address)?)));
        if let Some((role, network)) = found {
            log.add(place, Rule::UplinkInside { address, network, role });
        }
    };
    for endpoint in profile.centres.iter().filter_map(|centre| centre.endpoint.as_ref()) {
        endpoint.value.host.addresses().iter().for_each(|host| check(*host, &endpoint.place));
    }
    for server in profile.ntp.iter().flatten() {
        server.value.addresses().iter().for_each(|host| check(*host, &server.place));
    }
    for resolver in site.lgwan.iter().flat_map(|lgwan| lgwan.dns.iter().flatten()) {
        check(resolver.value, &resolver.place);
    }
}

/// Somebody on LGWAN must be there to ask for the names of hosts on LGWAN.
fn named(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let resolvers = site.lgwan.as_ref().and_then(|lgwan| lgwan.dns.as_ref());
    if resolvers.is_none_or(|resolvers| !resolvers.is_empty()) {
        return;
    }
    let endpoints = profile.centres.iter().filter_map(|centre| centre.endpoint.as_ref());
    let endpoints = endpoints.map(|At { value, place }| (&value.host, place));
    let servers = profile.ntp.iter().flatten().map(|At { value, place }| (value, place));
    for (host, place) in endpoints.chain(servers) {
        if let Some(name) = host.name() {
            log.add(place, Rule::NameWithoutResolver { name: name.clone() });
        }
    }
}

impl CentreDraft {
    fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| self.place.path.clone(), |name| name.value.to_string())
    }
}
