//! Questions straight on the wire.

use std::{net::Ipv4Addr, time::Duration};

use libtest_mimic::Trial;
use sekisho_selftest::probe::{Answer, Question, Said, Way};
use tokio::time::Instant;

use crate::{
    namespace::trial,
    net::{Net, OWN, SERVER, port1},
    sockets::{serve_http, serve_ntp, serve_tls, serve_words},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("echo_is_answered_refused_or_not", echo),
        trial("connection_is_taken_refused_rejected_or_ignored", tcp),
        trial("host_without_its_address_is_no_neighbour", nobody),
        trial("host_that_answers_elsewhere_is_heard_to_seek_that_way", sought),
        trial("port_that_nobody_has_says_so", closed),
        trial("host_behind_a_router_is_asked_through_it", routed),
        trial("host_says_its_first_line_on_the_wire", banner),
        trial("http_and_tls_are_spoken_on_the_wire", web),
        trial("time_and_names_are_asked_for_on_the_wire", datagrams),
    ]
}

fn good(answer: &Answer) -> &Said {
    let Answer::Good { after, said } = answer else { panic!("{answer:?}") };
    assert!(*after < Duration::from_millis(400), "{after:?}");
    said
}

async fn echo() {
    let mut net = Net::new();
    let server = net.server();
    assert_eq!(good(&net.wire(Question::Echo).await), &Said::Here);
    server.filter("icmp type echo-request drop");
    let begun = Instant::now();
    assert_eq!(net.wire(Question::Echo).await, Answer::Silent { sought: None });
    // Past the time of an answer the wire is listened to for a while: who seeks another way to us asks once a second.
    assert!((1500..2100).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    server.shell("nft flush ruleset");
    server.filter("icmp type echo-request reject with icmp type admin-prohibited");
    let answer = net.wire(Question::Echo).await;
    assert!(matches!(answer, Answer::Icmp { by: SERVER, kind: 3, code: 13, .. }), "{answer:?}");
}

async fn tcp() {
    let mut net = Net::new();
    let server = net.server();
    let ask = Question::Tcp { port: 8080 };
    let answer = net.wire(ask.clone()).await;
    assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    server.serve(|ready| serve_words(8080, "", ready));
    assert_eq!(good(&net.wire(ask.clone()).await), &Said::Here);
    let left = server.shell("ss -Htn state syn-recv state established");
    assert_eq!(left, "", "the connection was ended");
    server.filter("tcp dport 8080 reject with icmp type host-unreachable");
    let answer = net.wire(ask.clone()).await;
    assert!(matches!(answer, Answer::Icmp { by: SERVER, kind: 3, code: 1, .. }), "{answer:?}");
    let banner = net.wire(Question::Banner { port: 8080 }).await;
    assert!(matches!(banner, Answer::Icmp { by: SERVER, kind: 3, code: 1, .. }), "{banner:?}");
    server.shell("nft flush ruleset");
    server.filter("tcp dport 8080 drop");
    assert_eq!(net.wire(ask).await, Answer::Silent { sought: None });
    let banner = net.wire(Question::Banner { port: 8080 }).await;
    assert_eq!(banner, Answer::Silent { sought: None });
}

async fn nobody() {
    let mut net = Net::new();
    let _other = net.host("192.168.1.8/24");
    for question in [Question::Echo, Question::Tcp { port: 80 }, Question::Banner { port: 80 }] {
        assert_eq!(net.wire(question).await, Answer::NoNeighbour);
    }
    let way = Way::Wire { port: "port9".parse().expect("a name"), from: OWN, via: None };
    let Answer::Busy { why } = net.by(way, SERVER, Question::Echo).await else { panic!("asked") };
    assert!(why.contains("port9"), "{why}");
}

async fn sought() {
    let mut net = Net::new();
    // Its prefix leaves us out, and its gateway is a host that isn't there.
    let server = net.host("192.168.1.7/30");
    server.shell("ip route add default via 192.168.1.6");
    let sought = Some(Ipv4Addr::new(192, 168, 1, 6));
    for question in [Question::Echo, Question::Tcp { port: 80 }] {
        assert_eq!(net.wire(question).await, Answer::Silent { sought });
    }
}

async fn closed() {
    let mut net = Net::new();
    let server = net.server();
    let answer = net.wire(Question::Closed { port: 33_434 }).await;
    assert!(matches!(answer, Answer::Icmp { by: SERVER, kind: 3, code: 3, .. }), "{answer:?}");
    server.filter("udp dport 33434 drop");
    let answer = net.wire(Question::Closed { port: 33_434 }).await;
    assert_eq!(answer, Answer::Silent { sought: None });
}

async fn routed() {
    let mut net = Net::new();
    let router = net.host("192.168.1.254/24");
    router.shell("ip address add 10.9.9.9/32 dev lo; sysctl -qw net.ipv4.ip_forward=1");
    let via = Some(Ipv4Addr::new(192, 168, 1, 254));
    let (way, there) = (Way::Wire { port: port1(), from: OWN, via }, Ipv4Addr::new(10, 9, 9, 9));
    assert_eq!(good(&net.by(way.clone(), there, Question::Echo).await), &Said::Here);
    let beyond = Ipv4Addr::new(10, 8, 8, 8);
    let answer = net.by(way, beyond, Question::Tcp { port: 80 }).await;
    let by = Ipv4Addr::new(192, 168, 1, 254);
    assert!(matches!(answer, Answer::Icmp { by: b, kind: 3, .. } if b == by), "{answer:?}");
}

async fn banner() {
    let mut net = Net::new();
    let server = net.server();
    server.serve(|ready| serve_words(22, "SSH-2.0-Server\r\nmore", ready));
    let ask = Question::Banner { port: 22 };
    let said = Said::Banner("SSH-2.0-Server".to_owned());
    assert_eq!(good(&net.wire(ask).await), &said);
    let answer = net.wire(Question::Banner { port: 23 }).await;
    assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
}

async fn web() {
    let mut net = Net::new();
    let server = net.server();
    server.serve(|ready| serve_http(80, ready));
    server.serve(|ready| serve_tls(443, ready));
    server.serve(|ready| serve_words(8443, "220 hello\r\n", ready));
    let http = net.wire(Question::Http { port: 80, name: None }).await;
    assert_eq!(good(&http), &Said::Http(204, None));
    let tls = |port| Question::Tls { port, name: None, authority: None, http: true };
    let answer = net.wire(tls(443)).await;
    let Said::Http(204, Some(tls_said)) = good(&answer) else { panic!("{answer:?}") };
    assert_eq!(tls_said.chain[0].names, ["server.example"]);
    let answer = net.wire(tls(8443)).await;
    assert!(matches!(answer, Answer::Broken { .. }), "{answer:?}");
}

async fn datagrams() {
    let mut net = Net::new();
    let server = net.server();
    server.serve(serve_ntp);
    let answer = net.wire(Question::Ntp).await;
    let Said::Time { offset_ms, stratum: 2 } = good(&answer) else { panic!("{answer:?}") };
    assert!(offset_ms.abs() < 500, "{offset_ms}");
    let ask = Question::Dns { name: "nobody.example".to_owned() };
    let answer = net.wire(ask).await;
    assert!(matches!(answer, Answer::Icmp { by: SERVER, kind: 3, code: 3, .. }), "{answer:?}");
    server.serve(crate::sockets::serve_no_names);
    let answer = net.wire(Question::Dns { name: "nobody.example".to_owned() }).await;
    assert_eq!(good(&answer), &Said::Names { code: 3, addresses: Vec::new() });
}
