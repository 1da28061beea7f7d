//! Whoever reads the device's figures stands at the maintenance port, and is named.

use ipnet::Ipv4Net;

use super::interfaces::host;
use crate::{
    InterfaceAddress, Rule,
    draft::{MetricsDraft, SiteDraft},
    reader::{At, Log, Place},
};

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    let Some(MetricsDraft { place, maintenance }) = &site.metrics else { return };
    if site.interfaces.is_some() && site.maintenance.is_none() {
        log.add(place, Rule::MetricsWithoutMaintenance);
    }
    let port = site.maintenance.as_ref().and_then(|port| port.address.as_ref());
    let Some(At { value: device, .. }) = port else { return };
    let sources = maintenance.iter().flatten();
    // Never everybody, also not in parts: the figures have no password.
    let together: Vec<_> = sources.clone().map(|source| source.value).collect();
    if Ipv4Net::aggregate(&together).contains(&device.subnet()) {
        log.add(place, Rule::MetricsWhole { from: device.subnet() });
        return;
    }
    for At { value: from, place } in sources {
        source(*from, place, *device, log);
    }
}

/// A source is a host or a part of the subnet; not the device.
fn source(from: Ipv4Net, place: &Place, device: InterfaceAddress, log: &mut Log) {
    let subnet = device.subnet();
    if !subnet.contains(&from) {
        log.add(place, Rule::MetricsSourceOutside { from });
    } else if from.addr() == device.address() && from.prefix_len() == 32 {
        log.add(place, Rule::OfDevice { address: from.addr() });
    } else if from.prefix_len() == 32 {
        host(from.addr(), subnet, place, log);
    }
}
