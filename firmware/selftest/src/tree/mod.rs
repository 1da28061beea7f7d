//! Which checks a design asks for, stage by stage: pure.

mod dial_back;
mod globals;
mod lgwan;
mod load;
mod mapping;
mod office;
mod platform;
mod ports;
mod standalone;
mod tunnel;

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;
use sekisho_control::{Planned, SelfTestWish, Stage};
use sekisho_design::{Design, InterfaceAddress, Lan, Name, PortName};

use crate::check::Check;

pub(crate) use mapping::OPEN;

/// The checks that somebody wishes for, in the order in which causes count; those of the box alone where no design is in
/// force. `carrier` is the centre that carries now.
pub fn checks(
    design: Option<&Design>,
    carrier: Option<&Name>,
    wish: &SelfTestWish,
) -> Vec<Box<dyn Check>> {
    let all = all(design, carrier, wish);
    let plans: Vec<_> = all.iter().map(|check| check.planned()).collect();
    let mut wanted: Vec<_> = plans.iter().map(|plan| wished(plan, wish)).collect();
    with_needs(&plans, &mut wanted);
    all.into_iter().zip(wanted).filter_map(|(check, wanted)| wanted.then_some(check)).collect()
}

/// The few that are made every minute.
pub fn watched(design: Option<&Design>, carrier: Option<&Name>) -> Vec<Box<dyn Check>> {
    let mut all = all(design, carrier, &SelfTestWish::default());
    all.retain(|check| check.traits().watched);
    all
}

/// The first name in a wish that no check has.
pub fn unknown<'a>(design: Option<&Design>, wish: &'a SelfTestWish) -> Option<&'a str> {
    let all = all(design, None, &SelfTestWish { disturb: true, ..SelfTestWish::default() });
    let ids: Vec<_> = all.iter().map(|check| check.planned().id).collect();
    let known = |only: &&String| ids.iter().any(|id| is_under(id, only));
    wish.only.iter().find(|only| !known(only)).map(String::as_str)
}

fn all(
    design: Option<&Design>,
    carrier: Option<&Name>,
    wish: &SelfTestWish,
) -> Vec<Box<dyn Check>> {
    let mut all = standalone::checks(design);
    if let Some(design) = design {
        let wires = Wires::of(design);
        all.extend(office::checks(design, &wires));
        all.extend(lgwan::checks(design, &wires));
        all.extend(tunnel::checks(design, &wires, wish.disturb));
        all.extend(platform::checks(design));
        all.extend(dial_back::checks(design, carrier, wish.test_number.as_ref()));
        all.extend(load::checks(design));
    }
    all
}

fn wished(plan: &Planned, wish: &SelfTestWish) -> bool {
    if wish.only.is_empty() {
        let named = wish.stages.contains(&plan.stage);
        return named || wish.stages.is_empty() && plan.stage != Stage::Load;
    }
    wish.only.iter().any(|only| is_under(&plan.id, only))
}

/// Whether a check is the one of this name or one below it.
fn is_under(id: &str, only: &str) -> bool {
    id.strip_prefix(only).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What is wanted needs others, and those do.
fn with_needs(plans: &[Planned], wanted: &mut [bool]) {
    let mut open: Vec<_> = (0..plans.len()).filter(|place| wanted[*place]).collect();
    while let Some(place) = open.pop() {
        for need in &plans[place].needs {
            if let Some(found) = plans.iter().position(|plan| plan.id == *need)
                && !std::mem::replace(&mut wanted[found], true)
            {
                open.push(found);
            }
        }
    }
}

/// A side of the device that a cable leads to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Role {
    Lgwan,
    Lan(Lan),
    Maintenance,
}

impl Role {
    fn id(self) -> &'static str {
        match self {
            Self::Lgwan => "lgwan",
            Self::Lan(lan) => lan.as_str(),
            Self::Maintenance => "maintenance",
        }
    }

    fn ja(self) -> &'static str {
        match self {
            Self::Lgwan => "LGWAN側",
            Self::Lan(Lan::HeadOffice) => "首長部局LAN",
            Self::Lan(Lan::EducationBoard) => "教育委員会LAN",
            Self::Maintenance => "保守用",
        }
    }

    fn en(self) -> &'static str {
        match self {
            Self::Lgwan => "the LGWAN side",
            Self::Lan(Lan::HeadOffice) => "the head-office LAN",
            Self::Lan(Lan::EducationBoard) => "the education-board LAN",
            Self::Maintenance => "maintenance",
        }
    }
}

/// A wire of the device.
#[derive(Clone, Debug)]
struct Wire {
    port: PortName,
    address: InterfaceAddress,
    /// Who should be heard on it, by the design: routers first.
    neighbours: Vec<Ipv4Addr>,
}

/// Every wire of the device by what it leads to.
#[derive(Clone, Debug)]
struct Wires(BTreeMap<Role, Wire>);

/// So many neighbours are looked for on other wires, where they don't answer on their own.
const SOUGHT: usize = 4;

impl Wires {
    fn of(design: &Design) -> Self {
        let lgwan = &design.lgwan;
        let uplink = Wire {
            port: lgwan.port.clone(),
            address: lgwan.address,
            neighbours: vec![lgwan.gateway],
        };
        let lans = design.lans.iter().map(|(lan, interface)| {
            let subnet = interface.address.subnet();
            let routers = interface.routes.iter().map(|route| route.via);
            let dns = design.names.iter().filter_map(|names| names.office_dns.get(lan)).flatten();
            let servers = design.servers.iter().filter(|server| server.lan == *lan);
            let servers = servers.map(|server| server.private.get());
            let hosts = design.terminals.iter().filter(|row| row.lan == *lan);
            let hosts = hosts.flat_map(|row| &row.from).filter(|net| net.prefix_len() == 32);
            let all = routers.chain(servers).chain(hosts.map(Ipv4Net::addr)).chain(dns.copied());
            let mut neighbours: Vec<_> = all.filter(|host| subnet.contains(host)).collect();
            neighbours.dedup();
            let wire =
                Wire { port: interface.port.clone(), address: interface.address, neighbours };
            (Role::Lan(*lan), wire)
        });
        let maintenance = design.maintenance.iter().map(|maintenance| {
            let (port, address) = (maintenance.port.clone(), maintenance.address);
            (Role::Maintenance, Wire { port, address, neighbours: Vec::new() })
        });
        Self([(Role::Lgwan, uplink)].into_iter().chain(lans).chain(maintenance).collect())
    }

    fn get(&self, role: Role) -> Option<&Wire> {
        self.0.get(&role)
    }

    /// Every other wire, by what it leads to.
    fn others(&self, role: Role) -> impl Iterator<Item = (Role, &Wire)> {
        self.0.iter().filter(move |(other, _)| **other != role).map(|(other, wire)| (*other, wire))
    }
}
