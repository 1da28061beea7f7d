//! Links and their IPv4 addresses.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's attributes grow with every release, and only a few concern us"
)]

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr},
};

use futures_util::TryStreamExt;
use nix::libc::ENODEV;
use rtnetlink::{
    AddressMessageBuilder, Handle, LinkMessageBuilder, LinkUnspec,
    packet_route::{
        AddressFamily,
        address::{AddressAttribute, AddressFlags, AddressMessage},
        link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    },
};
use sekisho_design::PortName;
use sekisho_plan::state::{Address, Link, LinkKind};
use tun_rs::DeviceBuilder;

use crate::{HostError, kernel::refused};

/// A link as the kernel lists it.
pub(crate) struct Found {
    pub(crate) index: u32,
    pub(crate) name: PortName,
    pub(crate) link: Link,
}

/// All links of the namespace whose names a design could hold.
pub(crate) async fn list(netlink: &Handle) -> Result<Vec<Found>, HostError> {
    netlink
        .link()
        .get()
        .execute()
        .try_filter_map(async |message| Ok(found(&message)))
        .try_collect()
        .await
        .map_err(refused(|| "list the links".to_owned()))
}

/// The kernel's number for a link.
pub(crate) async fn index(netlink: &Handle, name: &PortName) -> Result<u32, HostError> {
    let mut links = netlink.link().get().match_name(name.as_str()).execute();
    match links.try_next().await {
        Ok(Some(message)) => Ok(message.header.index),
        Ok(None) => Err(HostError::NoSuchLink { name: name.clone() }),
        Err(rtnetlink::Error::NetlinkError(answer)) if answer.raw_code() == -ENODEV => {
            Err(HostError::NoSuchLink { name: name.clone() })
        }
        Err(error) => Err(refused(|| format!("look up the link '{name}'"))(error)),
    }
}

/// Brings a link up or down and sets its MTU.
pub(crate) async fn set(netlink: &Handle, name: &PortName, link: &Link) -> Result<(), HostError> {
    let message =
        LinkMessageBuilder::<LinkUnspec>::new().index(index(netlink, name).await?).mtu(link.mtu);
    let message = if link.up { message.up() } else { message.down() };
    netlink.link().change(message.build()).execute().await.map_err(refused(|| {
        let up = if link.up { "up" } else { "down" };
        format!("bring the link '{name}' {up} with an MTU of {}", link.mtu)
    }))
}

/// Makes a TUN device that outlives this process: one queue, with a virtio header for offload. It is made to last
/// only once it is whole, so that a failure on the way leaves none.
pub(crate) async fn make_tun(
    netlink: &Handle,
    name: &PortName,
    link: &Link,
) -> Result<(), HostError> {
    let failed = |source: io::Error| HostError::Tun { name: name.clone(), source };
    let device = DeviceBuilder::new()
        .name(name.as_str())
        .inherit_enable_state()
        .with(|options| {
            options.offload(true);
        })
        .build_sync()
        .map_err(failed)?;
    set(netlink, name, link).await?;
    device.persist().map_err(failed)
}

/// Removes a link, with its addresses and routes.
pub(crate) async fn remove(netlink: &Handle, name: &PortName) -> Result<(), HostError> {
    let index = index(netlink, name).await?;
    netlink
        .link()
        .del(index)
        .execute()
        .await
        .map_err(refused(|| format!("remove the link '{name}'")))
}

/// All IPv4 addresses on the links named.
pub(crate) async fn addresses(
    netlink: &Handle,
    names: &BTreeMap<u32, PortName>,
) -> Result<Vec<Address>, HostError> {
    netlink
        .address()
        .get()
        .execute()
        .try_filter_map(async |message| Ok(address(&message, names)))
        .try_collect()
        .await
        .map_err(refused(|| "list the addresses".to_owned()))
}

/// Adds an address without a route of the kernel's own: which table leads to the subnet is the plan's matter.
pub(crate) async fn add_address(netlink: &Handle, wanted: &Address) -> Result<(), HostError> {
    let index = index(netlink, &wanted.link).await?;
    let mut request = netlink.address().add(index, wanted.address.into(), wanted.prefix);
    // The header's flags have eight bits only; this one is the tenth.
    request.message_mut().attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
    request.execute().await.map_err(refused(|| {
        format!("add the address {}/{} to '{}'", wanted.address, wanted.prefix, wanted.link)
    }))
}

/// Removes an address.
pub(crate) async fn remove_address(netlink: &Handle, gone: &Address) -> Result<(), HostError> {
    let message = AddressMessageBuilder::<Ipv4Addr>::new()
        .index(index(netlink, &gone.link).await?)
        .address(gone.address, gone.prefix)
        .build();
    netlink.address().del(message).execute().await.map_err(refused(|| {
        format!("remove the address {}/{} from '{}'", gone.address, gone.prefix, gone.link)
    }))
}

fn found(message: &LinkMessage) -> Option<Found> {
    let mut name = None;
    let mut mtu = 0;
    let mut kind = LinkKind::Port;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = text.parse().ok(),
            LinkAttribute::Mtu(bytes) => mtu = *bytes,
            LinkAttribute::LinkInfo(info) if info.contains(&LinkInfo::Kind(InfoKind::Tun)) => {
                kind = LinkKind::Tun;
            }
            _ => {}
        }
    }
    let up = message.header.flags.contains(LinkFlags::Up);
    Some(Found {
        index: message.header.index,
        name: name?,
        link: Link { kind, up, mtu, mode: None },
    })
}

fn address(message: &AddressMessage, names: &BTreeMap<u32, PortName>) -> Option<Address> {
    if message.header.family != AddressFamily::Inet {
        return None;
    }
    // On a point-to-point link `Address` is the far end and `Local` our own; elsewhere they are the same.
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    })?;
    let link = names.get(&message.header.index)?.clone();
    Some(Address { link, address, prefix: message.header.prefix_len })
}
