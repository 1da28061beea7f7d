//! What a datagram says of its urgency to the routers of LGWAN.

use sekisho_design::Class;

/// The differentiated services codepoint of a datagram: that of the packet inside (RFC 2983, clause 3.1, uniform
/// model), which the packet filter has set by its class. The two bits of ECN beside it stay zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dscp(u8);

impl Dscp {
    /// Of what the tunnel itself says: handshakes, keepalives, probes. Without them nothing online gets through.
    pub const OWN: Self = Self(Class::Online.dscp());

    /// Of an IPv4 packet; a keepalive is an empty one and the tunnel's own.
    pub fn of(packet: &[u8]) -> Self {
        packet.get(1).map_or(Self::OWN, |service| Self(service >> 2))
    }

    /// The number, 0 to 63.
    pub fn get(self) -> u8 {
        self.0
    }

    /// The second byte of an IPv4 header.
    pub(crate) fn type_of_service(self) -> u8 {
        self.0 << 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packets_own_codepoint_is_taken_without_its_congestion_bits() {
        assert_eq!(Dscp::of(&[0x45, (10 << 2) | 0b11]).get(), 10);
        assert_eq!(Dscp::of(&[0x45, (10 << 2) | 0b11]).type_of_service(), 40);
        assert_eq!(Dscp::of(&[0x45, 0]).get(), 0);
        assert_eq!(Dscp::of(&[]), Dscp::OWN);
        assert_eq!(Dscp::OWN.get(), 18);
    }
}
