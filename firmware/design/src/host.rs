//! Hosts that a design may call by a name in place of an address (R85).
//!
//! A design that was read knows the names; whoever resolves them puts the addresses in with [`Design::resolve`]. What
//! works from a design asks for addresses and gets those of the moment, none where a name was never resolved.

use std::{
    collections::BTreeSet,
    fmt,
    net::{AddrParseError, Ipv4Addr, SocketAddrV4},
    str::FromStr,
};

use ipnet::Ipv4Net;
use serde::Serialize;

use crate::{Design, DnsName, Member};

/// A host on LGWAN: an address, or a name that LGWAN's resolvers know.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub enum Host {
    /// Its address.
    Address(Ipv4Addr),
    /// Its name.
    Name(NamedHost),
}

/// A host called by its name.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NamedHost {
    /// The name.
    pub name: DnsName,
    /// What it was resolved to last, in order; none in a design that was only read.
    pub addresses: Vec<Ipv4Addr>,
}

/// Where a centre's tunnel end listens.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub struct Endpoint {
    /// The host, on LGWAN.
    pub host: Host,
    /// The UDP port, not 0.
    pub port: u16,
}

/// Who on the platform may start something: a network, or a host by a name of the platform's zones.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub enum Origin {
    /// The network.
    Network(Ipv4Net),
    /// The host's name.
    Name(NamedHost),
}

/// The text is neither an address nor a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("neither an address nor a name")]
pub struct MalformedHost;

impl NamedHost {
    /// A host that wasn't resolved yet.
    pub fn new(name: DnsName) -> Self {
        Self { name, addresses: Vec::new() }
    }

    fn put(&mut self, mut addresses: Vec<Ipv4Addr>, fits: impl Fn(&Ipv4Addr) -> bool) {
        addresses.retain(fits);
        addresses.sort_unstable();
        addresses.dedup();
        self.addresses = addresses;
    }
}

impl Host {
    /// Its addresses now.
    pub fn addresses(&self) -> &[Ipv4Addr] {
        match self {
            Self::Address(address) => std::slice::from_ref(address),
            Self::Name(host) => &host.addresses,
        }
    }

    /// Its name, where it has one.
    pub fn name(&self) -> Option<&DnsName> {
        match self {
            Self::Address(_) => None,
            Self::Name(host) => Some(&host.name),
        }
    }
}

impl Endpoint {
    /// Where it can be reached now.
    pub fn places(&self) -> impl Iterator<Item = SocketAddrV4> {
        self.host.addresses().iter().map(|address| SocketAddrV4::new(*address, self.port))
    }
}

impl Origin {
    /// The networks that it stands for now.
    pub fn networks(&self) -> Vec<Ipv4Net> {
        match self {
            Self::Network(network) => vec![*network],
            Self::Name(host) => host.addresses.iter().copied().map(Ipv4Net::from).collect(),
        }
    }
}

impl Design {
    /// The names that LGWAN's resolvers are asked for.
    pub fn lgwan_names(&self) -> BTreeSet<&DnsName> {
        let endpoints = self.profile.centres.iter().map(|centre| &centre.endpoint.host);
        endpoints.chain(&self.profile.ntp).filter_map(Host::name).collect()
    }

    /// The names that the platform's resolvers are asked for.
    pub fn platform_names(&self) -> BTreeSet<&DnsName> {
        let rows = self.servers.iter().flat_map(|server| &server.allow_from_platform);
        let sources = rows.filter_map(|row| match &row.from {
            Origin::Network(_) => None,
            Origin::Name(host) => Some(&host.name),
        });
        sources.chain(self.member_names()).collect()
    }

    /// Puts in what each name stands for now. Whoever answers for a name gets no further with it than the design could by
    /// an address: what lies elsewhere is left out.
    pub fn resolve(&mut self, addresses: impl Fn(&DnsName) -> Vec<Ipv4Addr>) {
        let fixed = self.off_lgwan();
        let on_lgwan = |address: &Ipv4Addr| {
            let host = !(address.is_unspecified()
                || address.is_loopback()
                || address.is_multicast()
                || address.is_broadcast());
            host && !fixed.iter().any(|network| network.contains(address))
        };
        let endpoints = self.profile.centres.iter_mut().map(|centre| &mut centre.endpoint.host);
        for host in endpoints.chain(&mut self.profile.ntp) {
            if let Host::Name(host) = host {
                host.put(addresses(&host.name), on_lgwan);
            }
        }
        for server in &mut self.servers {
            let networks = self.profile.networks.iter();
            let own: Vec<_> = networks
                .filter(|network| network.environment == server.environment)
                .map(|network| network.prefix)
                .collect();
            let on_platform =
                |address: &Ipv4Addr| own.iter().any(|network| network.contains(address));
            for row in &mut server.allow_from_platform {
                if let Origin::Name(host) = &mut row.from {
                    host.put(addresses(&host.name), on_platform);
                }
            }
        }
        self.resolve_members(addresses);
    }

    /// A policy is measured by its environment where it is used; here only what isn't the platform's is left out.
    fn resolve_members(&mut self, addresses: impl Fn(&DnsName) -> Vec<Ipv4Addr>) {
        let platform: Vec<_> = self.profile.networks.iter().map(|network| network.prefix).collect();
        let on_platform =
            |address: &Ipv4Addr| platform.iter().any(|network| network.contains(address));
        let policies = self.policies.iter_mut().flat_map(|policy| &mut policy.platform);
        let objects = self.objects.iter_mut().flat_map(|object| &mut object.members);
        for member in policies.chain(objects) {
            if let Member::Host(host) = member {
                host.put(addresses(&host.name), on_platform);
            }
        }
        let servers = self.servers.iter_mut().flat_map(|row| &mut row.global_for);
        let terminals = self.terminals.iter_mut().flat_map(|row| &mut row.global_for);
        for origin in servers.chain(terminals).flat_map(|entry| &mut entry.to) {
            if let Origin::Name(host) = origin {
                host.put(addresses(&host.name), on_platform);
            }
        }
    }

    /// Where no host of LGWAN stands: the office, the platform, the pool, the device itself.
    fn off_lgwan(&self) -> Vec<Ipv4Net> {
        let lans = self.lans.values();
        let office = lans
            .flat_map(|lan| lan.routes.iter().map(|route| route.to).chain([lan.address.subnet()]));
        let maintenance = self.maintenance.iter().map(|port| port.address.subnet());
        let platform = self.profile.networks.iter().map(|network| network.prefix);
        let pool = self.profile.pool.iter().copied();
        let device = Ipv4Net::from(self.lgwan.address.address());
        office.chain(maintenance).chain(platform).chain(pool).chain([device]).collect()
    }
}

impl FromStr for Host {
    type Err = MalformedHost;

    fn from_str(text: &str) -> Result<Self, MalformedHost> {
        let name = |_: AddrParseError| text.parse().map(NamedHost::new).map(Self::Name);
        text.parse().map(Self::Address).or_else(name).map_err(|_| MalformedHost)
    }
}

impl FromStr for Endpoint {
    type Err = MalformedHost;

    fn from_str(text: &str) -> Result<Self, MalformedHost> {
        let (host, port) = text.rsplit_once(':').ok_or(MalformedHost)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(MalformedHost)?;
        Ok(Self { host: host.parse()?, port })
    }
}

impl From<SocketAddrV4> for Endpoint {
    fn from(address: SocketAddrV4) -> Self {
        Self { host: Host::Address(*address.ip()), port: address.port() }
    }
}

impl fmt::Display for NamedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(host) => host.fmt(f),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Name(host) => host.fmt(f),
        }
    }
}

macro_rules! into_text {
    ($($type:ty),*) => {$(
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )*};
}

into_text!(Host, Endpoint, Origin);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_names() {
        let text = |text: &str| text.parse::<Host>().map(|host| host.to_string());
        assert_eq!(text("198.18.11.10").unwrap(), "198.18.11.10");
        assert_eq!(text("East.VPN.example").unwrap(), "east.vpn.example");
        for bad in ["", "198.18.11.300", "198.18.11", "a b", "a..b", "-a.example", "::1"] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn endpoints_have_a_port() {
        let text = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.to_string());
        assert_eq!(text("198.18.11.10:51820").unwrap(), "198.18.11.10:51820");
        assert_eq!(text("east.vpn.example:51820").unwrap(), "east.vpn.example:51820");
        for bad in ["east.vpn.example", "east:0", "east:65536", ":51820", "1.2.3.4.5:1"] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }
}
