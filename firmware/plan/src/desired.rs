//! What the kernel must hold for a design.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ipnet::Ipv4Net;
use sekisho_design::{Design, Host, InterfaceAddress, Lan, PortMode, PortName};

use crate::{
    KernelState,
    diff::CONNTRACK,
    ruleset, shaping,
    state::{Address, Link, LinkKind, RULE_PRIORITIES, Route, RouteAction, Rule, Selector},
};

/// The tunnel device's name.
pub const TUNNEL: &str = "tunnel";

/// The kernel's main route table.
const MAIN: u32 = 254;

/// Route table of a LAN: this plus its number.
const LAN_TABLES: u32 = 100;

/// What a datagram of the tunnel adds to a packet: IPv4 and UDP headers, WireGuard's 32 bytes, rounded up as WireGuard
/// does for either family.
const TUNNEL_OVERHEAD: u32 = 80;

/// Ethernet's own MTU, which a LAN has unless it says otherwise.
pub(crate) const ETHERNET_MTU: u32 = 1500;

/// Metric of the routes that make a network unreachable while nothing better is there.
const LAST_RESORT: u32 = u32::MAX;

/// Metric of all other routes.
const USUAL: u32 = 100;

/// How long the kernel remembers a connection without packets, in seconds, where it would be less patient than a translator
/// has to be. UDP: two minutes, and better five (RFC 4787, REQ-5). TCP that opens or closes: four minutes (RFC 5382, REQ-5;
/// RFC 7857, 2); closed by one end only it is still in use, so that it has the two hours and four minutes of one that is
/// established. ICMP queries: a minute (RFC 5508, REQ-2). A table that is nearly full gives up connections that close
/// before any other.
const PATIENCE: [(&str, &str); 10] = [
    ("icmp_timeout", "60"),
    ("tcp_timeout_close", "240"),
    ("tcp_timeout_close_wait", "7440"),
    ("tcp_timeout_fin_wait", "240"),
    ("tcp_timeout_last_ack", "240"),
    ("tcp_timeout_syn_recv", "240"),
    ("tcp_timeout_syn_sent", "240"),
    ("tcp_timeout_time_wait", "240"),
    ("udp_timeout", "120"),
    ("udp_timeout_stream", "300"),
];

/// The kernel's settings of its connection tracking. They are there once a rule has asked for it.
const FLOW_FOLDER: &str = "net/netfilter/";

/// Settings by the state of the flow log, on and off (`nf_conntrack-sysctl` of the kernel's documentation).
const FLOW_SETTINGS: [(&str, &str, &str); 3] = [
    ("nf_conntrack_acct", "1", "0"),
    ("nf_conntrack_events", "1", "2"),
    ("nf_conntrack_timestamp", "1", "0"),
];

/// Whether this is what a setting of the flow log is while there is none.
pub(crate) fn tracks_nothing(path: &str, value: &str) -> bool {
    let key = path.strip_prefix(FLOW_FOLDER);
    FLOW_SETTINGS.iter().any(|(known, _, off)| key == Some(known) && *off == value)
}

/// A LAN's number: its packet mark, its conntrack zone, and its place among the route tables.
pub fn lan_number(lan: Lan) -> u32 {
    match lan {
        Lan::HeadOffice => 1,
        Lan::EducationBoard => 2,
    }
}

/// Largest packet that fits into the tunnel, in bytes.
pub fn tunnel_mtu(design: &Design) -> u32 {
    u32::from(design.lgwan.mtu) - TUNNEL_OVERHEAD
}

/// What the kernel must hold for a design.
pub fn desired(design: &Design) -> KernelState {
    desired_over(design, tunnel_mtu(design))
}

/// The same where the way to the platform carries packets of up to `largest` bytes in the tunnel: longer ones are
/// refused where they come in, with the reason, and TCP is told before it sends any (R92).
pub fn desired_over(design: &Design, largest: u32) -> KernelState {
    let table = Arc::new(ruleset::table(design, largest));
    let mut state = KernelState { table: Some(table), ..KernelState::default() };
    links(design, largest, &mut state);
    state.queues = shaping::queues(design);
    settings(&mut state);
    flow_settings(design, &mut state);
    routes(design, &mut state);
    state
}

fn links(design: &Design, largest: u32, state: &mut KernelState) {
    let mut port = |port: &PortName, mode: Option<PortMode>, address: InterfaceAddress, mtu| {
        let link = Link { kind: LinkKind::Port, up: true, mtu, mode };
        state.links.insert(port.clone(), link);
        let (host, prefix) = (address.address(), address.prefix());
        state.addresses.insert(Address { link: port.clone(), address: host, prefix });
    };
    port(&design.lgwan.port, design.lgwan.mode, design.lgwan.address, design.lgwan.mtu.into());
    for lan in design.lans.values() {
        port(&lan.port, lan.mode, lan.address, ETHERNET_MTU);
    }
    if let Some(maintenance) = &design.maintenance {
        port(&maintenance.port, maintenance.mode, maintenance.address, ETHERNET_MTU);
    }
    let tunnel = Link { kind: LinkKind::Tun, up: true, mtu: largest, mode: None };
    state.links.insert(tunnel_name(), tunnel);
    let address = design.profile.device_address.get();
    state.addresses.insert(Address { link: tunnel_name(), address, prefix: 32 });
}

pub(crate) fn tunnel_name() -> PortName {
    TUNNEL.parse().expect("the constant is a port name")
}

fn settings(state: &mut KernelState) {
    // Sources are checked by the packet filter, per LAN; the kernel's own check knows no marks (rp_filter). A LAN's
    // address is answered on that LAN only (arp_ignore, arp_announce), though both may have the same.
    let per_link = [
        ("rp_filter", "0"),
        ("arp_ignore", "1"),
        ("arp_announce", "2"),
        ("accept_redirects", "0"),
        ("send_redirects", "0"),
        ("accept_source_route", "0"),
    ];
    let mut set = |path: String, value: &str| {
        state.settings.insert(path, value.to_owned());
    };
    let links = state.links.keys().map(PortName::as_str).chain(["all", "default"]);
    for link in links {
        for (key, value) in per_link {
            set(format!("net/ipv4/conf/{link}/{key}"), value);
        }
        set(format!("net/ipv6/conf/{link}/disable_ipv6"), "1");
    }
    // The device's own ICMP errors take the mark, and so the way back, of the packet that they are about.
    set("net/ipv4/fwmark_reflect".to_owned(), "1");
    // So do the answers of its TCP servers: where both LANs have one range, the address alone doesn't say which asks.
    set("net/ipv4/tcp_fwmark_accept".to_owned(), "1");
    // A host that opens ten connections at once shall hear of all ten that they are refused: the kernel's limit stays for
    // all ICMP errors but destination unreachable (bit 3). Only office hosts, whose source was checked, get those.
    set("net/ipv4/icmp_ratemask".to_owned(), "6160");
    for (key, seconds) in PATIENCE {
        set(format!("{CONNTRACK}{key}"), seconds);
    }
    set("net/ipv4/ip_forward".to_owned(), "1");
}

/// While flows are logged, the kernel counts the packets of each, notes when it began, and tells its end whether or not
/// somebody listened when it began. Otherwise each setting is the kernel's own.
fn flow_settings(design: &Design, state: &mut KernelState) {
    let logged = design.flow_log.is_some();
    for (key, on, off) in FLOW_SETTINGS {
        let value = if logged { on } else { off };
        state.settings.insert(format!("{FLOW_FOLDER}{key}"), value.to_owned());
    }
}

fn routes(design: &Design, state: &mut KernelState) {
    let mut add = |table, to, metric, action| {
        state.routes.insert(Route { table, to, metric, action });
    };
    let on_link = |port: &PortName, address: InterfaceAddress| RouteAction::Forward {
        link: port.clone(),
        via: None,
        source: Some(address.address()),
    };

    let lgwan = &design.lgwan;
    add(MAIN, lgwan.address.subnet(), USUAL, on_link(&lgwan.port, lgwan.address));
    // No default route: on LGWAN the device knows the way to those that it may speak to, and to nobody else (R4).
    let centres = design.profile.centres.iter().map(|centre| &centre.endpoint.host);
    let hosts = centres.chain(&design.profile.ntp).flat_map(Host::addresses);
    let peers: BTreeSet<_> = hosts.chain(&lgwan.dns).copied().collect();
    for peer in peers.into_iter().filter(|peer| !lgwan.address.subnet().contains(peer)) {
        let action = RouteAction::Forward {
            link: lgwan.port.clone(),
            via: Some(lgwan.gateway),
            source: Some(lgwan.address.address()),
        };
        add(MAIN, Ipv4Net::from(peer), USUAL, action);
    }
    if let Some(maintenance) = &design.maintenance {
        let action = on_link(&maintenance.port, maintenance.address);
        add(MAIN, maintenance.address.subnet(), USUAL, action);
    }

    let tables: BTreeMap<u32, _> = design
        .lans
        .iter()
        .map(|(lan, interface)| (LAN_TABLES + lan_number(*lan), Some(interface)))
        .chain([(MAIN, None)])
        .collect();
    for (table, interface) in tables {
        for network in &design.profile.networks {
            let action = RouteAction::Forward {
                link: tunnel_name(),
                via: None,
                source: Some(design.profile.device_address.get()),
            };
            add(table, network.prefix, USUAL, action);
            add(table, network.prefix, LAST_RESORT, RouteAction::Unreachable);
        }
        let Some(interface) = interface else { continue };
        let (port, address) = (&interface.port, interface.address);
        add(table, address.subnet(), USUAL, on_link(port, address));
        for route in &interface.routes {
            let action = RouteAction::Forward {
                link: port.clone(),
                via: Some(route.via),
                source: Some(address.address()),
            };
            add(table, route.to, USUAL, action);
        }
        // What a LAN's table doesn't know must not fall through to the main one.
        add(table, Ipv4Net::default(), LAST_RESORT, RouteAction::Unreachable);
    }

    for (lan, interface) in &design.lans {
        let number = lan_number(*lan);
        let table = LAN_TABLES + number;
        let mut rule = |offset, selector| {
            let priority = RULE_PRIORITIES.start() + offset + number;
            state.rules.insert(Rule { priority, selector, table });
        };
        rule(0, Selector::Mark(number));
        rule(10, Selector::OutputLink(interface.port.clone()));
    }
}
