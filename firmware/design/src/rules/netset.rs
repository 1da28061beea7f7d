//! Networks to look addresses up in.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// Networks in order, none inside another; a look-up takes log n.
#[derive(Debug)]
pub(crate) struct NetSet(Vec<Ipv4Net>);

impl NetSet {
    pub(crate) fn new(networks: impl IntoIterator<Item = Ipv4Net>) -> Self {
        let mut sorted: Vec<_> = networks.into_iter().collect();
        sorted.sort_by_key(|network| (network.network(), network.prefix_len()));
        let mut kept: Vec<Ipv4Net> = Vec::with_capacity(sorted.len());
        for network in sorted {
            if !kept.last().is_some_and(|last| last.contains(&network)) {
                kept.push(network);
            }
        }
        Self(kept)
    }

    /// The network that holds this whole one.
    pub(crate) fn around(&self, network: Ipv4Net) -> Option<Ipv4Net> {
        let after = self.0.partition_point(|kept| kept.network() <= network.network());
        self.0[..after].last().copied().filter(|kept| kept.contains(&network))
    }

    /// The first network that has an address in common with this one.
    pub(crate) fn overlapping(&self, network: Ipv4Net) -> Option<Ipv4Net> {
        let from = self.0.partition_point(|kept| kept.network() < network.network());
        let within = self.0.get(from).copied().filter(|kept| network.contains(kept));
        self.around(network).or(within)
    }

    /// Whether a network holds an address of this one.
    pub(crate) fn overlaps(&self, network: Ipv4Net) -> bool {
        self.overlapping(network).is_some()
    }

    /// The network that holds this address.
    pub(crate) fn around_address(&self, address: Ipv4Addr) -> Option<Ipv4Net> {
        self.around(address.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn network()(address in 0u32..1 << 12, prefix in 20u8..=32) -> Ipv4Net {
            Ipv4Net::new(address.into(), prefix).unwrap().trunc()
        }
    }

    proptest! {
        #[test]
        fn look_ups_agree_with_a_plain_search(
            networks in prop::collection::vec(network(), 0..20),
            wanted in network(),
        ) {
            let set = NetSet::new(networks.clone());
            let plain = networks.iter().filter(|n| n.contains(&wanted)).min_by_key(|n| n.prefix_len());
            prop_assert_eq!(set.around(wanted), plain.copied());
            let common = |n: &Ipv4Net| n.contains(&wanted) || wanted.contains(n);
            prop_assert_eq!(set.overlaps(wanted), networks.iter().any(common));
        }
    }
}
