//! What the service works by, from a design: pure, and small enough to be replaced whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use sekisho_design::{Design, DnsName, Lan, Method, NameTarget, PortName};

/// What the service works by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setup {
    /// Who is answered, by LAN; empty where nobody is.
    pub(crate) views: BTreeMap<Lan, View>,
    /// Whom to ask about what.
    pub(crate) groups: BTreeMap<Group, Vec<Ipv4Addr>>,
    /// The platform's zones, each with its group; the first one's servers know the reverse zones too.
    pub(crate) zones: Vec<String>,
    /// Networks whose addresses can be asked for backwards on the platform.
    pub(crate) reverse: Vec<Ipv4Net>,
    /// Where names of the platform's zones may lead.
    pub(crate) inside: Vec<Ipv4Net>,
    /// Addresses of the device itself: a question from there goes round in circles.
    pub(crate) own: BTreeSet<Ipv4Addr>,
    /// Queries are logged.
    pub(crate) logged: bool,
}

/// Servers that know the same names.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Group {
    /// A zone of the platform.
    Platform(String),
    /// LGWAN's names.
    Lgwan,
    /// All names that the office's own servers know.
    Office(Lan),
}

/// Where a LAN's clients find the service. While this stays, its sockets do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Listener {
    pub(crate) port: PortName,
    pub(crate) address: Ipv4Addr,
}

/// What a LAN gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct View {
    pub(crate) listener: Listener,
    /// Who may ask.
    pub(crate) clients: Clients,
    /// The office's servers, which ask for many.
    pub(crate) servers: BTreeSet<Ipv4Addr>,
    /// Whether they are asked about names that nobody else knows.
    pub(crate) asks_office: bool,
    pub(crate) entries: BTreeMap<DnsName, NameTarget>,
    /// Names by their addresses.
    pub(crate) back: BTreeMap<Ipv4Addr, Vec<DnsName>>,
    /// Global addresses of the LAN's own servers, with their private ones; empty where the design doesn't want them.
    pub(crate) rewrites: BTreeMap<Ipv4Addr, Ipv4Addr>,
}

/// Who of a LAN may ask.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Clients {
    /// Sources that rows register (R55), and no others.
    Registered(Vec<Ipv4Net>),
    /// The office's servers.
    Servers,
}

impl Setup {
    /// Takes a design. Where it chooses no method, or hosts files, nobody is answered; the device's own questions are
    /// asked all the same.
    pub fn of(design: &Design) -> Self {
        let mut groups = BTreeMap::from([(Group::Lgwan, design.lgwan.dns.clone())]);
        for zone in &design.profile.zones {
            groups.insert(Group::Platform(zone.name.clone()), zone.resolvers.clone());
        }
        let names = design.names.as_ref().filter(|names| names.method != Method::Hosts);
        let mut views = BTreeMap::new();
        for (lan, interface) in design.lans.iter().filter(|_| names.is_some()) {
            let listener =
                Listener { port: interface.port.clone(), address: interface.address.address() };
            let view = view(design, *lan, listener);
            if view.asks_office {
                groups.insert(Group::Office(*lan), view.servers.iter().copied().collect());
            }
            views.insert(*lan, view);
        }
        let platform = || design.profile.networks.iter().map(|network| network.prefix);
        let pool = || design.profile.pool.iter().copied();
        let outside = design.names.iter().flat_map(|names| names.outside_answers.iter().copied());
        let lans = design.lans.values().map(|lan| lan.address.address());
        let own = [design.lgwan.address.address(), design.profile.device_address.get()];
        Self {
            views,
            groups,
            zones: design.profile.zones.iter().map(|zone| zone.name.clone()).collect(),
            reverse: platform().chain(pool()).collect(),
            inside: platform().chain(pool()).chain(outside).collect(),
            own: lans.chain(own).collect(),
            logged: names.is_some_and(|names| names.query_log_days.is_some()),
        }
    }

    /// Whether an answer from the platform may lead there.
    pub(crate) fn leads_inside(&self, address: Ipv4Addr) -> bool {
        self.inside.iter().any(|network| network.contains(&address))
    }
}

fn view(design: &Design, lan: Lan, listener: Listener) -> View {
    let Some(names) = &design.names else { unreachable!("a view belongs to a method") };
    let servers = names.office_dns.get(&lan).into_iter().flatten().copied().collect();
    let rows = design.servers.iter().filter(|row| row.lan == lan);
    let registered = rows.clone().map(|row| Ipv4Net::from(row.private.get()));
    let terminals = design.terminals.iter().filter(|row| row.lan == lan);
    let registered = registered.chain(terminals.flat_map(|row| row.from.iter().copied()));
    let of_lan = names.entries.iter().filter(|entry| entry.lans.contains(&lan));
    let mut back: BTreeMap<Ipv4Addr, Vec<DnsName>> = BTreeMap::new();
    for entry in of_lan.clone() {
        if let NameTarget::Addresses(addresses) = &entry.target {
            for address in addresses {
                back.entry(*address).or_default().push(entry.name.clone());
            }
        }
    }
    let rewrites = rows.filter(|_| names.rewrite_own);
    View {
        listener,
        clients: match names.method {
            Method::Forward => Clients::Servers,
            Method::Device | Method::Hosts => {
                Clients::Registered(Ipv4Net::aggregate(&registered.collect()))
            }
        },
        servers,
        asks_office: names.method == Method::Device && names.office_dns.contains_key(&lan),
        entries: of_lan.map(|entry| (entry.name.clone(), entry.target.clone())).collect(),
        back,
        rewrites: rewrites.map(|row| (row.global.get(), row.private.get())).collect(),
    }
}

impl View {
    /// Whether somebody may ask.
    pub(crate) fn admits(&self, client: Ipv4Addr) -> bool {
        match &self.clients {
            // Aggregated networks are in order and apart.
            Clients::Registered(networks) => {
                let next = networks.partition_point(|network| network.network() <= client);
                next > 0 && networks[next - 1].contains(&client)
            }
            Clients::Servers => self.servers.contains(&client),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::sample::{OFFICE, SCHOOL, TERMINAL, design};

    #[test]
    fn each_method_serves_whom_it_names() {
        let device = Setup::of(&design(Method::Device));
        let head_office = &device.views[&Lan::HeadOffice];
        let server = Ipv4Addr::new(192, 168, 1, 10);
        assert!(head_office.admits(TERMINAL) && head_office.admits(server));
        assert!(!head_office.admits(SCHOOL) && !head_office.admits(OFFICE));
        assert!(device.views[&Lan::EducationBoard].admits(SCHOOL));
        assert!(!device.views[&Lan::EducationBoard].asks_office, "it names no servers");
        let forward = Setup::of(&design(Method::Forward));
        let head_office = &forward.views[&Lan::HeadOffice];
        assert!(head_office.admits(OFFICE) && !head_office.admits(TERMINAL));
        assert!(!forward.groups.contains_key(&Group::Office(Lan::HeadOffice)));
        let hosts = Setup::of(&design(Method::Hosts));
        assert!(hosts.views.is_empty());
        assert_eq!(hosts.groups.len(), 2, "the device still asks LGWAN and the platform");
    }

    #[test]
    fn answers_lead_to_the_platform_its_pool_and_what_is_declared() {
        let mut design = design(Method::Device);
        let declared = vec!["203.0.113.0/28".parse().unwrap()];
        design.names.as_mut().unwrap().outside_answers = declared;
        let setup = Setup::of(&design);
        for (address, inside) in [
            ("100.72.255.255", true),
            ("100.73.0.0", true),
            ("100.74.0.0", false),
            ("100.64.10.11", true),
            ("203.0.113.15", true),
            ("203.0.113.16", false),
            ("192.168.1.10", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(setup.leads_inside(address.parse().unwrap()), inside, "{address}");
        }
    }

    proptest! {
        #[test]
        fn whoever_a_row_registers_is_admitted(
            rows in vec((0_u32..64, 24_u8..=32), 0..8),
            client in 0_u32..64,
        ) {
            // Few addresses, so that networks and clients meet.
            let address = |bits: u32| Ipv4Addr::from(0xC0A8_0000 + bits * 16);
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(bits, length)| Ipv4Net::new(address(bits), length).unwrap().trunc())
                .collect();
            let mut design = design(Method::Device);
            design.servers.clear();
            design.terminals.retain(|row| row.lan == Lan::HeadOffice);
            design.terminals[0].from.clone_from(&rows);
            let view = &Setup::of(&design).views[&Lan::HeadOffice];
            let registered = rows.iter().any(|row| row.contains(&address(client)));
            prop_assert_eq!(view.admits(address(client)), registered);
        }
    }
}
