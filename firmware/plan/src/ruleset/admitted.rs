//! What becomes of packets that are admitted: limits of their source, counts for their rows and hosts, their class.

use sekisho_design::{Class, Design, Limits};
use serde_json::Value;

use super::{
    CUT_OFF, caps,
    refusals::refuse,
    sets,
    words::{
        Key, accept, class_is, comes_more_often, count_by, from_link, goto, has_more_connections,
        is_first, rule, set_class, set_class_by, set_dscp, state_is, tcp_bare_acknowledgement,
        to_link,
    },
};
use crate::TUNNEL;

/// Packets and bytes into the tunnel, by account.
pub const ACCOUNT_UP: &str = "account-up";
/// Packets and bytes out of the tunnel, by account.
pub const ACCOUNT_DOWN: &str = "account-down";
/// Connections, by account; their first packets.
pub const ACCOUNT_OPENED: &str = "account-opened";
/// Packets and bytes into the tunnel, by LAN and host.
pub const HOST_UP: &str = "host-up";
/// Packets and bytes out of the tunnel, by LAN and host.
pub const HOST_DOWN: &str = "host-down";
/// What was refused of declared hosts, by LAN and host.
pub const HOST_REFUSED: &str = "host-refused";
/// What was refused of the platform's, by the global address that it was sent to.
pub const GLOBAL_REFUSED: &str = "global-refused";
/// Connections that a source has open.
const CONNECTIONS: &str = "connections";
/// How often a source opens connections.
const OPENINGS: &str = "openings";

/// How often a source opens connections to the device's own page.
pub(super) const PAGE_OPENINGS: &str = "page-openings";

/// Sets that the kernel fills by itself as packets come: meters, and counts that go on whatever the design becomes.
pub(super) const METERS: [(&str, &[&str]); 10] = [
    (ACCOUNT_UP, &["mark"]),
    (ACCOUNT_DOWN, &["mark"]),
    (ACCOUNT_OPENED, &["mark"]),
    (HOST_UP, &["mark", "ipv4_addr"]),
    (HOST_DOWN, &["mark", "ipv4_addr"]),
    (HOST_REFUSED, &["mark", "ipv4_addr"]),
    (GLOBAL_REFUSED, &["ipv4_addr"]),
    (CONNECTIONS, &["mark", "ipv4_addr"]),
    (OPENINGS, &["mark", "ipv4_addr"]),
    (PAGE_OPENINGS, &["mark", "ipv4_addr"]),
];

/// How far a source may be ahead of its rate of new connections: by two seconds' worth.
pub(super) const AHEAD: u32 = 2;

/// Whether a set is filled while the device runs, by the daemon or by the kernel, so that its elements are nothing of the
/// design's.
pub fn is_runtime_set(name: &str) -> bool {
    let meter = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    name == CUT_OFF
        || METERS.iter().any(|(meter, _)| *meter == name)
        || meter(caps::CAP_UP)
        || meter(caps::CAP_DOWN)
}

/// The chain that what a side may open comes to.
pub(super) fn admitted(side: &str) -> String {
    format!("admitted/{side}")
}

/// What one source may have open and may open, of all that it may.
pub(super) fn limits(limits: Limits, side: &str) -> Vec<Value> {
    let Limits { connections, new_per_second } = limits;
    let key = Key::LanSource;
    let burst = new_per_second.saturating_mul(AHEAD);
    vec![
        rule(&[
            is_first(),
            has_more_connections(key, CONNECTIONS, connections),
            refuse(side, "too-many-connections"),
        ]),
        rule(&[
            is_first(),
            comes_more_often(key, OPENINGS, new_per_second, burst),
            refuse(side, "too-many-openings"),
        ]),
        rule(&[accept()]),
    ]
}

/// What is forwarded, by the account of its connection: capped, counted, and given its class of traffic (R35 R64).
pub(super) fn account(design: &Design) -> Vec<Value> {
    let mut rules = caps::rules(design);
    rules.extend([
        rule(&[state_is(&["new"]), is_first(), count_by(Key::Account, ACCOUNT_OPENED)]),
        rule(&[set_class(Class::default())]),
        rule(&[set_class_by(Key::Account, sets::CLASS_OF_ACCOUNT)]),
        rule(&[to_link(&[TUNNEL]), goto("account/up")]),
        rule(&[from_link(&[TUNNEL]), goto("account/down")]),
    ]);
    rules
}

pub(super) fn account_up() -> Vec<Value> {
    let mut rules = vec![
        rule(&[count_by(Key::Account, ACCOUNT_UP)]),
        rule(&[count_by(Key::LanSource, HOST_UP)]),
    ];
    rules.extend(Class::ALL.map(|class| rule(&[class_is(class), set_dscp(class)])));
    // What acknowledges bulk from the platform doesn't wait behind bulk to it: late and in bursts, it would bring bursts.
    let [plain, short] = tcp_bare_acknowledgement();
    let bulk = class_is(Class::Bulk);
    rules.push(rule(&[bulk, plain, short, set_class(Class::default())]));
    rules
}

pub(super) fn account_down() -> Vec<Value> {
    vec![
        rule(&[count_by(Key::Account, ACCOUNT_DOWN)]),
        rule(&[count_by(Key::LanDestination, HOST_DOWN)]),
    ]
}
