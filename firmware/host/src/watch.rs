//! Word from the kernel that something changed which the device's design governs, whoever changed it.
//!
//! One change is told in many messages. They are gathered until the kernel has been silent for a moment, and told as
//! one. What changed is not read: whoever listens looks at the whole anyway, and so a message that was lost for want of
//! room costs nothing but its kind. Two sockets, no task; the sockets' queues are all that can grow, and the kernel bounds
//! them.

use std::{collections::BTreeSet, io, time::Duration};

use netlink_packet_core::NetlinkBuffer;
use netlink_sys::{
    AsyncSocket, AsyncSocketExt, TokioSocket,
    protocols::{NETLINK_NETFILTER, NETLINK_ROUTE},
};
use nix::libc::{
    ENOBUFS, RTM_DELADDR, RTM_DELLINK, RTM_DELQDISC, RTM_DELROUTE, RTM_DELRULE, RTM_DELTCLASS,
    RTM_NEWADDR, RTM_NEWLINK, RTM_NEWQDISC, RTM_NEWROUTE, RTM_NEWRULE, RTM_NEWTCLASS,
};
use rtnetlink::MulticastGroup;
use tokio::time::{Instant, sleep_until};

use crate::{
    HostError,
    framing::{LARGEST, frames},
};

/// What may have changed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Change {
    /// A link, its state or its carrier.
    Links,
    /// An IPv4 address.
    Addresses,
    /// An IPv4 route.
    Routes,
    /// An IPv4 policy rule.
    Rules,
    /// The queues in front of a link.
    Queues,
    /// Forwarding, reverse path filter and the few other settings that the kernel tells of. Writing the rest of
    /// `/proc/sys` is not told.
    Settings,
    /// A table of the packet filter, ours or another.
    Filter,
}

impl Change {
    /// All kinds: what is told when the kernel had to throw messages away.
    pub const ALL: [Self; 7] = [
        Self::Links,
        Self::Addresses,
        Self::Routes,
        Self::Rules,
        Self::Queues,
        Self::Settings,
        Self::Filter,
    ];
}

/// Listens to changes.
pub struct Watch {
    network: TokioSocket,
    filter: TokioSocket,
    buffer: Vec<u8>,
    gathered: BTreeSet<Change>,
    burst: Option<Burst>,
}

impl Watch {
    /// Starts to listen, in the network namespace of this thread.
    ///
    /// # Errors
    /// [`HostError::Events`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start() -> Result<Self, HostError> {
        let open = || {
            Ok(Self {
                network: join(NETLINK_ROUTE, &NETWORK)?,
                filter: join(NETLINK_NETFILTER, &[FILTER])?,
                buffer: Vec::with_capacity(LARGEST),
                gathered: BTreeSet::new(),
                burst: None,
            })
        };
        open().map_err(|source| HostError::Events { source })
    }

    /// Waits for the next burst of changes: it is over after 100 ms of silence, and told after a second at most. The
    /// caller's own changes are told as well, unless it [forgets](Watch::forget) them. Dropping a pending call loses
    /// nothing.
    ///
    /// # Errors
    /// [`HostError::Events`] where a socket itself fails.
    pub async fn next(&mut self) -> Result<BTreeSet<Change>, HostError> {
        loop {
            let due = self.burst.map(Burst::due);
            if due.is_some_and(|due| Instant::now() >= due) {
                self.burst = None;
                return Ok(std::mem::take(&mut self.gathered));
            }
            self.buffer.clear();
            let heard = tokio::select! {
                heard = self.network.recv(&mut self.buffer) => {
                    heard.map(|()| network_changes(&self.buffer))
                }
                heard = hear(&mut self.filter) => heard.map(|()| BTreeSet::from([Change::Filter])),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => continue,
            };
            let heard = match heard {
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => Change::ALL.into(),
                heard => heard.map_err(|source| HostError::Events { source })?,
            };
            if !heard.is_empty() {
                self.gathered.extend(heard);
                self.burst = Some(Burst::with(self.burst, Instant::now()));
            }
        }
    }

    /// Forgets what has happened up to now. Who changes something itself calls this after the change and *before* reading
    /// back: what others did until then is seen by the reading, and what they do after it is told.
    pub fn forget(&mut self) {
        for socket in [&self.network, &self.filter] {
            // Past the runtime, which may not know yet that something is there. Nor does it have to be read to the end:
            // whoever fills a queue faster than this can't be outrun.
            for _ in 0..MOST_FORGOTTEN {
                match socket.socket_ref().recv(&mut Vec::with_capacity(1), 0) {
                    Err(error) if error.raw_os_error() != Some(ENOBUFS) => break,
                    _ => {}
                }
            }
        }
        self.gathered.clear();
        self.burst = None;
    }
}

/// Silence that ends a burst.
const CALM: Duration = Duration::from_millis(100);

/// What doesn't come to rest is told all the same.
const LONGEST: Duration = Duration::from_secs(1);

/// Well above what the kernel keeps for one socket.
const MOST_FORGOTTEN: u32 = 100_000;

/// Groups of `NETLINK_ROUTE`.
const NETWORK: [u32; 6] = [
    MulticastGroup::Link as u32,
    MulticastGroup::Tc as u32,
    MulticastGroup::Ipv4Ifaddr as u32,
    MulticastGroup::Ipv4Route as u32,
    MulticastGroup::Ipv4Rule as u32,
    MulticastGroup::Ipv4Netconf as u32,
];

/// The group of `NETLINK_NETFILTER` that tells of rule sets (`NFNLGRP_NFTABLES`, nfnetlink.h).
const FILTER: u32 = 7;

/// `RTM_NEWNETCONF` and `RTM_DELNETCONF` (rtnetlink.h).
const NEW_SETTING: u16 = 80;
const GONE_SETTING: u16 = 81;

fn join(protocol: isize, groups: &[u32]) -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(protocol)?;
    socket.socket_mut().bind_auto()?;
    for group in groups {
        socket.socket_mut().add_membership(*group)?;
    }
    Ok(socket)
}

/// Takes one datagram, of which only its coming counts.
async fn hear(socket: &mut TokioSocket) -> io::Result<()> {
    let mut cut = Vec::with_capacity(1);
    socket.recv(&mut cut).await
}

/// The kinds of the messages of a datagram; all kinds where one can't be read.
fn network_changes(datagram: &[u8]) -> BTreeSet<Change> {
    let mut changes = BTreeSet::new();
    for frame in frames(datagram) {
        let Ok(frame) = frame else { return Change::ALL.into() };
        changes.extend(match NetlinkBuffer::new(frame).message_type() {
            RTM_NEWLINK | RTM_DELLINK => Some(Change::Links),
            RTM_NEWADDR | RTM_DELADDR => Some(Change::Addresses),
            RTM_NEWROUTE | RTM_DELROUTE => Some(Change::Routes),
            RTM_NEWRULE | RTM_DELRULE => Some(Change::Rules),
            RTM_NEWQDISC | RTM_DELQDISC | RTM_NEWTCLASS | RTM_DELTCLASS => Some(Change::Queues),
            NEW_SETTING | GONE_SETTING => Some(Change::Settings),
            _ => None,
        });
    }
    changes
}

/// Messages that are told as one.
#[derive(Clone, Copy, Debug)]
struct Burst {
    first: Instant,
    last: Instant,
}

impl Burst {
    fn with(burst: Option<Self>, now: Instant) -> Self {
        Self { first: burst.map_or(now, |burst| burst.first), last: now }
    }

    fn due(self) -> Instant {
        (self.last + CALM).min(self.first + LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16) -> Vec<u8> {
        let mut bytes = 16_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(16, 0);
        bytes
    }

    #[test]
    fn a_burst_ends_with_calm_and_lasts_no_longer_than_a_second() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let one = Burst::with(None, start);
        assert_eq!(one.due(), start + ms(100));
        let two = Burst::with(Some(one), start + ms(90));
        assert_eq!(two.due(), start + ms(190), "later messages put it off");
        let mut long = one;
        for at in (0..=2000).step_by(50) {
            long = Burst::with(Some(long), start + ms(at));
        }
        assert_eq!(long.due(), start + ms(1000), "but not for ever");
    }

    #[test]
    fn a_message_tells_its_kind() {
        let kinds = [
            ([RTM_NEWLINK, RTM_DELLINK], Change::Links),
            ([RTM_NEWADDR, RTM_DELADDR], Change::Addresses),
            ([RTM_NEWROUTE, RTM_DELROUTE], Change::Routes),
            ([RTM_NEWRULE, RTM_DELRULE], Change::Rules),
            ([RTM_NEWQDISC, RTM_DELQDISC], Change::Queues),
            ([RTM_NEWTCLASS, RTM_DELTCLASS], Change::Queues),
            ([NEW_SETTING, GONE_SETTING], Change::Settings),
        ];
        let mut all = Vec::new();
        for (numbers, change) in kinds {
            for number in numbers {
                assert_eq!(network_changes(&message(number)), [change].into(), "{number}");
                all.extend(message(number));
            }
        }
        let told = network_changes(&all);
        assert_eq!(told, kinds.map(|(_, change)| change).into(), "several in one datagram");
        assert_eq!(network_changes(&message(28)), [].into(), "a neighbour is no concern of ours");
    }

    #[test]
    fn what_cannot_be_read_may_be_anything() {
        let mut cut = message(RTM_NEWLINK);
        cut.extend([0xff; 5]);
        assert_eq!(network_changes(&cut), Change::ALL.into());
    }
}
