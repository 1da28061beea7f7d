//! Between two states, after every step: nothing passes that both refuse, and nothing is cut that both let through.
//!
//! What passes is asked of the trace, over the very state that the model kernel holds after the step.
//!
//! What is excepted is what `steps` says: a LAN whose own address changes is cut for a moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use proptest::prelude::*;
use sekisho_design::{Design, Lan, Service};
use sekisho_plan::{
    KernelState, Step, desired,
    state::RouteAction,
    steps,
    trace::{Opening, Outcome, Question, Side, Tracer},
};

use crate::{
    edits::{EDITS, edits},
    model::{SAMPLES, apply, fresh, perform},
    sample::sample,
};

/// What becomes of a packet: where it leaves and as what, or nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Fate {
    Passes { source: Ipv4Addr, destination: Ipv4Addr, link: Option<String> },
    Refused,
}

impl Fate {
    fn translated(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        match self {
            Self::Passes { source, destination, .. } => Some((*source, *destination)),
            Self::Refused => None,
        }
    }
}

/// A packet, by the port that it comes in at: a side's name may mean another port in another design.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Packet {
    port: &'static str,
    from: Ipv4Addr,
    to: Ipv4Addr,
    opening: Opening,
}

/// A design whose sides are the ports of the box, so that every state is asked about the same packets.
struct Ports(Design);

const PORTS: [(&str, Side); 4] = [
    ("port2", Side::Lan(Lan::HeadOffice)),
    ("port3", Side::Lan(Lan::EducationBoard)),
    ("port4", Side::Maintenance),
    ("tunnel", Side::Platform),
];

impl Ports {
    fn new() -> Self {
        Self(sample("1-office"))
    }

    fn fates(&self, state: &KernelState, packets: &BTreeSet<Packet>) -> BTreeMap<Packet, Fate> {
        let tracer = Tracer::over(&self.0, state.clone()).unwrap();
        let fate = |packet: &Packet| {
            let Packet { port, from, to, opening } = *packet;
            let (_, side) = PORTS.into_iter().find(|(name, _)| *name == port).unwrap();
            let outcome = tracer.trace(&Question { side, from, to, opening }).unwrap().outcome;
            match outcome {
                Outcome::Delivered { side, source, destination, .. } => {
                    let port = PORTS.into_iter().find(|(_, known)| *known == side);
                    let link = Some(port.map_or("port1", |(name, _)| name).to_owned());
                    Fate::Passes { source, destination, link }
                }
                Outcome::Device => Fate::Passes { source: from, destination: to, link: None },
                Outcome::Refused { .. } => Fate::Refused,
            }
        };
        packets.iter().map(|packet| (*packet, fate(packet))).collect()
    }
}

/// Numbers that choose a packet.
type Numbers = (bool, usize, usize, usize, usize);

/// Packets drawn from what two designs declare, and from all that they name.
fn packets(designs: [&Design; 2], numbers: &[Numbers]) -> BTreeSet<Packet> {
    let declared: Vec<Packet> = designs.into_iter().flat_map(declared).collect();
    let named: BTreeSet<Ipv4Addr> = designs.into_iter().flat_map(named).collect();
    let named: Vec<_> = named.into_iter().collect();
    let openings: BTreeSet<_> = declared.iter().map(|packet| packet.opening).collect();
    let openings: Vec<_> = openings.into_iter().chain([Opening::Tcp(22), Opening::Echo]).collect();
    let pick = |(plain, port, from, to, opening): &Numbers| {
        if *plain {
            return declared[from % declared.len()];
        }
        Packet {
            port: PORTS[port % PORTS.len()].0,
            from: named[from % named.len()],
            to: named[to % named.len()],
            opening: openings[opening % openings.len()],
        }
    };
    numbers.iter().map(pick).collect()
}

/// What rows declare: outwards, inwards, and by the global address inside a LAN.
fn declared(design: &Design) -> Vec<Packet> {
    let port = |lan| if lan == Lan::HeadOffice { "port2" } else { "port3" };
    let mut found = Vec::new();
    let networks: Vec<_> = design.profile.networks.iter().map(|net| first(net.prefix)).collect();
    let servers = design.servers.iter().map(|row| (row.lan, row.private.get(), &row.services));
    let terminals = design.terminals.iter().map(|row| (row.lan, first(row.from[0]), &row.services));
    for (lan, from, services) in servers.chain(terminals) {
        for (to, service) in networks.iter().flat_map(|to| services.iter().map(move |it| (to, it)))
        {
            let opening = opening(*service);
            found.push(Packet { port: port(lan), from, to: *to, opening });
        }
    }
    for row in &design.servers {
        for allowance in &row.allow_from_platform {
            for opening in allowance.services.iter().map(|service| opening(*service)) {
                let (from, to) = (first(allowance.from.networks()[0]), row.global.get());
                found.push(Packet { port: "tunnel", from, to, opening });
                let inside = design.terminals.iter().filter(|terminals| terminals.lan == row.lan);
                found.extend(inside.map(|terminals| Packet {
                    port: port(row.lan),
                    from: first(terminals.from[0]),
                    to,
                    opening,
                }));
            }
        }
    }
    found
}

fn opening(service: Service) -> Opening {
    match service {
        Service::Tcp(ports) => Opening::Tcp(ports.first()),
        Service::Udp(ports) => Opening::Udp(ports.first()),
        Service::IcmpEcho => Opening::Echo,
    }
}

/// Every address that a design names, and some that it doesn't.
fn named(design: &Design) -> Vec<Ipv4Addr> {
    let others = ["8.8.8.8", "192.168.1.200", "100.64.10.99"].map(|text| text.parse().unwrap());
    let servers = design.servers.iter().flat_map(|row| [row.private.get(), row.global.get()]);
    let terminals = design.terminals.iter().flat_map(|row| [first(row.from[0]), row.global.get()]);
    let networks = design.profile.networks.iter().map(|network| network.prefix);
    let routes = design.lans.values().flat_map(|lan| lan.routes.iter().map(|route| route.to));
    let own = design.lans.values().map(|lan| lan.address.address());
    let ends = networks.chain(routes).flat_map(|net| [first(net), last(net)]);
    let device = design.profile.device_address.get();
    servers.chain(terminals).chain(ends).chain(own).chain(others).chain([device]).collect()
}

fn first(net: Ipv4Net) -> Ipv4Addr {
    net.hosts().next().unwrap()
}

fn last(net: Ipv4Net) -> Ipv4Addr {
    net.hosts().last().unwrap()
}

/// Ports whose own address changes: what comes from there or goes there is cut for a moment.
fn excepted(before: &KernelState, after: &KernelState) -> BTreeSet<String> {
    let changed = before.addresses.symmetric_difference(&after.addresses);
    changed.map(|address| address.link.to_string()).filter(|link| link != "tunnel").collect()
}

/// Goes from a state to that of a design and asks after every step. Returns how many packets passed before and after.
fn go(before: &KernelState, design: &Design, packets: &BTreeSet<Packet>) -> usize {
    let ports = Ports::new();
    let mut end = before.clone();
    let plan = apply(&mut end, &desired(design));
    let [old, new] = [before, &end].map(|state| ports.fates(state, packets));
    let excepted = excepted(before, &end);
    let mut kernel = before.clone();
    for (number, step) in plan.iter().enumerate() {
        perform(&mut kernel, step);
        // Of all settings the trace looks at two, and nothing else in the model at any.
        if matches!(step, Step::Setting { path, .. } if !path.ends_with("ip_forward")) {
            continue;
        }
        for (packet, now) in ports.fates(&kernel, packets) {
            let (old, new) = (&old[&packet], &new[&packet]);
            let context =
                || format!("step {number}, {step}: {packet:?}\n{old:?}\n{new:?}\n{now:?}");
            let touches = |fate: &Fate| {
                let out = match fate {
                    Fate::Passes { link, .. } => link.as_deref(),
                    Fate::Refused => None,
                };
                excepted.contains(packet.port) || out.is_some_and(|out| excepted.contains(out))
            };
            if now == Fate::Refused {
                let both = old == new && *old != Fate::Refused;
                assert!(!both || touches(old), "cut: {}", context());
            } else {
                // Where a LAN moves to another port, its packets take the old one until the route follows.
                let like = |fate: &Fate| {
                    now == *fate || (touches(&now) && now.translated() == fate.translated())
                };
                assert!(like(old) || like(new), "opened: {}", context());
            }
        }
    }
    let both = old.iter().filter(|(packet, fate)| **fate != Fate::Refused && new[packet] == **fate);
    both.count()
}

fn applied(design: &Design) -> KernelState {
    let mut kernel = fresh();
    apply(&mut kernel, &desired(design));
    kernel
}

/// Numbers that choose packets, the same at every run.
fn numbers(count: usize) -> Vec<Numbers> {
    let mut seed = 0x5e_c1_50_usize;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    (0..count).map(|_| (next() % 2 == 0, next(), next(), next(), next())).collect()
}

#[test]
fn no_step_between_two_samples_opens_or_cuts() {
    let designs: Vec<_> = SAMPLES[..6].iter().map(|name| sample(name)).collect();
    let mut passed = 0;
    for before in &designs {
        for after in &designs {
            let packets = packets([before, after], &numbers(60));
            passed += go(&applied(before), after, &packets);
        }
    }
    assert!(passed > 200, "only {passed} packets passed in both states");
}

#[test]
fn no_step_of_a_first_apply_opens() {
    for name in &SAMPLES[..6] {
        let design = sample(name);
        let packets = packets([&design, &design], &numbers(60));
        go(&fresh(), &design, &packets);
    }
}

#[test]
fn no_step_of_an_edit_opens_or_cuts() {
    let edits = edits();
    let mut passed = 0;
    for (_, design) in &edits {
        for (before, after) in [(&edits[0].1, design), (design, &edits[0].1)] {
            let packets = packets([before, after], &numbers(60));
            passed += go(&applied(before), after, &packets);
        }
    }
    assert!(passed > 200, "only {passed} packets passed in both states");
}

/// What `steps` excepts is no more than it says: a route whose network only gets another router is never away.
#[test]
fn a_route_is_replaced_in_place() {
    let edits = edits();
    let [before, rerouted] = ["nothing", "a route by another router"]
        .map(|wanted| &edits.iter().find(|(name, _)| *name == wanted).unwrap().1);
    let start = applied(before);
    let plan = steps(&start, &desired(rerouted)).unwrap();
    let [Step::Reroute { change }] = plan.as_slice() else { panic!("{plan:?}") };
    let via = |action: &RouteAction| match action {
        RouteAction::Forward { via, .. } => *via,
        RouteAction::Unreachable => None,
    };
    let hops = [&change.before, &change.after].map(|route| via(&route.action).unwrap());
    assert_eq!(hops.map(|hop| hop.to_string()), ["192.168.1.254", "192.168.1.253"]);
}

/// Whether every router stands on its LAN and every row's host behind it, as in every accepted design.
fn stands(design: &Design) -> bool {
    let routers = design.lans.values().all(|lan| {
        let network = lan.address.subnet();
        lan.routes.iter().all(|route| network.contains(&route.via))
    });
    let behind = |lan, host: &Ipv4Net| {
        let lan = &design.lans[&lan];
        lan.address.subnet().contains(host) || lan.routes.iter().any(|it| it.to.contains(host))
    };
    let servers = design.servers.iter().all(|row| behind(row.lan, &row.private.get().into()));
    let mut terminals = design.terminals.iter();
    routers && servers && terminals.all(|row| row.from.iter().all(|net| behind(row.lan, net)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Several edits at once, on either side, other packets each time.
    #[test]
    fn edits_together_open_and_cut_nothing(
        chosen in prop::collection::vec(0..EDITS.len(), 1..4),
        others in prop::collection::vec(0..EDITS.len(), 0..3),
        numbers in prop::collection::vec(any::<Numbers>(), 60),
    ) {
        let make = |chosen: &[usize]| {
            let mut design = sample("2-partly-data-centre");
            for index in chosen {
                // Two edits may both take the first row; a design keeps two rows of each at least.
                if design.servers.len() > 1 && design.terminals.len() > 1 && design.lans.len() > 1 {
                    let mut edited = design.clone();
                    EDITS[*index].1(&mut edited);
                    // Of two edits that move something of a LAN, the second may leave routers or hosts behind.
                    if stands(&edited) {
                        design = edited;
                    }
                }
            }
            design
        };
        let [before, after] = [&others, &chosen].map(|chosen| make(chosen));
        go(&applied(&before), &after, &packets([&before, &after], &numbers));
    }
}
