//! Whose a packet is: its LAN's mark, its side's conntrack zone, and whether its source can be true.

use serde_json::Value;

use super::{
    Ports, TUNNEL_PORT,
    refusals::{BROADCAST, refuse},
    sets,
    words::{
        Key, accept, count, destination_is_not, drop, from_link, has_options, in_set, is_for_many,
        is_ipv6, is_tcp_or_udp, mark_is, not_in_set, not_tracked, rule, set_mark, set_mark_by,
        set_zone, source_is, to_link, udp_port_is,
    },
};
use crate::{TUNNEL, lan_number};

/// Before conntrack puts pieces of datagrams together (-400, `NF_IP_PRI_CONNTRACK_DEFRAG`): a forged piece must not
/// complete somebody's datagram, and pieces of two zones are kept apart.
pub(super) const BEFORE_REASSEMBLY: i32 = -450;

/// Conntrack zones of the sides that aren't LANs, beside [`lan_number`]; the tunnel's own flows are in zone 0. What one
/// side asked is never answered by another.
const LGWAN_ZONE: u32 = 3;
const MAINTENANCE_ZONE: u32 = 4;

/// What comes in, on every side.
///
/// The tunnel's datagrams and the questions that the device answers aren't tracked: they go on however full conntrack's
/// table is. A packet that has its zone is tracked, so that comes last.
pub(super) fn classify(site: &Ports<'_>) -> Vec<Value> {
    let mut rules =
        vec![rule(&[is_ipv6(), drop()]), rule(&[is_for_many(), count(BROADCAST), drop()])];
    for (lan, port, own) in &site.lans {
        let (name, number) = (lan.as_str(), lan_number(*lan));
        rules.extend([
            rule(&[from_link(&[port]), set_mark(number)]),
            rule(&[from_link(&[port]), source_is(*own), refuse(name, "spoofed-source")]),
            rule(&[
                from_link(&[port]),
                not_in_set(Key::LanSource, sets::OFFICE),
                refuse(name, "spoofed-source"),
            ]),
            rule(&[from_link(&[port]), has_options(), refuse(name, "invalid")]),
            rule(&[
                from_link(&[port]),
                is_tcp_or_udp(),
                in_set(Key::LanService, sets::SERVED),
                not_tracked(),
                accept(),
            ]),
            rule(&[from_link(&[port]), set_zone(number)]),
        ]);
    }
    // What isn't for the device itself doesn't even get to routing: an error about it would be sent to whoever it claims
    // to come from.
    let (lgwan, own) = site.lgwan;
    rules.extend([
        rule(&[from_link(&[lgwan]), destination_is_not(own), refuse("lgwan", "unexpected")]),
        rule(&[from_link(&[lgwan]), has_options(), refuse("lgwan", "unexpected")]),
        rule(&[
            from_link(&[lgwan]),
            in_set(Key::SourceEndpoint, sets::CENTRES),
            udp_port_is(TUNNEL_PORT),
            not_tracked(),
            accept(),
        ]),
        rule(&[from_link(&[lgwan]), set_zone(LGWAN_ZONE)]),
    ]);
    if let Some((port, own)) = site.maintenance {
        let from = || from_link(&[port]);
        let forged = || refuse("maintenance", "spoofed-source");
        rules.extend([
            rule(&[from(), set_zone(MAINTENANCE_ZONE)]),
            rule(&[from(), source_is(own), forged()]),
            rule(&[from(), not_in_set(Key::Source, sets::MAINTENANCE), forged()]),
            rule(&[
                from(),
                destination_is_not(own),
                refuse("maintenance", "undeclared-destination"),
            ]),
        ]);
    }
    rules.extend([
        rule(&[
            from_link(&[TUNNEL]),
            not_in_set(Key::Source, sets::PLATFORM),
            refuse("platform", "spoofed-source"),
        ]),
        rule(&[from_link(&[TUNNEL]), has_options(), refuse("platform", "invalid")]),
        rule(&[from_link(&[TUNNEL]), set_mark_by(Key::Destination, sets::LAN_OF_GLOBAL)]),
    ]);
    for (lan, _, _) in &site.lans {
        let number = lan_number(*lan);
        rules.push(rule(&[from_link(&[TUNNEL]), mark_is(number), set_zone(number)]));
    }
    rules
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
