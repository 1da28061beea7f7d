//! What is refused, by side and rule: each refusal has a chain and a counter of its own.

use nftables::types::RejectCode;
use sekisho_design::Design;
use serde_json::{Map, Value};

use super::{
    GLOBAL_REFUSED, HOST_REFUSED,
    words::{Key, accept, at_most, count, count_by, drop, goto, log, reject, rule},
};
use crate::table::{Chain, Table};

/// The netlink log group that refusals are sent to.
pub const LOG_GROUP: u16 = 83;

/// Log lines a second, and in a burst, of each refusal. Counters go on without bound.
const LOG_RATE: (u32, u32) = (10, 20);

/// Bytes of a refused packet that the log carries: an IPv4 header with options and the ports.
const LOG_BYTES: u32 = 64;

/// What happens to a refused packet.
#[derive(Clone, Copy)]
enum Refusal {
    /// It vanishes: the sender isn't ours, or forged.
    Drop,
    /// The sender is told that the rules forbid it, so that its program fails at once.
    Prohibited,
    /// The sender is told that the other side can't be reached now.
    Unreachable,
    /// The routing that follows tells the sender that there is no way: see [`super::destination`].
    NoRoute,
}

/// What a LAN's hosts may be refused for.
const LAN_REFUSALS: [(&str, Refusal); 10] = [
    ("spoofed-source", Refusal::Drop),
    ("invalid", Refusal::Drop),
    ("undeclared-destination", Refusal::NoRoute),
    ("undeclared-source", Refusal::Prohibited),
    ("undeclared-service", Refusal::Prohibited),
    ("crossing", Refusal::Prohibited),
    ("too-many-connections", Refusal::Prohibited),
    ("too-many-openings", Refusal::Prohibited),
    ("tunnel-down", Refusal::Unreachable),
    ("device", Refusal::Drop),
];

/// What the other sides may be refused for. Nobody there learns anything from the device.
const OTHER_REFUSALS: [(&str, &[&str]); 4] = [
    (
        "platform",
        &[
            "spoofed-source",
            "invalid",
            "undeclared-address",
            "one-way",
            "undeclared-service",
            "crossing",
            "too-many-connections",
            "too-many-openings",
            "device",
            "untranslated",
        ],
    ),
    ("lgwan", &["unexpected", "egress"]),
    ("maintenance", &["spoofed-source", "undeclared-destination", "too-many-openings", "device"]),
    ("device", &["forward", "egress"]),
];

/// The counter of broadcasts and multicasts.
pub(super) const BROADCAST: &str = "any/broadcast";

/// The counter of what hosts sent or got beyond their cap.
pub(super) const OVER_CAP: &str = "any/over-cap";

/// The verdict that refuses a packet of a side by a rule.
pub(super) fn refuse(side: &str, rule: &str) -> Value {
    goto(&format!("refuse/{side}/{rule}"))
}

/// Adds the chain and the counter of every refusal that a design can come to.
pub(super) fn chains(design: &Design, table: &mut Table) {
    let lans = design
        .lans
        .keys()
        .flat_map(|lan| LAN_REFUSALS.map(|(rule, how)| (lan.as_str(), rule, how)));
    let others = OTHER_REFUSALS
        .iter()
        .flat_map(|(side, rules)| rules.iter().map(|rule| (*side, *rule, Refusal::Drop)));
    for (side, name, how) in lans.chain(others) {
        let counter = format!("{side}/{name}");
        let verdict = match how {
            Refusal::Drop => drop(),
            Refusal::Prohibited => reject(RejectCode::AdminProhibited),
            Refusal::Unreachable => reject(RejectCode::HostUnreach),
            Refusal::NoRoute => accept(),
        };
        let counted_for = counted_for(side, name);
        let mut rules: Vec<_> =
            counted_for.map(|(key, set)| rule(&[count_by(key, set)])).into_iter().collect();
        rules.extend([
            rule(&[
                count(&counter),
                at_most(LOG_RATE.0, LOG_RATE.1),
                log(&counter, LOG_GROUP, LOG_BYTES),
            ]),
            rule(&[verdict]),
        ]);
        let chain = Chain { declaration: Map::new(), rules };
        table.chains.insert(format!("refuse/{counter}"), chain);
        table.counters.insert(counter);
    }
    // Broadcasts are daily life on a LAN, and so is a capped host that wants more: counted, not logged.
    table.counters.extend([BROADCAST, OVER_CAP].map(str::to_owned));
}

/// Whose refusal it is: a declared host's, or that of a global address which the platform spoke to. What comes before
/// conntrack, and what nobody declared, is of no row.
fn counted_for(side: &str, rule: &str) -> Option<(Key, &'static str)> {
    match (side, rule) {
        (
            "platform",
            "one-way"
            | "undeclared-service"
            | "crossing"
            | "too-many-connections"
            | "too-many-openings",
        ) => Some((Key::OriginalDestination, GLOBAL_REFUSED)),
        ("platform" | "lgwan" | "maintenance" | "device", _) => None,
        (
            _,
            "undeclared-service"
            | "crossing"
            | "tunnel-down"
            | "too-many-connections"
            | "too-many-openings",
        ) => Some((Key::LanSource, HOST_REFUSED)),
        _ => None,
    }
}
