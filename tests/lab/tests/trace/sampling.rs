//! Packets drawn from what a design declares, from what lies beside it, and from what it never heard of.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;
use sekisho_design::{Design, Lan, Service};
use sekisho_lab::{LGWAN_DNS, PLATFORM_RESOLVER, PLATFORM_TEST_WEB, PLATFORM_WEB};
use sekisho_plan::trace::{Opening, Question, Side};

/// The centres' own addresses inside the platform's network: packets to them end before the platform records them.
const CENTRES_OWN: &str = "100.72.250.0/23";

/// The same numbers at every run (splitmix64, Steele and others 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Mostly one of the first, sometimes one of the others.
    fn mostly<T: Copy>(&mut self, first: &[T], others: &[T]) -> T {
        if self.below(10) < 6 && !first.is_empty() {
            self.one_of(first)
        } else {
            self.one_of(others)
        }
    }
}

/// Different packets, as many as asked for where the design offers so many.
pub(crate) fn questions(design: &Design, wanted: usize, dice: &mut Dice) -> BTreeSet<Question> {
    let pools = Pools::of(design);
    let sides: Vec<_> =
        design.lans.keys().copied().map(Side::Lan).chain([Side::Platform]).collect();
    let mut questions = BTreeSet::new();
    for _ in 0..wanted * 20 {
        if questions.len() == wanted {
            break;
        }
        let side = dice.one_of(&sides);
        let declared = match side {
            Side::Lan(lan) => pools.of_lan(lan),
            Side::Platform | Side::Lgwan | Side::Maintenance => &pools.platform,
        };
        let targets = if side == Side::Platform { &pools.globals } else { &pools.platform };
        questions.insert(Question {
            side,
            from: dice.mostly(declared, &pools.all),
            to: dice.mostly(targets, &pools.all),
            opening: dice.mostly(&pools.services, &pools.openings),
        });
    }
    questions
}

struct Pools {
    lans: Vec<(Lan, Vec<Ipv4Addr>)>,
    platform: Vec<Ipv4Addr>,
    globals: Vec<Ipv4Addr>,
    all: Vec<Ipv4Addr>,
    services: Vec<Opening>,
    openings: Vec<Opening>,
}

impl Pools {
    fn of(design: &Design) -> Self {
        let lan = |lan: Lan| {
            let servers = design.servers.iter().filter(move |row| row.lan == lan);
            let terminals = design.terminals.iter().filter(move |row| row.lan == lan);
            let nets =
                terminals.flat_map(|row| row.from.iter().flat_map(|net| [first(*net), last(*net)]));
            (lan, servers.map(|row| row.private.get()).chain(nets).collect())
        };
        let lans: Vec<(Lan, Vec<_>)> = design.lans.keys().copied().map(lan).collect();
        let networks = design.profile.networks.iter().map(|network| network.prefix);
        let mut platform = vec![PLATFORM_WEB, PLATFORM_RESOLVER, PLATFORM_TEST_WEB];
        platform.extend(networks.clone().map(first));
        let globals: Vec<_> = design
            .servers
            .iter()
            .map(|row| row.global.get())
            .chain(design.terminals.iter().map(|row| row.global.get()))
            .chain([design.profile.device_address.get()])
            .collect();
        let mut all = [platform.clone(), globals.clone()].concat();
        all.extend(lans.iter().flat_map(|(_, addresses)| addresses.clone()));
        // The neighbours of everything declared, the networks' ends and what lies beyond them.
        let near = all.iter().flat_map(|address| [before(*address), after(*address)]);
        let office = design.lans.values().flat_map(|lan| {
            let routes = lan.routes.iter().map(|route| route.to);
            [lan.address.subnet()].into_iter().chain(routes)
        });
        let ends = networks.chain(design.profile.pool.clone()).chain(office).flat_map(|net| {
            let (network, broadcast) = (net.network(), net.broadcast());
            [network, first(net), broadcast, before(network), after(broadcast)]
        });
        let device = design.lans.values().map(|lan| lan.address.address());
        let strangers = [Ipv4Addr::new(10, 9, 9, 9), Ipv4Addr::new(8, 8, 8, 8), LGWAN_DNS];
        let more: Vec<_> = near
            .chain(ends)
            .chain(device)
            .chain(design.lans.values().flat_map(|lan| lan.routes.iter().map(|route| route.via)))
            .chain([design.lgwan.address.address(), design.lgwan.gateway])
            .chain(strangers)
            .collect();
        all.extend(more);
        let centres: Ipv4Net = CENTRES_OWN.parse().expect("the constant is a network");
        let usable = |address: &Ipv4Addr| !centres.contains(address);
        let [mut platform, mut globals] = [platform, globals];
        for pool in [&mut all, &mut platform, &mut globals] {
            pool.retain(usable);
            pool.sort_unstable();
            pool.dedup();
        }
        let (services, openings) = openings(design);
        Self { lans, platform, globals, all, services, openings }
    }

    fn of_lan(&self, lan: Lan) -> &[Ipv4Addr] {
        let found = self.lans.iter().find(|(of, _)| *of == lan);
        found.map_or(&[], |(_, addresses)| addresses)
    }
}

/// What rows declare, and that with its neighbours and some ports that nobody declares.
fn openings(design: &Design) -> (Vec<Opening>, Vec<Opening>) {
    let servers = design.servers.iter().flat_map(|row| {
        row.services.iter().chain(row.allow_from_platform.iter().flat_map(|row| &row.services))
    });
    let services = servers.chain(design.terminals.iter().flat_map(|row| &row.services));
    let mut declared = BTreeSet::new();
    let mut all = BTreeSet::from([
        Opening::Echo,
        Opening::Tcp(22),
        Opening::Tcp(8080),
        Opening::Udp(443),
        Opening::Udp(51820),
    ]);
    for service in services {
        match service {
            Service::Tcp(ports) => {
                declared.extend([ports.first(), ports.last()].map(Opening::Tcp));
                all.extend([ports.first() - 1, ports.last().saturating_add(1)].map(Opening::Tcp));
            }
            Service::Udp(ports) => {
                declared.extend([ports.first(), ports.last()].map(Opening::Udp));
                all.extend([ports.first() - 1, ports.last().saturating_add(1)].map(Opening::Udp));
            }
            Service::IcmpEcho => {
                declared.insert(Opening::Echo);
            }
        }
    }
    all.extend(&declared);
    (declared.into_iter().collect(), all.into_iter().collect())
}

fn first(net: Ipv4Net) -> Ipv4Addr {
    net.hosts().next().unwrap_or(net.network())
}

fn last(net: Ipv4Net) -> Ipv4Addr {
    if net.prefix_len() >= 31 { net.broadcast() } else { before(net.broadcast()) }
}

fn before(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits().saturating_sub(1))
}

fn after(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits().saturating_add(1))
}
