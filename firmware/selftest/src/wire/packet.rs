//! The packets that checks put on a wire, and what comes back.

use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        Icmpv4Packet, Icmpv4Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl,
        TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
    },
};

/// What came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard<'a> {
    /// An echo reply.
    Echo { from: Ipv4Addr, label: u16 },
    /// A datagram.
    Udp { from: SocketAddrV4, label: u16, payload: &'a [u8] },
    /// A segment of a connection.
    Tcp { from: SocketAddrV4, label: u16, segment: Segment },
    /// Any other ICMP message that is about a packet of ours.
    Icmp { by: Ipv4Addr, kind: u8, code: u8, about: About },
}

/// A packet that somebody quotes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct About {
    /// Where it was to go.
    pub(super) to: Ipv4Addr,
    /// Its source port, or the identifier of an echo request.
    pub(super) label: u16,
    /// Its destination port; none where it has none.
    pub(super) port: Option<u16>,
}

/// What a segment says of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Segment {
    /// It opens it.
    pub(super) syn: bool,
    /// It ends it at once.
    pub(super) reset: bool,
    /// The byte that its sender waits for, where it says so.
    pub(super) acknowledged: Option<u32>,
}

/// Hops that a packet may take.
const HOPS: u8 = 64;

/// An echo request.
pub(super) fn echo(from: Ipv4Addr, to: Ipv4Addr, label: u16) -> Vec<u8> {
    let message = Icmpv4Repr::EchoRequest { ident: label, seq_no: 1, data: b"sekisho self-test" };
    ip(from, to, IpProtocol::Icmp, message.buffer_len(), |bytes| {
        message.emit(&mut Icmpv4Packet::new_unchecked(bytes), &ChecksumCapabilities::default());
    })
}

/// A datagram.
pub(super) fn udp(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let header = UdpRepr { src_port: from.port(), dst_port: to.port() };
    let length = header.header_len() + payload.len();
    ip(*from.ip(), *to.ip(), IpProtocol::Udp, length, |bytes| {
        header.emit(
            &mut UdpPacket::new_unchecked(bytes),
            &IpAddress::Ipv4(*from.ip()),
            &IpAddress::Ipv4(*to.ip()),
            payload.len(),
            |room| room.copy_from_slice(payload),
            &ChecksumCapabilities::default(),
        );
    })
}

/// The segment that opens a connection.
pub(super) fn syn(from: SocketAddrV4, to: SocketAddrV4, sequence: u32) -> Vec<u8> {
    segment(from, to, TcpControl::Syn, sequence, Some(1460))
}

/// The segment that ends a connection at once.
pub(super) fn reset(from: SocketAddrV4, to: SocketAddrV4, sequence: u32) -> Vec<u8> {
    segment(from, to, TcpControl::Rst, sequence, None)
}

fn segment(
    from: SocketAddrV4,
    to: SocketAddrV4,
    control: TcpControl,
    sequence: u32,
    max_seg_size: Option<u16>,
) -> Vec<u8> {
    let segment = TcpRepr {
        src_port: from.port(),
        dst_port: to.port(),
        control,
        seq_number: TcpSeqNumber(sequence.cast_signed()),
        ack_number: None,
        window_len: 1024,
        window_scale: None,
        max_seg_size,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    ip(*from.ip(), *to.ip(), IpProtocol::Tcp, segment.buffer_len(), |bytes| {
        segment.emit(
            &mut TcpPacket::new_unchecked(bytes),
            &IpAddress::Ipv4(*from.ip()),
            &IpAddress::Ipv4(*to.ip()),
            &ChecksumCapabilities::default(),
        );
    })
}

fn ip(
    src_addr: Ipv4Addr,
    dst_addr: Ipv4Addr,
    next_header: IpProtocol,
    payload_len: usize,
    emit: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let header = Ipv4Repr { src_addr, dst_addr, next_header, payload_len, hop_limit: HOPS };
    let mut bytes = vec![0; header.buffer_len() + payload_len];
    header.emit(&mut Ipv4Packet::new_unchecked(&mut bytes), &ChecksumCapabilities::default());
    emit(&mut bytes[header.buffer_len()..]);
    bytes
}

/// Reads what came off a wire; `None` for what is no answer to anything of ours. Checksums of TCP and UDP don't count, see
/// [`RawWire`](sekisho_host::RawWire).
pub(super) fn read(bytes: &[u8]) -> Option<Heard<'_>> {
    let packet = Ipv4Packet::new_checked(bytes).ok()?;
    if packet.version() != 4 || !packet.verify_checksum() || packet.frag_offset() != 0 {
        return None;
    }
    let from = packet.src_addr();
    // A borrow of what was given, which lasts as long: without what the wire put behind it.
    let payload = bytes.get(usize::from(packet.header_len())..usize::from(packet.total_len()))?;
    match packet.next_header() {
        IpProtocol::Icmp => icmp(from, payload),
        IpProtocol::Udp => {
            let datagram = UdpPacket::new_checked(payload).ok()?;
            let from = SocketAddrV4::new(from, datagram.src_port());
            Some(Heard::Udp { from, label: datagram.dst_port(), payload: datagram.payload() })
        }
        IpProtocol::Tcp => {
            let packet = TcpPacket::new_checked(payload).ok()?;
            let segment = Segment {
                syn: packet.syn(),
                reset: packet.rst(),
                acknowledged: packet.ack().then(|| packet.ack_number().0.cast_unsigned()),
            };
            let from = SocketAddrV4::new(from, packet.src_port());
            Some(Heard::Tcp { from, label: packet.dst_port(), segment })
        }
        IpProtocol::HopByHop
        | IpProtocol::Igmp
        | IpProtocol::Ipv6Route
        | IpProtocol::Ipv6Frag
        | IpProtocol::IpSecEsp
        | IpProtocol::IpSecAh
        | IpProtocol::Icmpv6
        | IpProtocol::Ipv6NoNxt
        | IpProtocol::Ipv6Opts
        | IpProtocol::Unknown(_) => None,
    }
}

/// Types of ICMP (RFC 792).
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;

/// Bytes of a message before what it quotes.
const ICMP_HEADER: usize = 8;

fn icmp(by: Ipv4Addr, message: &[u8]) -> Option<Heard<'_>> {
    let packet = Icmpv4Packet::new_checked(message).ok()?;
    if !packet.verify_checksum() {
        return None;
    }
    let (kind, code) = (*message.first()?, *message.get(1)?);
    match kind {
        ECHO_REPLY => Some(Heard::Echo { from: by, label: packet.echo_ident() }),
        ECHO_REQUEST => None,
        _ => {
            let about = quoted(message.get(ICMP_HEADER..)?)?;
            Some(Heard::Icmp { by, kind, code, about })
        }
    }
}

/// A quoted packet is cut, often after eight bytes of what it holds (RFC 792).
fn quoted(bytes: &[u8]) -> Option<About> {
    let header = usize::from(bytes.first()? & 0xf) * 4;
    let to = Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(16..20)?).ok()?);
    let inside = bytes.get(header..)?;
    let word = |at: usize| {
        let bytes = inside.get(at..at + 2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    };
    Some(if IpProtocol::from(*bytes.get(9)?) == IpProtocol::Icmp {
        About { to, label: word(4)?, port: None }
    } else {
        About { to, label: word(0)?, port: word(2) }
    })
}

#[cfg(test)]
mod tests;
