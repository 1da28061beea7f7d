//! Questions at the ports: straight on the wire, past the kernel's rules, and by the kernel's own sockets.
//!
//! All of it goes out from ports that address translation never gives out ([`LABELS`]), so that no flow of the site
//! can be hit. What comes back on a wire the kernel hears as well, and drops by its rules.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    net::Ipv4Addr,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use sekisho_design::{Duplex, InterfaceAddress, PortName};
use sekisho_host::{
    HostError, Line,
    neighbour::{self, Probed, scan},
    ports::Links,
};
use sekisho_plan::{ports::Mac, ruleset::NAPT_PORTS, state::Address};
use tokio::sync::OnceCell;

use crate::probe::{Answer, Ask, Link, Seen, Way};

mod caller;
mod datagram;
mod packet;
mod routers;
mod socket;
mod stream;

/// Ports of ours, and identifiers of our echo requests.
pub const LABELS: RangeInclusive<u16> = FIRST_LABEL..=u16::MAX;

const FIRST_LABEL: u16 = *NAPT_PORTS.end() + 1;

/// When a packet is sent again, and when it counts as unanswered.
const RESEND: Duration = Duration::from_millis(400);
const SILENCE: Duration = Duration::from_secs(1);

/// A host says at most once a second that nobody has a port (RFC 1812 4.3.2.8), be it of our question or of what the tunnel
/// sends there: it is listened to for longer.
const NOBODYS_SILENCE: Duration = Duration::from_millis(2_500);

/// How long a connection may take to be made: time for what was lost to be sent again, which the kernel does after a second.
const CONNECT: Duration = Duration::from_millis(1500);

/// Asks at the ports. In the network namespace of the thread that made it, which asks as well.
#[derive(Debug)]
pub struct Wires {
    links: Links,
    labels: Labels,
    hosts: Mutex<BTreeMap<PortName, Arc<OnceCell<Hosts>>>>,
}

/// Hosts that answered ARP.
type Hosts = BTreeMap<Ipv4Addr, Mac>;

impl Wires {
    /// Opens what is needed to look at links.
    ///
    /// # Errors
    /// [`HostError::Netlink`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open() -> Result<Self, HostError> {
        Ok(Self { links: Links::connect()?, labels: Labels::new(), hosts: Mutex::default() })
    }

    /// Asks by [`Way::Wire`] or [`Way::Socket`]. Takes at most some 6 s: 1 s for ARP, 1 s for a packet or 1.5 s for a
    /// connection, and 3 s for what is said in it.
    pub async fn ask(&self, Ask { way, to, question }: &Ask) -> Answer {
        match way {
            Way::Wire { port, from, via } => {
                let numbers = (self.labels.next(), number());
                let asked = caller::ask(port, *from, *via, *to, question, numbers).await;
                asked.unwrap_or_else(|trouble| Answer::Busy { why: trouble.to_string() })
            }
            Way::Socket { port, from } => {
                let numbers = (&self.labels, number());
                let asked = socket::ask(port.as_ref(), *from, *to, question, numbers).await;
                asked.unwrap_or_else(|why| Answer::Busy { why })
            }
            Way::Tunnel { .. } | Way::Office { .. } => {
                Answer::Busy { why: "this question is asked inside the tunnel".to_owned() }
            }
        }
    }

    /// [`Probe::Link`](crate::probe::Probe::Link).
    pub async fn link(&self, port: &PortName) -> Seen {
        match self.links.line(port).await {
            Ok(line) => Seen::Link(line.as_ref().map_or_else(Link::default, link)),
            Err(error) => unable(&error),
        }
    }

    /// [`Probe::Holder`](crate::probe::Probe::Holder).
    pub async fn holder(&self, port: &PortName, address: Ipv4Addr) -> Seen {
        let wanted = [Address { link: port.clone(), address, prefix: 32 }].into();
        match neighbour::probe(&wanted).await {
            Ok(Probed { unasked, .. }) if !unasked.is_empty() => Seen::Unable {
                why: format!("'{port}' is down or has no carrier, so that nobody could be asked"),
            },
            Ok(_) => Seen::Holder(None),
            Err(HostError::AddressTaken { holders }) => {
                Seen::Holder(holders.first().map(|holder| holder.mac))
            }
            Err(error) => unable(&error),
        }
    }

    /// [`Probe::Arp`](crate::probe::Probe::Arp).
    pub async fn arp(&self, port: &PortName, from: Ipv4Addr, address: Ipv4Addr) -> Seen {
        match scan(port, from, &[address].into()).await {
            Ok(found) => Seen::Holder(found.get(&address).copied()),
            Err(error) => unable(&error),
        }
    }

    /// [`Probe::Routers`](crate::probe::Probe::Routers).
    pub async fn routers(&self, port: &PortName, from: InterfaceAddress, to: Ipv4Addr) -> Seen {
        let hosts = match self.hosts(port, from).await {
            Ok(hosts) => hosts,
            Err(error) => return unable(&error),
        };
        match routers::find(port, from, to, &hosts, &self.labels).await {
            Ok(lead) => Seen::Routers { hosts: hosts.into_keys().collect(), lead },
            Err(trouble) => Seen::Unable { why: trouble.to_string() },
        }
    }

    /// The hosts of our subnet on a port, asked for once: a large office may miss hundreds of servers at a time.
    async fn hosts(&self, port: &PortName, from: InterfaceAddress) -> Result<Hosts, HostError> {
        let cell = {
            let mut known = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(port.clone()).or_default())
        };
        cell.get_or_try_init(|| routers::hosts(port, from)).await.cloned()
    }
}

fn link(line: &Line) -> Link {
    Link {
        present: true,
        up: line.up,
        carrier: line.carrier,
        speed: line.speed,
        full_duplex: line.duplex.map(|duplex| duplex == Duplex::Full),
        damaged: line.damaged,
        late_collisions: line.late_collisions,
    }
}

fn unable(error: &HostError) -> Seen {
    Seen::Unable { why: error.to_string() }
}

/// Gives out [`LABELS`], one after the other, from anywhere among them: what the last run asked may still be answered.
#[derive(Debug)]
struct Labels(AtomicU16);

impl Labels {
    fn new() -> Self {
        Self(AtomicU16::new(number()))
    }

    fn next(&self) -> u16 {
        let count = u16::MAX - FIRST_LABEL + 1;
        FIRST_LABEL + self.0.fetch_add(1, Ordering::Relaxed) % count
    }
}

/// A number that nobody can guess.
fn number() -> u16 {
    // The standard library keys each of these at random.
    let [one, other, ..] = RandomState::new().hash_one(0).to_ne_bytes();
    u16::from_ne_bytes([one, other])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_can_be_asked_from_any_thread() {
        fn is_send<T: Send>(_: impl FnOnce(&'static Wires, &'static Ask) -> T) {}
        fn is_sync<T: Sync>() {}
        is_send(Wires::ask);
        is_sync::<Wires>();
    }

    #[test]
    fn labels_are_never_ports_of_address_translation() {
        for start in [0, 1, 3535, 3536, u16::MAX - 1, u16::MAX] {
            let labels = Labels(AtomicU16::new(start));
            let given: Vec<_> = (0..5000).map(|_| labels.next()).collect();
            assert!(given.iter().all(|label| LABELS.contains(label)), "{start}");
            assert!(given.iter().all(|label| !NAPT_PORTS.contains(label)), "{start}");
        }
    }
}
