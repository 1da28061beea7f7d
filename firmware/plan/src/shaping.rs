//! How the line is divided: upwards in front of the tunnel device, downwards in front of each LAN port (R35 R44 R49 R59).
//!
//! A queue builds up in front of the slowest place. Where that is the line, it is first come, first served; so the
//! slowest place is made to be here, a little under the line's rate. What each class has for sure is its share; what
//! one leaves, the others borrow, the most urgent first.
//!
//! ```text
//! 1:  htb; packets without a class upwards in 1:20, downwards past all of it
//! └─ 1:1  the whole: upwards the line, downwards the LAN's share of it
//!    ├─ 1:10  online  prio 0
//!    ├─ 1:20  normal  prio 1
//!    └─ 1:30  bulk    prio 2
//! ```

use std::collections::BTreeMap;

use sekisho_design::{Class, Design, LineRate, PortName, Traffic, lan_shares};

use crate::{
    desired::{ETHERNET_MTU, tunnel_mtu, tunnel_name},
    state::{Leaf, QueueClass, Queues, Rate},
};

/// The major number of all handles.
pub const MAJOR: u16 = 1;

/// The minor number of the class that all others borrow from.
pub const WHOLE: u16 = 1;

/// The handle of a class's queue, major and minor number: what `meta priority` of its packets is. Written `1:10`, `1:20` and
/// `1:30`, in hexadecimal, by `tc` and `nft`.
pub const fn class_handle(class: Class) -> (u16, u16) {
    let minor = match class {
        Class::Online => 0x10,
        Class::Normal => 0x20,
        Class::Bulk => 0x30,
    };
    (MAJOR, minor)
}

/// A class's handle as `tc` and `nft` write it.
pub fn written(class: Class) -> String {
    let (major, minor) = class_handle(class);
    format!("{major:x}:{minor:x}")
}

/// A class's handle as the kernel keeps it with a packet.
pub fn number(class: Class) -> u32 {
    let (major, minor) = class_handle(class);
    u32::from(major) << 16 | u32::from(minor)
}

/// The class of a handle as it is written.
pub fn class_of(handle: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| written(*class) == handle)
}

/// What the line carries for a packet beyond its IP length: WireGuard's header and tag (16 + 16), UDP and IP (8 + 20), the
/// Ethernet header and check sum (14 + 4), preamble and gap (8 + 12).
const ON_THE_LINE: u16 = 98;

/// What the kernel counts of it by itself on an Ethernet port.
const ETHERNET_HEADER: u16 = 14;

/// How much of the line is used upwards, in percent. The rest is for what the queues don't see (probes, handshakes, DNS
/// and NTP on LGWAN), and for a line that isn't as fast as it is called: what it lacks would queue up in front of it,
/// where nobody is first.
const USED_UP: u64 = 97;

/// How much of the line is used downwards, in percent. What comes has passed the line already, and its senders slow
/// down only when something of it is dropped here, a round trip later. What they have sent too much until then waits in
/// front of the line, and that queue gets shorter only by what is left here.
const USED_DOWN: u64 = 85;

/// How much less is used where packets stay together and are counted as one: what the tunnel adds to the others, 98 bytes to
/// 1420, isn't counted.
const UNCOUNTED: u64 = 7;

/// From this rate on, in bits a second, packets stay as segmentation offload has put them together, 64 KB at most: that
/// is under 3 ms of the line. On a slower one it would be 52 ms at 10 Mbit/s, which the counter would wait for.
const WHOLE_FROM: u64 = 200_000_000;

/// The longest that segmentation offload puts together, in bytes.
const SUPERPACKET: u32 = 65_536;

/// How much a queue holds: what the whole link sends in this many milliseconds. A class that has no more than its share
/// empties it the slower, by 100 / share. Bulk's is short, so that its senders are told early; the others' are for
/// bursts that come at the line's rate to a LAN with a small share of it.
const fn queue_ms(class: Class) -> u64 {
    match class {
        Class::Online => 200,
        Class::Normal => 100,
        Class::Bulk => 30,
    }
}

/// A queue holds this many packets however slow the link: a request begins with ten at once (RFC 6928).
const LEAST_PACKETS: u32 = 10;

/// A queue never holds more, in bytes: the box's memory is for other things, too.
const MOST_BYTES: u32 = 16 << 20;

/// A class that others borrow from never sends by itself. Always the same: the kernel wouldn't change it in place.
const UNUSED_QUANTUM: u32 = 1500;

/// What is saved up while the kernel's timer is late, in microseconds.
const BURST_US: u64 = 2_000;

/// The longest that anything is saved up, in microseconds; the kernel itself forgets debts after this time.
const LONGEST_BURST_US: u64 = 60_000_000;

/// The queues of a design, by link; none where the line's rate isn't known.
pub fn queues(design: &Design) -> BTreeMap<PortName, Queues> {
    let Some(rate) = design.lgwan.line_rate else { return BTreeMap::new() };
    let shares = lan_shares(&design.lans);
    let lans = design.lans.iter().filter_map(|(lan, interface)| {
        let link = Link {
            percent: u64::from(*shares.get(lan)?),
            used: USED_DOWN,
            // Every forwarded packet has a class. The device's own answers haven't come over the line.
            default: None,
            overhead: ON_THE_LINE - ETHERNET_HEADER,
            longest: ETHERNET_MTU + u32::from(ETHERNET_HEADER),
        };
        Some((interface.port.clone(), link.queues(rate, design.traffic)))
    });
    let tunnel = Link {
        percent: 100,
        used: USED_UP,
        default: Some(class_handle(Class::Normal).1),
        overhead: ON_THE_LINE,
        longest: tunnel_mtu(design),
    };
    lans.chain([(tunnel_name(), tunnel.queues(rate, design.traffic))]).collect()
}

/// What the queues of a link depend on beside the line.
struct Link {
    /// Its part of the line.
    percent: u64,
    /// How much of that is used, in percent.
    used: u64,
    /// As of [`Queues::default`].
    default: Option<u16>,
    /// What the line carries for a packet beyond what the kernel counts, in bytes.
    overhead: u16,
    /// Its longest packet as the kernel counts it, in bytes.
    longest: u32,
}

impl Link {
    fn queues(&self, line: LineRate, traffic: Traffic) -> Queues {
        let together = line.bits_per_second() >= WHOLE_FROM;
        let used = if together { self.used - UNCOUNTED } else { self.used };
        let longest = if together { SUPERPACKET } else { self.longest };
        let whole = line.bits_per_second() / 8 * used / 100 * self.percent / 100;
        let rate = |bytes_per_second: u64| {
            let bytes_per_second = bytes_per_second.max(1);
            let packet =
                u64::from(longest + u32::from(self.overhead)) * 1_000_000 / bytes_per_second;
            let burst = packet.clamp(BURST_US, LONGEST_BURST_US);
            Rate { bytes_per_second, burst_us: u32::try_from(burst).unwrap_or(u32::MAX) }
        };
        let leaf = |class| {
            let bytes = u32::try_from(whole * queue_ms(class) / 1000).unwrap_or(u32::MAX);
            let bytes = bytes.clamp(longest * LEAST_PACKETS, MOST_BYTES);
            if together { Leaf::Fifo { bytes } } else { Leaf::Cutting { bytes, longest } }
        };
        let class = |parent, priority, guaranteed, leaf: Option<Leaf>| QueueClass {
            parent,
            priority,
            guaranteed: rate(guaranteed),
            most: rate(whole),
            overhead: self.overhead,
            quantum: if leaf.is_some() { longest } else { UNUSED_QUANTUM },
            leaf,
        };
        let leaves = (0..).zip(Class::ALL).map(|(priority, name)| {
            let guaranteed = whole * u64::from(traffic.shares.of(name)) / 100;
            (class_handle(name).1, class(Some(WHOLE), priority, guaranteed, Some(leaf(name))))
        });
        Queues {
            default: self.default,
            classes: leaves.chain([(WHOLE, class(None, 0, whole, None))]).collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
