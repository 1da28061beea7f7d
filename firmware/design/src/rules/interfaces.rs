//! Each interface by itself: ports, addresses, routers (R6, R10).

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::{
    Duplex, InterfaceAddress, PortName, Private, Rule,
    draft::{LanDraft, LgwanDraft, PortDraft, SiteDraft},
    reader::{At, Log, Place},
};

/// The private networks of RFC 1918, clause 3.
const PRIVATE: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// Networks that no host can have an address of (RFC 6890): this network, loopback, link-local, multicast and above.
const NOT_UNICAST: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3),
];

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    ports(site, log);
    for At { value, place } in all(site).filter_map(|draft| draft.mode.as_ref().ok()?.as_ref()) {
        if value.duplex() == Duplex::Half {
            log.add(place, Rule::HalfDuplex);
        }
    }
    if let Some(lgwan) = &site.lgwan {
        uplink(lgwan, log);
    }
    for lan in site.lans.values() {
        inside(&lan.port, log);
        routes(lan, log);
    }
    if let Some(maintenance) = &site.maintenance {
        inside(maintenance, log);
    }
}

/// A host's address is neither the network's own nor the broadcast address of the subnet that it is on.
pub(super) fn host(address: Ipv4Addr, subnet: Ipv4Net, place: &Place, log: &mut Log) {
    if subnet.prefix_len() > 30 || !subnet.contains(&address) {
        return;
    }
    if address == subnet.network() {
        log.add(place, Rule::NetworkAddress { address, subnet });
    } else if address == subnet.broadcast() {
        log.add(place, Rule::BroadcastAddress { address, subnet });
    }
}

/// A network, or an address as /32, that hosts can use.
pub(super) fn unicast(network: impl Into<Ipv4Net>, place: &Place, log: &mut Log) {
    let network = network.into();
    if NOT_UNICAST.iter().any(|other| other.contains(&network) || network.contains(other)) {
        log.add(place, Rule::NotUnicast { network });
    }
}

fn all(site: &SiteDraft) -> impl Iterator<Item = &PortDraft> {
    let lgwan = site.lgwan.iter().map(|lgwan| &lgwan.port);
    lgwan.chain(site.lans.values().map(|lan| &lan.port)).chain(&site.maintenance)
}

fn ports(site: &SiteDraft, log: &mut Log) {
    let mut ports: Vec<&At<PortName>> = all(site).filter_map(|draft| draft.port.as_ref()).collect();
    ports.sort_by_key(|port| &port.place);
    let mut first: BTreeMap<&PortName, &Place> = BTreeMap::new();
    for At { value, place } in ports {
        if let Some(first) = first.get(value) {
            log.add(place, Rule::PortTwice { port: value.clone(), first: first.path.clone() });
        } else {
            first.insert(value, place);
        }
    }
}

fn subnet(address: &At<InterfaceAddress>, log: &mut Log) {
    let At { value, place } = address;
    if !(8..=30).contains(&value.prefix()) {
        log.add(place, Rule::PrefixLength { prefix: value.prefix() });
    }
    host(value.address(), value.subnet(), place, log);
}

fn uplink(lgwan: &LgwanDraft, log: &mut Log) {
    if let Some(address) = &lgwan.port.address {
        subnet(address, log);
        unicast(address.value.address(), &address.place, log);
        if let Some(gateway) = &lgwan.gateway {
            hop(gateway, address.value, log);
        }
    }
    if let (Ok(Some(At { value: rate, place })), Ok(Some(mode))) =
        (&lgwan.line_rate, &lgwan.port.mode)
        && rate.bits_per_second() > mode.value.speed().bits_per_second()
    {
        log.add(place, Rule::PortSlower { rate: *rate, speed: mode.value.speed() });
    }
}

fn inside(draft: &PortDraft, log: &mut Log) {
    let Some(address) = &draft.address else { return };
    subnet(address, log);
    let At { value, place } = address;
    match Private::try_from(value.address()) {
        Ok(_) => private(value.subnet(), place, log),
        Err(error) => log.add(place, Rule::NotPrivate { address: error.0 }),
    }
}

fn private(network: Ipv4Net, place: &Place, log: &mut Log) {
    if !PRIVATE.iter().any(|private| private.contains(&network)) {
        log.add(place, Rule::NetworkNotPrivate { network });
    }
}

fn routes(lan: &LanDraft, log: &mut Log) {
    for route in lan.routes.iter().flatten() {
        if let Some(to) = &route.to {
            private(to.value, &to.place, log);
        }
        if let (Some(via), Some(address)) = (&route.via, &lan.port.address) {
            hop(via, address.value, log);
        }
    }
}

/// A router is a neighbour of the device.
fn hop(hop: &At<Ipv4Addr>, device: InterfaceAddress, log: &mut Log) {
    let At { value: hop, place } = hop;
    if !device.subnet().contains(hop) {
        log.add(place, Rule::HopOffSubnet { hop: *hop, subnet: device.subnet() });
    } else if *hop == device.address() {
        log.add(place, Rule::OfDevice { address: *hop });
    } else {
        host(*hop, device.subnet(), place, log);
    }
}
