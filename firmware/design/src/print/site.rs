//! From a design to the tree of its site.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::tree::{Entry, Tree, Value};
use crate::{
    Allowance, Approval, Class, Collector, CollectorTransport, Design, Direction, Environment,
    FlowLog, GlobalFor, Lan, LanInterface, LanRoute, Lgwan, Limits, Maintenance, Metrics,
    NameEntry, NameTarget, NamedServices, Names, NightlyBackup, Object, Page, Policy, PortMode,
    Server, Service, ServiceMember, Site, Snmp, Terminals, Traffic,
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
        traffic,
        servers,
        terminals,
        objects,
        services,
        policies,
        limits,
        names,
        flow_log,
        collector,
        page,
        metrics,
        backup,
        rollout,
        snmp,
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
    let traffic = division(*traffic);
    if !traffic.entries.is_empty() {
        root.set("traffic", Value::Tree(traffic));
    }
    rows(&mut root, "server", servers.iter().map(server));
    rows(&mut root, "terminals", terminals.iter().map(terminals_row));
    rows(&mut root, "object", objects.iter().map(object));
    rows(&mut root, "service", services.iter().map(named_services));
    rows(&mut root, "policy", policies.iter().map(policy));
    if *limits != Limits::USUAL {
        root.set("limits", caps(*limits));
    }
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
    let Page { head_office } = page;
    if !head_office.is_empty() {
        root.set("page", table([("head-office", sources(head_office))]));
    }
    let Metrics { maintenance } = metrics;
    if !maintenance.is_empty() {
        root.set("metrics", table([("maintenance", sources(maintenance))]));
    }
    if let Some(NightlyBackup { recipient }) = backup {
        root.set("backup", table([("recipient", text(recipient))]));
    }
    let Snmp { maintenance } = snmp;
    if !maintenance.is_empty() {
        root.set("snmp", table([("maintenance", sources(maintenance))]));
    }
    let mut followed = Tree::default();
    set_true(&mut followed, "enabled", *rollout);
    if !followed.entries.is_empty() {
        root.set("rollout", Value::Tree(followed));
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
    let LanInterface { port, mode, address, routes, share } = lan;
    let mut tree = Tree::default();
    tree.set("port", text(port));
    set_mode(&mut tree, *mode);
    tree.set("address", text(address));
    let route = |LanRoute { to, via }: &LanRoute| table([("to", text(to)), ("via", text(via))]);
    fill(&mut tree, "routes", routes.iter().map(route));
    if let Some(share) = share {
        tree.set("share", Value::number((*share).into()));
    }
    tree
}

/// How the line is divided, as far as that isn't as usual.
fn division(traffic: Traffic) -> Tree {
    let Traffic { shares, hold_back } = traffic;
    let usual = Traffic::default();
    let mut tree = Tree::default();
    if shares != usual.shares {
        let share = |class: Class| (class.as_str(), Value::number(shares.of(class).into()));
        tree.set("shares", table(Class::ALL.map(share)));
    }
    if hold_back != usual.hold_back {
        tree.set("hold-back", Value::number(hold_back.into()));
    }
    tree
}

fn server(server: &Server) -> Tree {
    let Server {
        name,
        lan,
        private,
        global,
        global_for,
        environment,
        class,
        ftp,
        services,
        approval,
        allow_from_platform,
        identity,
    } = server;
    let mut tree = Tree::default();
    tree.set("name", text(name));
    tree.set("interface", text(lan));
    tree.set("private", text(private));
    if let Some(identity) = identity {
        tree.set("identity", Value::text(identity));
    }
    tree.set("global", text(global));
    fill(&mut tree, "global-for", global_for.iter().map(other_global));
    set_environment(&mut tree, *environment);
    set_class(&mut tree, *class);
    set_true(&mut tree, "ftp", *ftp);
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
    let Terminals {
        name,
        lan,
        from,
        global,
        global_for,
        environment,
        class,
        cap,
        services,
        approval,
    } = row;
    let mut tree = Tree::default();
    tree.set("name", text(name));
    tree.set("interface", text(lan));
    tree.set("from", sources(from));
    tree.set("global", text(global));
    fill(&mut tree, "global-for", global_for.iter().map(other_global));
    set_environment(&mut tree, *environment);
    set_class(&mut tree, *class);
    if let Some(cap) = cap {
        tree.set("cap", text(cap));
    }
    set_services(&mut tree, services);
    set_approval(&mut tree, approval.as_ref());
    tree
}

fn other_global(entry: &GlobalFor) -> Value {
    let GlobalFor { to, global } = entry;
    table([
        ("to", Value::list(to.iter().map(|to| Value::text(&origin(to))))),
        ("global", text(global)),
    ])
}

fn object(object: &Object) -> Tree {
    let Object { name, members } = object;
    let mut tree = Tree::default();
    tree.set("name", text(name));
    tree.set("members", Value::list(members.iter().map(text)));
    tree
}

fn named_services(services: &NamedServices) -> Tree {
    let NamedServices { name, services } = services;
    let mut tree = Tree::default();
    tree.set("name", text(name));
    tree.set("services", service_list(services));
    tree
}

fn policy(policy: &Policy) -> Tree {
    let Policy {
        name,
        direction,
        office,
        platform,
        services,
        environment,
        class,
        ftp,
        approval,
        until,
    } = policy;
    let (from, to) = match direction {
        Direction::FromOffice => (office, platform),
        Direction::FromPlatform => (platform, office),
    };
    let mut tree = Tree::default();
    tree.set("name", text(name));
    tree.set("from", Value::list(from.iter().map(text)));
    tree.set("to", Value::list(to.iter().map(text)));
    let services = services.iter().map(|member| match member {
        ServiceMember::Service(service) => service_name(*service),
        ServiceMember::Named(name) => text(name),
    });
    tree.set("services", Value::list(services));
    if let Some(environment) = environment {
        tree.set("environment", Value::text(word(&ENVIRONMENTS, environment)));
    }
    if let Some(class) = class {
        tree.set("class", text(class));
    }
    set_true(&mut tree, "ftp", *ftp);
    set_approval(&mut tree, approval.as_ref());
    if let Some(until) = until {
        tree.set("until", Value::Plain(until.to_string()));
    }
    tree
}

fn caps(limits: Limits) -> Value {
    let Limits { connections, new_per_second } = limits;
    table([
        ("connections", Value::number(connections.into())),
        ("new-per-second", Value::number(new_per_second.into())),
    ])
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
    set_true(&mut tree, "rewrite-own", *rewrite_own);
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

fn set_class(tree: &mut Tree, class: Class) {
    if class != Class::default() {
        tree.set("class", text(&class));
    }
}

fn set_true(tree: &mut Tree, key: &str, value: bool) {
    if value {
        tree.set(key, Value::Plain(value.to_string()));
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
    Value::list(services.iter().copied().map(service_name))
}

fn service_name(service: Service) -> Value {
    let [http, https] = Service::WEB;
    match service {
        service if service == http => Value::text("http"),
        service if service == https => Value::text("https"),
        service => text(&service),
    }
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
