//! From rows that may overlap to ranges that don't: the kernel's interval sets refuse elements that overlap.

use std::{collections::BTreeMap, net::Ipv4Addr, ops::RangeInclusive};

use ipnet::Ipv4Net;
use sekisho_design::Service;

/// Protocol numbers (IANA).
pub(crate) const TCP: u32 = 6;
pub(crate) const UDP: u32 = 17;

/// Addresses from first to last, both included.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct AddressRange {
    /// First address.
    pub(crate) first: Ipv4Addr,
    /// Last address, not below the first.
    pub(crate) last: Ipv4Addr,
}

impl From<Ipv4Net> for AddressRange {
    fn from(net: Ipv4Net) -> Self {
        Self { first: net.network(), last: net.broadcast() }
    }
}

impl From<Ipv4Addr> for AddressRange {
    fn from(address: Ipv4Addr) -> Self {
        Self { first: address, last: address }
    }
}

/// Services without order or overlap.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Services {
    tcp: Vec<RangeInclusive<u16>>,
    udp: Vec<RangeInclusive<u16>>,
    /// Whether ICMP echo is among them.
    pub(crate) echo: bool,
}

impl Services {
    /// The union of any number of services.
    pub(crate) fn union<'a>(services: impl IntoIterator<Item = &'a Service>) -> Self {
        let mut union = Self::default();
        for service in services {
            match service {
                Service::Tcp(ports) => union.tcp.push(ports.first()..=ports.last()),
                Service::Udp(ports) => union.udp.push(ports.first()..=ports.last()),
                Service::IcmpEcho => union.echo = true,
            }
        }
        union.merged()
    }

    /// The union of unions.
    pub(crate) fn union_of<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut union = Self::default();
        for services in all {
            union.tcp.extend_from_slice(&services.tcp);
            union.udp.extend_from_slice(&services.udp);
            union.echo |= services.echo;
        }
        union.merged()
    }

    fn merged(mut self) -> Self {
        self.tcp = merge_ports(self.tcp);
        self.udp = merge_ports(self.udp);
        self
    }

    /// Protocols with their port ranges.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (u32, &RangeInclusive<u16>)> {
        self.tcp.iter().map(|ports| (TCP, ports)).chain(self.udp.iter().map(|ports| (UDP, ports)))
    }
}

fn merge_ports(mut ranges: Vec<RangeInclusive<u16>>) -> Vec<RangeInclusive<u16>> {
    ranges.sort_by_key(|range| *range.start());
    let mut merged: Vec<RangeInclusive<u16>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if u32::from(*range.start()) <= u32::from(*last.end()) + 1 => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Cuts rows at each other's ends and gives each piece the value that `combine` makes of the rows that cover it, in
/// their order. Neighbouring pieces of equal value become one. O(n log n) for rows that overlap little.
pub(crate) fn flatten<T, V: PartialEq>(
    rows: &[(AddressRange, T)],
    combine: impl Fn(&[&T]) -> Option<V>,
) -> Vec<(AddressRange, V)> {
    // Where rows begin and end, in 64 bits: the end after 255.255.255.255 has to fit.
    let mut edges: BTreeMap<u64, Vec<(usize, bool)>> = BTreeMap::new();
    for (index, (range, _)) in rows.iter().enumerate() {
        edges.entry(u64::from(range.first.to_bits())).or_default().push((index, true));
        edges.entry(u64::from(range.last.to_bits()) + 1).or_default().push((index, false));
    }
    let mut covering: BTreeMap<usize, &T> = BTreeMap::new();
    let mut pieces: Vec<(u64, u64, V)> = Vec::new();
    let mut starts = edges.iter().peekable();
    while let Some((&start, changes)) = starts.next() {
        for &(index, begins) in changes {
            if begins {
                covering.insert(index, &rows[index].1);
            } else {
                covering.remove(&index);
            }
        }
        let Some(&(&end, _)) = starts.peek() else { break };
        if covering.is_empty() {
            continue;
        }
        let Some(value) = combine(&covering.values().copied().collect::<Vec<_>>()) else {
            continue;
        };
        match pieces.last_mut() {
            Some((_, last, held)) if *last == start && *held == value => *last = end,
            _ => pieces.push((start, end, value)),
        }
    }
    pieces.into_iter().map(|(start, end, value)| (range(start, end - 1), value)).collect()
}

/// The union of ranges, without overlap.
pub(crate) fn union(ranges: impl IntoIterator<Item = AddressRange>) -> Vec<AddressRange> {
    let rows: Vec<_> = ranges.into_iter().map(|range| (range, ())).collect();
    flatten(&rows, |_| Some(())).into_iter().map(|(range, ())| range).collect()
}

fn range(first: u64, last: u64) -> AddressRange {
    // Both come from 32-bit addresses, so nothing is cut.
    let address = |bits: u64| Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX));
    AddressRange { first: address(first), last: address(last) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> AddressRange {
        text.parse::<Ipv4Net>().unwrap().into()
    }

    #[test]
    fn ports_that_touch_or_overlap_become_one() {
        let services: Vec<Service> =
            ["tcp/80", "tcp/81-90", "tcp/85-100", "tcp/443", "udp/53", "icmp-echo"]
                .map(|text| text.parse().unwrap())
                .to_vec();
        let union = Services::union(&services);
        assert_eq!(
            union.ports().collect::<Vec<_>>(),
            [(TCP, &(80..=100)), (TCP, &(443..=443)), (UDP, &(53..=53))]
        );
        assert!(union.echo);
    }

    #[test]
    fn an_inner_row_cuts_the_outer_one() {
        let rows = [(net("192.168.1.0/24"), 1), (net("192.168.1.10/32"), 2)];
        let pieces = flatten(&rows, |covering| covering.iter().copied().max().copied());
        let text: Vec<_> =
            pieces.iter().map(|(r, v)| (r.first.to_string(), r.last.to_string(), *v)).collect();
        assert_eq!(
            text,
            [
                ("192.168.1.0".into(), "192.168.1.9".into(), 1),
                ("192.168.1.10".into(), "192.168.1.10".into(), 2),
                ("192.168.1.11".into(), "192.168.1.255".into(), 1),
            ]
        );
    }

    #[test]
    fn the_whole_address_space_fits() {
        assert_eq!(union([net("0.0.0.0/0"), net("255.255.255.255/32")]), [net("0.0.0.0/0")]);
    }

    proptest! {
        #[test]
        fn every_address_keeps_its_value(
            rows in prop::collection::vec((0u32..200, 0u32..60, 0u8..4), 0..12),
            probe in 0u32..300,
        ) {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(first, len, value)| {
                    let range = AddressRange {
                        first: Ipv4Addr::from_bits(first),
                        last: Ipv4Addr::from_bits(first + len),
                    };
                    (range, value)
                })
                .collect();
            let sum = |values: &[&u8]| Some(values.iter().map(|v| u32::from(**v) + 1).sum::<u32>());
            let pieces = flatten(&rows, sum);
            prop_assert!(pieces.windows(2).all(|pair| pair[0].0.last < pair[1].0.first));
            let probe = Ipv4Addr::from_bits(probe);
            let covers = |range: &AddressRange| range.first <= probe && probe <= range.last;
            let expected: u32 =
                rows.iter().filter(|(range, _)| covers(range)).map(|(_, v)| u32::from(*v) + 1).sum();
            let found = pieces.iter().find(|(range, _)| covers(range)).map_or(0, |(_, value)| *value);
            prop_assert_eq!(found, expected);
        }
    }
}
