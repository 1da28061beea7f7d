//! The packet filter's table of a design.
//!
//! A packet's way: `classify` gives it its LAN's mark and conntrack zone (by input link, or by global destination) and
//! refuses forged sources, in each piece of a datagram by itself; `state` refuses what belongs to no connection;
//! `translate-destination` turns a global address into the server behind it; `destination` refuses what leads nowhere;
//! `forward` admits what rows of the design declare; `translate-source` gives it its global address; `leaving` lets
//! nothing untranslated into the tunnel.
//!
//! Whatever is refused goes through a chain of its own, `refuse/SIDE/RULE`, that counts every packet, logs at a bounded
//! rate and drops or rejects (R56). Rows of the design are elements of sets, so the rules are the same for every site.

mod admitted;
mod caps;
mod classify;
mod page;
mod policies;
mod refusals;
mod sets;
mod words;

use std::{collections::BTreeSet, net::Ipv4Addr, ops::RangeInclusive, time::Duration};

use sekisho_design::{Design, Lan, TunnelHabits};
use serde_json::{Map, Value, json};

pub use self::{
    admitted::{
        ACCOUNT_DOWN, ACCOUNT_OPENED, ACCOUNT_UP, GLOBAL_REFUSED, HOST_DOWN, HOST_REFUSED, HOST_UP,
        is_runtime_set,
    },
    refusals::LOG_GROUP,
};
use self::{
    admitted::{METERS, account, account_down, account_up, admitted, limits},
    classify::{BEFORE_REASSEMBLY, classify, classify_own},
    refusals::refuse,
    words::{
        Key, accept, clamp_mss, destination_is, destination_is_ours, destination_translated,
        from_link, goto, help, icmp_is, in_set, is_tcp_or_udp, mark_is, not_in_set, rule,
        set_account, source_is, state_is, tcp_is_not_opening, tcp_syn, to_link,
        translate_destination, translate_source, translate_source_and_port, udp_port_is,
    },
};
use crate::{
    TUNNEL, lan_number,
    table::{Chain, Table},
};

/// The UDP port that the device's end of the tunnel listens on.
pub const TUNNEL_PORT: u16 = 51820;

/// What the tunnel does on the wire, for papers that other firewalls are made by. The gateway holds it against the crate that runs
/// the tunnel.
pub const TUNNEL_HABITS: TunnelHabits = TunnelHabits {
    port: TUNNEL_PORT,
    probe_interval: Duration::from_millis(200),
    // The longest pause between two rounds of handshakes.
    longest_silence: Duration::from_secs(30),
};

/// A set that the daemon fills: marks of the LANs whose new connections to the platform are refused at once, because
/// no centre answers.
pub const CUT_OFF: &str = "cut-off";

/// The ports that NAPT gives out. Those above are the device's own, for its checks as a global address.
pub const NAPT_PORTS: RangeInclusive<u16> = 1024..=61999;

/// FTP's helper, as the kernel calls it (R90).
const FTP_HELPER: &str = "ftp";

/// ICMP messages about another packet (RFC 792).
const ICMP_ERRORS: [&str; 3] = ["destination-unreachable", "time-exceeded", "parameter-problem"];

/// ICMP messages that conntrack relates like errors, and nobody may send through the device: a redirect is a router's
/// word to its own LAN, and source quench is abolished (RFC 6633).
const ICMP_ADVICE: [&str; 2] = ["source-quench", "redirect"];

/// The IPv4 and TCP headers without options, which an MSS doesn't count (RFC 9293, 3.7.1).
const HEADERS: u32 = 40;

/// The table that a design calls for, where the tunnel carries packets of up to `largest` bytes.
pub(crate) fn table(design: &Design, largest: u32) -> Table {
    let mut table = Table { sets: sets::sets(design), ..Table::default() };
    let filled: BTreeSet<String> = table
        .sets
        .iter()
        .filter(|(_, set)| !set.elements.is_empty())
        .map(|(name, _)| name.clone())
        .collect();
    let used = |set: &str| filled.contains(set);
    let ftp = used(sets::FTP);
    table.helpers.extend(ftp.then(|| FTP_HELPER.to_owned()));
    refusals::chains(design, &mut table);
    let site = Ports::of(design);
    let base = [
        ("classify", hook("filter", "prerouting", BEFORE_REASSEMBLY, "accept"), classify(&site)),
        ("classify-own", hook("filter", "output", -300, "accept"), classify_own(&site)),
        ("state", hook("filter", "prerouting", -150, "accept"), state(&site)),
        (
            "translate-destination",
            hook("nat", "prerouting", -100, "accept"),
            vec![rule(&[translate_destination(Key::LanDestination, sets::SERVER_OF_GLOBAL)])],
        ),
        ("destination", hook("filter", "prerouting", -90, "accept"), destination(design, &site)),
        ("input", hook("filter", "input", 0, "drop"), input(design, &site)),
        ("forward", hook("filter", "forward", 0, "drop"), forward(largest, &site)),
        ("account/up", Map::new(), account_up()),
        ("account/down", Map::new(), account_down()),
        ("account", hook("filter", "forward", 10, "accept"), account(design)),
        ("output", hook("filter", "output", 0, "drop"), output(design, &site)),
        ("translate-source", hook("nat", "postrouting", 100, "accept"), source_translation(&used)),
        ("leaving", hook("filter", "postrouting", 110, "accept"), leaving()),
        ("from/platform", Map::new(), from_platform(&site, &used)),
    ];
    for (name, declaration, rules) in base {
        table.chains.insert(name.to_owned(), Chain { declaration, rules });
    }
    for (name, rules) in classify::by_side(&site).into_iter().chain(page::chains(design, &site)) {
        table.chains.insert(name, Chain { declaration: Map::new(), rules });
    }
    for (lan, port, _) in &site.lans {
        let chain = Chain { declaration: Map::new(), rules: from_lan(*lan, port, &used) };
        table.chains.insert(format!("from/{lan}"), chain);
    }
    for (side, _) in site.sides() {
        let chains = [
            (admitted(side), limits(design.limits, side)),
            (state_of(side), connection_state(side, ftp)),
        ];
        let chains = chains.map(|(name, rules)| (name, Chain { declaration: Map::new(), rules }));
        table.chains.extend(chains);
    }
    table
}

/// Whether a set has elements. Rules that ask others of few sites have are left out where these are empty: each costs every
/// new connection.
type Used<'a> = dyn Fn(&str) -> bool + 'a;

/// The ports of a design by role, as link names.
struct Ports<'a> {
    lgwan: (&'a str, Ipv4Addr),
    lans: Vec<(Lan, &'a str, Ipv4Addr)>,
    maintenance: Option<(&'a str, Ipv4Addr)>,
}

impl<'a> Ports<'a> {
    fn of(design: &'a Design) -> Self {
        Self {
            lgwan: (design.lgwan.port.as_str(), design.lgwan.address.address()),
            lans: design
                .lans
                .iter()
                .map(|(lan, interface)| {
                    (*lan, interface.port.as_str(), interface.address.address())
                })
                .collect(),
            maintenance: design
                .maintenance
                .as_ref()
                .map(|maintenance| (maintenance.port.as_str(), maintenance.address.address())),
        }
    }

    /// The sides that packets are forwarded from, with their links.
    fn sides(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let lans = self.lans.iter().map(|(lan, port, _)| (lan.as_str(), *port));
        [("platform", TUNNEL)].into_iter().chain(lans)
    }

    fn lan_links(&self) -> Vec<&'a str> {
        self.lans.iter().map(|(_, port, _)| *port).collect()
    }
}

fn hook(kind: &str, hook: &str, prio: i32, policy: &str) -> Map<String, Value> {
    Map::from_iter(
        [
            ("type", json!(kind)),
            ("hook", json!(hook)),
            ("prio", json!(prio)),
            ("policy", json!(policy)),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    )
}

/// Ports that stay as they are while they can: a translation that shares an address gives others only where one is taken.
fn source_translation(used: &Used<'_>) -> Vec<Value> {
    let shared = |key, map| {
        [
            rule(&[is_tcp_or_udp(), translate_source_and_port(key, map, &NAPT_PORTS)]),
            rule(&[translate_source(key, map)]),
        ]
    };
    let mut rules = Vec::new();
    if used(sets::GLOBAL_FOR) {
        rules.extend(shared(Key::LanPair, sets::GLOBAL_FOR));
    }
    rules.push(rule(&[translate_source(Key::LanSource, sets::GLOBAL_OF_SERVER)]));
    rules.extend(shared(Key::LanSource, sets::NAPT));
    rules
}

/// What belongs to a connection that was answered was asked all this before; the rest is asked by its side.
fn state(site: &Ports<'_>) -> Vec<Value> {
    let known = rule(&[state_is(&["established"]), accept()]);
    let sides = site.sides().map(|(side, link)| rule(&[from_link(&[link]), goto(&state_of(side))]));
    [known].into_iter().chain(sides).collect()
}

fn state_of(side: &str) -> String {
    format!("state/{side}")
}

/// What a side may not send in any connection, and which of its new ones get FTP's helper.
fn connection_state(side: &str, ftp: bool) -> Vec<Value> {
    let invalid = || refuse(side, "invalid");
    let refusals = [
        rule(&[state_is(&["invalid"]), invalid()]),
        rule(&[state_is(&["new"]), tcp_is_not_opening(), invalid()]),
        rule(&[icmp_is(&ICMP_ADVICE), invalid()]),
    ];
    // Before the destination is translated: only then does the kernel make room for what the helper rewrites.
    let helper = ftp.then(|| {
        let asked = in_set(Key::LanFlow, sets::FTP);
        rule(&[state_is(&["new"]), is_tcp_or_udp(), asked, help(FTP_HELPER)])
    });
    refusals.into_iter().chain(helper).collect()
}

/// Refuses what leads nowhere before the routing decision, so that it is counted and logged like every refusal.
///
/// Of a LAN's packets only those to the platform, to the device and into the LAN itself get further. The LAN's route table
/// knows no other way and ends in unreachable, which tells the sender; a reject of ours couldn't, because before routing it
/// looks for the way back in the main table, where no LAN stands.
fn destination(design: &Design, site: &Ports<'_>) -> Vec<Value> {
    let mut rules = vec![
        rule(&[state_is(&["established", "related"]), accept()]),
        rule(&[destination_translated(), accept()]),
    ];
    for (lan, port, _) in &site.lans {
        rules.extend([
            rule(&[from_link(&[port]), in_set(Key::Destination, sets::PLATFORM), accept()]),
            rule(&[from_link(&[port]), in_set(Key::LanDestination, sets::OFFICE), accept()]),
            rule(&[from_link(&[port]), destination_is_ours(), accept()]),
            rule(&[from_link(&[port]), refuse(lan.as_str(), "undeclared-destination")]),
        ]);
    }
    rules.extend([
        rule(&[
            from_link(&[TUNNEL]),
            destination_is(design.profile.device_address.get()),
            accept(),
        ]),
        rule(&[from_link(&[TUNNEL]), mark_is(0), refuse("platform", "undeclared-address")]),
        rule(&[from_link(&[TUNNEL]), refuse("platform", "one-way")]),
    ]);
    rules
}

fn input(design: &Design, site: &Ports<'_>) -> Vec<Value> {
    let echo_to = |link: &str, address| {
        rule(&[from_link(&[link]), icmp_is(&["echo-request"]), destination_is(address), accept()])
    };
    let (lgwan, _) = site.lgwan;
    let mut rules = vec![
        rule(&[from_link(&["lo"]), accept()]),
        rule(&[
            from_link(&[lgwan]),
            in_set(Key::SourceEndpoint, sets::CENTRES),
            udp_port_is(TUNNEL_PORT),
            accept(),
        ]),
        rule(&[state_is(&["established", "related"]), accept()]),
        rule(&[from_link(&[lgwan]), refuse("lgwan", "unexpected")]),
        echo_to(TUNNEL, design.profile.device_address.get()),
        rule(&[from_link(&[TUNNEL]), refuse("platform", "device")]),
    ];
    for (lan, port, address) in &site.lans {
        rules.push(echo_to(port, *address));
        rules.push(rule(&[
            from_link(&[port]),
            is_tcp_or_udp(),
            in_set(Key::LanService, sets::SERVED),
            accept(),
        ]));
        rules.extend(page::opened(design, site, lan.as_str()));
        rules.push(rule(&[from_link(&[port]), refuse(lan.as_str(), "device")]));
    }
    if let Some((port, address)) = site.maintenance {
        rules.push(echo_to(port, address));
        rules.extend(page::opened(design, site, "maintenance"));
        rules.push(rule(&[from_link(&[port]), refuse("maintenance", "device")]));
    }
    rules
}

fn forward(largest: u32, site: &Ports<'_>) -> Vec<Value> {
    let mut rules = vec![
        rule(&[tcp_syn(), clamp_mss(largest - HEADERS)]),
        rule(&[state_is(&["established", "related"]), accept()]),
    ];
    for (lan, port, _) in &site.lans {
        rules.push(rule(&[from_link(&[port]), goto(&format!("from/{lan}"))]));
    }
    rules.push(rule(&[from_link(&[TUNNEL]), goto("from/platform")]));
    rules.push(rule(&[refuse("device", "forward")]));
    rules
}

/// New connections of a LAN: to the platform as its rows declare; to a server of the same LAN by its global address for
/// the services that this server offers (hairpin, RFC 4787, 6).
fn from_lan(lan: Lan, port: &str, used: &Used<'_>) -> Vec<Value> {
    let side = lan.as_str();
    let (into_tunnel, echo) = (|| to_link(&[TUNNEL]), || icmp_is(&["echo-request"]));
    let by_source = || set_account(Key::LanSource, sets::ACCOUNT_OF_HOST);
    let by_server = || set_account(Key::LanDestination, sets::ACCOUNT_OF_HOST);
    let (flow, pair) = (Key::LanFlow, Key::LanPair);
    let admit = || goto(&admitted(side));
    let by_policy = [
        (sets::POLICY_OUTBOUND, is_tcp_or_udp(), flow),
        (sets::POLICY_OUTBOUND_ECHO, echo(), pair),
    ];
    let by_policy = by_policy.into_iter().filter(|(map, ..)| used(map));
    let mut rules = vec![
        rule(&[not_in_set(Key::LanSource, sets::REGISTERED), refuse(side, "undeclared-source")]),
        rule(&[into_tunnel(), in_set(Key::Mark, CUT_OFF), refuse(side, "tunnel-down")]),
    ];
    rules.extend(by_policy.map(|(map, protocol, key)| {
        rule(&[into_tunnel(), protocol, set_account(key, map), admit()])
    }));
    rules.extend([
        rule(&[into_tunnel(), is_tcp_or_udp(), in_set(flow, sets::OUTBOUND), by_source(), admit()]),
        rule(&[into_tunnel(), echo(), in_set(pair, sets::OUTBOUND_ECHO), by_source(), admit()]),
        rule(&[
            to_link(&[port]),
            destination_translated(),
            is_tcp_or_udp(),
            in_set(Key::LanService, sets::OFFERED),
            by_server(),
            admit(),
        ]),
        rule(&[
            to_link(&[port]),
            destination_translated(),
            echo(),
            in_set(Key::LanDestination, sets::OFFERED_ECHO),
            by_server(),
            admit(),
        ]),
        rule(&[into_tunnel(), in_set(pair, sets::OUTBOUND_CROSSING), refuse(side, "crossing")]),
        rule(&[refuse(side, "undeclared-service")]),
    ]);
    rules
}

/// New connections from the platform: to declared servers, from declared sources, for declared services (R13 R74).
fn from_platform(site: &Ports<'_>, used: &Used<'_>) -> Vec<Value> {
    let lans = site.lan_links();
    let to_server = || [to_link(&lans), destination_translated()];
    let opened =
        |words: &[Value]| rule(&[&to_server(), words, &[goto(&admitted("platform"))]].concat());
    let echo = || icmp_is(&["echo-request"]);
    let by_server = || set_account(Key::LanDestination, sets::ACCOUNT_OF_HOST);
    let (flow, pair) = (Key::LanFlow, Key::LanPair);
    let by_policy =
        [(sets::POLICY_INBOUND, is_tcp_or_udp(), flow), (sets::POLICY_INBOUND_ECHO, echo(), pair)];
    let by_policy = by_policy.into_iter().filter(|(map, ..)| used(map));
    let mut rules: Vec<_> =
        by_policy.map(|(map, protocol, key)| opened(&[protocol, set_account(key, map)])).collect();
    rules.extend([
        opened(&[is_tcp_or_udp(), in_set(flow, sets::INBOUND), by_server()]),
        opened(&[echo(), in_set(pair, sets::INBOUND_ECHO), by_server()]),
        rule(&[
            to_link(&lans),
            in_set(pair, sets::INBOUND_CROSSING),
            refuse("platform", "crossing"),
        ]),
        rule(&[refuse("platform", "undeclared-service")]),
    ]);
    rules
}

fn output(design: &Design, site: &Ports<'_>) -> Vec<Value> {
    let (lgwan, _) = site.lgwan;
    let mut rules = vec![
        rule(&[to_link(&["lo"]), accept()]),
        rule(&[to_link(&[lgwan]), in_set(Key::DestinationEndpoint, sets::CENTRES), accept()]),
        rule(&[
            to_link(&[lgwan]),
            is_tcp_or_udp(),
            in_set(Key::Service, sets::LGWAN_SERVICES),
            accept(),
        ]),
        rule(&[to_link(&[lgwan]), refuse("lgwan", "egress")]),
        rule(&[state_is(&["established", "related"]), accept()]),
        rule(&[
            to_link(&site.lan_links()),
            is_tcp_or_udp(),
            in_set(Key::AnsweredService, sets::ANSWERED),
            accept(),
        ]),
    ];
    // A reject concerns a connection that never came to be, so conntrack can't relate it. Only packets from a LAN or to
    // one have a mark; about any other there is nothing to say, and a forged one would make us say it to somebody else.
    rules.extend(
        site.lans
            .iter()
            .map(|(lan, ..)| rule(&[mark_is(lan_number(*lan)), icmp_is(&ICMP_ERRORS), accept()])),
    );
    rules.extend(site.lans.iter().map(|(lan, port, _)| {
        let asked = in_set(Key::Service, &sets::office_dns(*lan));
        rule(&[to_link(&[port]), is_tcp_or_udp(), asked, accept()])
    }));
    let collector = design.collector.as_ref();
    rules.extend(collector.and_then(|it| design.office_port(it.interface)).map(|(port, _)| {
        let told = in_set(Key::Service, sets::COLLECTOR);
        rule(&[to_link(&[port.as_str()]), is_tcp_or_udp(), told, accept()])
    }));
    let own = || source_is(design.profile.device_address.get());
    rules.extend([
        rule(&[
            to_link(&[TUNNEL]),
            own(),
            is_tcp_or_udp(),
            in_set(Key::Service, sets::PLATFORM_SERVICES),
            accept(),
        ]),
        // Errors about a first packet, which conntrack doesn't know yet.
        rule(&[
            to_link(&[TUNNEL]),
            own(),
            icmp_is(&ICMP_ERRORS),
            in_set(Key::Destination, sets::PLATFORM),
            accept(),
        ]),
        rule(&[refuse("device", "egress")]),
    ]);
    rules
}

fn leaving() -> Vec<Value> {
    vec![rule(&[
        to_link(&[TUNNEL]),
        not_in_set(Key::Source, sets::OWN_GLOBALS),
        refuse("platform", "untranslated"),
    ])]
}
