//! Which flow a packet is of.

use std::net::{Ipv4Addr, SocketAddrV4};

/// A flow, as seen by whoever speaks through the tap.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TapFlow {
    /// What it speaks.
    pub protocol: TapProtocol,
    /// Our end. ICMP echo has its identifier in place of a port.
    pub ours: SocketAddrV4,
    /// The other end. ICMP echo has no second port: 0.
    pub theirs: SocketAddrV4,
}

/// What a flow speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TapProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP echo (RFC 792).
    Echo,
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// ICMP types (RFC 792).
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
/// Unreachable, source quench, time exceeded and parameter problem: each quotes the packet that it is about.
const ERRORS: [u8; 4] = [3, 4, 11, 12];

impl TapFlow {
    /// The flow to which a packet comes, seen from its destination: its own, or that of the packet which it quotes. Later
    /// fragments have no ports, and whatever isn't whole has no flow.
    pub fn arriving(packet: &[u8]) -> Option<Self> {
        arriving(packet)
    }

    /// The flow of a packet that its own end sends.
    pub fn leaving(packet: &[u8]) -> Option<Self> {
        Header::read(packet)?.flow(|source, destination| (source, destination))
    }
}

fn arriving(packet: &[u8]) -> Option<TapFlow> {
    let header = Header::read(packet)?;
    if header.protocol != ICMP {
        return header.flow(|source, destination| (destination, source));
    }
    match *header.payload.first()? {
        ECHO_REPLY => Some(TapFlow {
            protocol: TapProtocol::Echo,
            ours: SocketAddrV4::new(header.destination, word(header.payload, 4)?),
            theirs: SocketAddrV4::new(header.source, 0),
        }),
        kind if ERRORS.contains(&kind) => {
            let quoted = Header::read(header.payload.get(8..)?)?;
            // An error about a packet of ours comes to us.
            (quoted.source == header.destination).then_some(())?;
            quoted.flow(|source, destination| (source, destination))
        }
        _ => None,
    }
}

struct Header<'a> {
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(packet: &'a [u8]) -> Option<Self> {
        let first = *packet.first()?;
        let length = usize::from(first & 0x0f) * 4;
        let later_fragment = word(packet, 6)? & 0x1fff != 0;
        if first >> 4 != 4 || length < 20 || later_fragment {
            return None;
        }
        Some(Self {
            protocol: *packet.get(9)?,
            source: address(packet, 12)?,
            destination: address(packet, 16)?,
            payload: packet.get(length..)?,
        })
    }

    /// The flow; `order` says which end is ours.
    fn flow(
        &self,
        order: fn(SocketAddrV4, SocketAddrV4) -> (SocketAddrV4, SocketAddrV4),
    ) -> Option<TapFlow> {
        let (protocol, source, destination) = match self.protocol {
            TCP => (TapProtocol::Tcp, word(self.payload, 0)?, word(self.payload, 2)?),
            UDP => (TapProtocol::Udp, word(self.payload, 0)?, word(self.payload, 2)?),
            // Only a packet of our own gets here with it, sent or quoted.
            ICMP if *self.payload.first()? == ECHO_REQUEST => {
                (TapProtocol::Echo, word(self.payload, 4)?, 0)
            }
            _ => return None,
        };
        let (ours, theirs) = order(
            SocketAddrV4::new(self.source, source),
            SocketAddrV4::new(self.destination, destination),
        );
        Some(TapFlow { protocol, ours, theirs })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    bytes.get(at..)?.first_chunk().map(|four: &[u8; 4]| Ipv4Addr::from(*four))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OURS: [u8; 4] = [100, 64, 10, 11];
    const THEIRS: [u8; 4] = [100, 72, 1, 10];
    const ROUTER: [u8; 4] = [100, 72, 0, 1];

    fn packet(protocol: u8, source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend(source.iter().chain(&destination).chain(payload));
        packet
    }

    fn ports(source: u16, destination: u16) -> Vec<u8> {
        let ports = [source.to_be_bytes(), destination.to_be_bytes()];
        ports.into_iter().flatten().chain([0; 4]).collect()
    }

    fn flow(protocol: TapProtocol, ours: u16, theirs: u16) -> TapFlow {
        TapFlow {
            protocol,
            ours: SocketAddrV4::new(OURS.into(), ours),
            theirs: SocketAddrV4::new(THEIRS.into(), theirs),
        }
    }

    #[test]
    fn packets_are_of_the_flow_that_they_come_to() {
        let tcp = packet(TCP, THEIRS, OURS, &ports(443, 62_000));
        assert_eq!(arriving(&tcp), Some(flow(TapProtocol::Tcp, 62_000, 443)));
        let udp = packet(UDP, THEIRS, OURS, &ports(53, 62_001));
        assert_eq!(arriving(&udp), Some(flow(TapProtocol::Udp, 62_001, 53)));
        let reply = packet(ICMP, THEIRS, OURS, &[0, 0, 0, 0, 0x12, 0x34, 0, 1]);
        assert_eq!(arriving(&reply), Some(flow(TapProtocol::Echo, 0x1234, 0)));
        let leaving = packet(TCP, OURS, THEIRS, &ports(62_000, 443));
        assert_eq!(TapFlow::leaving(&leaving), TapFlow::arriving(&tcp));
        // Somebody asks us: that is no answer to anything.
        let request = packet(ICMP, THEIRS, OURS, &[8, 0, 0, 0, 0x12, 0x34, 0, 1]);
        assert_eq!(arriving(&request), None);
    }

    #[test]
    fn errors_are_of_the_flow_that_they_quote() {
        let error = |to, quoted: &[u8]| {
            packet(ICMP, ROUTER, to, &[&[3, 13, 0, 0, 0, 0, 0, 0][..], quoted].concat())
        };
        let tcp = packet(TCP, OURS, THEIRS, &ports(62_000, 443));
        assert_eq!(arriving(&error(OURS, &tcp)), Some(flow(TapProtocol::Tcp, 62_000, 443)));
        let echo = packet(ICMP, OURS, THEIRS, &[8, 0, 0, 0, 0x12, 0x34, 0, 1]);
        assert_eq!(arriving(&error(OURS, &echo)), Some(flow(TapProtocol::Echo, 0x1234, 0)));
        // About somebody else's packet.
        assert_eq!(arriving(&error(THEIRS, &tcp)), None);
        assert_eq!(arriving(&error(OURS, &error(OURS, &tcp))), None);
    }

    #[test]
    fn later_fragments_and_other_versions_have_no_flow() {
        let mut fragment = packet(TCP, THEIRS, OURS, &ports(443, 62_000));
        fragment[7] = 1;
        assert_eq!(arriving(&fragment), None);
        let mut six = packet(TCP, THEIRS, OURS, &ports(443, 62_000));
        six[0] = 0x65;
        assert_eq!(arriving(&six), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = arriving(&bytes);
            let _ = TapFlow::leaving(&bytes);
        }

        #[test]
        fn any_icmp_is_harmless(payload in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = arriving(&packet(ICMP, THEIRS, OURS, &payload));
            let _ = arriving(&packet(ICMP, THEIRS, OURS, &[&[3; 8][..], &payload].concat()));
        }
    }
}
