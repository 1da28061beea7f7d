//! In-tunnel probes: ICMP echo (RFC 792) from the device's own address to an address inside a centre.

use std::{
    hash::{BuildHasher, RandomState},
    net::Ipv4Addr,
};

use crate::TypeOfService;
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{Icmpv4Packet, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr},
};

/// Builds echo requests and recognises their replies.
#[derive(Clone, Copy, Debug)]
pub struct Prober {
    source: Ipv4Addr,
    id: ProberId,
}

/// What came back to a [`Prober`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply {
    /// The probe with this sequence number.
    Probe(u16),
    /// A packet of this size.
    Size(u16),
}

/// The identifier that marks the probes of one run, so that replies to an earlier run, or to a `ping` on the device,
/// are nobody's mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProberId(u16);

impl ProberId {
    /// An identifier that another run is unlikely to have. It needs to be different, not secret.
    pub fn random() -> Self {
        Self((RandomState::new().hash_one(()) & 0xffff) as u16)
    }

    /// A given identifier.
    pub fn new(id: u16) -> Self {
        Self(id)
    }
}

impl Prober {
    /// Length of a probe in bytes: IPv4 header, ICMP header and 16 bytes that mark it.
    pub const LENGTH: usize = 20 + 8 + Self::PAYLOAD.len();

    const PAYLOAD: &[u8] = b"sekisho-probe\0\0\0";

    /// Everything of a packet that asks for its size but what fills it.
    const FRAME: usize = 20 + 8 + Self::FILLED.len();

    /// Begins what a packet is filled with that asks for its size.
    const FILLED: &[u8] = b"sekisho-size\0\0\0\0";

    /// Probes from `source`, the device's own address.
    pub fn new(source: Ipv4Addr, id: ProberId) -> Self {
        Self { source, id }
    }

    /// The echo request to `target` with this sequence number: a whole IPv4 packet, of the highest class.
    pub fn request(&self, target: Ipv4Addr, sequence: u16) -> [u8; Self::LENGTH] {
        let request =
            Icmpv4Repr::EchoRequest { ident: self.id.0, seq_no: sequence, data: Self::PAYLOAD };
        self.packet(target, request)
    }

    /// An echo request of this many bytes, headers included: it comes back if the path carries such packets. Its sequence
    /// number is the size.
    pub fn request_of_size(&self, target: Ipv4Addr, size: u16) -> Vec<u8> {
        let mut data = vec![0; usize::from(size).saturating_sub(Self::FRAME) + Self::FILLED.len()];
        data[..Self::FILLED.len()].copy_from_slice(Self::FILLED);
        let request = Icmpv4Repr::EchoRequest { ident: self.id.0, seq_no: size, data: &data };
        let mut packet = vec![0; 28 + data.len()];
        self.write(&mut packet, target, request);
        packet
    }

    /// Tells a centre that it carries the site's traffic: an echo reply that nobody asked for, so nobody answers it. A
    /// centre that hears more than probes knows that it is the one in use, even while the office itself is silent.
    pub fn announcement(&self, target: Ipv4Addr) -> [u8; Self::LENGTH] {
        let reply = Icmpv4Repr::EchoReply { ident: self.id.0, seq_no: 0, data: Self::PAYLOAD };
        self.packet(target, reply)
    }

    fn packet(self, target: Ipv4Addr, icmp: Icmpv4Repr<'_>) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        self.write(&mut bytes, target, icmp);
        bytes
    }

    fn write(self, bytes: &mut [u8], target: Ipv4Addr, icmp: Icmpv4Repr<'_>) {
        let ip = Ipv4Repr {
            src_addr: self.source,
            dst_addr: target,
            next_header: IpProtocol::Icmp,
            payload_len: icmp.buffer_len(),
            hop_limit: 64,
        };
        let checksums = ChecksumCapabilities::default();
        let mut packet = Ipv4Packet::new_unchecked(bytes);
        ip.emit(&mut packet, &checksums);
        packet.set_dscp(TypeOfService::OWN.dscp());
        packet.fill_checksum();
        icmp.emit(&mut Icmpv4Packet::new_unchecked(packet.payload_mut()), &checksums);
    }

    /// What this IPv4 packet answers, if it is a whole echo reply from `target` to a request of this run.
    pub fn reply(&self, target: Ipv4Addr, packet: &[u8]) -> Option<Reply> {
        // Nearly every packet ends here, before anything is summed.
        if packet.len() < Self::LENGTH || packet[9] != u8::from(IpProtocol::Icmp) {
            return None;
        }
        let length = packet.len();
        let packet = Ipv4Packet::new_checked(packet).ok()?;
        let checksums = ChecksumCapabilities::default();
        let ip = Ipv4Repr::parse(&packet, &checksums).ok()?;
        if ip.src_addr != target || ip.dst_addr != self.source || ip.next_header != IpProtocol::Icmp
        {
            return None;
        }
        let icmp = Icmpv4Packet::new_checked(packet.payload()).ok()?;
        match Icmpv4Repr::parse(&icmp, &checksums) {
            Ok(Icmpv4Repr::EchoReply { ident, seq_no, data }) if ident == self.id.0 => {
                if data == Self::PAYLOAD {
                    Some(Reply::Probe(seq_no))
                } else {
                    let whole = length == usize::from(seq_no) && data.starts_with(Self::FILLED);
                    whole.then_some(Reply::Size(seq_no))
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEVICE: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 1);
    const EAST: Ipv4Addr = Ipv4Addr::new(100, 72, 250, 1);

    /// What a host makes of an echo request.
    fn answer(request: &[u8]) -> Vec<u8> {
        let mut bytes = request.to_vec();
        let checksums = ChecksumCapabilities::default();
        let ip = Ipv4Repr::parse(&Ipv4Packet::new_checked(request).unwrap(), &checksums).unwrap();
        let Ok(Icmpv4Repr::EchoRequest { ident, seq_no, data }) =
            Icmpv4Repr::parse(&Icmpv4Packet::new_checked(&request[20..]).unwrap(), &checksums)
        else {
            panic!("not an echo request")
        };
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        Ipv4Repr { src_addr: ip.dst_addr, dst_addr: ip.src_addr, ..ip }
            .emit(&mut packet, &checksums);
        Icmpv4Repr::EchoReply { ident, seq_no, data }
            .emit(&mut Icmpv4Packet::new_unchecked(packet.payload_mut()), &checksums);
        bytes
    }

    #[test]
    fn an_announcement_is_a_reply_that_no_probe_asked_for() {
        let prober = Prober::new(DEVICE, ProberId::new(7));
        let announcement = prober.announcement(EAST);
        let packet = Ipv4Packet::new_checked(&announcement[..]).unwrap();
        assert_eq!((packet.src_addr(), packet.dst_addr()), (DEVICE, EAST));
        assert_eq!(packet.payload()[0], 0, "ICMP echo reply");
        assert_eq!(prober.reply(EAST, &announcement), None);
    }

    #[test]
    fn a_reply_is_recognised_by_everything_that_binds_it() {
        let prober = Prober::new(DEVICE, ProberId::new(7));
        let reply = answer(&prober.request(EAST, 513));
        assert_eq!(prober.reply(EAST, &reply), Some(Reply::Probe(513)));

        let other_centre = Ipv4Addr::new(100, 72, 250, 2);
        assert_eq!(prober.reply(other_centre, &reply), None, "from another address");
        assert_eq!(
            Prober::new(DEVICE, ProberId::new(8)).reply(EAST, &reply),
            None,
            "of another run"
        );
        let other_device = Prober::new(Ipv4Addr::new(100, 64, 10, 2), ProberId::new(7));
        assert_eq!(other_device.reply(EAST, &reply), None, "to another address");
        assert_eq!(prober.reply(DEVICE, &prober.request(EAST, 513)), None, "a request");
        for byte in 0..reply.len() {
            let mut damaged = reply.clone();
            damaged[byte] ^= 0x10;
            assert_eq!(prober.reply(EAST, &damaged), None, "byte {byte} damaged");
        }
    }

    #[test]
    fn a_size_is_asked_for_by_a_packet_of_that_size() {
        let prober = Prober::new(DEVICE, ProberId::new(7));
        for size in [44, 1200, 1419, 1420, 9000] {
            let request = prober.request_of_size(EAST, size);
            assert_eq!(request.len(), usize::from(size));
            let reply = answer(&request);
            assert_eq!(prober.reply(EAST, &reply), Some(Reply::Size(size)));
            // A host that answers with less than it was asked proves nothing about the way back.
            let shortened = answer(&prober.request_of_size(EAST, size)[..]);
            let mut shortened = shortened[..44].to_vec();
            let mut packet = Ipv4Packet::new_unchecked(&mut shortened[..]);
            packet.set_total_len(44);
            packet.fill_checksum();
            Icmpv4Packet::new_unchecked(packet.payload_mut()).fill_checksum();
            assert_eq!(prober.reply(EAST, &shortened).is_some(), size == 44);
        }
    }

    proptest! {
        #[test]
        fn no_packet_panics(packet in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(Prober::new(DEVICE, ProberId::new(7)).reply(EAST, &packet), None);
        }
    }
}
