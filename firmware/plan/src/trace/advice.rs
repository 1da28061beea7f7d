//! What to declare so that a refused packet passes: which row, which key.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sekisho_design::{Both, Design, Environment, Lan, Name, Origin, Page, Server, Terminals};
use serde::{Deserialize, Serialize};

use super::{Opening, Question, Side, mend};

/// What to do about a refused packet.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Advice {
    /// The change, as data.
    pub change: Change,
    /// The change, as a sentence.
    pub sentence: Both,
    /// What to write into the site design, where it is more than a word.
    pub toml: Option<String>,
}

/// A row of the design by its name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Row {
    /// `[[server]]`.
    Server(Name),
    /// `[[terminals]]`.
    Terminals(Name),
}

/// A change of the design.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A row declares one more service.
    Service {
        /// The row.
        row: Row,
        /// The service.
        opening: Opening,
    },
    /// A new row of terminals.
    Terminals {
        /// The LAN.
        lan: Lan,
        /// The terminal.
        from: Ipv4Addr,
        /// The address that it shares; none where the pool has no free one.
        global: Option<Ipv4Addr>,
        /// Production or test.
        environment: Environment,
        /// The service.
        opening: Opening,
    },
    /// A server admits one more source or service.
    Allowance {
        /// The server.
        server: Name,
        /// The source on the platform.
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        from: Ipv4Net,
        /// The service.
        opening: Opening,
    },
    /// A new server behind a global address.
    Server {
        /// The address.
        global: Ipv4Addr,
        /// Who shall reach it.
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        from: Ipv4Net,
        /// The service.
        opening: Opening,
    },
    /// A network of a LAN that the device doesn't know yet.
    Route {
        /// The LAN.
        lan: Lan,
        /// The network.
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        to: Ipv4Net,
    },
    /// A terminal of the head office is named among those that get to the page (R65).
    Page {
        /// The terminal.
        from: Ipv4Addr,
    },
    /// Nothing that the site could declare.
    Nothing(Reason),
}

/// Why nothing in the site design makes a packet pass.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The two LANs never talk to each other (R10).
    LansApart,
    /// Terminals start connections, nobody starts one to them (R14).
    OneWay,
    /// An address of the LAN's own side is reached on the LAN itself, not through the device.
    SameLan,
    /// The destination is no address of the platform; the networks are the operator's.
    NotThePlatform,
    /// The source is no address of the platform; the networks are the operator's.
    NotFromThePlatform,
    /// The address isn't in the organisation's pool; the pool is the operator's.
    NotInThePool,
    /// The source has or opens too many connections.
    Limit,
    /// Production and test don't talk to each other but for a limited time (R89), and this row is of the other kind.
    OtherEnvironment(Name),
    /// The device answers nothing but ping, and what it serves, at its address on the side that asks.
    Device,
    /// The source is the device's own, a broadcast address or outside all private ranges: nobody may use it here.
    Source,
    /// No row can declare this service.
    Service,
    /// The source opens more connections to the page than a browser does.
    PageLimit,
    /// The design lets it pass, but no centre of the platform answers just now.
    NoCentre,
}

/// What to do about a packet that the rule `SIDE/RULE` refuses.
pub(super) fn advice(design: &Design, question: &Question, rule: Option<&str>) -> Advice {
    let rule = rule.and_then(|rule| rule.rsplit_once('/')).map_or("", |(_, rule)| rule);
    let change = match question.side {
        Side::Lan(lan) => of_lan(design, question, lan, rule),
        Side::Platform => of_platform(design, question, rule),
        Side::Maintenance if rule == "too-many-openings" => Change::Nothing(Reason::PageLimit),
        Side::Lgwan | Side::Maintenance => Change::Nothing(Reason::Device),
    };
    let (sentence, toml) = (mend::sentence(&change), mend::toml(&change));
    Advice { change, sentence, toml }
}

fn of_lan(design: &Design, question: &Question, lan: Lan, rule: &str) -> Change {
    let to = question.to;
    match rule {
        "spoofed-source" => unknown_source(design, question, lan),
        "undeclared-destination" => Change::Nothing(destination(design, lan, to)),
        "device" if lan == Lan::HeadOffice && is_page(design, question) => {
            Change::Page { from: question.from }
        }
        "device" => Change::Nothing(Reason::Device),
        "tunnel-down" => Change::Nothing(Reason::NoCentre),
        "crossing" => Change::Nothing(crossing(design, lan, question.from)),
        "too-many-openings" if is_page(design, question) => Change::Nothing(Reason::PageLimit),
        "too-many-connections" | "too-many-openings" => Change::Nothing(Reason::Limit),
        "undeclared-source" | "undeclared-service" => {
            if question.opening.service().is_none() {
                return Change::Nothing(Reason::Service);
            }
            if let Some(environment) = environment(design, to) {
                return outbound(design, question, lan, environment);
            }
            let server = design.servers.iter().find(|row| row.lan == lan && row.global.get() == to);
            match server {
                // A terminal needs a row before it may use the hairpin; then the server must offer the service.
                Some(_) if rule == "undeclared-source" => {
                    terminals(design, question, lan, Environment::Production)
                }
                Some(server) => allowance(design, server, question.opening),
                None => Change::Nothing(Reason::SameLan),
            }
        }
        _ => Change::Nothing(Reason::Source),
    }
}

/// Whether it asks for the page where the head office may have it.
fn is_page(design: &Design, question: &Question) -> bool {
    let own = design.lans.get(&Lan::HeadOffice).map(|lan| lan.address.address());
    own == Some(question.to) && question.opening == Opening::Tcp(Page::PORT)
}

/// A row of the other environment has this source.
fn crossing(design: &Design, lan: Lan, from: Ipv4Addr) -> Reason {
    let server = server_at(design, lan, from).map(|row| &row.name);
    let covers =
        |row: &&Terminals| row.lan == lan && row.from.iter().any(|network| network.contains(&from));
    let row = server.or_else(|| design.terminals.iter().find(covers).map(|row| &row.name));
    row.map_or(Reason::Source, |row| Reason::OtherEnvironment(row.clone()))
}

/// A source that doesn't stand on the LAN may stand behind a router of it, if it asks for something that is to be had.
fn unknown_source(design: &Design, question: &Question, lan: Lan) -> Change {
    let (from, to) = (question.from, question.to);
    let on_some_lan = design.lans.values().any(|lan| lan.address.subnet().contains(&from));
    let server = design.servers.iter().any(|row| row.lan == lan && row.global.get() == to);
    if on_some_lan || !from.is_private() {
        Change::Nothing(Reason::Source)
    } else if !server && environment(design, to).is_none() {
        Change::Nothing(destination(design, lan, to))
    } else if question.opening.service().is_none() {
        Change::Nothing(Reason::Service)
    } else {
        let to = Ipv4Net::new(from, 24).map_or(Ipv4Net::from(from), |net| net.trunc());
        Change::Route { lan, to }
    }
}

/// Why a destination that leads nowhere leads nowhere.
fn destination(design: &Design, lan: Lan, to: Ipv4Addr) -> Reason {
    let others = |other: Lan| other != lan;
    let server = design.servers.iter().find(|row| row.global.get() == to);
    let terminals = design.terminals.iter().find(|row| row.global.get() == to);
    let on_a_lan = design.lans.iter().any(|(other, interface)| {
        others(*other)
            && (interface.address.subnet().contains(&to)
                || interface.routes.iter().any(|route| route.to.contains(&to)))
    });
    let of_other =
        server.map(|row| row.lan).or_else(|| terminals.map(|row| row.lan)).is_some_and(others);
    if on_a_lan || of_other {
        Reason::LansApart
    } else if terminals.is_some() {
        Reason::OneWay
    } else {
        Reason::NotThePlatform
    }
}

fn outbound(design: &Design, question: &Question, lan: Lan, environment: Environment) -> Change {
    let from = question.from;
    if let Some(row) = server_at(design, lan, from) {
        if row.environment != environment {
            return Change::Nothing(Reason::OtherEnvironment(row.name.clone()));
        }
        return Change::Service { row: Row::Server(row.name.clone()), opening: question.opening };
    }
    let covers = |row: &&Terminals| {
        row.lan == lan
            && row.environment == environment
            && row.from.iter().any(|net| net.contains(&from))
    };
    match design.terminals.iter().find(covers) {
        Some(row) => {
            let row = Row::Terminals(row.name.clone());
            Change::Service { row, opening: question.opening }
        }
        None => terminals(design, question, lan, environment),
    }
}

fn terminals(design: &Design, question: &Question, lan: Lan, environment: Environment) -> Change {
    // A row that covers the terminal already says which address it has; then any of the LAN's; then a free one.
    let mut rows = design.terminals.iter().filter(|row| row.lan == lan);
    let covering = rows.clone().find(|row| row.from.iter().any(|net| net.contains(&question.from)));
    let shared = covering.or_else(|| rows.next()).map(|row| row.global.get());
    let (from, opening) = (question.from, question.opening);
    Change::Terminals { lan, from, global: shared.or_else(|| free(design)), environment, opening }
}

fn of_platform(design: &Design, question: &Question, rule: &str) -> Change {
    let (from, to) = (question.from, question.to);
    let server = design.servers.iter().find(|row| row.global.get() == to);
    match rule {
        "spoofed-source" => Change::Nothing(Reason::NotFromThePlatform),
        "one-way" => Change::Nothing(Reason::OneWay),
        _ if question.opening.service().is_none() => Change::Nothing(Reason::Service),
        "undeclared-address" if design.profile.pool.iter().any(|net| net.contains(&to)) => {
            Change::Server { global: to, from: Ipv4Net::from(from), opening: question.opening }
        }
        "undeclared-address" => Change::Nothing(Reason::NotInThePool),
        "too-many-connections" | "too-many-openings" => Change::Nothing(Reason::Limit),
        "undeclared-service" | "crossing" => match (server, environment(design, from)) {
            (Some(server), Some(environment)) if server.environment == environment => {
                let (server, from) = (server.name.clone(), Ipv4Net::from(from));
                Change::Allowance { server, from, opening: question.opening }
            }
            (Some(server), _) => Change::Nothing(Reason::OtherEnvironment(server.name.clone())),
            (None, _) => Change::Nothing(Reason::Device),
        },
        _ => Change::Nothing(Reason::Device),
    }
}

/// A server offers to its own LAN what it offers to the platform, so a service has to be offered there.
fn allowance(design: &Design, server: &Server, opening: Opening) -> Change {
    let allowed = server.allow_from_platform.iter().find_map(|row| match row.from {
        Origin::Network(network) => Some(network),
        Origin::Name(_) => None,
    });
    let networks = design.profile.networks.iter();
    let mut fitting = networks.filter(|network| network.environment == server.environment);
    let from = allowed.or_else(|| fitting.next().map(|network| network.prefix));
    match from {
        Some(from) => Change::Allowance { server: server.name.clone(), from, opening },
        None => Change::Nothing(Reason::OtherEnvironment(server.name.clone())),
    }
}

fn server_at(design: &Design, lan: Lan, address: Ipv4Addr) -> Option<&Server> {
    design.servers.iter().find(|row| row.lan == lan && row.private.get() == address)
}

/// The environment of an address of the platform.
fn environment(design: &Design, address: Ipv4Addr) -> Option<Environment> {
    let networks = design.profile.networks.iter();
    let holding = networks.filter(|network| network.prefix.contains(&address));
    holding.max_by_key(|network| network.prefix.prefix_len()).map(|network| network.environment)
}

/// An address of the pool that nobody has.
fn free(design: &Design) -> Option<Ipv4Addr> {
    let taken = |address: &Ipv4Addr| {
        design.profile.device_address.get() == *address
            || design.servers.iter().any(|row| row.global.get() == *address)
            || design.terminals.iter().any(|row| row.global.get() == *address)
    };
    design.profile.pool.iter().flat_map(Ipv4Net::hosts).find(|address| !taken(address))
}
