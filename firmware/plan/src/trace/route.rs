//! Where the kernel sends a packet: its own addresses first, then the policy rules by priority, then main.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{
    KernelState,
    state::{Route, RouteAction, Selector},
};

/// The kernel's main table and the priority of its rule.
const MAIN: u32 = 254;
const MAIN_PRIORITY: u32 = 32_766;

/// Where a packet goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way<'a> {
    /// To the device itself: one of its addresses, or the broadcast address of one of its networks.
    Device,
    /// By a route of one of the tables.
    Route(&'a Route),
    /// No table knows a way.
    Nowhere,
}

/// What kind of address the kernel's own table makes of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AddressKind {
    /// The device's own.
    Local,
    /// A network's broadcast address.
    Broadcast,
    /// Any other.
    Unicast,
}

/// The kind of an address, by the device's own addresses alone.
pub(super) fn kind(state: &KernelState, address: Ipv4Addr) -> AddressKind {
    if state.addresses.iter().any(|own| own.address == address) {
        return AddressKind::Local;
    }
    // The kernel has a broadcast address for every network of more than two addresses (RFC 3021).
    let broadcast = state.addresses.iter().filter(|own| own.prefix < 31).any(|own| {
        Ipv4Net::new(own.address, own.prefix).is_ok_and(|net| net.broadcast() == address)
    });
    if broadcast { AddressKind::Broadcast } else { AddressKind::Unicast }
}

/// The way of a packet with a mark. Rules by output link are for sockets that are bound to one; no packet here is.
pub(super) fn way(state: &KernelState, mark: u32, to: Ipv4Addr) -> Way<'_> {
    if kind(state, to) != AddressKind::Unicast {
        return Way::Device;
    }
    let mut tables: Vec<(u32, u32)> = state
        .rules
        .iter()
        .filter(|rule| matches!(rule.selector, Selector::Mark(wanted) if wanted == mark))
        .map(|rule| (rule.priority, rule.table))
        .chain([(MAIN_PRIORITY, MAIN)])
        .collect();
    tables.sort_unstable();
    tables
        .into_iter()
        .find_map(|(_, table)| best(state, table, to))
        .map_or(Way::Nowhere, Way::Route)
}

/// The longest prefix wins, then the lowest metric. A link that is down takes its routes with it.
fn best(state: &KernelState, table: u32, to: Ipv4Addr) -> Option<&Route> {
    let down =
        |link: &str| state.links.iter().any(|(name, held)| name.as_str() == link && !held.up);
    let fitting = state.routes.iter().filter(|route| {
        let usable = out(route).is_none_or(|(link, _)| !down(link));
        route.table == table && route.to.contains(&to) && usable
    });
    fitting.min_by_key(|route| (32 - route.to.prefix_len(), route.metric))
}

/// The link and the next hop of a route; none where it says unreachable.
pub(super) fn out(route: &Route) -> Option<(&str, Option<Ipv4Addr>)> {
    match &route.action {
        RouteAction::Forward { link, via, .. } => Some((link.as_str(), *via)),
        RouteAction::Unreachable => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Address, Link, LinkKind, Rule};

    fn address(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    fn route(table: u32, to: &str, metric: u32, link: Option<&str>) -> Route {
        let action = link.map_or(RouteAction::Unreachable, |link| RouteAction::Forward {
            link: link.parse().unwrap(),
            via: None,
            source: None,
        });
        Route { table, to: to.parse().unwrap(), metric, action }
    }

    fn state(routes: &[Route]) -> KernelState {
        let rule = |priority, selector, table| Rule { priority, selector, table };
        KernelState {
            routes: routes.iter().cloned().collect(),
            rules: [
                rule(8301, Selector::Mark(1), 101),
                rule(8311, Selector::OutputLink("port2".parse().unwrap()), 102),
            ]
            .into(),
            addresses: [("port2", "192.168.1.1", 24), ("tunnel", "100.64.10.1", 32)]
                .map(|(link, own, prefix)| Address {
                    link: link.parse().unwrap(),
                    address: address(own),
                    prefix,
                })
                .into(),
            ..KernelState::default()
        }
    }

    #[test]
    fn the_longest_prefix_wins_then_the_lowest_metric() {
        let routes = [
            route(101, "10.0.0.0/8", 1, Some("port3")),
            route(101, "10.20.0.0/16", 200, None),
            route(101, "10.20.0.0/16", 100, Some("port2")),
            route(101, "0.0.0.0/0", 1, None),
        ];
        let state = state(&routes);
        assert_eq!(way(&state, 1, address("10.20.3.4")), Way::Route(&routes[2]));
        assert_eq!(way(&state, 1, address("10.21.3.4")), Way::Route(&routes[0]));
        assert_eq!(way(&state, 1, address("11.0.0.1")), Way::Route(&routes[3]));
    }

    #[test]
    fn what_a_mark_s_table_doesn_t_know_is_asked_of_main() {
        let routes = [
            route(101, "10.0.0.0/8", 1, Some("port2")),
            route(102, "11.0.0.0/8", 1, Some("port3")),
            route(MAIN, "0.0.0.0/1", 1, Some("port1")),
        ];
        let state = state(&routes);
        assert_eq!(way(&state, 1, address("10.0.0.1")), Way::Route(&routes[0]));
        assert_eq!(way(&state, 1, address("11.0.0.1")), Way::Route(&routes[2]));
        assert_eq!(way(&state, 0, address("10.0.0.1")), Way::Route(&routes[2]));
        assert_eq!(way(&state, 0, address("200.0.0.1")), Way::Nowhere);
    }

    #[test]
    fn a_link_that_is_down_takes_its_routes_with_it() {
        let routes =
            [route(101, "10.0.0.0/8", 1, Some("port2")), route(101, "0.0.0.0/0", 9, Some("port3"))];
        let mut state = state(&routes);
        for (up, expected) in [(true, &routes[0]), (false, &routes[1])] {
            let link = Link { kind: LinkKind::Port, up, mtu: 1500, mode: None };
            state.links.insert("port2".parse().unwrap(), link);
            assert_eq!(way(&state, 1, address("10.0.0.1")), Way::Route(expected));
        }
    }

    #[test]
    fn own_addresses_stand_before_every_table() {
        let state = state(&[route(101, "0.0.0.0/0", 1, Some("port2"))]);
        for (to, expected) in [
            ("192.168.1.1", AddressKind::Local),
            ("100.64.10.1", AddressKind::Local),
            ("192.168.1.255", AddressKind::Broadcast),
            ("192.168.1.2", AddressKind::Unicast),
        ] {
            assert_eq!(kind(&state, address(to)), expected, "{to}");
            assert_eq!(
                way(&state, 1, address(to)) == Way::Device,
                expected != AddressKind::Unicast
            );
        }
    }
}
