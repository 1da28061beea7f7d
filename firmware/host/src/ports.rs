//! The ports of the box: where they sit, what they say, and their names.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's attributes grow with every release, and only a few concern us"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path},
    time::Duration,
};

use futures_util::TryStreamExt;
use nix::libc::EBUSY;
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec,
    packet_route::link::{LinkAttribute, LinkMessage},
};
use sekisho_design::{Duplex, PortName};
use sekisho_plan::ports::{Found, Mac, Slot};

use crate::{HostError, ethtool::Ethtool, kernel::refused, link, netlink::Netlink};

/// A port of the box, and what it says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Port {
    /// The kernel's name, slot and address.
    pub found: Found,
    /// Its driver.
    pub driver: Option<String>,
    /// Whether a cable with somebody at its other end is plugged in; unknown while the port is down.
    pub carrier: Option<bool>,
    /// Speed in Mb/s, while there is a carrier.
    pub speed: Option<u32>,
    /// While there is a carrier.
    pub duplex: Option<Duplex>,
}

/// The links of the network namespace of the thread that made it.
#[derive(Debug)]
pub struct Links {
    pub(crate) netlink: Netlink,
    pub(crate) ethtool: Ethtool,
}

/// What the kernel says of all links, ports or not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listed {
    /// Their names.
    pub names: BTreeSet<PortName>,
    /// The addresses that they were made with, of those that say so.
    pub addresses: BTreeMap<PortName, Mac>,
}

/// The ports that a folder like `/sys` describes: Ethernet links with a device. `addresses` are the ones that they were made
/// with; where there is none, the folder's own counts if it isn't made up.
///
/// # Errors
/// [`HostError::Ports`]; a port that goes while it is read is left out.
pub fn read(sys: &Path, addresses: &BTreeMap<PortName, Mac>) -> Result<Vec<Port>, HostError> {
    let folder = sys.join("class/net");
    let failed = |source| HostError::Ports { path: folder.clone(), source };
    let devices = sys.join("devices").canonicalize().map_err(failed)?;
    let mut ports = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).map(str::parse::<PortName>);
        let (Some(Ok(link)), Ok(device)) = (name, path.join("device").canonicalize()) else {
            continue;
        };
        let Some(slot) = device.strip_prefix(&devices).ok().and_then(slot) else { continue };
        let said = |file: &str| said(&path.join(file));
        if said("type").as_deref() != Some(ETHERNET) {
            continue;
        }
        let slot = match said("dev_port").as_deref() {
            None | Some("0") => slot,
            // Two ports of one device.
            Some(number) => format!("{slot}-port{number}").parse().unwrap_or(slot),
        };
        let made_up = said("addr_assign_type").is_none_or(|kind| kind != PERMANENT);
        let own = said("address").and_then(|text| text.parse().ok()).filter(|_| !made_up);
        let mac = addresses.get(&link).copied().or(own);
        let driver = fs::read_link(device.join("driver")).ok();
        let driver = driver.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        let carrier = said("carrier").map(|carrier| carrier == "1");
        let lit = carrier == Some(true);
        let speed = said("speed").filter(|_| lit).and_then(|speed| speed.parse().ok());
        let duplex = said("duplex").filter(|_| lit);
        let duplex =
            Duplex::ALL.into_iter().find(|known| duplex.as_deref() == Some(known.as_str()));
        ports.push(Port { found: Found { link, slot, mac }, driver, carrier, speed, duplex });
    }
    ports.sort_by(|one, other| one.found.slot.cmp(&other.found.slot));
    Ok(ports)
}

impl Links {
    /// Opens the sockets.
    ///
    /// # Errors
    /// [`HostError::Netlink`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect() -> Result<Self, HostError> {
        Ok(Self { netlink: Netlink::connect()?, ethtool: Ethtool::open()? })
    }

    /// What the kernel says of all links.
    ///
    /// # Errors
    /// What the kernel answered.
    pub async fn list(&self) -> Result<Listed, HostError> {
        let mut links = self.netlink.handle()?.link().get().execute();
        let mut listed = Listed::default();
        let failed = || "list the links".to_owned();
        while let Some(message) = links.try_next().await.map_err(refused(failed))? {
            let (name, address) = name_and_address(&message);
            let Some(name) = name else { continue };
            listed.addresses.extend(address.map(|address| (name.clone(), address)));
            listed.names.insert(name);
        }
        self.netlink.stands()?;
        Ok(listed)
    }

    /// Gives a link another name. A kernel before 6.2 renames none that is up: such a link is down for a moment.
    ///
    /// # Errors
    /// What the kernel answered; the link may be down where it was up.
    pub async fn rename(&self, from: &PortName, to: &PortName) -> Result<(), HostError> {
        let netlink = &self.netlink.handle()?;
        let index = link::index(netlink, from).await?;
        let message = || LinkMessageBuilder::<LinkUnspec>::new().index(index);
        let naming = || message().name(to.as_str()).build();
        let done = change(netlink, naming()).await;
        if done.as_ref().is_err_and(is_busy) {
            let trouble = || refused(|| format!("rename '{from}' to '{to}'"));
            change(netlink, message().down().build()).await.map_err(trouble())?;
            let renamed = change(netlink, naming()).await;
            change(netlink, message().up().build()).await.map_err(trouble())?;
            renamed.map_err(trouble())?;
        } else {
            done.map_err(refused(|| format!("rename '{from}' to '{to}'")))?;
        }
        self.netlink.stands()
    }

    /// Lets a port's lamp blink, for a second at least and a minute at most; returns when it is over.
    ///
    /// # Errors
    /// [`HostError::Lamp`] where the port is none, or its driver can't.
    pub fn blink(&self, name: &PortName, time: Duration) -> Result<(), HostError> {
        self.ethtool.blink(name, time)
    }
}

/// `ARPHRD_ETHER`, and `NET_ADDR_PERM`, as the files have them.
const ETHERNET: &str = "1";
const PERMANENT: &str = "0";

/// A file of one line; reading some fails while the port is down.
fn said(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// What udev makes of a device's path below `/sys/devices` (`ID_PATH`): the nearest PCI device, and the USB port below it. A
/// virtio device is in the slot of its PCI device. What sits on no bus that is known keeps its whole path.
fn slot(device: &Path) -> Option<Slot> {
    let parts: Vec<&str> = device
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    // A virtual link's device, if it has one at all.
    if parts.first().is_none_or(|first| *first == "virtual") {
        return None;
    }
    let pci = parts.iter().rev().find(|part| is_pci(part)).map(|part| format!("pci-{part}"));
    let usb = parts.iter().rev().find_map(|part| usb(part)).map(|part| format!("usb-0:{part}"));
    let text = match (pci, usb) {
        (None, None) => match parts.as_slice() {
            ["platform", name, ..] => format!("platform-{name}"),
            _ => parts.join("-"),
        },
        (pci, usb) => [pci, usb].into_iter().flatten().collect::<Vec<_>>().join("-"),
    };
    text.parse().ok()
}

/// Domain, bus, device and function: `0000:01:00.0`.
fn is_pci(part: &str) -> bool {
    let hex = |text: &str, least| {
        text.len() >= least && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut fields = part.split([':', '.']);
    let mut next = |least| fields.next().is_some_and(|field| hex(field, least));
    next(4) && next(2) && next(2) && next(1) && fields.next().is_none()
}

/// The ports that lead to a USB interface, and its number: `1.2:1.0` of `3-1.2:1.0`.
fn usb(part: &str) -> Option<&str> {
    let (bus, rest) = part.split_once('-')?;
    let digits = |text: &str, between: char| {
        text.split(between).all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let (ports, interface) = rest.split_once(':')?;
    (digits(bus, '.') && digits(ports, '.') && digits(interface, '.')).then_some(rest)
}

fn name_and_address(message: &LinkMessage) -> (Option<PortName>, Option<Mac>) {
    let (mut name, mut address) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = text.parse().ok(),
            LinkAttribute::PermAddress(bytes) => {
                address = bytes.as_slice().try_into().ok().map(Mac);
            }
            _ => {}
        }
    }
    (name, address)
}

async fn change(netlink: &Handle, message: LinkMessage) -> Result<(), rtnetlink::Error> {
    netlink.link().change(message).execute().await
}

fn is_busy(error: &rtnetlink::Error) -> bool {
    matches!(error, rtnetlink::Error::NetlinkError(answer) if answer.raw_code() == -EBUSY)
}

#[cfg(test)]
mod tests;
