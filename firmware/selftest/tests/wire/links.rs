//! Links, and who has an address.

use std::net::Ipv4Addr;

use libtest_mimic::Trial;
use sekisho_selftest::probe::{Link, Seen};

use crate::{
    namespace::{shell, trial},
    net::{Net, OWN, SERVER, port1},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("link_is_seen_as_it_is", link), trial("who_has_an_address_is_seen", holders)]
}

async fn link() {
    let net = Net::new();
    let absent = net.wires.link(&"port9".parse().expect("a name")).await;
    assert_eq!(absent, Seen::Link(Link::default()));
    let Seen::Link(link) = net.wires.link(&port1()).await else { panic!("no link") };
    assert!(link.present && link.up && link.carrier, "{link:?}");
    assert_eq!((link.full_duplex, link.damaged, link.late_collisions), (Some(true), 0, 0));
    shell("ip link set port1 down");
    let down = Seen::Link(Link { present: true, ..Link::default() });
    assert_eq!(net.wires.link(&port1()).await, down);
    for seen in [net.wires.holder(&port1(), OWN).await, net.wires.arp(&port1(), OWN, SERVER).await]
    {
        let Seen::Unable { why } = seen else { panic!("{seen:?}") };
        assert!(why.contains("port1"), "{why}");
    }
}

async fn holders() {
    let mut net = Net::new();
    let server = net.server();
    let mac = server.shell("ip -br link show eth0");
    for from in [OWN, Ipv4Addr::UNSPECIFIED] {
        let Seen::Holder(Some(found)) = net.wires.arp(&port1(), from, SERVER).await else {
            panic!("nobody")
        };
        assert!(mac.contains(&found.to_string()), "{mac} {found}");
    }
    let nobody = Ipv4Addr::new(192, 168, 1, 99);
    assert_eq!(net.wires.arp(&port1(), OWN, nobody).await, Seen::Holder(None));
    assert_eq!(net.wires.holder(&port1(), OWN).await, Seen::Holder(None));
    let _other = net.host("192.168.1.1/24");
    let seen = net.wires.holder(&port1(), OWN).await;
    assert!(matches!(seen, Seen::Holder(Some(_))), "{seen:?}");
}
