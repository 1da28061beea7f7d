//! The search for a router.

use libtest_mimic::Trial;
use sekisho_selftest::probe::Seen;
use std::net::Ipv4Addr;
use tokio::time::Instant;

use crate::{
    namespace::trial,
    net::{Net, port1},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("router_that_leads_there_is_told_from_hosts_that_do_not", leading),
        trial("subnet_without_a_router_has_none", none),
    ]
}

fn there() -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 9, 9)
}

fn hosts(lasts: &[u8]) -> Vec<Ipv4Addr> {
    lasts.iter().map(|last| Ipv4Addr::new(192, 168, 1, *last)).collect()
}

async fn leading() {
    let mut net = Net::new();
    let router = net.host("192.168.1.254/24");
    router.shell("ip address add 10.9.9.9/32 dev lo; sysctl -qw net.ipv4.ip_forward=1");
    // A host that passes nothing on, one that passes on by a detour, and a router that leads elsewhere.
    let _plain = net.host("192.168.1.7/24");
    let detour = net.host("192.168.1.20/24");
    detour.shell("ip route add default via 192.168.1.254; sysctl -qw net.ipv4.ip_forward=1");
    let elsewhere = net.host("192.168.1.30/24");
    elsewhere.shell("ip route add unreachable default; sysctl -qw net.ipv4.ip_forward=1");
    let own = "192.168.1.1/24".parse().expect("an address");
    let begun = Instant::now();
    let seen = net.wires.routers(&port1(), own, there()).await;
    let expected = Seen::Routers { hosts: hosts(&[7, 20, 30, 254]), lead: hosts(&[254, 20]) };
    assert_eq!(seen, expected);
    assert!(begun.elapsed().as_millis() < 3000, "{:?}", begun.elapsed());
}

async fn none() {
    let net = Net::new();
    let own = "192.168.1.1/24".parse().expect("an address");
    let seen = net.wires.routers(&port1(), own, there()).await;
    assert_eq!(seen, Seen::Routers { hosts: Vec::new(), lead: Vec::new() });
    let absent = "port9".parse().expect("a name");
    let seen = net.wires.routers(&absent, own, there()).await;
    assert!(matches!(seen, Seen::Unable { .. }), "{seen:?}");
}
