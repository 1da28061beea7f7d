//! Servers, and what every row must keep (R13, R89).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{interfaces::host, netset::NetSet, zoneset::ZoneSet};
use crate::{
    Environment, Lan, Origin, Private, Rule,
    draft::{LanDraft, ProfileDraft, RowDraft, ServerDraft, SiteDraft},
    reader::{At, Log},
};

pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    common(site, profile, log);
    let reach = reach(site);
    let mut holders: BTreeMap<(Lan, Private), &RowDraft> = BTreeMap::new();
    for server in &site.servers {
        let (Some(lan), Some(private)) = (&server.row.lan, &server.private) else { continue };
        place(server, site, &reach, log);
        let address = private.value;
        if let Some(first) = holders.get(&(lan.value, address)) {
            log.add(&private.place, Rule::PrivateTwice { address, first: first.label() });
        } else {
            holders.insert((lan.value, address), &server.row);
        }
    }
    sources(site, profile, log);
}

/// What each LAN reaches, its subnet and its routes, where that is known.
pub(super) fn reach(site: &SiteDraft) -> BTreeMap<Lan, NetSet> {
    site.lans.iter().filter_map(|(lan, draft)| Some((*lan, lan_reach(draft)?))).collect()
}

fn lan_reach(draft: &LanDraft) -> Option<NetSet> {
    let routes = draft.routes.as_ref()?.iter();
    let routes: Option<Vec<_>> = routes.map(|route| route.to.as_ref().map(|to| to.value)).collect();
    let subnet = draft.port.address.as_ref()?.value.subnet();
    Some(NetSet::new(routes?.into_iter().chain([subnet])))
}

/// The device's own address on a LAN.
pub(super) fn device(site: &SiteDraft, lan: Lan) -> Option<Ipv4Addr> {
    site.lans.get(&lan)?.port.address.as_ref().map(|address| address.value.address())
}

fn common(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let networks = profile.networks.as_ref();
    let environments: Option<BTreeSet<Environment>> =
        networks.map(|networks| networks.iter().map(|network| network.environment.value).collect());
    let mut names = BTreeSet::new();
    for row in site.rows() {
        if let Some(At { value: name, place }) = &row.name
            && !names.insert(name)
        {
            log.add(place, Rule::NameTwice { name: name.clone() });
        }
        if let Some(At { value: lan, place }) = &row.lan
            && site.interfaces.is_some()
            && !site.lans.contains_key(lan)
        {
            log.add(place, Rule::LanNotDesigned { lan: *lan });
        }
        if let (Some(At { value: environment, place }), Some(environments)) =
            (&row.environment, &environments)
            && !environments.contains(environment)
        {
            log.add(place, Rule::NoNetworkOfEnvironment { environment: *environment });
        }
    }
}

/// A server stands where its LAN reaches it, and isn't the device.
fn place(server: &ServerDraft, site: &SiteDraft, reach: &BTreeMap<Lan, NetSet>, log: &mut Log) {
    let (Some(lan), Some(private)) = (&server.row.lan, &server.private) else { return };
    let (lan, At { value: address, place }) = (lan.value, private);
    // Where both LANs use one range, the kernel takes the device's address on either for its own on both.
    if Lan::ALL
        .into_iter()
        .filter_map(|lan| device(site, lan))
        .any(|device| device == address.get())
    {
        log.add(place, Rule::OfDevice { address: address.get() });
    }
    if let Some(reach) = reach.get(&lan)
        && reach.around_address(address.get()).is_none()
    {
        log.add(place, Rule::ServerUnreachable { address: *address, lan });
    }
    // How a network behind a router is divided isn't known here; the LAN's own subnet is.
    if let Some(device) = site.lans.get(&lan).and_then(|draft| draft.port.address.as_ref()) {
        host(address.get(), device.value.subnet(), place, log);
    }
}

/// Sources that may reach a server are the platform's, and of the server's environment.
fn sources(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let Some(networks) = &profile.networks else { return };
    let of = |environment| {
        let same = networks.iter().filter(move |network| network.environment.value == environment);
        NetSet::new(same.map(|network| network.prefix.value))
    };
    let zones = ZoneSet::of(profile);
    let (production, test) = (of(Environment::Production), of(Environment::Test));
    for server in &site.servers {
        let Some(environment) = server.row.environment.as_ref().map(|at| at.value) else {
            continue;
        };
        let (own, other) = match environment {
            Environment::Production => (&production, &test),
            Environment::Test => (&test, &production),
        };
        let from = server.allow.iter().flatten().filter_map(|allowance| allowance.from.as_ref());
        for At { value: origin, place } in from {
            let from = match origin {
                Origin::Network(from) => *from,
                Origin::Name(host) => {
                    if zones.whole && zones.around(&host.name).is_none() {
                        log.add(place, Rule::SourceInNoZone { name: host.name.clone() });
                    }
                    continue;
                }
            };
            if own.around(from).is_some() {
                continue;
            }
            log.add(
                place,
                if other.around(from).is_some() {
                    Rule::SourceCrosses { from, environment }
                } else {
                    Rule::SourceOutside { from }
                },
            );
        }
    }
}
