use proptest::prelude::*;

use super::*;

/// 192.168.1.100:40000 to 100.72.1.10:443, TCP, without options.
fn tcp_packet() -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, TCP, 0, 0];
    bytes.extend([192, 168, 1, 100, 100, 72, 1, 10]);
    bytes.extend(40_000_u16.to_be_bytes());
    bytes.extend(443_u16.to_be_bytes());
    bytes
}

#[test]
fn reads_tcp_over_ipv4() {
    let packet = read_packet(&tcp_packet()).unwrap();
    assert_eq!(packet.source, IpAddr::from([192, 168, 1, 100]));
    assert_eq!(packet.destination, IpAddr::from([100, 72, 1, 10]));
    assert_eq!((packet.protocol, packet.ports), (TCP, Some((40_000, 443))));
}

#[test]
fn options_move_the_ports() {
    let mut bytes = tcp_packet();
    bytes[0] = 0x46;
    bytes.splice(20..20, [1, 1, 1, 1]);
    assert_eq!(read_packet(&bytes).unwrap().ports, Some((40_000, 443)));
}

#[test]
fn later_fragment_and_icmp_have_no_ports() {
    let mut fragment = tcp_packet();
    fragment[7] = 1;
    assert_eq!(read_packet(&fragment).unwrap().ports, None);
    let mut icmp = tcp_packet();
    icmp[9] = 1;
    icmp[20] = 8;
    let packet = read_packet(&icmp).unwrap();
    assert_eq!((packet.ports, packet.icmp_type), (None, Some(8)));
    icmp[7] = 1;
    assert_eq!(read_packet(&icmp).unwrap().icmp_type, None);
}

#[test]
fn reads_udp_over_ipv6() {
    let mut bytes = vec![0x60, 0, 0, 0, 0, 8, UDP, 64];
    bytes.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb]);
    bytes.extend([0x14, 0xe9, 0x14, 0xe9]);
    let packet = read_packet(&bytes).unwrap();
    assert_eq!(packet.source.to_string(), "fe80::1");
    assert_eq!(packet.destination.to_string(), "ff02::fb");
    assert_eq!(packet.ports, Some((5353, 5353)));
}

#[test]
fn what_is_no_packet_is_none() {
    let whole = tcp_packet();
    for bytes in [&[][..], &whole[..19], &[0x10; 40], &[0x60; 39]] {
        assert_eq!(read_packet(bytes), None);
    }
    assert_eq!(read_packet(&whole[..22]).unwrap().ports, None);
}

#[test]
fn prefix_names_side_and_rule() {
    let prefix = |text: &str| PacketNla::Prefix(std::ffi::CString::new(text).unwrap());
    let packet = PacketNla::Payload(tcp_packet());
    let refusal = read_attributes(&[prefix("head-office/undeclared-service"), packet.clone()]);
    let refusal = refusal.unwrap();
    assert_eq!((&*refusal.side, &*refusal.rule), ("head-office", "undeclared-service"));
    assert_eq!(refusal.destination_port, Some(443));
    assert_eq!(read_attributes(&[prefix("words"), packet.clone()]), None);
    assert_eq!(read_attributes(&[packet]), None);
    assert_eq!(read_attributes(&[prefix("lgwan/unexpected")]), None);
}

#[tokio::test]
async fn gaps_and_nonsense_are_counted() {
    let socket = TokioSocket::new(NETLINK_NETFILTER).unwrap();
    let mut log = Refusals { socket, ready: VecDeque::new(), expected: None, lost: 0 };
    let packet = |number| {
        let prefix = PacketNla::Prefix(c"lgwan/unexpected".to_owned());
        [prefix, PacketNla::Payload(tcp_packet()), PacketNla::Seq(number)]
    };
    log.take_packet(&packet(u32::MAX));
    log.take_packet(&packet(0));
    assert_eq!((log.ready.len(), log.lost()), (2, 0), "the number wraps");
    log.take_packet(&packet(4));
    assert_eq!((log.ready.len(), log.lost()), (3, 3));
    log.take(&[0xff; 7]);
    assert_eq!((log.ready.len(), log.lost()), (3, 4));
    log.take_packet(&[PacketNla::Seq(5)]);
    assert_eq!((log.ready.len(), log.lost()), (3, 5));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = read_packet(&bytes);
    }
}
