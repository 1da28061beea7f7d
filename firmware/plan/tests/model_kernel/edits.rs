//! What somebody changes in a design.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sekisho_design::{
    Design, Duplex, Global, Lan, LanInterface, LanRoute, LineRate, PlatformNetwork, PortMode,
    Private, Shares, Speed,
};

use crate::sample::sample;

/// A change that somebody makes to a design.
pub(crate) type Edit = (&'static str, fn(&mut Design));

fn head_office(design: &mut Design) -> &mut LanInterface {
    design.lans.get_mut(&Lan::HeadOffice).unwrap()
}

fn global(text: &str) -> Global {
    Global::new(text.parse().unwrap())
}

/// Edits of `2-partly-data-centre` that touch addresses, links, routes or rows.
pub(crate) const EDITS: [Edit; 23] = [
    ("nothing", |_| {}),
    ("another global address", |design| design.servers[0].global = global("100.64.10.77")),
    ("two servers change places", |design| {
        let first = design.servers[0].global;
        design.servers[0].global = std::mem::replace(&mut design.servers[1].global, first);
    }),
    ("another private address", |design| {
        let address: Ipv4Addr = "192.168.1.77".parse().unwrap();
        design.servers[0].private = Private::try_from(address).unwrap();
    }),
    ("a server goes", |design| drop(design.servers.remove(0))),
    ("terminals go", |design| drop(design.terminals.remove(0))),
    ("terminals take the server's address", |design| {
        design.terminals[0].global = design.servers[0].global;
        design.servers.remove(0);
    }),
    ("a LAN goes", |design| {
        design.lans.remove(&Lan::EducationBoard);
        design.servers.retain(|row| row.lan == Lan::HeadOffice);
        design.terminals.retain(|row| row.lan == Lan::HeadOffice);
    }),
    ("a route by another router", |design| {
        head_office(design).routes[0].via = "192.168.1.253".parse().unwrap();
    }),
    ("a route in two halves", |design| {
        let LanRoute { to, via } = head_office(design).routes.remove(0);
        let halves = to.subnets(to.prefix_len() + 1).unwrap();
        head_office(design).routes.extend(halves.map(|to| LanRoute { to, via }));
    }),
    ("a platform network in two halves", |design| {
        let whole = design.profile.networks.remove(0);
        let halves: Vec<Ipv4Net> = whole.prefix.subnets(17).unwrap().collect();
        let half = |prefix| PlatformNetwork { prefix, ..whole };
        design.profile.networks.extend(halves.into_iter().map(half));
    }),
    ("another platform network", |design| {
        design.profile.networks[0].prefix = "100.74.0.0/16".parse().unwrap();
    }),
    ("another device address", |design| {
        design.profile.device_address = global("100.64.10.2");
    }),
    ("the LAN's address, same network", |design| {
        head_office(design).address = "192.168.1.2/24".parse().unwrap();
    }),
    ("the LAN's network becomes larger", |design| {
        head_office(design).address = "192.168.1.1/23".parse().unwrap();
    }),
    ("the LAN's network moves", |design| {
        let moved = |address: Ipv4Addr| match address.octets() {
            [192, 168, 1, host] => Ipv4Addr::new(172, 20, 1, host),
            _ => address,
        };
        head_office(design).address = "172.20.1.1/24".parse().unwrap();
        head_office(design).routes.iter_mut().for_each(|route| route.via = moved(route.via));
        for row in design.servers.iter_mut().filter(|row| row.lan == Lan::HeadOffice) {
            row.private = Private::try_from(moved(row.private.get())).unwrap();
        }
        for row in design.terminals.iter_mut().filter(|row| row.lan == Lan::HeadOffice) {
            let move_net = |net: &Ipv4Net| Ipv4Net::new(moved(net.addr()), net.prefix_len());
            row.from = row.from.iter().map(|net| move_net(net).unwrap()).collect();
        }
    }),
    ("the LANs change ports", |design| {
        let education = design.lans[&Lan::EducationBoard].port.clone();
        let port = std::mem::replace(&mut head_office(design).port, education);
        design.lans.get_mut(&Lan::EducationBoard).unwrap().port = port;
    }),
    ("another rate", |design| design.lgwan.line_rate = LineRate::new(10_000_000)),
    ("no rate", |design| design.lgwan.line_rate = None),
    ("other shares", |design| design.traffic.shares = Shares::new(40, 30, 30).unwrap()),
    ("the uplink's address and MTU", |design| {
        design.lgwan.address = "198.18.1.3/24".parse().unwrap();
        design.lgwan.mtu = 1400;
    }),
    ("the uplink agrees on its speed", |design| design.lgwan.mode = None),
    ("a LAN's port is fixed", |design| {
        head_office(design).mode = PortMode::new(Speed::Mbps10, Duplex::Half);
    }),
];

/// The edited designs.
pub(crate) fn edits() -> Vec<(&'static str, Design)> {
    let edited = |(name, edit): Edit| {
        let mut design = sample("2-partly-data-centre");
        edit(&mut design);
        (name, design)
    };
    EDITS.map(edited).into()
}
