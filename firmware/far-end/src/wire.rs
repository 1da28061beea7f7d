//! Looks into single IPv4 packets: what smoltcp doesn't do by itself, and what the responder must know of
//! them.

use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::wire::{
    Icmpv4DstUnreachable, Icmpv4Message, Icmpv4Packet, IpProtocol, Ipv4Packet, TcpPacket,
};

use crate::{machine::Outcome, talk::Ends};

/// What a packet asks of the answering machine.
#[derive(Debug, Eq, PartialEq)]
pub enum Inbound {
    /// An ICMP echo request; this is the reply to it.
    Echo(Vec<u8>),
    /// The first packet of a TCP connection.
    Open(Ends),
    /// An ICMP error (RFC 792, type 3) about a packet of ours: the connection that it was of, seen from here,
    /// and how a call ends by it. A port that is unreachable is a refusal, as it is for kernel sockets.
    Error(Ends, Outcome),
    /// Anything else.
    Other,
}

/// Source and destination of an IPv4 packet; `None` where it is none.
pub fn addresses(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let packet = Ipv4Packet::new_checked(packet).ok()?;
    (packet.version() == 4).then(|| (packet.src_addr(), packet.dst_addr()))
}

/// Whether this IPv4 packet is an ICMP echo request (RFC 792, type 8).
pub fn is_echo_request(packet: &[u8]) -> bool {
    let header = packet.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    packet.get(9) == Some(&u8::from(IpProtocol::Icmp)) && packet.get(header) == Some(&8)
}

/// Looks into a packet. Fragments, broken checksums and everything that isn't IPv4 are [`Inbound::Other`].
pub fn inspect(bytes: &[u8]) -> Inbound {
    let Ok(packet) = Ipv4Packet::new_checked(bytes) else {
        return Inbound::Other;
    };
    let whole = !packet.more_frags() && packet.frag_offset() == 0;
    if packet.version() != 4
        || !whole
        || !packet.verify_checksum()
        || packet.src_addr().is_multicast()
    {
        return Inbound::Other;
    }
    let protocol = packet.next_header();
    if protocol == IpProtocol::Icmp {
        icmp(bytes, &packet)
    } else if protocol == IpProtocol::Tcp {
        tcp(&packet)
    } else {
        Inbound::Other
    }
}

fn tcp(packet: &Ipv4Packet<&[u8]>) -> Inbound {
    match TcpPacket::new_checked(packet.payload()) {
        Ok(segment) if segment.syn() && !segment.ack() && !segment.rst() => Inbound::Open(Ends {
            remote: SocketAddrV4::new(packet.src_addr(), segment.src_port()),
            local: SocketAddrV4::new(packet.dst_addr(), segment.dst_port()),
        }),
        _ => Inbound::Other,
    }
}

fn icmp(bytes: &[u8], packet: &Ipv4Packet<&[u8]>) -> Inbound {
    let message = match Icmpv4Packet::new_checked(packet.payload()) {
        Ok(message) if message.verify_checksum() => message,
        _ => return Inbound::Other,
    };
    let kind = message.msg_type();
    if kind == Icmpv4Message::EchoRequest {
        let length = usize::from(packet.total_len());
        return echo_reply(bytes[..length].to_vec(), usize::from(packet.header_len()));
    }
    if kind != Icmpv4Message::DstUnreachable {
        return Inbound::Other;
    }
    let refused = message.msg_code() == u8::from(Icmpv4DstUnreachable::PortUnreachable);
    let outcome = if refused { Outcome::Refused } else { Outcome::Unreachable };
    quoted(message.data()).map_or(Inbound::Other, |ends| Inbound::Error(ends, outcome))
}

/// Turns a checked echo request around, in place (RFC 792).
fn echo_reply(mut bytes: Vec<u8>, header: usize) -> Inbound {
    let mut message = Icmpv4Packet::new_unchecked(&mut bytes[header..]);
    message.set_msg_type(Icmpv4Message::EchoReply);
    message.fill_checksum();
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
    let (source, destination) = (packet.src_addr(), packet.dst_addr());
    packet.set_src_addr(destination);
    packet.set_dst_addr(source);
    packet.set_hop_limit(64);
    packet.fill_checksum();
    Inbound::Echo(bytes)
}

/// The TCP connection of the packet that an ICMP error quotes: its IP header and eight bytes at least.
fn quoted(bytes: &[u8]) -> Option<Ends> {
    let header = usize::from(bytes.first()? & 0x0f) * 4;
    let address = |at: usize| {
        let octets: &[u8; 4] = bytes.get(at..)?.first_chunk()?;
        Some(Ipv4Addr::from(*octets))
    };
    let port = |at: usize| {
        let octets: &[u8; 2] = bytes.get(at..)?.first_chunk()?;
        Some(u16::from_be_bytes(*octets))
    };
    (header >= 20 && *bytes.get(9)? == u8::from(IpProtocol::Tcp)).then_some(())?;
    Some(Ends {
        local: SocketAddrV4::new(address(12)?, port(header)?),
        remote: SocketAddrV4::new(address(16)?, port(header + 2)?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smoltcp::{
        phy::ChecksumCapabilities,
        wire::{Icmpv4Repr, Ipv4Repr},
    };

    use super::*;

    const OFFICE: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 30);
    const PLATFORM: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);

    fn packet(message: Icmpv4Repr<'_>) -> Vec<u8> {
        let header = Ipv4Repr {
            src_addr: OFFICE,
            dst_addr: PLATFORM,
            next_header: IpProtocol::Icmp,
            payload_len: message.buffer_len(),
            hop_limit: 3,
        };
        let mut bytes = vec![0; header.buffer_len() + message.buffer_len()];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        header.emit(&mut packet, &ChecksumCapabilities::default());
        message.emit(
            &mut Icmpv4Packet::new_unchecked(packet.payload_mut()),
            &ChecksumCapabilities::default(),
        );
        bytes
    }

    fn echo_request() -> Vec<u8> {
        packet(Icmpv4Repr::EchoRequest { ident: 7, seq_no: 8, data: b"data" })
    }

    #[test]
    fn an_echo_request_is_turned_around() {
        let mut padded = echo_request();
        padded.extend_from_slice(b"padding");
        let Inbound::Echo(reply) = inspect(&padded) else { panic!("no reply") };
        assert_eq!(reply.len(), padded.len() - 7);
        assert_eq!(addresses(&reply), Some((PLATFORM, OFFICE)));
        let ip = Ipv4Packet::new_checked(&reply[..]).unwrap();
        assert!(ip.verify_checksum() && ip.hop_limit() == 64);
        let message = Icmpv4Packet::new_checked(ip.payload()).unwrap();
        let expected = Icmpv4Repr::EchoReply { ident: 7, seq_no: 8, data: b"data" };
        assert_eq!(Icmpv4Repr::parse(&message, &ChecksumCapabilities::default()), Ok(expected));
    }

    #[test]
    fn an_error_names_the_connection_that_it_is_about() {
        let mut quote = [0; 28];
        quote[0] = 0x45;
        quote[9] = 6;
        quote[12..16].copy_from_slice(&[100, 72, 250, 1]);
        quote[16..20].copy_from_slice(&[100, 64, 10, 11]);
        quote[20..24].copy_from_slice(&[0xc0, 0x00, 0x01, 0xbb]);
        let expected = Ends {
            local: "100.72.250.1:49152".parse().unwrap(),
            remote: "100.64.10.11:443".parse().unwrap(),
        };
        assert_eq!(quoted(&quote), Some(expected));
        for length in 0..24 {
            assert_eq!(quoted(&quote[..length]), None);
        }
        let header = Ipv4Repr {
            src_addr: *expected.local.ip(),
            dst_addr: *expected.remote.ip(),
            next_header: IpProtocol::Tcp,
            payload_len: 8,
            hop_limit: 64,
        };
        for (reason, outcome) in [
            (Icmpv4DstUnreachable::PortUnreachable, Outcome::Refused),
            (Icmpv4DstUnreachable::HostUnreachable, Outcome::Unreachable),
            (Icmpv4DstUnreachable::CommProhibited, Outcome::Unreachable),
        ] {
            let error = packet(Icmpv4Repr::DstUnreachable { reason, header, data: &quote[20..] });
            assert_eq!(inspect(&error), Inbound::Error(expected, outcome));
        }
    }

    #[test]
    fn damaged_packets_ask_for_nothing() {
        let whole = echo_request();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            assert_eq!(inspect(&damaged), Inbound::Other, "byte {at}");
            assert_eq!(inspect(&whole[..at]), Inbound::Other, "length {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = (inspect(&bytes), addresses(&bytes), quoted(&bytes));
        }
    }
}
