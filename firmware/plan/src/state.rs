//! What the kernel holds, as far as the device's design governs it: the same shape for what is wanted and what is seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
};

use ipnet::Ipv4Net;
use sekisho_design::{PortMode, PortName};
use serde::{Deserialize, Serialize};

pub use crate::queues::{Leaf, QueueClass, Queues, Rate};
use crate::table::Table;

/// Everything the design governs: settings, links, addresses, routes, rules and the packet filter's table.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct KernelState {
    /// Kernel settings, by path below `/proc/sys/`, like `net/ipv4/ip_forward`.
    pub settings: BTreeMap<String, String>,
    /// Links by name.
    pub links: BTreeMap<PortName, Link>,
    /// IPv4 addresses of those links.
    pub addresses: BTreeSet<Address>,
    /// IPv4 routes that carry [`ROUTE_PROTOCOL`].
    pub routes: BTreeSet<Route>,
    /// Policy rules whose priority lies in [`RULE_PRIORITIES`].
    pub rules: BTreeSet<Rule>,
    /// What waits in front of links, by link: those whose queues are ours.
    #[serde(default)]
    pub queues: BTreeMap<PortName, Queues>,
    /// The packet filter's table `inet sekisho`; `None` where it doesn't exist. Shared: of a large site it is most of the
    /// state, and steps name it too.
    pub table: Option<Arc<Table>>,
}

/// The protocol number that marks our routes (`rtm_protocol`, free for administrators from 5 to 255).
pub const ROUTE_PROTOCOL: u8 = 83;

/// The priorities of our policy rules; nobody else on the box uses them.
pub const RULE_PRIORITIES: std::ops::RangeInclusive<u32> = 8300..=8399;

/// A link's state.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Link {
    /// What the link is.
    pub kind: LinkKind,
    /// Administratively up.
    pub up: bool,
    /// Largest IP packet, in bytes.
    pub mtu: u32,
    /// The speed and duplex that it is fixed at; `None` where it agrees on them with its neighbour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<PortMode>,
}

/// A port of the box stays; the tunnel device is made and removed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// A port of the box.
    Port,
    /// A persistent TUN device, so that a restart of the daemon leaves routes and connections alone.
    Tun,
}

/// An address on a link. The kernel adds no route of its own for it (`IFA_F_NOPREFIXROUTE`).
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Address {
    /// The link.
    pub link: PortName,
    /// The address.
    pub address: Ipv4Addr,
    /// Prefix length, 0 to 32.
    pub prefix: u8,
}

/// A route.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Route {
    /// The route table; 254 is main.
    pub table: u32,
    /// Where to.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub to: Ipv4Net,
    /// Lower wins.
    pub metric: u32,
    /// What happens to a packet on it.
    pub action: RouteAction,
}

/// What a route does.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RouteAction {
    /// Out of a link.
    Forward {
        /// The link.
        link: PortName,
        /// The next hop; `None` where the network is on the link itself.
        via: Option<Ipv4Addr>,
        /// The source that the device's own packets take; `None` leaves it to the kernel.
        source: Option<Ipv4Addr>,
    },
    /// The sender is told that it is unreachable.
    Unreachable,
}

/// A policy rule: which packets look into which table.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Rule {
    /// Lower is asked first.
    pub priority: u32,
    /// Which packets.
    pub selector: Selector,
    /// The table to look into.
    pub table: u32,
}

/// What a policy rule looks at.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selector {
    /// Packets with this mark.
    Mark(u32),
    /// Packets of a socket bound to this link.
    OutputLink(PortName),
}

impl Route {
    /// The device's own packets on it take this source.
    pub(crate) fn has_source(&self, address: Ipv4Addr) -> bool {
        matches!(self.action, RouteAction::Forward { source: Some(source), .. } if source == address)
    }

    /// The kernel keeps one of those that are equal in this.
    pub(crate) fn place(&self) -> (u32, Ipv4Net, u32) {
        (self.table, self.to, self.metric)
    }
}

impl Address {
    /// Beside the other, one of the two isn't whole in the kernel: the second of one network on a link goes with the
    /// first, and routes with an address as their source go with its last holder.
    pub(crate) fn displaces(&self, other: &Self) -> bool {
        let net = |address: &Self| Ipv4Net::new(address.address, address.prefix);
        let near = self.link == other.link
            && matches!((net(self), net(other)), (Ok(a), Ok(b)) if a.contains(&b) || b.contains(&a));
        near || self.address == other.address
    }
}
