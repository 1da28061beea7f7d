//! Links, ARP and packets past the kernel's rules, with hosts at the other end of the wire.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use nix::libc::ENETDOWN;
use sekisho_design::Duplex;
use sekisho_host::{
    HostError, IcmpError, Line, RawWire, bind_udp, icmp_error,
    neighbour::{ArpEars, scan},
    ports::Links,
    want_icmp_errors,
};
use tokio::time::{sleep, timeout};

use crate::{
    aids::{plug, port},
    namespace::{shell, trial},
    neighbour::{Host, up},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("subnet_is_asked_for_within_a_second", subnet),
        trial("one_without_an_address_is_answered_as_well", without_address),
        trial("dark_port_is_told_and_not_taken_for_silence", dark),
        trial("ears_hear_whom_a_host_looks_for", ears),
        trial("raw_wire_hears_its_own_address_and_ports_only", raw),
        trial("line_says_what_the_port_is", line),
        trial("icmp_error_says_who_sent_it", icmp),
    ]
}

const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 7);

async fn far() -> Host {
    plug();
    up(&["port1"]);
    let host = Host::at("far1").await;
    host.shell("ip address add 192.168.1.7/24 dev far1");
    host
}

async fn subnet() {
    let host = far().await;
    host.shell("ip address add 192.168.1.254/24 dev far1");
    let wanted: BTreeSet<_> = (2..=254).map(|last| Ipv4Addr::new(192, 168, 1, last)).collect();
    let begun = Instant::now();
    let found = scan(&port("port1"), OWN, &wanted).await.expect("asked");
    assert!(begun.elapsed() < Duration::from_millis(1400), "{:?}", begun.elapsed());
    let found: Vec<_> = found.into_iter().map(|(host, mac)| (host, mac.to_string())).collect();
    let mac = host.mac("far1");
    assert_eq!(found, [(FAR, mac.clone()), (Ipv4Addr::new(192, 168, 1, 254), mac)]);
}

async fn without_address() {
    let host = far().await;
    let begun = Instant::now();
    let found = scan(&port("port1"), Ipv4Addr::UNSPECIFIED, &[FAR].into()).await.expect("asked");
    assert_eq!(found[&FAR].to_string(), host.mac("far1"));
    assert!(begun.elapsed() < Duration::from_millis(400), "no longer than the answer takes");
    let none = scan(&port("port1"), OWN, &[].into()).await.expect("nobody asked");
    assert!(none.is_empty());
}

async fn dark() {
    plug();
    up(&["port2"]);
    shell("ip link set far2 down");
    // port1 is down; port2 is up, and its cable ends in nothing.
    for dark in ["port1", "port2"] {
        let errors = [
            scan(&port(dark), OWN, &[FAR].into()).await.expect_err("dark"),
            ArpEars::open(&port(dark)).expect_err("dark"),
            RawWire::open(&port(dark), OWN, 62_000).expect_err("dark"),
        ];
        for error in errors {
            assert!(error.to_string().contains(dark), "{error}");
            assert!(matches!(error, HostError::Neighbours { .. }), "{error}");
        }
    }
    let error = scan(&port("port3"), OWN, &[FAR].into()).await.expect_err("no such port");
    assert!(matches!(error, HostError::NoSuchLink { .. }), "{error}");
}

async fn ears() {
    let host = far().await;
    let mac = scan(&port("port1"), OWN, &[FAR].into()).await.expect("asked")[&FAR];
    let ears = ArpEars::open(&port("port1")).expect("ears");
    assert_eq!(ears.asked_for_by(mac, OWN), None);
    host.shell("ip route add default via 192.168.1.99");
    // A datagram for us, one for a host of the same wire, and two by the gateway that isn't there.
    for to in ["192.168.1.1", "192.168.1.50", "10.0.0.1", "10.0.0.2"] {
        host.shell(&format!("bash -c \"echo hello > /dev/udp/{to}/9\""));
    }
    sleep(Duration::from_millis(2500)).await;
    let asked = ears.asked_for_by(mac, OWN).expect("heard");
    assert!(["192.168.1.50", "192.168.1.99"].contains(&asked.to_string().as_str()), "{asked}");
    assert_eq!(ears.asked_for_by(mac, OWN), None, "forgotten");
}

/// A datagram's header fields that matter here: where to, and the ports of what is inside.
fn ends(packet: &[u8]) -> (u8, [u8; 4], u16) {
    let to = [packet[16], packet[17], packet[18], packet[19]];
    (packet[9], to, u16::from_be_bytes([packet[22], packet[23]]))
}

async fn raw() {
    let host = far().await;
    shell("ip address add 192.168.1.1/24 dev port1; ip address add 192.168.1.2/24 dev port1");
    let mut wire = RawWire::open(&port("port1"), OWN, 62_000).expect("a wire");
    for (to, number) in
        [(OWN, 61_999), ("192.168.1.2".parse().expect("one"), 62_000), (OWN, 62_000)]
    {
        host.shell(&format!("bash -c \"echo hello > /dev/udp/{to}/{number}\""));
    }
    let heard = timeout(Duration::from_secs(2), wire.receive()).await.expect("in time");
    let (mac, packet) = heard.expect("heard");
    assert_eq!((mac.to_string(), ends(packet)), (host.mac("far1"), (17, OWN.octets(), 62_000)));
    // An echo request of 28 bytes, sent by hand; the kernel over there answers it.
    let echo = [
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0xf7, 0x87, 192, 168, 1, 1, 192, 168, 1, 7, 8, 0, 0xf7,
        0xfd, 0, 1, 0, 1,
    ];
    wire.send(mac, &echo).await.expect("sent");
    let heard = timeout(Duration::from_secs(2), wire.receive()).await.expect("in time");
    let (_, packet) = heard.expect("heard");
    assert_eq!((packet[9], packet[20]), (1, 0), "ICMP echo reply");
    shell("ip link set port1 down");
    let error = wire.send(mac, &echo).await.expect_err("down");
    assert_eq!(error.raw_os_error(), Some(ENETDOWN));
    let late = timeout(Duration::from_secs(2), wire.receive()).await.expect("in time");
    assert!(late.is_err(), "the port went down");
}

async fn line() {
    plug();
    let links = Links::connect().expect("a handle");
    assert_eq!(links.line(&port("port3")).await.expect("looked"), None);
    assert_eq!(links.line(&port("port1")).await.expect("looked"), Some(Line::default()));
    up(&["port1", "port2"]);
    shell("ip link set far2 down");
    let dark = links.line(&port("port2")).await.expect("looked");
    assert_eq!(dark, Some(Line { up: true, ..Line::default() }));
    let lit = links.line(&port("port1")).await.expect("looked").expect("there");
    // A virtual cable says so of itself.
    let expected = Line {
        up: true,
        carrier: true,
        speed: Some(10_000),
        duplex: Some(Duplex::Full),
        ..Line::default()
    };
    // What the kernels at both ends have said to each other meanwhile is counted.
    assert_eq!(Line { received: 0, sent: 0, ..lit }, expected);
}

async fn icmp() {
    let _host = far().await;
    shell("ip address add 192.168.1.1/24 dev port1");
    let socket = bind_udp(&port("port1"), SocketAddrV4::new(OWN, 62_000)).expect("bound");
    want_icmp_errors(&socket).expect("wanted");
    assert_eq!(icmp_error(&socket), None);
    socket.connect((FAR, 9)).expect("connected");
    socket.send(b"hello").expect("sent");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(icmp_error(&socket), Some(IcmpError { by: FAR, kind: 3, code: 3 }));
    assert_eq!(icmp_error(&socket), None);
}
