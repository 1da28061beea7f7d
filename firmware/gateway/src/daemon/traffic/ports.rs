//! Ports of shared addresses that connections use, each counted once. 16 KB an address, however many connections there are.

use std::{collections::BTreeMap, net::Ipv4Addr};

use sekisho_control::PortsInUse;
use sekisho_host::{Detail, Ends, Flow};

/// Protocol numbers (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A bit for each port.
type Bits = Box<[u64; 1024]>;

/// Ports of some addresses.
#[derive(Debug)]
pub(super) struct Ports {
    seen: BTreeMap<Ipv4Addr, [Bits; 2]>,
}

impl Ports {
    /// None yet, of these addresses.
    pub(super) fn of(addresses: impl Iterator<Item = Ipv4Addr>) -> Self {
        let none = || [Box::new([0; 1024]), Box::new([0; 1024])];
        Self { seen: addresses.map(|address| (address, none())).collect() }
    }

    /// Whether they are of the same addresses.
    pub(super) fn are_of(&self, others: &BTreeMap<Ipv4Addr, PortsInUse>) -> bool {
        self.seen.keys().eq(others.keys())
    }

    /// Takes the port that a connection was given: answers come to it.
    pub(super) fn note(&mut self, flow: &Flow) {
        let Ends { destination, detail: Detail::Ports { destination: port, .. }, .. } = flow.reply
        else {
            return;
        };
        let Some([tcp, udp]) = self.seen.get_mut(&destination) else { return };
        let bits = match flow.protocol {
            TCP => tcp,
            UDP => udp,
            _ => return,
        };
        bits[usize::from(port / 64)] |= 1 << (port % 64);
    }

    /// How many there are.
    pub(super) fn in_use(&self) -> BTreeMap<Ipv4Addr, PortsInUse> {
        let count = |bits: &Bits| bits.iter().map(|word| word.count_ones()).sum();
        let both = |[tcp, udp]: &[Bits; 2]| PortsInUse { tcp: count(tcp), udp: count(udp) };
        self.seen.iter().map(|(address, bits)| (*address, both(bits))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_counts_once_for_its_address_and_protocol() {
        let [shared, other] = [[100, 64, 10, 31], [100, 64, 10, 11]].map(Ipv4Addr::from);
        let mut ports = Ports::of([shared].into_iter());
        let flow = |protocol, destination, detail| {
            let ends = |destination| Ends { source: [100, 72, 1, 10].into(), destination, detail };
            Flow { zone: 1, protocol, original: ends(other), reply: ends(destination) }
        };
        let at = |destination| Detail::Ports { source: 443, destination };
        for (protocol, address, detail) in [
            (TCP, shared, at(1024)),
            (TCP, shared, at(1024)),
            (TCP, shared, at(61_999)),
            (TCP, shared, at(65_535)),
            (UDP, shared, at(1024)),
            (TCP, other, at(1025)),
            (132, shared, at(1026)),
            (1, shared, Detail::Icmp { kind: 0 }),
            (TCP, shared, Detail::Other),
        ] {
            ports.note(&flow(protocol, address, detail));
        }
        let in_use = ports.in_use();
        assert_eq!(in_use, BTreeMap::from([(shared, PortsInUse { tcp: 3, udp: 1 })]));
        assert!(ports.are_of(&in_use));
        assert!(!ports.are_of(&BTreeMap::new()));
    }
}
