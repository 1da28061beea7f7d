//! Packets that need no connection, made and read: echo, datagrams, and the errors about either.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::Ipv4Addr,
};

use sekisho_tunnel::TapFlow;
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        Icmpv4Message, Icmpv4Packet, Icmpv4Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr,
        UdpPacket, UdpRepr,
    },
};

/// Bytes of an ordinary echo request with its headers, as `ping` sends it.
pub(super) const ECHO_LENGTH: usize = 84;

/// IPv4 and ICMP headers, in bytes.
const HEADERS: usize = 28;

/// Something that came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// An echo reply.
    Echo {
        /// Its sequence number.
        sequence: u16,
    },
    /// A datagram.
    Datagram(Vec<u8>),
    /// An ICMP error about what we sent.
    Error {
        /// Who sent it.
        by: Ipv4Addr,
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

/// A number that nobody has to guess, only to have for himself.
pub(super) fn number() -> u16 {
    (RandomState::new().hash_one(()) & 0xffff) as u16
}

/// An echo request of so many bytes in all, which must not be cut on its way.
pub(super) fn echo_request(flow: TapFlow, sequence: u16, length: usize) -> Vec<u8> {
    let data = vec![0x5a; length.saturating_sub(HEADERS)];
    let request =
        Icmpv4Repr::EchoRequest { ident: flow.ours.port(), seq_no: sequence, data: &data };
    packet(flow, IpProtocol::Icmp, request.buffer_len(), |room| {
        request.emit(&mut Icmpv4Packet::new_unchecked(room), &ChecksumCapabilities::default());
    })
}

/// A datagram on a flow.
pub(super) fn datagram(flow: TapFlow, payload: &[u8]) -> Vec<u8> {
    let udp = UdpRepr { src_port: flow.ours.port(), dst_port: flow.theirs.port() };
    packet(flow, IpProtocol::Udp, udp.header_len() + payload.len(), |room| {
        udp.emit(
            &mut UdpPacket::new_unchecked(room),
            &IpAddress::Ipv4(*flow.ours.ip()),
            &IpAddress::Ipv4(*flow.theirs.ip()),
            payload.len(),
            |room| room.copy_from_slice(payload),
            &ChecksumCapabilities::default(),
        );
    })
}

fn packet(
    flow: TapFlow,
    next_header: IpProtocol,
    payload_len: usize,
    emit: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let ip = Ipv4Repr {
        src_addr: *flow.ours.ip(),
        dst_addr: *flow.theirs.ip(),
        next_header,
        payload_len,
        hop_limit: 64,
    };
    let mut bytes = vec![0; ip.buffer_len() + payload_len];
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
    // This sets the bit that forbids cutting, too.
    ip.emit(&mut packet, &ChecksumCapabilities::default());
    emit(packet.payload_mut());
    bytes
}

/// Reads a packet; `None` where it is something else, cut or damaged.
pub(super) fn read(bytes: &[u8]) -> Option<Heard> {
    let checksums = ChecksumCapabilities::default();
    let packet = Ipv4Packet::new_checked(bytes).ok()?;
    let ip = Ipv4Repr::parse(&packet, &checksums).ok()?;
    if packet.more_frags() || packet.frag_offset() != 0 {
        return None;
    }
    if ip.next_header == IpProtocol::Udp {
        let datagram = UdpPacket::new_checked(packet.payload()).ok()?;
        let (source, destination) = (IpAddress::Ipv4(ip.src_addr), IpAddress::Ipv4(ip.dst_addr));
        UdpRepr::parse(&datagram, &source, &destination, &checksums).ok()?;
        return Some(Heard::Datagram(datagram.payload().to_vec()));
    }
    if ip.next_header != IpProtocol::Icmp {
        return None;
    }
    let message = Icmpv4Packet::new_checked(packet.payload()).ok()?;
    if !message.verify_checksum() {
        return None;
    }
    match message.msg_type() {
        Icmpv4Message::EchoReply => Some(Heard::Echo { sequence: message.echo_seq_no() }),
        Icmpv4Message::DstUnreachable
        | Icmpv4Message::TimeExceeded
        | Icmpv4Message::ParamProblem => Some(Heard::Error {
            by: ip.src_addr,
            kind: message.msg_type().into(),
            code: message.msg_code(),
        }),
        _ => None,
    }
}
