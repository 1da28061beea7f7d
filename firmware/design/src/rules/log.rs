//! The office's collector: it is another host, on a side of the office that reaches it, and there is something to send
//! (R77).

use super::{
    interfaces::host,
    names::{designed, on_subnet},
    rows::{device, reach},
};
use crate::{
    Lan, OfficeSide, Rule, Sent,
    draft::{CollectorDraft, SiteDraft},
    reader::{At, Log},
};

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    let Some(collector) = &site.collector else { return };
    place(collector, site, log);
    let flows = collector.send.iter().flatten().find(|sent| sent.value == Sent::Flows);
    if let (Some(flows), false) = (flows, site.has_flow_log) {
        log.add(&flows.place, Rule::FlowsNotLogged);
    }
}

/// The interface is designed, and the address is that of another host which it reaches. What it reaches is neither LGWAN's
/// nor the platform's by other rules.
fn place(collector: &CollectorDraft, site: &SiteDraft, log: &mut Log) {
    let Some(At { value: interface, place }) = &collector.interface else { return };
    if let OfficeSide::Lan(lan) = interface {
        designed(*lan, place, site, log);
    } else if site.interfaces.is_some() && site.maintenance.is_none() {
        log.add(place, Rule::MaintenanceNotDesigned);
    }
    let Some(At { value: address, place }) = &collector.address else { return };
    let (address, interface) = (*address, *interface);
    let maintenance = site.maintenance.as_ref().and_then(|port| port.address.as_ref());
    let own = maintenance.map(|at| at.value.address());
    let mut devices = Lan::ALL.into_iter().filter_map(|lan| device(site, lan)).chain(own);
    if devices.any(|device| device == address) {
        log.add(place, Rule::OfDevice { address });
        return;
    }
    let reached = match interface {
        OfficeSide::Lan(lan) => {
            on_subnet(address, lan, place, site, log);
            reach(site).get(&lan).map(|reach| reach.around_address(address).is_some())
        }
        OfficeSide::Maintenance => maintenance.map(|at| {
            host(address, at.value.subnet(), place, log);
            at.value.subnet().contains(&address)
        }),
    };
    if reached == Some(false) {
        log.add(place, Rule::CollectorUnreachable { address, interface });
    }
}
