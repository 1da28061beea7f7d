use netlink_packet_netfilter::conntrack::Protocol;

use super::*;

fn tuple(source: &str, destination: &str, numbers: Vec<ProtoTuple>) -> Vec<Tuple> {
    let addresses = vec![
        IPTuple::SourceAddress(source.parse().unwrap()),
        IPTuple::DestinationAddress(destination.parse().unwrap()),
    ];
    vec![Tuple::Ip(addresses), Tuple::Proto(numbers)]
}

fn ports(protocol: Protocol, source: u16, destination: u16) -> Vec<ProtoTuple> {
    vec![
        ProtoTuple::Protocol(protocol),
        ProtoTuple::SourcePort(source),
        ProtoTuple::DestinationPort(destination),
    ]
}

fn icmp(kind: u8) -> Vec<ProtoTuple> {
    let kind = ProtoTuple::Other(DefaultNla::new(ICMP_TYPE, vec![kind]));
    vec![ProtoTuple::Protocol(Protocol::Icmp), kind]
}

fn id() -> ConntrackAttribute {
    ConntrackAttribute::Other(DefaultNla::new(ID, vec![1, 2, 3, 4]))
}

fn zone(number: u8) -> ConntrackAttribute {
    ConntrackAttribute::Other(DefaultNla::new(ZONE, vec![0, number]))
}

fn entry(attributes: Vec<ConntrackAttribute>) -> Option<Entry> {
    read(ConntrackMessage::New(attributes).into())
}

fn flow(numbers: Vec<ProtoTuple>) -> Flow {
    entry(vec![
        ConntrackAttribute::CtaTupleOrig(tuple("192.168.1.10", "100.72.1.10", numbers.clone())),
        ConntrackAttribute::CtaTupleReply(tuple("100.72.1.10", "100.64.10.1", numbers)),
        id(),
    ])
    .unwrap()
    .flow
}

#[test]
fn what_the_kernel_lists_is_read_and_named() {
    let original = tuple("192.168.2.100", "100.72.1.10", ports(Protocol::Tcp, 40_000, 443));
    let reply = tuple("100.72.1.10", "100.64.10.31", ports(Protocol::Tcp, 443, 1024));
    let found = entry(vec![
        ConntrackAttribute::CtaTupleOrig(original),
        ConntrackAttribute::CtaTupleReply(reply.clone()),
        ConntrackAttribute::CtaTimeout(120),
        id(),
        zone(2),
    ])
    .unwrap();
    let ends = |source: [u8; 4], destination: [u8; 4], ports: (u16, u16)| Ends {
        source: source.into(),
        destination: destination.into(),
        detail: Detail::Ports { source: ports.0, destination: ports.1 },
    };
    let expected = Flow {
        zone: 2,
        protocol: TCP,
        original: ends([192, 168, 2, 100], [100, 72, 1, 10], (40_000, 443)),
        reply: ends([100, 72, 1, 10], [100, 64, 10, 31], (443, 1024)),
    };
    assert_eq!(found.flow, expected);
    let name = vec![ConntrackAttribute::CtaTupleReply(reply), id(), zone(2)];
    assert_eq!(found.name.delete(), ConntrackMessage::Delete(name));
}

#[test]
fn an_entry_that_is_not_whole_is_passed_over() {
    let numbers = || ports(Protocol::Tcp, 1, 2);
    let original = || ConntrackAttribute::CtaTupleOrig(tuple("10.0.0.1", "10.0.0.2", numbers()));
    let reply = || ConntrackAttribute::CtaTupleReply(tuple("10.0.0.2", "10.0.0.1", numbers()));
    assert!(entry(vec![original(), reply(), id()]).is_some_and(|entry| entry.flow.zone == 0));
    let six = ConntrackAttribute::CtaTupleOrig(tuple("fe80::1", "fe80::2", numbers()));
    let strange = ConntrackAttribute::Other(DefaultNla::new(ZONE, vec![1]));
    let cases = [
        (vec![], "nothing"),
        (vec![reply(), id()], "without its opener"),
        (vec![original(), id()], "without a reply the request to delete would empty the table"),
        (vec![original(), reply()], "without a number it could be another one by then"),
        (vec![six, reply(), id()], "IPv6"),
        (vec![original(), reply(), id(), strange], "a zone of one byte"),
    ];
    for (attributes, case) in cases {
        assert!(entry(attributes).is_none(), "{case}");
    }
    let gone = ConntrackMessage::Delete(vec![original(), reply(), id()]);
    assert!(read(gone.into()).is_none(), "another message");
}

#[test]
fn what_rows_can_declare_has_a_word_in_the_plan() {
    let opening = |numbers| flow(numbers).connection().map(|connection| connection.opening);
    assert_eq!(opening(ports(Protocol::Tcp, 40_000, 443)), Some(Opening::Tcp(443)));
    assert_eq!(opening(ports(Protocol::Udp, 40_000, 53)), Some(Opening::Udp(53)));
    assert_eq!(opening(icmp(8)), Some(Opening::Echo));
    assert_eq!(opening(icmp(13)), None, "a request for the time");
    assert_eq!(opening(ports(Protocol::Sctp, 40_000, 443)), None);
    assert_eq!(opening(vec![ProtoTuple::Protocol(Protocol::Gre)]), None);
    let connection = flow(icmp(8)).connection().unwrap();
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    assert_eq!(connection.original, (address("192.168.1.10"), address("100.72.1.10")));
    assert_eq!(connection.reply, (address("100.72.1.10"), address("100.64.10.1")));
}
