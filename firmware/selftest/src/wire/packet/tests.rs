use proptest::prelude::*;

use super::*;

const OWN: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 1), 62_001);
const FAR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 7), 53);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 254);

/// An ICMP message that quotes a packet's first bytes.
fn error(kind: u8, code: u8, about: &[u8]) -> Vec<u8> {
    let quoted = &about[..about.len().min(28)];
    ip(ROUTER, *OWN.ip(), IpProtocol::Icmp, 8 + quoted.len(), |bytes| {
        bytes[..2].copy_from_slice(&[kind, code]);
        bytes[8..].copy_from_slice(quoted);
        Icmpv4Packet::new_unchecked(bytes).fill_checksum();
    })
}

#[test]
fn a_datagram_is_read_as_it_was_written_and_without_padding() {
    let mut bytes = udp(FAR, OWN, b"hello");
    bytes.resize(60, 0xff);
    let expected = Heard::Udp { from: FAR, label: 62_001, payload: b"hello" };
    assert_eq!(read(&bytes), Some(expected));
}

#[test]
fn segments_say_what_they_do() {
    let opens = Segment { syn: true, reset: false, acknowledged: None };
    let ends = Segment { syn: false, reset: true, acknowledged: None };
    for (bytes, segment) in [(syn(FAR, OWN, 7), opens), (reset(FAR, OWN, 7), ends)] {
        assert_eq!(read(&bytes), Some(Heard::Tcp { from: FAR, label: 62_001, segment }));
    }
}

#[test]
fn an_echo_request_is_no_answer_and_its_reply_is_one() {
    let mut bytes = echo(*FAR.ip(), *OWN.ip(), 62_001);
    assert_eq!(read(&bytes), None);
    bytes[20] = 0;
    Icmpv4Packet::new_unchecked(&mut bytes[20..]).fill_checksum();
    assert_eq!(read(&bytes), Some(Heard::Echo { from: *FAR.ip(), label: 62_001 }));
    bytes[30] ^= 1;
    assert_eq!(read(&bytes), None, "damaged");
}

#[test]
fn an_error_names_the_packet_that_it_is_about() {
    let (port, request) = (Some(FAR.port()), echo(*OWN.ip(), *FAR.ip(), 62_001));
    for (sent, port) in [(udp(OWN, FAR, b"x"), port), (syn(OWN, FAR, 7), port), (request, None)] {
        let about = About { to: *FAR.ip(), label: 62_001, port };
        let heard = Heard::Icmp { by: ROUTER, kind: 3, code: 1, about };
        assert_eq!(read(&error(3, 1, &sent)), Some(heard));
    }
    assert_eq!(read(&error(3, 1, &[0x45; 20])), None, "cut too short to tell");
}

#[test]
fn a_later_fragment_and_a_damaged_header_say_nothing() {
    let good = udp(FAR, OWN, b"hello");
    for (at, value) in [(7, 1), (10, 0xff), (0, 0x55)] {
        let mut bytes = good.clone();
        bytes[at] = value;
        assert_eq!(read(&bytes), None, "byte {at}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_packet_is_read_without_panic(
        protocol in prop::sample::select(vec![IpProtocol::Icmp, IpProtocol::Udp, IpProtocol::Tcp]),
        payload in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let bytes = ip(*FAR.ip(), *OWN.ip(), protocol, payload.len(), |room| {
            room.copy_from_slice(&payload);
            if protocol == IpProtocol::Icmp && room.len() >= 8 {
                Icmpv4Packet::new_unchecked(room).fill_checksum();
            }
        });
        let _ = read(&bytes);
    }
}
