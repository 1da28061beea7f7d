//! The rows of a design as elements of sets and maps: one lookup, however many rows there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use ipnet::Ipv4Net;
use nftables::expr::Expression;
use sekisho_design::{
    Collector, CollectorTransport, Design, Environment, GlobalFor, Host, Lan, LanInterface, Method,
    Origin, PlatformNetwork,
};
use serde_json::{Map, Value, json};

use super::{
    CUT_OFF, METERS,
    caps::caps,
    page,
    policies::policies,
    words::{address, joined, number, ports, range},
};
use crate::{
    account::Accounts,
    lan_number,
    permit::{AddressRange, Services, TCP, UDP, flatten, union},
    table::{Set, by_text},
};

/// Global address → its LAN's mark.
pub(super) const LAN_OF_GLOBAL: &str = "lan-of-global";
/// LAN and global address → private address of the server.
pub(super) const SERVER_OF_GLOBAL: &str = "server-of-global";
/// LAN and private address of a server → its global address.
pub(super) const GLOBAL_OF_SERVER: &str = "global-of-server";
/// LAN and source → NAPT address.
pub(super) const NAPT: &str = "napt";
/// LAN and addresses that may stand on it or behind its routers.
pub(super) const OFFICE: &str = "office";
/// LAN and sources that some row declares (R55).
pub(super) const REGISTERED: &str = "registered";
/// The platform's networks.
pub(super) const PLATFORM: &str = "platform";
/// Addresses that may stand at the maintenance port.
pub(super) const MAINTENANCE: &str = "maintenance";
/// Every source that may go into the tunnel.
pub(super) const OWN_GLOBALS: &str = "own-globals";
/// What offices may start: LAN, source, platform network, service.
pub(super) const OUTBOUND: &str = "outbound";
/// The same for ICMP echo.
pub(super) const OUTBOUND_ECHO: &str = "outbound-echo";
/// What the platform may start: LAN, source, server's private address, service.
pub(super) const INBOUND: &str = "inbound";
/// The same for ICMP echo.
pub(super) const INBOUND_ECHO: &str = "inbound-echo";
/// What policies let offices start, as of [`OUTBOUND`] → the account.
pub(super) const POLICY_OUTBOUND: &str = "policy-outbound";
/// The same for ICMP echo.
pub(super) const POLICY_OUTBOUND_ECHO: &str = "policy-outbound-echo";
/// What policies let the platform start, as of [`INBOUND`] → the account.
pub(super) const POLICY_INBOUND: &str = "policy-inbound";
/// The same for ICMP echo.
pub(super) const POLICY_INBOUND_ECHO: &str = "policy-inbound-echo";
/// LAN and address of a host → the account of its row.
pub(super) const ACCOUNT_OF_HOST: &str = "account-of-host";
/// Account → class of traffic, where it isn't the usual one (R35).
pub(super) const CLASS_OF_ACCOUNT: &str = "class-of-account";
/// LAN, source and network of the platform's other environment (R89).
pub(super) const OUTBOUND_CROSSING: &str = "outbound-crossing";
/// LAN, network of the other environment, server's private address.
pub(super) const INBOUND_CROSSING: &str = "inbound-crossing";
/// FTP's control connections, by the destination before it is translated (R90).
pub(super) const FTP: &str = "ftp";
/// LAN, source and destination → the global address that this destination sees (R86).
pub(super) const GLOBAL_FOR: &str = "global-for";
/// What servers offer, to whoever may reach them: LAN, private address, service.
pub(super) const OFFERED: &str = "offered";
/// The same for ICMP echo.
pub(super) const OFFERED_ECHO: &str = "offered-echo";
/// Endpoints of the centres.
pub(super) const CENTRES: &str = "centres";
/// What the device itself serves to a LAN: LAN, its own address, service.
pub(super) const SERVED: &str = "served";
/// What the device answers the LANs from: its own address, protocol and port.
pub(super) const ANSWERED: &str = "answered";
/// DNS and NTP servers on LGWAN that the device may ask.
pub(super) const LGWAN_SERVICES: &str = "lgwan-services";

/// What the device itself may ask of the platform: the zones' resolvers, and who rolls firmware out where the site follows that.
pub(super) const PLATFORM_SERVICES: &str = "platform-services";

/// The office's own DNS servers on a LAN, which the device may ask.
pub(super) fn office_dns(lan: Lan) -> String {
    format!("office-dns-{lan}")
}

/// The office's collector of log messages, to which the device may speak; there only where one is designed.
pub(super) const COLLECTOR: &str = "collector";

const DNS_PORT: u32 = 53;
const NTP_PORT: u32 = 123;

/// All sets and maps of a design.
pub(super) fn sets(design: &Design) -> BTreeMap<String, Set> {
    let mut sets = BTreeMap::new();
    let accounts = Accounts::of(design);
    addresses(design, &mut sets);
    hosts(design, &accounts, &mut sets);
    permits(design, &mut sets);
    crossings(design, &mut sets);
    policies(design, &accounts, &mut sets);
    services(design, &mut sets);
    collector(design, &mut sets);
    platform_services(design, &mut sets);
    page::sets(design, &mut sets);
    sets
}

pub(super) type Sets = BTreeMap<String, Set>;

fn addresses(design: &Design, sets: &mut Sets) {
    let servers = || design.servers.iter();
    let globals: Vec<(AddressRange, Lan)> = servers()
        .map(|server| (server.global.get().into(), server.lan))
        .chain(design.terminals.iter().map(|row| (row.global.get().into(), row.lan)))
        .chain(globals_for(design).map(|(lan, _, entry)| (entry.global.get().into(), lan)))
        .collect();
    // A global address belongs to one LAN, so any row that names it will do.
    let by_lan = flatten(&globals, |lans| lans.first().map(|lan| **lan));
    add(
        sets,
        LAN_OF_GLOBAL,
        interval_map(&["ipv4_addr"], "mark"),
        by_lan.iter().map(|(globals, lan)| json!([range(*globals), mark(*lan)])),
    );
    add(
        sets,
        SERVER_OF_GLOBAL,
        exact_map(&["mark", "ipv4_addr"], "ipv4_addr"),
        servers().map(|server| {
            let key = joined(vec![mark(server.lan), address(server.global.get())]);
            json!([key, address(server.private.get())])
        }),
    );
    add(
        sets,
        GLOBAL_OF_SERVER,
        exact_map(&["mark", "ipv4_addr"], "ipv4_addr"),
        servers().map(|server| {
            let key = joined(vec![mark(server.lan), address(server.private.get())]);
            json!([key, address(server.global.get())])
        }),
    );
    let mut napt = Vec::new();
    let mut office = Vec::new();
    for (lan, interface) in &design.lans {
        let rows: Vec<_> = design
            .terminals
            .iter()
            .filter(|row| row.lan == *lan)
            .flat_map(|row| row.from.iter().map(|from| (AddressRange::from(*from), row.global)))
            .collect();
        // Rows that overlap share their address, so any of them will do.
        for (sources, global) in flatten(&rows, |globals| globals.first().map(|global| **global)) {
            napt.push(json!([joined(vec![mark(*lan), range(sources)]), address(global.get())]));
        }
        let nets =
            interface.routes.iter().map(|route| route.to).chain([interface.address.subnet()]);
        let held = union(nets.map(AddressRange::from));
        office.extend(held.into_iter().map(|held| joined(vec![mark(*lan), range(held)])));
    }
    add(sets, NAPT, interval_map(&["mark", "ipv4_addr"], "ipv4_addr"), napt);
    add(sets, OFFICE, interval_set(&["mark", "ipv4_addr"]), office);
    let platform = union(design.profile.networks.iter().map(|network| network.prefix.into()));
    add(
        sets,
        PLATFORM,
        interval_set(&["ipv4_addr"]),
        platform.into_iter().map(|net| json!(range(net))),
    );
    let maintenance = design.maintenance.iter().map(|row| row.address.subnet().into());
    add(
        sets,
        MAINTENANCE,
        interval_set(&["ipv4_addr"]),
        maintenance.map(|subnet| json!(range(subnet))),
    );
    let device = AddressRange::from(design.profile.device_address.get());
    let own = union(globals.into_iter().map(|(globals, _)| globals).chain([device]));
    let own = own.into_iter().map(|globals| json!(range(globals)));
    add(sets, OWN_GLOBALS, interval_set(&["ipv4_addr"]), own);
    add(
        sets,
        CENTRES,
        exact_set(&["ipv4_addr", "inet_service"]),
        design
            .profile
            .centres
            .iter()
            .flat_map(|centre| centre.endpoint.places())
            .map(|place| joined(vec![address(*place.ip()), number(place.port().into())])),
    );
    let dns = design.lgwan.dns.iter().flat_map(|host| dns_services(&[address(*host)]));
    let ntp = design
        .profile
        .ntp
        .iter()
        .flat_map(Host::addresses)
        .map(|host| joined(vec![address(*host), number(UDP), number(NTP_PORT)]));
    add(
        sets,
        LGWAN_SERVICES,
        exact_set(&["ipv4_addr", "inet_proto", "inet_service"]),
        dns.chain(ntp),
    );
    add(sets, CUT_OFF, exact_set(&["mark"]), []);
    for (name, key) in METERS {
        add(sets, name, exact_set(key), []);
    }
}

/// The addresses that some destinations see, with the LAN and the hosts of their row.
fn globals_for(design: &Design) -> impl Iterator<Item = (Lan, Vec<AddressRange>, &GlobalFor)> {
    let servers = design.servers.iter().flat_map(|row| {
        let hosts = vec![AddressRange::from(row.private.get())];
        row.global_for.iter().map(move |entry| (row.lan, hosts.clone(), entry))
    });
    let terminals = design.terminals.iter().flat_map(|row| {
        let hosts: Vec<_> = row.from.iter().map(|from| AddressRange::from(*from)).collect();
        row.global_for.iter().map(move |entry| (row.lan, hosts.clone(), entry))
    });
    servers.chain(terminals)
}

/// Who a host is to the accounts, and what some destinations see of it. A server's own row stands before any row of
/// terminals that covers its address.
fn hosts(design: &Design, accounts: &Accounts, sets: &mut Sets) {
    let (mut account_of_host, mut global_for) = (Vec::new(), Vec::new());
    for lan in design.lans.keys() {
        let servers = design.servers.iter().filter(|row| row.lan == *lan);
        let servers = servers.map(|row| (row.private.get().into(), &row.name));
        let terminals = design.terminals.iter().filter(|row| row.lan == *lan);
        let terminals = terminals
            .flat_map(|row| row.from.iter().map(|from| (AddressRange::from(*from), &row.name)));
        let rows: Vec<_> = servers.chain(terminals).collect();
        for (hosts, row) in flatten(&rows, |rows| rows.first().map(|row| **row)) {
            let key = joined(vec![mark(*lan), range(hosts)]);
            account_of_host.push(json!([key, accounts.number(row, None)]));
        }
        let entries: Vec<_> = globals_for(design)
            .filter(|(of, ..)| of == lan)
            .flat_map(|(_, hosts, entry)| hosts.into_iter().map(move |hosts| (hosts, entry)))
            .collect();
        let covering = flatten(&entries, |entries| Some(entries.iter().map(|one| **one).collect()));
        for (hosts, entries) in covering {
            let entries: Vec<&GlobalFor> = entries;
            let networks = entries.iter().flat_map(|entry| {
                let networks = entry.to.iter().flat_map(Origin::networks);
                networks.map(|network| (AddressRange::from(network), entry.global))
            });
            let networks: Vec<_> = networks.collect();
            // Entries of one row don't overlap; of two rows of terminals at one address the first counts.
            for (network, global) in flatten(&networks, |all| all.first().map(|one| **one)) {
                let key = joined(vec![mark(*lan), range(hosts), range(network)]);
                global_for.push(json!([key, address(global.get())]));
            }
        }
    }
    add(sets, ACCOUNT_OF_HOST, interval_map(&["mark", "ipv4_addr"], "mark"), account_of_host);
    add(sets, GLOBAL_FOR, interval_map(&PAIR, "ipv4_addr"), global_for);
    caps(design, sets);
}

/// Who may ask the device for names and the time, and whom it asks in the office (R17 R62). Who of a LAN's hosts gets an
/// answer about names is the name service's business, which can tell them.
fn services(design: &Design, sets: &mut Sets) {
    let names = design.names.as_ref().filter(|names| names.method != Method::Hosts);
    let offered = |key: &[Expression<'static>]| {
        let names = names.map(|_| dns_services(key)).into_iter().flatten();
        names.chain([service(key, UDP, NTP_PORT)]).collect::<Vec<_>>()
    };
    let own = |interface: &LanInterface| address(interface.address.address());
    let served = design.lans.iter();
    let served = served.flat_map(|(lan, interface)| offered(&[mark(*lan), own(interface)]));
    add(sets, SERVED, exact_set(&["mark", "ipv4_addr", "inet_proto", "inet_service"]), served);
    let answered = design.lans.values().flat_map(|interface| offered(&[own(interface)]));
    add(sets, ANSWERED, exact_set(&["ipv4_addr", "inet_proto", "inet_service"]), answered);
    for lan in design.lans.keys() {
        // The servers of method (b) ask; only those of method (a) are asked.
        let asked = names.filter(|names| names.method == Method::Device);
        let servers = asked.and_then(|names| names.office_dns.get(lan)).into_iter().flatten();
        add(
            sets,
            &office_dns(*lan),
            exact_set(&["ipv4_addr", "inet_proto", "inet_service"]),
            servers.flat_map(|server| dns_services(&[address(*server)])),
        );
    }
}

/// Whom the device tells of flows and refusals (R77).
fn collector(design: &Design, sets: &mut Sets) {
    let Some(Collector { address: host, port, transport, .. }) = &design.collector else { return };
    let protocol = match transport {
        CollectorTransport::Udp => UDP,
        CollectorTransport::Tcp | CollectorTransport::Tls { .. } => TCP,
    };
    let service = joined(vec![address(*host), number(protocol), number((*port).into())]);
    add(sets, COLLECTOR, exact_set(&["ipv4_addr", "inet_proto", "inet_service"]), [service]);
}

/// Whom on the platform the device itself asks.
fn platform_services(design: &Design, sets: &mut Sets) {
    let resolvers: BTreeSet<_> =
        design.profile.zones.iter().flat_map(|zone| &zone.resolvers).collect();
    let dns = resolvers.into_iter().flat_map(|host| dns_services(&[address(*host)]));
    let rollout = design
        .rollout_server()
        .map(|server| service(&[address(server.address)], TCP, server.port.into()));
    add(
        sets,
        PLATFORM_SERVICES,
        exact_set(&["ipv4_addr", "inet_proto", "inet_service"]),
        dns.chain(rollout),
    );
}

/// DNS over either protocol, behind a key.
fn dns_services(key: &[Expression<'static>]) -> [Value; 2] {
    [TCP, UDP].map(|protocol| service(key, protocol, DNS_PORT))
}

/// A service behind a key.
fn service(key: &[Expression<'static>], protocol: u32, port: u32) -> Value {
    joined([key, &[number(protocol), number(port)]].concat())
}

/// What a source may start, by environment of the far side.
type Permit = BTreeMap<Environment, Services>;

fn permits(design: &Design, sets: &mut Sets) {
    let mut registered = Vec::new();
    let (mut outbound, mut outbound_echo) = (Vec::new(), Vec::new());
    for lan in design.lans.keys() {
        for (sources, permit) in outbound_permits(design, *lan) {
            registered.push(sources);
            let source = || vec![mark(*lan), range(sources)];
            for PlatformNetwork { prefix, environment } in &design.profile.networks {
                let Some(services) = permit.get(environment) else { continue };
                let pair = || [source(), vec![range((*prefix).into())]].concat();
                outbound.extend(flows(&pair(), services));
                outbound_echo.extend(services.echo.then(|| joined(pair())));
            }
        }
        let held = union(std::mem::take(&mut registered));
        let held = held.into_iter().map(|held| joined(vec![mark(*lan), range(held)]));
        extend(sets, REGISTERED, interval_set(&["mark", "ipv4_addr"]), held);
    }
    add(sets, OUTBOUND, interval_set(&FLOW), outbound);
    add(sets, OUTBOUND_ECHO, interval_set(&PAIR), outbound_echo);

    let (mut inbound, mut inbound_echo) = (Vec::new(), Vec::new());
    let (mut offered, mut offered_echo) = (Vec::new(), Vec::new());
    for lan in design.lans.keys() {
        for (servers, permit) in inbound_permits(design, *lan) {
            for (sources, services) in &permit {
                let pair = || vec![mark(*lan), range(*sources), range(servers)];
                inbound.extend(flows(&pair(), services));
                inbound_echo.extend(services.echo.then(|| joined(pair())));
            }
            let all = Services::union_of(permit.iter().map(|(_, services)| services));
            let hosts = || vec![mark(*lan), range(servers)];
            offered.extend(flows(&hosts(), &all));
            offered_echo.extend(all.echo.then(|| joined(hosts())));
        }
    }
    add(sets, INBOUND, interval_set(&FLOW), inbound);
    add(sets, INBOUND_ECHO, interval_set(&PAIR), inbound_echo);
    add(sets, OFFERED, interval_set(&["mark", "ipv4_addr", "inet_proto", "inet_service"]), offered);
    add(sets, OFFERED_ECHO, interval_set(&["mark", "ipv4_addr"]), offered_echo);
}

pub(super) const FLOW: [&str; 5] = ["mark", "ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"];
pub(super) const PAIR: [&str; 3] = ["mark", "ipv4_addr", "ipv4_addr"];

/// Which pairs would cross from one environment to the other (R89), so that they are refused by that name.
fn crossings(design: &Design, sets: &mut Sets) {
    let (mut outbound, mut inbound) = (Vec::new(), Vec::new());
    for lan in design.lans.keys() {
        for (hosts, permit) in outbound_permits(design, *lan) {
            let others = design.profile.networks.iter();
            let others = others.filter(|network| !permit.contains_key(&network.environment));
            for PlatformNetwork { prefix, .. } in others {
                outbound.push(joined(vec![mark(*lan), range(hosts), range((*prefix).into())]));
            }
        }
        let servers = design.servers.iter().filter(|row| row.lan == *lan);
        let servers: Vec<_> =
            servers.map(|row| (row.private.get().into(), row.environment)).collect();
        for (hosts, own) in flatten(&servers, |of| of.first().map(|own| **own)) {
            let others = design.profile.networks.iter();
            for network in others.filter(|network| network.environment != own) {
                let other = range(network.prefix.into());
                inbound.push(joined(vec![mark(*lan), other, range(hosts)]));
            }
        }
    }
    add(sets, OUTBOUND_CROSSING, interval_set(&PAIR), outbound);
    add(sets, INBOUND_CROSSING, interval_set(&PAIR), inbound);
}

/// Who on a LAN may start what. A server's own row stands before any row of terminals that covers its address.
fn outbound_permits(design: &Design, lan: Lan) -> Vec<(AddressRange, Permit)> {
    struct Row<'a> {
        server: bool,
        environment: Environment,
        services: &'a [sekisho_design::Service],
    }
    let servers = design.servers.iter().filter(|server| server.lan == lan).map(|server| {
        let range = AddressRange::from(server.private.get());
        (range, Row { server: true, environment: server.environment, services: &server.services })
    });
    let terminals = design.terminals.iter().filter(|row| row.lan == lan).flat_map(|row| {
        row.from.iter().map(|from: &Ipv4Net| {
            let (environment, services) = (row.environment, row.services.as_slice());
            (AddressRange::from(*from), Row { server: false, environment, services })
        })
    });
    let rows: Vec<_> = servers.chain(terminals).collect();
    flatten(&rows, |covering| {
        let server = covering.iter().any(|row| row.server);
        let mut permit: BTreeMap<Environment, Vec<_>> = BTreeMap::new();
        for row in covering.iter().filter(|row| row.server == server) {
            permit.entry(row.environment).or_default().extend(row.services);
        }
        Some(permit.into_iter().map(|(of, services)| (of, Services::union(services))).collect())
    })
}

/// What the platform may start towards a LAN's servers, by their private addresses: sources and services. Neighbours that
/// allow the same become one range, so that a large site stays a small table.
fn inbound_permits(
    design: &Design,
    lan: Lan,
) -> Vec<(AddressRange, Vec<(AddressRange, Services)>)> {
    let servers: Vec<_> = design
        .servers
        .iter()
        .filter(|server| server.lan == lan)
        .map(|server| (server.private.get().into(), server.allow_from_platform.as_slice()))
        .collect();
    flatten(&servers, |covering| {
        let rows: Vec<(AddressRange, &[_])> = covering
            .iter()
            .copied()
            .copied()
            .flatten()
            .flat_map(|allowance| {
                let networks = allowance.from.networks().into_iter();
                networks.map(|network| (network.into(), allowance.services.as_slice()))
            })
            .collect();
        let merge = |rows: &[&&[_]]| Some(Services::union(rows.iter().copied().copied().flatten()));
        Some(flatten(&rows, merge))
    })
}

fn flows(key: &[Expression<'static>], services: &Services) -> Vec<Value> {
    let flow = |(protocol, range): (u32, &RangeInclusive<u16>)| {
        joined([key.to_vec(), vec![number(protocol), ports(range)]].concat())
    };
    services.ports().map(flow).collect()
}

pub(super) fn mark(lan: Lan) -> Expression<'static> {
    number(lan_number(lan))
}

pub(super) fn exact_set(types: &[&str]) -> Map<String, Value> {
    let value = if let [one] = types { json!(one) } else { json!(types) };
    Map::from_iter([("type".to_owned(), value)])
}

pub(super) fn interval_set(types: &[&str]) -> Map<String, Value> {
    let mut declaration = exact_set(types);
    declaration.insert("flags".to_owned(), json!(["interval"]));
    declaration
}

pub(super) fn exact_map(types: &[&str], value: &str) -> Map<String, Value> {
    let mut declaration = exact_set(types);
    declaration.insert("map".to_owned(), json!(value));
    declaration
}

pub(super) fn interval_map(types: &[&str], value: &str) -> Map<String, Value> {
    let mut declaration = interval_set(types);
    declaration.insert("map".to_owned(), json!(value));
    declaration
}

pub(super) fn add(
    sets: &mut Sets,
    name: &str,
    declaration: Map<String, Value>,
    elements: impl IntoIterator<Item = Value>,
) {
    sets.insert(name.to_owned(), Set { declaration, elements: by_text(elements) });
}

fn extend(
    sets: &mut Sets,
    name: &str,
    declaration: Map<String, Value>,
    elements: impl IntoIterator<Item = Value>,
) {
    let empty = Set { declaration, elements: BTreeMap::new() };
    sets.entry(name.to_owned()).or_insert(empty).elements.extend(by_text(elements));
}
