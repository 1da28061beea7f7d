//! Addresses on a wire: whether another host has one already, and that it is ours now (RFC 5227).
//!
//! The RFC's times are for hosts that nobody waits for; a LAN answers within milliseconds. Ours are [`PROBE_WAITS`] and
//! [`ANNOUNCE_INTERVAL`]. A switch that keeps a port closed for a while after its link has come up (spanning tree) hides
//! who is there, from any probe.
//!
//! An address is not defended later: of two boxes that both insist on one neither would work.

mod scan;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    time::Duration,
};

use futures_util::future::try_join_all;
use nix::{
    ifaddrs::{InterfaceAddressIterator, getifaddrs},
    libc::ARPHRD_ETHER,
    net::if_::InterfaceFlags,
    sys::socket::LinkAddr,
};
use sekisho_design::PortName;
pub use sekisho_plan::ports::Mac;
use sekisho_plan::state::Address;
use tokio::time::sleep;

pub use self::scan::{ArpEars, SCAN_WAITS, scan};
use self::wire::{Answer, Wire};
use crate::{
    HostError,
    frames::{is_down, mac},
};

/// Three probes (`PROBE_NUM`), and how long an answer to each is waited for. They stand in place of one to two seconds
/// (`PROBE_MIN`, `PROBE_MAX`), and two seconds after the last (`ANNOUNCE_WAIT`; RFC 5227, 1.1).
pub const PROBE_WAITS: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(200), Duration::from_millis(400)];

/// Between two announcements (`ANNOUNCE_NUM`), in place of two seconds (RFC 5227, 1.1).
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(500);

/// A host that has an address, or asks for it at the same time as we do.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Holder {
    /// The address, and the link behind which the host was heard.
    pub address: Address,
    /// The host's hardware address.
    pub mac: Mac,
}

/// What was found where nobody objected.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use = "an address that could not be asked for may be taken"]
pub struct Probed {
    /// Nobody has these: none answered, or the link knows no hardware addresses, like the tunnel's.
    pub free: BTreeSet<Address>,
    /// Whether anybody has these is unknown: their links are down or without a carrier, or were for a moment.
    pub unasked: BTreeSet<Address>,
}

/// Asks whether anybody has the addresses, each on its link and all at once, in the network namespace of this thread.
/// Takes 0.8 s where anything is left to wait for.
///
/// # Errors
/// [`HostError::AddressTaken`] with all who objected; [`HostError::NoSuchLink`]; [`HostError::Neighbours`] where the
/// kernel refuses.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn probe(wanted: &BTreeSet<Address>) -> Result<Probed, HostError> {
    let links = links()?;
    let macs = links.values().filter_map(|link| mac(link.own.as_ref()?)).collect();
    let answers = by_link(wanted).into_iter().map(|(name, addresses)| {
        let (links, macs) = (&links, &macs);
        async move {
            let answer = ask(name, find(links, name)?, macs, &addresses).await?;
            Ok::<_, HostError>((name, addresses, answer))
        }
    });
    let answers = try_join_all(answers).await?;
    let links = self::links()?;
    let (mut probed, mut holders) = (Probed::default(), Vec::new());
    for (name, addresses, answer) in answers {
        // A carrier that went took probes or answers with it.
        let lost = find(&links, name).is_ok_and(|link| matches!(link.voice(), Voice::None));
        for address in addresses.into_iter().cloned() {
            if let Some(mac) = answer.holders.get(&address.address) {
                holders.push(Holder { address, mac: *mac });
            } else if lost || !answer.whole {
                probed.unasked.insert(address);
            } else {
                probed.free.insert(address);
            }
        }
    }
    if holders.is_empty() { Ok(probed) } else { Err(HostError::AddressTaken { holders }) }
}

/// Tells the hosts on each link, twice, whose the addresses are, so that they forget whom they knew by them (RFC 5227,
/// 2.3). A link without a carrier is passed over: nobody is there to hear.
///
/// # Errors
/// [`HostError::NoSuchLink`]; [`HostError::Neighbours`] where the kernel refuses.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn announce(held: &BTreeSet<Address>) -> Result<(), HostError> {
    let links = links()?;
    let mut wires = Vec::new();
    for (name, addresses) in by_link(held) {
        let Voice::Ethernet(own) = find(&links, name)?.voice() else { continue };
        let wire = Wire::open(own).map_err(failed("announce an address", name))?;
        wires.push((name, wire, addresses));
    }
    // Two announcements (`ANNOUNCE_NUM`).
    for pause in [Some(ANNOUNCE_INTERVAL), None] {
        for (name, wire, addresses) in &wires {
            for address in addresses {
                match wire.send(address.address, address.address).await {
                    Err(error) if !is_down(&error) => {
                        return Err(failed("announce an address", name)(error));
                    }
                    _ => {}
                }
            }
        }
        if let Some(pause) = pause.filter(|_| !wires.is_empty()) {
            sleep(pause).await;
        }
    }
    Ok(())
}

async fn ask(
    name: &PortName,
    link: &Link,
    macs: &BTreeSet<Mac>,
    addresses: &[&Address],
) -> Result<Answer, HostError> {
    let wanted = addresses.iter().map(|address| address.address).collect();
    match link.voice() {
        Voice::Plain => Ok(Answer { whole: true, ..Answer::default() }),
        Voice::None => Ok(Answer::default()),
        Voice::Ethernet(own) => async { Wire::open(own)?.ask(macs, &wanted).await }
            .await
            .map_err(failed("ask who has an address", name)),
    }
}

/// A link of the box.
struct Link {
    /// Its hardware address; a TUN device has none.
    own: Option<LinkAddr>,
    flags: InterfaceFlags,
}

/// How a link can be spoken on.
enum Voice<'a> {
    Ethernet(&'a LinkAddr),
    /// Its hosts have no hardware addresses.
    Plain,
    /// It is down, or has no carrier.
    None,
}

impl Link {
    fn voice(&self) -> Voice<'_> {
        let speaks_arp = !self.flags.contains(InterfaceFlags::IFF_NOARP);
        let lit = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_LOWER_UP;
        match &self.own {
            Some(own) if own.hatype() == ARPHRD_ETHER && speaks_arp => {
                if self.flags.contains(lit) {
                    Voice::Ethernet(own)
                } else {
                    Voice::None
                }
            }
            _ => Voice::Plain,
        }
    }
}

/// Whether this box has any of the addresses on its link already.
///
/// # Errors
/// [`HostError::Netlink`].
pub fn holds(wanted: &BTreeSet<Address>) -> Result<bool, HostError> {
    Ok(listed()?.any(|found| {
        let own = found.address.as_ref().and_then(|address| address.as_sockaddr_in());
        let is_own = |wanted: &Address| {
            wanted.link.as_str() == found.interface_name
                && own.is_some_and(|own| own.ip() == wanted.address)
        };
        wanted.iter().any(is_own)
    }))
}

fn listed() -> Result<InterfaceAddressIterator, HostError> {
    getifaddrs().map_err(|error| HostError::Netlink {
        tried: "list the links".to_owned(),
        source: error.into(),
    })
}

fn links() -> Result<BTreeMap<String, Link>, HostError> {
    // A link is listed once for itself, and once for each address.
    let mut links = BTreeMap::new();
    for found in listed()? {
        let own = found.address.as_ref().and_then(|address| address.as_link_addr().copied());
        let link = links.entry(found.interface_name).or_insert(Link { own, flags: found.flags });
        link.own = link.own.or(own);
    }
    Ok(links)
}

fn find<'a>(links: &'a BTreeMap<String, Link>, name: &PortName) -> Result<&'a Link, HostError> {
    links.get(name.as_str()).ok_or_else(|| HostError::NoSuchLink { name: name.clone() })
}

/// Our end of an Ethernet link that is up and has a carrier.
pub(crate) fn lit(port: &PortName) -> Result<LinkAddr, HostError> {
    match find(&links()?, port)?.voice() {
        Voice::Ethernet(own) => Ok(*own),
        Voice::Plain => Err(failed("speak Ethernet", port)(io::ErrorKind::Unsupported.into())),
        Voice::None => Err(failed("reach anybody", port)(io::ErrorKind::NetworkDown.into())),
    }
}

fn by_link(addresses: &BTreeSet<Address>) -> BTreeMap<&PortName, Vec<&Address>> {
    let mut links: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for address in addresses {
        links.entry(&address.link).or_default().push(address);
    }
    links
}

pub(crate) fn failed(tried: &'static str, link: &PortName) -> impl FnOnce(io::Error) -> HostError {
    let link = link.clone();
    move |source| HostError::Neighbours { tried, link, source }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { link, address, .. } = &self.address;
        write!(f, "{address} is in use on '{link}' by the host {}", self.mac)
    }
}

#[cfg(test)]
mod tests;
