//! Whose a packet is: its LAN's mark, its side's conntrack zone, and whether its source can be true.

use std::net::Ipv4Addr;

use sekisho_design::Lan;
use serde_json::Value;

use super::{
    Ports, TUNNEL_PORT,
    refusals::{BROADCAST, refuse},
    sets,
    words::{
        Key, accept, count, destination_is_not, drop, from_link, goto, has_options, in_set,
        is_for_many, is_ipv6, is_tcp_or_udp, mark_is, not_in_set, not_tracked, rule, set_mark,
        set_mark_by, set_zone, source_is, to_link, udp_port_is,
    },
};
use crate::lan_number;

/// Before conntrack puts pieces of datagrams together (-400, `NF_IP_PRI_CONNTRACK_DEFRAG`): a forged piece must not
/// complete somebody's datagram, and pieces of two zones are kept apart.
pub(super) const BEFORE_REASSEMBLY: i32 = -450;

/// Conntrack zones of the sides that aren't LANs, beside [`lan_number`]; the tunnel's own flows are in zone 0. What one
/// side asked is never answered by another.
const LGWAN_ZONE: u32 = 3;
const MAINTENANCE_ZONE: u32 = 4;

/// What comes in: on each side its own chain, so that a packet is asked only what concerns it.
pub(super) fn classify(site: &Ports<'_>) -> Vec<Value> {
    let sides = sides(site);
    let mut rules =
        vec![rule(&[is_ipv6(), drop()]), rule(&[is_for_many(), count(BROADCAST), drop()])];
    rules.extend(sides.map(|(side, link)| rule(&[from_link(&[link]), goto(&chain_of(side))])));
    rules
}

/// The sides and their links, the busiest first.
fn sides<'a>(site: &Ports<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let maintenance = site.maintenance.map(|(port, _)| ("maintenance", port));
    site.sides().chain([("lgwan", site.lgwan.0)]).chain(maintenance)
}

fn chain_of(side: &str) -> String {
    format!("classify/{side}")
}

/// What is asked of a packet of each side.
///
/// The tunnel's datagrams and the questions that the device answers aren't tracked: they go on however full conntrack's
/// table is. A packet that has its zone is tracked, so that comes last.
pub(super) fn by_side(site: &Ports<'_>) -> Vec<(String, Vec<Value>)> {
    let lans = site.lans.iter().map(|(lan, _, own)| (lan.as_str(), of_lan(*lan, *own)));
    let maintenance = site.maintenance.iter().map(|(_, own)| ("maintenance", of_maintenance(*own)));
    let others = [("platform", of_platform(site)), ("lgwan", of_lgwan(site.lgwan.1))];
    let all = others.into_iter().chain(lans).chain(maintenance);
    all.map(|(side, rules)| (chain_of(side), rules)).collect()
}

fn of_lan(lan: Lan, own: Ipv4Addr) -> Vec<Value> {
    let (name, number) = (lan.as_str(), lan_number(lan));
    let forged = || refuse(name, "spoofed-source");
    vec![
        rule(&[set_mark(number)]),
        rule(&[source_is(own), forged()]),
        rule(&[not_in_set(Key::LanSource, sets::OFFICE), forged()]),
        rule(&[has_options(), refuse(name, "invalid")]),
        rule(&[is_tcp_or_udp(), in_set(Key::LanService, sets::SERVED), not_tracked(), accept()]),
        rule(&[set_zone(number)]),
    ]
}

/// What isn't for the device itself doesn't even get to routing: an error about it would be sent to whoever it claims to
/// come from.
fn of_lgwan(own: Ipv4Addr) -> Vec<Value> {
    vec![
        rule(&[destination_is_not(own), refuse("lgwan", "unexpected")]),
        rule(&[has_options(), refuse("lgwan", "unexpected")]),
        rule(&[
            in_set(Key::SourceEndpoint, sets::CENTRES),
            udp_port_is(TUNNEL_PORT),
            not_tracked(),
            accept(),
        ]),
        rule(&[set_zone(LGWAN_ZONE)]),
    ]
}

fn of_maintenance(own: Ipv4Addr) -> Vec<Value> {
    let forged = || refuse("maintenance", "spoofed-source");
    vec![
        rule(&[set_zone(MAINTENANCE_ZONE)]),
        rule(&[source_is(own), forged()]),
        rule(&[not_in_set(Key::Source, sets::MAINTENANCE), forged()]),
        rule(&[destination_is_not(own), refuse("maintenance", "undeclared-destination")]),
    ]
}

fn of_platform(site: &Ports<'_>) -> Vec<Value> {
    let zones = site.lans.iter().map(|(lan, ..)| lan_number(*lan));
    let zones = zones.map(|number| rule(&[mark_is(number), set_zone(number)]));
    let checks = [
        rule(&[not_in_set(Key::Source, sets::PLATFORM), refuse("platform", "spoofed-source")]),
        rule(&[has_options(), refuse("platform", "invalid")]),
        rule(&[set_mark_by(Key::Destination, sets::LAN_OF_GLOBAL)]),
    ];
    checks.into_iter().chain(zones).collect()
}

/// The device's own packets: an ICMP error carries the mark of the packet it is about (`fwmark_reflect`), an answer to
/// an office host leaves by its LAN.
pub(super) fn classify_own(site: &Ports<'_>) -> Vec<Value> {
    let mut rules = vec![
        rule(&[is_ipv6(), drop()]),
        rule(&[
            to_link(&[site.lgwan.0]),
            in_set(Key::DestinationEndpoint, sets::CENTRES),
            not_tracked(),
            accept(),
        ]),
        rule(&[
            to_link(&site.lan_links()),
            is_tcp_or_udp(),
            in_set(Key::AnsweredService, sets::ANSWERED),
            not_tracked(),
            accept(),
        ]),
    ];
    for (lan, port, _) in &site.lans {
        let number = lan_number(*lan);
        rules.push(rule(&[mark_is(number), set_zone(number)]));
        rules.push(rule(&[to_link(&[port]), set_zone(number)]));
    }
    let others = [(site.lgwan.0, LGWAN_ZONE)].into_iter();
    let others = others.chain(site.maintenance.map(|(port, _)| (port, MAINTENANCE_ZONE)));
    rules.extend(others.map(|(port, zone)| rule(&[to_link(&[port]), set_zone(zone)])));
    rules
}
