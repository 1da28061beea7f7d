//! Who gets to the device's own page: whoever stands at the maintenance port, and the sources of the head office that the
//! design names (R65). And who reads the device's figures, by HTTP or by SNMP: the sources at the maintenance port that the
//! design names. Everybody else comes to the refusal that his side has for what is for the device itself.

use ipnet::Ipv4Net;
use sekisho_design::{Design, Lan, Metrics, Page, Snmp};
use serde_json::Value;

use super::{
    Ports,
    admitted::{AHEAD, PAGE_OPENINGS},
    refusals::refuse,
    sets::{Sets, add, interval_set},
    words::{
        Key, accept, address, comes_more_often, from_link, goto, in_set, is_first, is_tcp_or_udp,
        joined, number, range, rule, state_is,
    },
};
use crate::{
    lan_number,
    permit::{AddressRange, TCP, UDP, union},
};

/// Who may open the page or read the figures: LAN, source, the device's address there, service.
const PAGE: &str = "page";

const MAINTENANCE: &str = "maintenance";
/// The mark of what comes in at the maintenance port: it is of no LAN.
const NO_LAN: u32 = 0;

/// Connections that one source may open to the page in a second; a browser opens six at once.
const OPENINGS: u32 = 20;

/// The set of those who may open the page or read the figures.
pub(super) fn sets(design: &Design, sets: &mut Sets) {
    let opens = |mark, from, own, (protocol, port): (u32, u16)| {
        joined(vec![number(mark), range(from), address(own), number(protocol), number(port.into())])
    };
    let page = |mark, from, own| opens(mark, from, own, (TCP, Page::PORT));
    let named = |sources: &[Ipv4Net]| union(sources.iter().map(|from| AddressRange::from(*from)));
    let maintenance = design.maintenance.iter().flat_map(|port| {
        let own = port.address.address();
        let readers = [
            (&design.metrics.maintenance, (TCP, Metrics::PORT)),
            (&design.snmp.maintenance, (UDP, Snmp::PORT)),
        ];
        let readers = readers.into_iter().flat_map(move |(sources, service)| {
            named(sources).into_iter().map(move |from| opens(NO_LAN, from, own, service))
        });
        [page(NO_LAN, port.address.subnet().into(), own)].into_iter().chain(readers)
    });
    let lan = design.page_lan().into_iter().flat_map(|lan| {
        let (mark, own) = (lan_number(Lan::HeadOffice), lan.address.address());
        named(&design.page.head_office).into_iter().map(move |from| page(mark, from, own))
    });
    let key = ["mark", "ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"];
    add(sets, PAGE, interval_set(&key), maintenance.chain(lan));
}

/// What lets new connections of a side come to the page; nothing where the page isn't open to it.
pub(super) fn opened(design: &Design, ports: &Ports<'_>, side: &str) -> Option<Value> {
    let (_, link) = sides(design, ports).find(|(open, _)| *open == side)?;
    let flow = in_set(Key::LanFlow, PAGE);
    Some(rule(&[
        from_link(&[link]),
        state_is(&["new"]),
        is_tcp_or_udp(),
        flow,
        goto(&chain_of(side)),
    ]))
}

/// How often one source of each side may come.
pub(super) fn chains(design: &Design, ports: &Ports<'_>) -> Vec<(String, Vec<Value>)> {
    let bounded = sides(design, ports).map(|(side, _)| {
        let often = comes_more_often(Key::LanSource, PAGE_OPENINGS, OPENINGS, OPENINGS * AHEAD);
        let bound = rule(&[is_first(), often, refuse(side, "too-many-openings")]);
        (chain_of(side), vec![bound, rule(&[accept()])])
    });
    bounded.collect()
}

/// The sides that the page is open to, with their links.
fn sides<'a>(design: &'a Design, ports: &Ports<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let lan = design.page_lan().map(|lan| (Lan::HeadOffice.as_str(), lan.port.as_str()));
    lan.into_iter().chain(ports.maintenance.map(|(port, _)| (MAINTENANCE, port)))
}

fn chain_of(side: &str) -> String {
    format!("page/{side}")
}
