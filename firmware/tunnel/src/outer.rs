//! What the header around a datagram says of the packet inside, and what it brings back: urgency and congestion.

use quinn_udp::EcnCodepoint;
use sekisho_design::Class;

/// The second byte of an IPv4 header: the differentiated services codepoint, and two bits for congestion. The datagram
/// has both from the packet inside (RFC 2983, clause 3.1, uniform model; RFC 6040, clause 4.1, normal mode); the
/// codepoint there was set by the packet filter, by class.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TypeOfService(u8);

impl TypeOfService {
    /// Of what the tunnel itself says: handshakes, keepalives, probes. Without them nothing online gets through.
    pub const OWN: Self = Self(Class::Online.dscp() << 2);

    /// Of an IPv4 packet; a keepalive is an empty one and the tunnel's own.
    pub fn of(packet: &[u8]) -> Self {
        packet.get(1).map_or(Self::OWN, |byte| Self(*byte))
    }

    /// The codepoint, 0 to 63.
    pub fn dscp(self) -> u8 {
        self.0 >> 2
    }

    /// The whole byte.
    pub(crate) fn byte(self) -> u8 {
        self.0
    }
}

/// What routers say of congestion (RFC 3168): the lowest two bits of a header's second byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ecn {
    /// The ends don't speak of it.
    NotCapable,
    /// The ends do; the newer of two ways to say so.
    Capable1,
    /// The ends do.
    Capable0,
    /// A router was congested.
    Congested,
}

impl Ecn {
    /// Of a datagram as the socket tells it.
    pub(crate) fn of_datagram(told: Option<EcnCodepoint>) -> Self {
        told.map_or(Self::NotCapable, |told| Self::of_byte(told as u8))
    }

    fn of_byte(byte: u8) -> Self {
        match byte & 0b11 {
            0b00 => Self::NotCapable,
            0b01 => Self::Capable1,
            0b10 => Self::Capable0,
            _ => Self::Congested,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::NotCapable => 0b00,
            Self::Capable1 => 0b01,
            Self::Capable0 => 0b10,
            Self::Congested => 0b11,
        }
    }

    /// What the packet inside bears from here on, by what the datagram around it bore (RFC 6040, clause 4.2). None where
    /// it has to be dropped: congestion was met, and its ends wouldn't understand the mark.
    fn carried_into(self, inner: Self) -> Option<Self> {
        match (inner, self) {
            (Self::NotCapable, Self::Congested) => None,
            (Self::Capable0, Self::Capable1) => Some(Self::Capable1),
            (Self::Capable0 | Self::Capable1, Self::Congested) => Some(Self::Congested),
            (inner, _) => Some(inner),
        }
    }

    /// Carries the datagram's mark into the IPv4 packet that was inside; false where the packet has to be dropped.
    #[must_use]
    pub(crate) fn carry_into(self, packet: &mut [u8]) -> bool {
        let Some(&[version, before]) = packet.first_chunk() else { return true };
        let Some(ecn) = self.carried_into(Self::of_byte(before)) else { return false };
        let after = (before & !0b11) | ecn.bits();
        if after != before
            && let Some(checksum) = packet.get_mut(10..12)
        {
            // One word of the header changes, and the checksum with it (RFC 1624, equation 3).
            let word = |byte| u32::from(u16::from_be_bytes([version, byte]));
            let old = u32::from(u16::from_be_bytes([checksum[0], checksum[1]]));
            let sum = (!old & 0xffff) + (!word(before) & 0xffff) + word(after);
            let sum = (sum & 0xffff) + (sum >> 16);
            let sum = (sum & 0xffff) + (sum >> 16);
            #[expect(clippy::cast_possible_truncation, reason = "folded to 16 bits")]
            checksum.copy_from_slice(&(!(sum as u16)).to_be_bytes());
            packet[1] = after;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smoltcp::wire::Ipv4Packet;

    use super::*;

    #[test]
    fn a_datagram_bears_the_byte_of_the_packet_inside() {
        let congested = TypeOfService::of(&[0x45, (10 << 2) | 0b11]);
        assert_eq!((congested.dscp(), congested.byte()), (10, 43));
        assert_eq!(TypeOfService::of(&[0x45, 0]).dscp(), 0);
        assert_eq!(TypeOfService::of(&[]), TypeOfService::OWN);
        assert_eq!((TypeOfService::OWN.dscp(), TypeOfService::OWN.byte()), (18, 72));
    }

    /// The table of RFC 6040, figure 4; columns as there: the datagram's mark.
    #[test]
    fn marks_of_the_way_reach_the_packet_inside() {
        use Ecn::{Capable0, Capable1, Congested, NotCapable};
        let outer = [NotCapable, Capable0, Capable1, Congested];
        for (inner, after) in [
            (NotCapable, [Some(NotCapable), Some(NotCapable), Some(NotCapable), None]),
            (Capable0, [Some(Capable0), Some(Capable0), Some(Capable1), Some(Congested)]),
            (Capable1, [Some(Capable1), Some(Capable1), Some(Capable1), Some(Congested)]),
            (Congested, [Some(Congested); 4]),
        ] {
            assert_eq!(outer.map(|outer| outer.carried_into(inner)), after, "{inner:?}");
        }
    }

    proptest! {
        #[test]
        fn a_marked_packet_keeps_a_right_checksum(
            header: [u8; 20],
            outer in prop::sample::select(vec![Ecn::NotCapable, Ecn::Capable1, Ecn::Capable0, Ecn::Congested]),
        ) {
            let mut bytes = header;
            bytes[..4].copy_from_slice(&[0x45, header[1], 0, 20]);
            Ipv4Packet::new_unchecked(&mut bytes).fill_checksum();
            let before = bytes;
            let kept = outer.carry_into(&mut bytes);
            let inner = Ecn::of_byte(before[1]);
            prop_assert_eq!(kept, outer.carried_into(inner).is_some());
            prop_assert!(Ipv4Packet::new_unchecked(&bytes).verify_checksum());
            let (mut ours, mut theirs) = (bytes, before);
            for bytes in [&mut ours, &mut theirs] {
                bytes[1] &= !0b11;
                bytes[10..12].fill(0);
            }
            prop_assert_eq!(ours, theirs, "nothing else changes");
        }
    }
}
