//! From a design to the tree of its site.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::tree::{Entry, Tree, Value};
use crate::{
    Allowance, Approval, Collector, CollectorTransport, Design, Environment, FlowLog, Lan,
    LanInterface, LanRoute, Lgwan, Maintenance, NameEntry, NameTarget, Names, PortMode, Server,
    Service, Site, Terminals,
    draft::{ENVIRONMENTS, KINDS, METHODS, USUAL_MTU},
    messages::{origin, range},
    migrate,
};

/// The organisation's part of a design.
pub(super) fn tree(design: &Design) -> Tree {
    let Design {
        profile: _,
        site,
        lgwan,
        lans,
        maintenance,
        servers,
        terminals,
        names,
        flow_log,
        collector,
    } = design;
    let mut interface = Tree::default();
    interface.set("lgwan", Value::Tree(uplink(lgwan)));
    for (lan, design) in lans {
        interface.set(lan.as_str(), Value::Tree(lan_interface(design)));
    }
    if let Some(Maintenance { port, mode, address }) = maintenance {
        let mut tree = Tree::default();
        tree.set("port", text(port));
        set_mode(&mut tree, *mode);
        tree.set("address", text(address));
        interface.set("maintenance", Value::Tree(tree));
    }
    let mut root = Tree::default();
    root.set("schema", Value::number(migrate::CURRENT));
    root.set("site", heading(site));
    root.set("interface", Value::Tree(interface));
    rows(&mut root, "server", servers.iter().map(server));
    rows(&mut root, "terminals", terminals.iter().map(terminals_row));
    if let Some(names) = names {
        root.set("names", Value::Tree(resolution(names, lans)));
    }
    if let Some(FlowLog { days, size }) = flow_log {
        let log = table([("days", Value::number((*days).into())), ("size", text(size))]);
        root.set("flow-log", log);
    }
    if let Some(collector) = collector {
        root.set("collector", Value::Tree(log_collector(collector)));
    }
    root
}

fn heading(site: &Site) -> Value {
    let Site { name, organisation, kind, placement } = site;
    table([
        ("name", Value::text(name)),
        ("organisation", text(organisation)),
        ("kind", Value::text(word(&KINDS, kind))),
        ("placement", Value::number(placement.number().into())),
    ])
}

fn uplink(lgwan: &Lgwan) -> Tree {
    let Lgwan { port, mode, address, gateway, mtu, line_rate, dns } = lgwan;
    let mut tree = Tree::default();
    tree.set("port", text(port));
    set_mode(&mut tree, *mode);
    tree.set("address", text(address));
    tree.set("gateway", text(gateway));
    if *mtu != USUAL_MTU {
        tree.set("mtu", Value::number((*mtu).into()));
    }
    if let Some(rate) = line_rate {
        tree.set("line-rate", text(rate));
    }
    fill(&mut tree, "dns", dns.iter().map(text));
    tree
}

fn lan_interface(lan: &LanInterface) -> Tree {
    let LanInterface { port, mode, address, routes } = lan;
    let mut tree = Tree::default();
    tree.set("port", text(port));
    set_mode(&mut tree, *mode);
    tree.set("address", text(address));
    let route = |LanRoute { to, via }: &LanRoute| table([("to", text(to)), ("via", text(via))]);
    fill(&mut tree, "routes", routes.iter().map(route));
    tree
}

fn server(server: &Server) -> Tree {
    let Server { name, lan, private, global, environment, services, approval, allow_from_platform } =
        server;
    let mut tree = Tree::default();
    tree.set("name", text(name));
    tree.set("interface", text(lan));
    tree.set("private", text(private));
    tree.set("global", text(global));
    set_environment(&mut tree, *environment);
    set_services(&mut tree, services);
    set_approval(&mut tree, approval.as_ref());
    fill(&mut tree, "allow-from-platform", allow_from_platform.iter().map(allowance));
    tree
}

fn allowance(allowance: &Allowance) -> Value {
    let Allowance { from, services, approval } = allowance;
    let mut tree = Tree::default();
    tree.set("from", Value::text(&origin(from)));
    tree.set("services", service_list(services));
    set_approval(&mut tree, approval.as_ref());
    Value::Tree(tree)
}

fn terminals_row(row: &Terminals) -> Tree {
    let Terminals { name, lan, from, global, environment, services, approval } = row;
    let mut tree = Tree::default();
    tree.set("name", text(name));
    tree.set("interface", text(lan));
    tree.set("from", sources(from));
    tree.set("global", text(global));
    set_environment(&mut tree, *environment);
    set_services(&mut tree, services);
    set_approval(&mut tree, approval.as_ref());
    tree
}

fn resolution(names: &Names, designed: &BTreeMap<Lan, LanInterface>) -> Tree {
    let Names { method, office_dns, rewrite_own, outside_answers, query_log_days, entries } = names;
    let mut tree = Tree::default();
    tree.set("method", Value::text(word(&METHODS, method)));
    if !office_dns.is_empty() {
        let mut servers = Tree::default();
        for (lan, addresses) in office_dns {
            servers.set(lan.as_str(), Value::list(addresses.iter().map(text)));
        }
        tree.set("office-dns", Value::Tree(servers));
    }
    if *rewrite_own {
        tree.set("rewrite-own", Value::Plain(rewrite_own.to_string()));
    }
    if !outside_answers.is_empty() {
        tree.set("outside-answers", sources(outside_answers));
    }
    if let Some(days) = query_log_days {
        tree.set("query-log-days", Value::number((*days).into()));
    }
    rows(&mut tree, "entry", entries.iter().map(|row| entry(row, designed)));
    tree
}

fn entry(entry: &NameEntry, designed: &BTreeMap<Lan, LanInterface>) -> Tree {
    let NameEntry { name, lans, target } = entry;
    let mut tree = Tree::default();
    tree.set("name", text(name));
    match target {
        NameTarget::Addresses(addresses) => {
            tree.set("addresses", Value::list(addresses.iter().map(text)));
        }
        NameTarget::Alias(alias) => tree.set("alias", text(alias)),
    }
    if !lans.iter().eq(designed.keys()) {
        tree.set("interfaces", Value::list(lans.iter().map(text)));
    }
    tree
}

fn log_collector(collector: &Collector) -> Tree {
    let Collector { address, port, transport, interface, send } = collector;
    let mut tree = Tree::default();
    tree.set("address", text(address));
    if *port != transport.usual_port() {
        tree.set("port", Value::number((*port).into()));
    }
    if *transport != CollectorTransport::Udp {
        tree.set("transport", Value::text(transport.as_str()));
    }
    tree.set("interface", text(interface));
    tree.set("send", Value::list(send.iter().map(text)));
    if let CollectorTransport::Tls { authority, name } = transport {
        tree.set("name", text(name));
        tree.set("certificate-authority", text(authority));
    }
    tree
}

/// A list of networks, one host without a prefix.
fn sources(networks: &[Ipv4Net]) -> Value {
    Value::list(networks.iter().map(|network| Value::text(&range(*network))))
}

fn set_mode(tree: &mut Tree, mode: Option<PortMode>) {
    if let Some(mode) = mode {
        tree.set("speed", text(&mode.speed()));
        tree.set("duplex", text(&mode.duplex()));
    }
}

fn set_environment(tree: &mut Tree, environment: Environment) {
    if environment != Environment::Production {
        tree.set("environment", Value::text(word(&ENVIRONMENTS, &environment)));
    }
}

fn set_services(tree: &mut Tree, services: &[Service]) {
    if services != Service::WEB {
        tree.set("services", service_list(services));
    }
}

fn set_approval(tree: &mut Tree, approval: Option<&Approval>) {
    if let Some(approval) = approval {
        tree.set("approval", text(approval));
    }
}

fn service_list(services: &[Service]) -> Value {
    let [http, https] = Service::WEB;
    let name = |service: &Service| match service {
        service if *service == http => Value::text("http"),
        service if *service == https => Value::text("https"),
        service => text(service),
    };
    Value::list(services.iter().map(name))
}

fn rows(root: &mut Tree, key: &str, rows: impl Iterator<Item = Tree>) {
    fill(root, key, rows.map(Value::Tree));
}

/// Sets a list that is left out where it is empty.
fn fill(tree: &mut Tree, key: &str, values: impl Iterator<Item = Value>) {
    let mut values = values.peekable();
    if values.peek().is_some() {
        tree.set(key, Value::list(values));
    }
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.map(|(key, value)| Entry::new(key, value)).into();
    Value::Tree(Tree { entries, tail: Vec::new() })
}

fn text(value: &impl ToString) -> Value {
    Value::text(&value.to_string())
}

/// The word of the design file for a value.
fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| *word)
}
