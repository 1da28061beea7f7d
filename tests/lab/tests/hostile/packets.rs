//! IPv4 packets byte by byte: fragments, options, protocols that nobody uses, ICMP about other packets.

use std::net::Ipv4Addr;

pub(crate) const ICMP: u8 = 1;
pub(crate) const IPIP: u8 = 4;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// The identification of every hostile packet: what of it arrives somewhere is known by it.
pub(crate) const MARK: u16 = 0x5ec1;

const USUAL_TTL: u8 = 64;
const MORE_FRAGMENTS: u16 = 0x2000;

/// An IPv4 header. Length and checksum are the sending kernel's work.
#[derive(Clone, Debug)]
pub(crate) struct Ip {
    from: Ipv4Addr,
    to: Ipv4Addr,
    protocol: u8,
    ttl: u8,
    fragment: u16,
    options: Vec<u8>,
}

/// The usual header.
pub(crate) fn ip(from: Ipv4Addr, to: Ipv4Addr, protocol: u8) -> Ip {
    Ip { from, to, protocol, ttl: USUAL_TTL, fragment: 0, options: Vec::new() }
}

impl Ip {
    pub(crate) fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// Options, a multiple of four bytes.
    pub(crate) fn options(self, options: &[u8]) -> Self {
        Self { options: options.to_vec(), ..self }
    }

    /// The piece of a datagram that starts at this byte, a multiple of eight.
    pub(crate) fn piece(self, start: usize, more: bool) -> Self {
        let eighths = u16::try_from(start / 8).expect("a datagram has 64 KiB at most");
        Self { fragment: eighths | if more { MORE_FRAGMENTS } else { 0 }, ..self }
    }

    /// The packet with this after its header.
    pub(crate) fn carrying(&self, payload: &[u8]) -> Vec<u8> {
        let words = 5 + self.options.len() / 4;
        let length = u16::try_from(4 * words + payload.len()).expect("a packet has 64 KiB at most");
        let version = 0x40 | u8::try_from(words).expect("a header has 60 bytes at most");
        let head = [&[version, 0][..], &length.to_be_bytes(), &MARK.to_be_bytes()].concat();
        let rest = [self.ttl, self.protocol, 0, 0];
        let (from, to) = (self.from.octets(), self.to.octets());
        let mut header =
            [&head[..], &self.fragment.to_be_bytes(), &rest, &from, &to, &self.options].concat();
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum);
        [&header, payload].concat()
    }

    /// A UDP datagram.
    pub(crate) fn udp(&self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        self.carrying(&self.udp_payload(ports, payload))
    }

    /// What follows the IP header of a UDP datagram, to be cut into pieces.
    pub(crate) fn udp_payload(&self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(8 + payload.len()).expect("a datagram has 64 KiB at most");
        let head = [ports.0.to_be_bytes(), ports.1.to_be_bytes(), length.to_be_bytes(), [0; 2]];
        self.summed([&head.concat(), payload].concat(), 6)
    }

    /// A TCP segment.
    pub(crate) fn tcp(&self, ports: (u16, u16), flags: u8) -> Vec<u8> {
        self.carrying(&self.tcp_payload(ports, flags))
    }

    /// What follows the IP header of a TCP segment: header without options, eight bytes of data.
    pub(crate) fn tcp_payload(&self, ports: (u16, u16), flags: u8) -> Vec<u8> {
        let head = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
        let numbers = [0, 0, 0, 1, 0, 0, 0, 1];
        let rest = [0x50, flags, 0x10, 0, 0, 0, 0, 0];
        self.summed([&head[..], &numbers, &rest, b"hostile!"].concat(), 16)
    }

    /// An ICMP message: type, code, the four bytes after the checksum, the rest.
    pub(crate) fn icmp(&self, kind: u8, code: u8, word: [u8; 4], rest: &[u8]) -> Vec<u8> {
        let mut message = [&[kind, code, 0, 0][..], &word, rest].concat();
        let sum = checksum(&message);
        message[2..4].copy_from_slice(&sum);
        self.carrying(&message)
    }

    /// Fills in the checksum with the pseudo-header of RFC 768 and RFC 9293.
    fn summed(&self, mut payload: Vec<u8>, place: usize) -> Vec<u8> {
        let length = u16::try_from(payload.len()).expect("a packet has 64 KiB at most");
        let pseudo = [&self.from.octets()[..], &self.to.octets(), &[0, self.protocol]].concat();
        let sum = checksum(&[&pseudo, &length.to_be_bytes()[..], &payload].concat());
        payload[place..place + 2].copy_from_slice(&sum);
        payload
    }
}

/// The internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).expect("folded")).to_be_bytes()
}
