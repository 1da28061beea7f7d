//! What each host of a row may send and may get (R64): a meter for each rate that the design names.

use std::{collections::BTreeMap, net::Ipv4Addr};

use sekisho_design::{Design, Lan};
use serde_json::Value;

use super::{
    refusals::OVER_CAP,
    sets::{Sets, add, exact_set, interval_set, mark},
    words::{Key, comes_faster, count, drop, from_link, in_set, joined, range, rule, to_link},
};
use crate::{
    TUNNEL,
    permit::{AddressRange, flatten},
};

/// Hosts of a LAN that one rate caps: the set's name ends in the rate, in bits a second.
const CAPPED: &str = "capped";
/// How fast each of them sends, and gets; the names end alike.
pub(super) const CAP_UP: &str = "cap-up";
pub(super) const CAP_DOWN: &str = "cap-down";

/// A capped host may be ahead of its rate by a second, which the kernel's limit always grants, and by this more: a tenth of
/// a second, ten full packets at least.
const BURST: (u64, u64) = (10, 15_000);

/// The hosts of each rate, and their meters.
pub(super) fn caps(design: &Design, sets: &mut Sets) {
    for (rate, hosts) in by_rate(design) {
        let key = ["mark", "ipv4_addr"];
        let hosts = hosts.into_iter().map(|(lan, hosts)| joined(vec![mark(lan), range(hosts)]));
        add(sets, &format!("{CAPPED}/{rate}"), interval_set(&key), hosts);
        for meter in [CAP_UP, CAP_DOWN] {
            add(sets, &format!("{meter}/{rate}"), exact_set(&key), []);
        }
    }
}

/// The rules that keep the rates.
pub(super) fn rules(design: &Design) -> Vec<Value> {
    let ways = [
        (to_link as fn(&[&str]) -> Value, Key::LanSource, CAP_UP),
        (from_link, Key::LanDestination, CAP_DOWN),
    ];
    let rates = by_rate(design).into_keys();
    rates
        .flat_map(|rate| {
            ways.map(|(through, key, meter)| {
                let bytes = rate / 8;
                let (fraction, least) = BURST;
                rule(&[
                    through(&[TUNNEL]),
                    in_set(key, &format!("{CAPPED}/{rate}")),
                    comes_faster(
                        key,
                        &format!("{meter}/{rate}"),
                        bytes,
                        (bytes / fraction).max(least),
                    ),
                    count(OVER_CAP),
                    drop(),
                ])
            })
        })
        .collect()
}

type Hosts = Vec<(Lan, AddressRange)>;

fn by_rate(design: &Design) -> BTreeMap<u64, Hosts> {
    let mut by_rate: BTreeMap<u64, Hosts> = BTreeMap::new();
    for lan in design.lans.keys() {
        let rows: Vec<_> = design
            .terminals
            .iter()
            .filter(|row| row.lan == *lan)
            .flat_map(|row| row.from.iter().map(|from| (AddressRange::from(*from), row.cap)))
            .collect();
        // A server in the midst of them has no cap.
        let servers = design.servers.iter().filter(|row| row.lan == *lan);
        let free: Vec<Ipv4Addr> = servers.map(|row| row.private.get()).collect();
        let free = free.into_iter().map(|host| (AddressRange::from(host), None));
        let rows: Vec<_> = free.chain(rows).collect();
        for (hosts, cap) in flatten(&rows, |caps| caps.first().and_then(|cap| **cap)) {
            by_rate.entry(cap.bits_per_second()).or_default().push((*lan, hosts));
        }
    }
    by_rate
}
