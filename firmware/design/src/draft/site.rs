//! The site design, from text to draft.

use super::{
    AllowanceDraft, GlobalForDraft, LanDraft, LgwanDraft, Optional, PortDraft, RouteDraft,
    RowDraft, ServerDraft, SiteDraft, TerminalsDraft, Unknown, Whole, backup, log as logs, metrics,
    names, page, policies, policies::CLASSES, rollout, traffic, values,
};
use crate::{
    Class, Duplex, Environment, Kind, Lan, Placement, PortMode, Rule, Service, Speed, migrate,
    reader::{self, At, File, Log, Node, Place, Table},
};

pub(crate) const KINDS: [(&str, Kind); 4] = [
    ("prefecture", Kind::Prefecture),
    ("municipality", Kind::Municipality),
    ("union", Kind::Union),
    ("wide-area-union", Kind::WideAreaUnion),
];

/// The MTU of an uplink whose design doesn't name one, in bytes: Ethernet's.
pub(crate) const USUAL_MTU: u16 = 1500;

/// Reads the whole file.
pub(crate) fn read_site(text: &str, log: &mut Log) -> SiteDraft {
    reader::read((File::Site, text, 0), log, |table, log| {
        let mut draft = SiteDraft::default();
        if !migrate::is_current(table, log) || is_profile(table, log) {
            return draft;
        }
        if let Some(node) = table.required("site", log) {
            node.table(log, |table, log| read_heading(table, log, &mut draft));
        }
        if let Some(node) = table.required("interface", log) {
            let whole = !log.is_broken(File::Site);
            node.table(log, |table, log| read_interfaces(table, log, whole, &mut draft));
        }
        let division = table.optional("traffic");
        draft.traffic = division.and_then(|node| node.table(log, traffic::read_traffic));
        (draft.servers, draft.servers_whole) = table.rows("server", log, read_server);
        (draft.terminals, draft.terminals_whole) = table.rows("terminals", log, read_terminals);
        (draft.objects, draft.objects_whole) = table.rows("object", log, policies::read_object);
        (draft.services, draft.services_whole) =
            table.rows("service", log, policies::read_services);
        (draft.policies, draft.policies_whole) = table.rows("policy", log, policies::read_policy);
        draft.limits = policies::read_limits(table, log);
        let resolution = table.optional("names");
        draft.names = resolution.and_then(|node| node.table(log, names::read_names));
        let flow_log = table.optional("flow-log");
        draft.has_flow_log = flow_log.is_some() || log.is_broken(File::Site);
        draft.flow_log = flow_log.and_then(|node| node.table(log, logs::read_flow_log));
        let collector = table.optional("collector");
        draft.collector = collector.and_then(|node| node.table(log, logs::read_collector));
        let page = table.optional("page");
        draft.page = page.and_then(|node| node.table(log, page::read_page));
        let figures = table.optional("metrics");
        draft.metrics = figures.and_then(|node| node.table(log, metrics::read_metrics));
        let backup = table.optional("backup");
        draft.backup = backup.and_then(|node| node.table(log, backup::read_backup));
        let snmp = table.optional("snmp");
        draft.snmp = snmp.and_then(|node| node.table(log, metrics::read_snmp));
        let followed = table.optional("rollout");
        draft.rollout = followed.and_then(|node| node.table(log, rollout::read_rollout));
        draft
    })
}

/// Whether the file is the other of the two; its keys are then no misspelt keys of a site.
fn is_profile(table: &mut Table<'_>, log: &mut Log) -> bool {
    let found = ["signature", "centre", "device-address"].into_iter().any(|key| table.has(key));
    if found {
        log.add(&Place::start(File::Site), Rule::ProfileForSite);
        table.ignore_rest();
    }
    found
}

fn read_heading(table: &mut Table<'_>, log: &mut Log, draft: &mut SiteDraft) {
    let name = table.required("name", log);
    draft.name = name.and_then(|node| read_name(&node, log)).map(|name| name.value);
    let organisation = table.required("organisation", log);
    draft.organisation = organisation.and_then(|node| values::organisation(&node, log));
    let kind = table.required("kind", log);
    draft.kind = kind.and_then(|node| values::choice(&node, &KINDS, log));
    let placement = table.required("placement", log);
    draft.placement = placement.and_then(|node| read_placement(&node, log));
}

fn read_name(node: &Node<'_>, log: &mut Log) -> Option<At<String>> {
    node.parse(log, line, |_, ()| Rule::BadText)
}

fn read_identity(node: &Node<'_>, log: &mut Log) -> Option<At<String>> {
    node.parse(log, line, |_, ()| Rule::BadIdentity)
}

/// A line with something to be seen, in 100 characters at most.
fn line(text: &str) -> Result<String, ()> {
    let valid = !text.trim().is_empty()
        && text.chars().count() <= 100
        && !text.chars().any(char::is_control);
    valid.then(|| text.to_owned()).ok_or(())
}

fn read_placement(node: &Node<'_>, log: &mut Log) -> Option<At<Placement>> {
    let At { value, place } = node.integer::<u8>((1, 4), log, values::bounds(1, 4))?;
    let value = match value {
        1 => Placement::Office,
        2 => Placement::PartlyDataCentre,
        3 => Placement::DataCentre,
        _ => Placement::TerminalsOnly,
    };
    Some(At { value, place })
}

fn read_interfaces(table: &mut Table<'_>, log: &mut Log, whole: bool, draft: &mut SiteDraft) {
    draft.interfaces = whole.then(|| table.place.clone());
    let lgwan = table.required("lgwan", log);
    draft.lgwan = lgwan.and_then(|node| node.table(log, read_lgwan));
    for lan in Lan::ALL {
        if let Some(node) = table.optional(lan.as_str()) {
            // A LAN that is no table is still a designed one: rows on it are not to blame.
            let place = node.place.clone();
            let read = node.table(log, read_lan).unwrap_or_else(|| LanDraft::unknown(place));
            draft.lans.insert(lan, read);
        }
    }
    let maintenance = table.optional("maintenance");
    draft.maintenance = maintenance.and_then(|node| node.table(log, read_port));
}

fn read_port(table: &mut Table<'_>, log: &mut Log) -> PortDraft {
    let port = table.required("port", log).and_then(|node| values::port(&node, log));
    let mode = read_mode(table, log);
    let address = table.required("address", log);
    let address = address.and_then(|node| values::interface_address(&node, log));
    PortDraft { place: table.place.clone(), port, mode, address }
}

/// Speed and duplex, which only say something together. They stand where the duplex does.
fn read_mode(table: &mut Table<'_>, log: &mut Log) -> Optional<PortMode> {
    let speed = values::optional("speed", table, log, |node, log| {
        values::choice(node, &Speed::ALL.map(|speed| (speed.as_str(), speed)), log)
    });
    let duplex = values::optional("duplex", table, log, |node, log| {
        values::choice(node, &Duplex::ALL.map(|duplex| (duplex.as_str(), duplex)), log)
    });
    let (place, rule) = match (speed?, duplex?) {
        (None, None) => return Ok(None),
        (Some(speed), Some(At { value: duplex, place })) => {
            match PortMode::new(speed.value, duplex) {
                Some(value) => return Ok(Some(At { value, place })),
                None => (place, Rule::GigabitHalf),
            }
        }
        (Some(speed), None) => (speed.place, Rule::ModeInPart { missing: "duplex" }),
        (None, Some(duplex)) => (duplex.place, Rule::ModeInPart { missing: "speed" }),
    };
    log.add(&place, rule);
    Err(Unknown)
}

fn read_lgwan(table: &mut Table<'_>, log: &mut Log) -> LgwanDraft {
    let port = read_port(table, log);
    let gateway = table.required("gateway", log).and_then(|node| values::address(&node, log));
    let mtu = match table.optional("mtu") {
        Some(node) => {
            node.integer((1280, 9000), log, |found| Rule::Mtu { found }).map(|mtu| mtu.value)
        }
        None => Some(USUAL_MTU),
    };
    let line_rate = values::optional("line-rate", table, log, values::line_rate);
    let dns = match table.optional("dns") {
        Some(node) => values::list(&node, log, values::address),
        None => whole_default(Vec::new(), log),
    };
    LgwanDraft { port, gateway, mtu, line_rate, dns }
}

fn read_lan(table: &mut Table<'_>, log: &mut Log) -> LanDraft {
    let port = read_port(table, log);
    let routes = match table.optional("routes") {
        Some(node) => node.tables(log, read_route),
        None => whole_default(Vec::new(), log),
    };
    let share = values::optional("share", table, log, traffic::share);
    LanDraft { port, routes, share }
}

fn read_route(table: &mut Table<'_>, log: &mut Log) -> RouteDraft {
    RouteDraft {
        to: table.required("to", log).and_then(|node| values::network(&node, log)),
        via: table.required("via", log).and_then(|node| values::address(&node, log)),
    }
}

fn read_server(table: &mut Table<'_>, log: &mut Log) -> ServerDraft {
    let (row, services) = read_row(table, log);
    let private = table.required("private", log).and_then(|node| values::private(&node, log));
    let ftp = values::boolean("ftp", table, log);
    let allow = match table.optional("allow-from-platform") {
        Some(node) => node.tables(log, read_allowance),
        None => whole_default(Vec::new(), log),
    };
    // A server that only answers asks for nothing; one that neither asks nor answers is no row.
    let silent = allow.as_ref().is_some_and(Vec::is_empty);
    if let (Some(node), Some([]), true) = (services, row.services.as_deref(), silent) {
        log.add(&node.place, Rule::EmptyList);
    }
    let identity = values::optional("identity", table, log, read_identity);
    ServerDraft { row, private, ftp, allow, identity }
}

fn read_allowance(table: &mut Table<'_>, log: &mut Log) -> AllowanceDraft {
    let from = table.required("from", log).and_then(|node| values::origin(&node, log));
    let services = table.required("services", log);
    let services = services.and_then(|node| values::filled_list(&node, log, values::service));
    let approval = values::optional("approval", table, log, values::approval);
    AllowanceDraft { from, services, approval }
}

fn read_terminals(table: &mut Table<'_>, log: &mut Log) -> TerminalsDraft {
    let (row, services) = read_row(table, log);
    if let (Some(node), Some([])) = (services, row.services.as_deref()) {
        log.add(&node.place, Rule::EmptyList);
    }
    let from = table.required("from", log);
    let from = from.and_then(|node| values::filled_list(&node, log, values::network));
    let cap = values::optional("cap", table, log, values::line_rate);
    TerminalsDraft { row, from, cap }
}

/// Reads what both kinds of rows have, and gives the node of `services` where it is written.
fn read_row<'t>(table: &mut Table<'t>, log: &mut Log) -> (RowDraft, Option<Node<'t>>) {
    let place = table.place.clone();
    let name = table.required("name", log).and_then(|node| values::name(&node, log));
    let lan = table.required("interface", log).and_then(|node| values::lan(&node, log));
    let global = table.required("global", log).and_then(|node| values::global(&node, log));
    let global_for = match table.optional("global-for") {
        Some(node) => node.tables(log, read_global_for),
        None => whole_default(Vec::new(), log),
    };
    let environment = match table.optional("environment") {
        Some(node) => values::environment(&node, log),
        None => Some(At { value: Environment::Production, place: place.clone() }),
    };
    let class = match table.optional("class") {
        Some(node) => values::choice(&node, &CLASSES, log).map(|class| class.value),
        None => Some(Class::default()),
    };
    let written = table.optional("services");
    let services = match &written {
        Some(node) => values::list(node, log, values::service),
        None => web(&place, log),
    };
    let approval = values::optional("approval", table, log, values::approval);
    let row =
        RowDraft { place, name, lan, global, global_for, environment, class, services, approval };
    (row, written)
}

fn read_global_for(table: &mut Table<'_>, log: &mut Log) -> GlobalForDraft {
    let to = table.required("to", log);
    GlobalForDraft {
        to: to.and_then(|node| values::filled_list(&node, log, values::origin)),
        global: table.required("global", log).and_then(|node| values::global(&node, log)),
    }
}

fn web(place: &Place, log: &Log) -> Whole<Service> {
    let services = Service::WEB.map(|value| At { value, place: place.clone() });
    whole_default(services.to_vec(), log)
}

/// What a missing list stands for, unless it may only have been unreadable.
pub(super) fn whole_default<T>(default: Vec<T>, log: &Log) -> Option<Vec<T>> {
    (!log.is_broken(File::Site)).then_some(default)
}

impl LanDraft {
    fn unknown(place: Place) -> Self {
        let port = PortDraft { place, port: None, mode: Err(Unknown), address: None };
        Self { port, routes: None, share: Err(Unknown) }
    }
}
