//! Who has which address: the far side is fixed, the office's follow from the site's design.

use std::{collections::BTreeMap, net::Ipv4Addr};

use anyhow::{Context, ensure};
use ipnet::Ipv4Net;
use sekisho_design::{Design, Lan, LanInterface, Server, Terminals};

/// The port that the centres' tunnel ends listen on.
pub const TUNNEL_PORT: u16 = 51820;
/// The platform's networks: production, test.
pub const PLATFORM_NETWORKS: [&str; 2] = ["100.72.0.0/16", "100.73.0.0/16"];
/// A web server of the platform's production side.
pub const PLATFORM_WEB: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);
/// The platform's resolver.
pub const PLATFORM_RESOLVER: Ipv4Addr = Ipv4Addr::new(100, 72, 0, 53);
/// The platform's second resolver, asked where the first doesn't answer.
pub const PLATFORM_SECOND_RESOLVER: Ipv4Addr = Ipv4Addr::new(100, 72, 0, 54);
/// A web server of the platform's test side.
pub const PLATFORM_TEST_WEB: Ipv4Addr = Ipv4Addr::new(100, 73, 1, 10);
/// LGWAN's resolver.
pub const LGWAN_DNS: Ipv4Addr = Ipv4Addr::new(198, 18, 2, 53);
/// LGWAN's time server.
pub const LGWAN_NTP: Ipv4Addr = Ipv4Addr::new(198, 18, 2, 123);

/// One of the two centres (R1).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Centre {
    /// 東.
    East,
    /// 西.
    West,
}

impl Centre {
    /// Both, in the order of preference.
    pub const ALL: [Self; 2] = [Self::East, Self::West];

    /// The name of its namespace, and its name in the profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::East => "east",
            Self::West => "west",
        }
    }

    /// Where its tunnel end listens, on LGWAN.
    pub fn endpoint(self) -> Ipv4Addr {
        match self {
            Self::East => Ipv4Addr::new(198, 18, 11, 10),
            Self::West => Ipv4Addr::new(198, 18, 12, 10),
        }
    }

    /// LGWAN's router on the centre's segment, a /24.
    pub fn lgwan_router(self) -> Ipv4Addr {
        match self {
            Self::East => Ipv4Addr::new(198, 18, 11, 1),
            Self::West => Ipv4Addr::new(198, 18, 12, 1),
        }
    }

    /// The address that answers inside its tunnel.
    pub fn probe(self) -> Ipv4Addr {
        match self {
            Self::East => Ipv4Addr::new(100, 72, 250, 1),
            Self::West => Ipv4Addr::new(100, 72, 250, 2),
        }
    }

    /// The /30 between the centre and the platform: the centre's end, the platform's end.
    pub fn transfer(self) -> (Ipv4Addr, Ipv4Addr) {
        match self {
            Self::East => (Ipv4Addr::new(100, 72, 251, 1), Ipv4Addr::new(100, 72, 251, 2)),
            Self::West => (Ipv4Addr::new(100, 72, 251, 5), Ipv4Addr::new(100, 72, 251, 6)),
        }
    }
}

/// What the design says about addresses, as far as the lab brings it to life.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Addresses {
    /// The organisation's global addresses.
    pub pool: Vec<Ipv4Net>,
    /// The device's own global address.
    pub device_global: Ipv4Addr,
    /// The device on LGWAN.
    pub device_lgwan: Ipv4Net,
    /// LGWAN's router on the device's segment.
    pub lgwan_router: Ipv4Addr,
    /// Largest packet on LGWAN, in bytes.
    pub lgwan_mtu: u16,
    /// The device on its LANs.
    pub device_lan: BTreeMap<Lan, Ipv4Net>,
    /// The device on the maintenance port.
    pub device_maintenance: Option<Ipv4Net>,
    /// The office's hosts by namespace.
    pub hosts: BTreeMap<&'static str, Host>,
    /// The education board's server: an address more of `school`.
    pub education_server: Option<Host>,
}

/// An office host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Host {
    /// The LAN that it is reached through.
    pub lan: Lan,
    /// Its address in the office.
    pub address: Ipv4Addr,
    /// Its address on the platform: its own, or the one that it shares.
    pub global: Ipv4Addr,
    /// The router of the LAN that it stands behind; `None` where it is on the LAN itself.
    pub via: Option<Ipv4Addr>,
}

impl Addresses {
    /// Takes the addresses of a design. The lab's far side is fixed: other centres than its own are an error.
    pub fn of(design: &Design) -> anyhow::Result<Self> {
        for centre in Centre::ALL {
            let name = centre.name();
            let row = design.profile.centres.iter().find(|row| row.name.as_str() == name);
            let row = row.with_context(|| format!("the profile has no centre '{name}'"))?;
            ensure!(
                row.endpoint.host.addresses().iter().all(|host| *host == centre.endpoint())
                    && row.probe == centre.probe(),
                "the lab's centre '{name}' listens at {} and answers at {}",
                centre.endpoint(),
                centre.probe()
            );
        }
        let net = |address: sekisho_design::InterfaceAddress| {
            Ipv4Net::new_assert(address.address(), address.prefix())
        };
        let mut hosts = BTreeMap::new();
        let mut head_servers = servers(design, Lan::HeadOffice);
        let mut place = |name, host: Option<Host>| hosts.extend(host.map(|host| (name, host)));
        place("juki", head_servers.next());
        place("atena", head_servers.next());
        place("terminal", terminal(design, Lan::HeadOffice));
        place("school", terminal(design, Lan::EducationBoard));
        Ok(Self {
            pool: design.profile.pool.clone(),
            device_global: design.profile.device_address.get(),
            device_lgwan: net(design.lgwan.address),
            lgwan_router: design.lgwan.gateway,
            lgwan_mtu: design.lgwan.mtu,
            device_lan: design.lans.iter().map(|(lan, row)| (*lan, net(row.address))).collect(),
            device_maintenance: design.maintenance.as_ref().map(|row| net(row.address)),
            hosts,
            education_server: servers(design, Lan::EducationBoard).next(),
        })
    }

    /// An office host by its namespace; an error where the site has none.
    pub fn host(&self, name: &str) -> anyhow::Result<Host> {
        self.hosts.get(name).copied().with_context(|| format!("this site has no {name}"))
    }

    /// The device's address on a LAN; an error where the site has no such LAN.
    pub fn device(&self, lan: Lan) -> anyhow::Result<Ipv4Net> {
        self.device_lan.get(&lan).copied().with_context(|| format!("this site has no {lan} LAN"))
    }
}

fn servers(design: &Design, lan: Lan) -> impl Iterator<Item = Host> {
    design.servers.iter().filter(move |row| row.lan == lan).filter_map(move |row: &Server| {
        let (address, global) = (row.private.get(), row.global.get());
        Some(Host { lan, address, global, via: via(design.lans.get(&lan)?, address) })
    })
}

/// The first address of the first row of terminals that is nobody else's.
fn terminal(design: &Design, lan: Lan) -> Option<Host> {
    let row: &Terminals = design.terminals.iter().find(|row| row.lan == lan)?;
    let interface = design.lans.get(&lan)?;
    let taken = |address: Ipv4Addr| {
        address == interface.address.address()
            || interface.routes.iter().any(|route| route.via == address)
            || design.servers.iter().any(|row| row.lan == lan && row.private.get() == address)
    };
    let address = row.from.iter().flat_map(Ipv4Net::hosts).find(|address| !taken(*address))?;
    Some(Host { lan, address, global: row.global.get(), via: via(interface, address) })
}

fn via(lan: &LanInterface, address: Ipv4Addr) -> Option<Ipv4Addr> {
    if lan.address.subnet().contains(&address) {
        return None;
    }
    let routes = lan.routes.iter().filter(|route| route.to.contains(&address));
    routes.max_by_key(|route| route.to.prefix_len()).map(|route| route.via)
}
