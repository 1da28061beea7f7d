//! Whoever reads the device's figures stands at the maintenance port, and is named.

use ipnet::Ipv4Net;

use super::interfaces::host;
use crate::{
    InterfaceAddress, Rule,
    draft::{ReadersDraft, SiteDraft},
    reader::{At, Log, Place},
};

/// What a table of readers is told.
struct Words {
    without_maintenance: fn() -> Rule,
    whole: fn(Ipv4Net) -> Rule,
    outside: fn(Ipv4Net) -> Rule,
}

const METRICS: Words = Words {
    without_maintenance: || Rule::MetricsWithoutMaintenance,
    whole: |from| Rule::MetricsWhole { from },
    outside: |from| Rule::MetricsSourceOutside { from },
};

const SNMP: Words = Words {
    without_maintenance: || Rule::SnmpWithoutMaintenance,
    whole: |from| Rule::SnmpWhole { from },
    outside: |from| Rule::SnmpSourceOutside { from },
};

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    for (draft, words) in [(&site.metrics, METRICS), (&site.snmp, SNMP)] {
        if let Some(draft) = draft {
            readers(site, draft, &words, log);
        }
    }
}

fn readers(site: &SiteDraft, draft: &ReadersDraft, words: &Words, log: &mut Log) {
    let ReadersDraft { place, maintenance } = draft;
    if site.interfaces.is_some() && site.maintenance.is_none() {
        log.add(place, (words.without_maintenance)());
    }
    let port = site.maintenance.as_ref().and_then(|port| port.address.as_ref());
    let Some(At { value: device, .. }) = port else { return };
    let sources = maintenance.iter().flatten();
    // Never everybody, also not in parts.
    let together: Vec<_> = sources.clone().map(|source| source.value).collect();
    if Ipv4Net::aggregate(&together).contains(&device.subnet()) {
        log.add(place, (words.whole)(device.subnet()));
        return;
    }
    for At { value: from, place } in sources {
        source(*from, place, *device, words, log);
    }
}

/// A source is a host or a part of the subnet; not the device.
fn source(from: Ipv4Net, place: &Place, device: InterfaceAddress, words: &Words, log: &mut Log) {
    let subnet = device.subnet();
    if !subnet.contains(&from) {
        log.add(place, (words.outside)(from));
    } else if from.addr() == device.address() && from.prefix_len() == 32 {
        log.add(place, Rule::OfDevice { address: from.addr() });
    } else if from.prefix_len() == 32 {
        host(from.addr(), subnet, place, log);
    }
}
