//! What every other room counts on in a design.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use sekisho_design::{
    Approval, Class, Design, Direction, Duplex, Environment, FlowLog, Global, Lan, Limits, Member,
    Method, NameEntry, NameTarget, OfficeSide, PlatformNetwork, Policy, PortMode, Sent, Service,
    Speed, lan_shares,
};

/// Panics where a design breaks one.
pub(crate) fn keeps_invariants(design: &Design) {
    translation(design);
    terminals_apart(design);
    networks_apart(design);
    approvals(design);
    lines(design);
    names(design);
    other_globals(design);
    policies(design);
    let Limits { connections, new_per_second } = design.limits;
    assert!([connections, new_per_second].iter().all(|limit| (1..=1_000_000).contains(limit)));
    logs(design);
    page(design);
    metrics(design);
    checks(design);
    assert!(!design.lans.is_empty());
    assert!(!design.profile.centres.is_empty() && !design.profile.networks.is_empty());
}

/// What a LAN reaches.
pub(crate) fn reach(design: &Design, lan: Lan) -> impl Iterator<Item = Ipv4Net> {
    let interface = &design.lans[&lan];
    std::iter::once(interface.address.subnet()).chain(interface.routes.iter().map(|route| route.to))
}

/// Every global address is the pool's, and one server's, one LAN's terminals' or the device's; whoever has one stands
/// where its LAN reaches it.
fn translation(design: &Design) {
    let profile = &design.profile;
    let in_pool = |global: Global| profile.pool.iter().any(|prefix| prefix.contains(&global.get()));
    assert!(in_pool(profile.device_address));
    let mut owners: BTreeMap<Global, Lan> = BTreeMap::new();
    let mut addresses = BTreeSet::new();
    let mut names = BTreeSet::new();
    let a_host = |lan: Lan, address| {
        let subnet = design.lans[&lan].address.subnet();
        address != subnet.network() && address != subnet.broadcast()
    };
    for server in &design.servers {
        assert!(in_pool(server.global) && server.global != profile.device_address);
        assert_eq!(owners.insert(server.global, server.lan), None, "a server's address is its own");
        assert!(addresses.insert((server.lan, server.private)));
        assert!(names.insert(&server.name));
        assert!(reach(design, server.lan).any(|net| net.contains(&server.private.get())));
        assert!(a_host(server.lan, server.private.get()));
        assert_ne!(server.private.get(), design.lans[&server.lan].address.address());
        for allowance in &server.allow_from_platform {
            let same = |network: &PlatformNetwork| {
                network.environment == server.environment
                    && allowance.from.networks().iter().all(|from| network.prefix.contains(from))
            };
            assert!(profile.networks.iter().any(same));
        }
    }
    let of_servers: BTreeSet<_> = owners.keys().copied().collect();
    for terminals in &design.terminals {
        assert!(in_pool(terminals.global) && terminals.global != profile.device_address);
        assert!(!of_servers.contains(&terminals.global));
        assert_eq!(*owners.entry(terminals.global).or_insert(terminals.lan), terminals.lan);
        assert!(names.insert(&terminals.name));
        for from in &terminals.from {
            assert!(reach(design, terminals.lan).any(|network| network.contains(from)));
            assert!(from.prefix_len() < 32 || a_host(terminals.lan, from.addr()));
        }
    }
}

/// A terminal has one global address.
fn terminals_apart(design: &Design) {
    for (index, one) in design.terminals.iter().enumerate() {
        for two in &design.terminals[..index] {
            let apart = |from: &Ipv4Net| {
                two.from.iter().all(|other| !other.contains(from) && !from.contains(other))
            };
            assert!(one.lan != two.lan || one.global == two.global || one.from.iter().all(apart));
        }
    }
}

/// An address is in one network, but for the two LANs.
fn networks_apart(design: &Design) {
    let mut all = vec![(None, design.lgwan.address.subnet())];
    all.extend(design.maintenance.iter().map(|port| (None, port.address.subnet())));
    all.extend(design.profile.networks.iter().map(|network| (None, network.prefix)));
    all.extend(design.profile.pool.iter().map(|prefix| (None, *prefix)));
    for lan in design.lans.keys() {
        all.extend(reach(design, *lan).map(|network| (Some(*lan), network)));
    }
    for (index, (lan, one)) in all.iter().enumerate() {
        for (other, two) in &all[..index] {
            let two_lans = lan.is_some() && other.is_some() && lan != other;
            assert!(two_lans || (!one.contains(two) && !two.contains(one)), "{one} {two}");
        }
    }
}

/// What takes an approval has one, by its own list, and a note can be shown anywhere.
fn approvals(design: &Design) {
    for (services, approval) in lists(design) {
        let taking = services.iter().copied().any(Service::needs_approval);
        assert!(!taking || approval.is_some(), "{services:?}");
        let Some(note) = approval.map(Approval::as_str) else { continue };
        assert!((1..=200).contains(&note.chars().count()) && !note.trim().is_empty());
        assert!(!note.contains(char::is_control) && !note.starts_with(['=', '+', '-', '@']));
    }
}

/// What some destinations see is the pool's, nobody else's, and of one LAN.
fn other_globals(design: &Design) {
    let mut lans: BTreeMap<Global, Lan> =
        design.terminals.iter().map(|row| (row.global, row.lan)).collect();
    let servers = design.servers.iter().map(|row| (Some(row.global), row.lan, &row.global_for));
    let terminals = design.terminals.iter().map(|row| (None, row.lan, &row.global_for));
    for (own, lan, entries) in servers.chain(terminals) {
        for entry in entries {
            let global = entry.global;
            assert!(design.profile.pool.iter().any(|prefix| prefix.contains(&global.get())));
            assert_ne!(global, design.profile.device_address);
            assert!(
                own == Some(global) || design.servers.iter().all(|server| server.global != global)
            );
            assert!(own == Some(global) || *lans.entry(global).or_insert(lan) == lan);
            let on_platform = |to: &Ipv4Net| {
                design.profile.networks.iter().any(|network| network.prefix.contains(to))
            };
            assert!(
                entry
                    .to
                    .iter()
                    .flat_map(sekisho_design::Origin::networks)
                    .all(|to| on_platform(&to))
            );
        }
    }
}

/// A policy has hosts of rows at one end and something of the platform at the other, and no name stands for nothing.
fn policies(design: &Design) {
    let rows = design.servers.iter().map(|row| &row.name);
    let rows = rows.chain(design.terminals.iter().map(|row| &row.name));
    let objects = design.objects.iter().map(|object| &object.name);
    let hosts: Vec<_> = rows.chain(objects).collect();
    let services: Vec<_> = design.services.iter().map(|services| &services.name).collect();
    let policies: Vec<_> = design.policies.iter().map(|policy| &policy.name).collect();
    for names in [&hosts, &services, &policies] {
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }
    let ends =
        design.policies.iter().flat_map(|policy| policy.office.iter().chain(&policy.platform));
    for member in ends.chain(design.objects.iter().flat_map(|object| &object.members)) {
        if let Member::Named(name) = member {
            assert!(hosts.contains(&name), "{name}");
        }
    }
    for policy in &design.policies {
        open_between(design, policy);
    }
}

fn open_between(design: &Design, policy: &Policy) {
    let hosts = design.office_hosts(policy);
    assert!(!hosts.is_empty(), "{policy:?}");
    let services = design.policy_services(policy);
    assert!(policy.approval.is_some() || !services.iter().any(|service| service.needs_approval()));
    let ftp = |service: &Service| matches!(service, Service::Tcp(ports) if (ports.first()..=ports.last()).contains(&21));
    assert!(!policy.ftp || services.iter().any(ftp));
    for host in &hosts {
        let of_server =
            |server: &sekisho_design::Server| Ipv4Net::from(server.private.get()) == host.addresses;
        assert!(policy.direction == Direction::FromOffice || design.servers.iter().any(of_server));
        let crosses = policy.environment.is_some_and(|environment| environment != host.environment);
        assert!(!crosses || policy.until.is_some() || design.servers.iter().any(of_server));
    }
    let mut environments = [Environment::Production, Environment::Test].into_iter();
    let some = environments.any(|of| !design.platform_networks(policy, of).is_empty());
    assert!(some || !names_of(design, &policy.platform).is_empty());
}

/// Hosts of the platform that are named at an end, as far as any object reaches.
fn names_of<'a>(design: &'a Design, members: &'a [Member]) -> Vec<&'a Member> {
    let named = |member: &&Member| matches!(member, Member::Host(_));
    let inner = design.objects.iter().flat_map(|object| &object.members);
    members.iter().chain(inner).filter(named).collect()
}

/// Every list of services, with its approval.
pub(crate) fn lists(design: &Design) -> Vec<(&[Service], Option<&Approval>)> {
    let mut lists: Vec<(&[Service], _)> = Vec::new();
    for server in &design.servers {
        lists.push((&server.services, server.approval.as_ref()));
        for allowance in &server.allow_from_platform {
            lists.push((&allowance.services, allowance.approval.as_ref()));
        }
    }
    for row in &design.terminals {
        lists.push((&row.services, row.approval.as_ref()));
    }
    lists
}

/// Each port is one interface's, no gigabit is half duplex, and lines are within what LGWAN sells.
fn lines(design: &Design) {
    let mut ports = BTreeSet::from([&design.lgwan.port]);
    assert!(design.lans.values().all(|lan| ports.insert(&lan.port)));
    assert!(design.maintenance.iter().all(|maintenance| ports.insert(&maintenance.port)));
    let gigabit_half =
        |mode: &PortMode| (mode.speed(), mode.duplex()) == (Speed::Gbps1, Duplex::Half);
    assert!(!modes(design).any(|mode| gigabit_half(&mode)));
    let shares = |shares: Vec<u8>| {
        shares.iter().all(|share| (1..=100).contains(share))
            && shares.into_iter().map(u16::from).sum::<u16>() <= 100
    };
    assert!(shares(Class::ALL.map(|class| design.traffic.shares.of(class)).into()));
    assert!(shares(lan_shares(&design.lans).into_values().collect()));
    assert!(design.traffic.hold_back <= 3600);
    if let Some(rate) = design.lgwan.line_rate {
        assert!((500_000..=10_000_000_000).contains(&rate.bits_per_second()));
    }
}

/// Each LAN that is named is designed and gets a name once; DNS servers stand where their LANs reach them; answers lead
/// to nobody of the office.
fn names(design: &Design) {
    let Some(names) = &design.names else { return };
    for (lan, servers) in &names.office_dns {
        assert!(!servers.is_empty() && design.lans.contains_key(lan));
        for server in servers {
            assert!(reach(design, *lan).any(|network| network.contains(server)));
            assert!(design.lans.values().all(|lan| lan.address.address() != *server));
        }
    }
    assert!(names.method != Method::Forward || !names.office_dns.is_empty());
    assert!(names.query_log_days.is_none_or(|days| (1..=31).contains(&days)));
    for network in &names.outside_answers {
        let apart = |other: Ipv4Net| !network.contains(&other) && !other.contains(network);
        assert!(network.prefix_len() >= 8);
        assert!(design.lans.keys().all(|lan| reach(design, *lan).all(apart)));
    }
    let mut known = BTreeSet::new();
    for NameEntry { name, lans, target } in &names.entries {
        assert!(!lans.is_empty() && lans.is_sorted());
        assert!(lans.iter().all(|lan| design.lans.contains_key(lan) && known.insert((*lan, name))));
        assert!(!design.profile.zones.iter().any(|zone| zone.name == name.as_str()));
        assert!(!matches!(target, NameTarget::Addresses(addresses) if addresses.is_empty()));
    }
}

/// A collector is another host on its own side; what it gets is there.
fn logs(design: &Design) {
    if let Some(FlowLog { days, size }) = design.flow_log {
        assert!((1..=366).contains(&days));
        assert!((1_000_000..=10_000_000_000).contains(&size.bytes()));
    }
    let Some(collector) = &design.collector else { return };
    let maintenance = design.maintenance.as_ref().map(|port| port.address);
    match collector.interface {
        OfficeSide::Lan(lan) => {
            assert!(reach(design, lan).any(|network| network.contains(&collector.address)));
        }
        OfficeSide::Maintenance => {
            assert!(maintenance.unwrap().subnet().contains(&collector.address));
        }
    }
    let lans = design.lans.values().map(|lan| lan.address);
    assert!(lans.chain(maintenance).all(|own| own.address() != collector.address));
    assert!(collector.port > 0 && !collector.send.is_empty());
    assert!(design.flow_log.is_some() || !collector.send.contains(&Sent::Flows));
}

/// Whoever gets to the page stands where the head office's LAN reaches, and isn't the device.
fn page(design: &Design) {
    let sources = &design.page.head_office;
    assert!(sources.len() <= 32);
    for source in sources {
        assert!(reach(design, Lan::HeadOffice).any(|network| network.contains(source)));
        let own = design.lans.values().map(|lan| lan.address.address());
        assert!(own.into_iter().all(|own| *source != Ipv4Net::from(own)));
    }
    assert_eq!(design.page_lan().is_some(), !sources.is_empty());
}

/// Whoever reads the figures stands at the maintenance port, and is neither the device nor everybody.
fn metrics(design: &Design) {
    for sources in [&design.metrics.maintenance, &design.snmp.maintenance] {
        assert!(sources.len() <= 8);
    }
    for source in design.metrics.maintenance.iter().chain(&design.snmp.maintenance) {
        let own = design.maintenance.as_ref().unwrap().address;
        assert!(own.subnet().contains(source) && own.subnet() != *source);
        assert!(*source != Ipv4Net::from(own.address()));
    }
}

/// What a connection check goes by.
fn checks(design: &Design) {
    let profile = &design.profile;
    let names: BTreeSet<_> = profile.services.iter().map(|service| &service.name).collect();
    assert_eq!(names.len(), profile.services.len());
    for service in &profile.services {
        assert!(profile.networks.iter().any(|network| network.prefix.contains(&service.address)));
        assert!(!profile.pool.iter().any(|prefix| prefix.contains(&service.address)));
        assert_ne!(service.port, 0);
    }
    assert_ne!(profile.dial_back, Some(0));
    if let Some(server) = &profile.rollout {
        assert!(profile.networks.iter().any(|network| network.prefix.contains(&server.address)));
        assert!(!profile.pool.iter().any(|prefix| prefix.contains(&server.address)));
        assert!(server.port != 0 && profile.authority.is_some());
    }
    assert_eq!(design.rollout_server().is_some(), design.rollout && profile.rollout.is_some());
    for identity in design.servers.iter().filter_map(|server| server.identity.as_deref()) {
        assert!((1..=100).contains(&identity.chars().count()));
        assert!(!identity.contains(char::is_control) && !identity.trim().is_empty());
    }
}

/// What the ports are held to that are held to something.
pub(crate) fn modes(design: &Design) -> impl Iterator<Item = PortMode> {
    let lans = design.lans.values().map(|lan| lan.mode);
    let maintenance = design.maintenance.iter().map(|maintenance| maintenance.mode);
    std::iter::once(design.lgwan.mode).chain(lans).chain(maintenance).flatten()
}
