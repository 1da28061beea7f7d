//! Whoever gets to the page stands in the head office, and is named (R65).

use ipnet::Ipv4Net;

use super::{interfaces::host, netset::NetSet, rows::reach};
use crate::{
    Lan, Rule,
    draft::{PageDraft, SiteDraft},
    reader::{At, Log, Place},
};

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    let Some(page) = &site.page else { return };
    let PageDraft { place, head_office } = page;
    if site.interfaces.is_some() && !site.lans.contains_key(&Lan::HeadOffice) {
        log.add(place, Rule::PageWithoutLan);
    }
    let reach = reach(site);
    let Some(reach) = reach.get(&Lan::HeadOffice) else { return };
    for At { value: from, place } in head_office.iter().flatten() {
        source(*from, place, site, reach, log);
    }
}

/// A source is a host or a part of what the LAN reaches; not the device, and better not everybody.
fn source(from: Ipv4Net, place: &Place, site: &SiteDraft, reach: &NetSet, log: &mut Log) {
    match reach.around(from) {
        None => log.add(place, Rule::PageSourceOutside { from }),
        Some(whole) if whole == from => log.add(place, Rule::PageWhole { from }),
        Some(_) if from.prefix_len() == 32 => {
            let lan = site.lans.get(&Lan::HeadOffice).and_then(|lan| lan.port.address.as_ref());
            let Some(device) = lan.map(|address| address.value) else { return };
            if from.addr() == device.address() {
                log.add(place, Rule::OfDevice { address: from.addr() });
            } else {
                host(from.addr(), device.subnet(), place, log);
            }
        }
        Some(_) => {}
    }
}
