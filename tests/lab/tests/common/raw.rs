//! Packets as nobody's kernel would send them.

use std::net::Ipv4Addr;

use sekisho_lab::Lab;
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
        UdpPacket, UdpRepr,
    },
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// `IPPROTO_RAW`: the packet brings its own header.
const RAW: i32 = 255;

/// Who sends what to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// Source address, whosever it is.
    pub(crate) from: Ipv4Addr,
    /// Destination address.
    pub(crate) to: Ipv4Addr,
    /// Destination port.
    pub(crate) port: u16,
}

const SOURCE_PORT: u16 = 40_000;
const USUAL_TTL: u8 = 64;

impl Flow {
    /// A UDP datagram, as an IPv4 packet.
    pub(crate) fn udp(self, payload: &[u8]) -> Vec<u8> {
        let udp = UdpRepr { src_port: SOURCE_PORT, dst_port: self.port };
        self.packet(IpProtocol::Udp, udp.header_len() + payload.len(), USUAL_TTL, |room| {
            let (from, to) = self.ends();
            let fill = |room: &mut [u8]| room.copy_from_slice(payload);
            udp.emit(
                &mut UdpPacket::new_unchecked(room),
                &from,
                &to,
                payload.len(),
                fill,
                &checksums(),
            );
        })
    }

    /// A TCP segment, as an IPv4 packet: a SYN, or an acknowledgement out of nowhere.
    pub(crate) fn tcp(self, control: TcpControl, ttl: u8) -> Vec<u8> {
        let opening = control == TcpControl::Syn;
        let tcp = TcpRepr {
            src_port: SOURCE_PORT,
            dst_port: self.port,
            control,
            seq_number: TcpSeqNumber(1),
            ack_number: (!opening).then_some(TcpSeqNumber(1)),
            window_len: 1000,
            window_scale: None,
            max_seg_size: opening.then_some(1460),
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        self.packet(IpProtocol::Tcp, tcp.buffer_len(), ttl, |room| {
            let (from, to) = self.ends();
            tcp.emit(&mut TcpPacket::new_unchecked(room), &from, &to, &checksums());
        })
    }

    fn ends(self) -> (IpAddress, IpAddress) {
        (self.from.into(), self.to.into())
    }

    fn packet(
        self,
        protocol: IpProtocol,
        length: usize,
        ttl: u8,
        fill: impl FnOnce(&mut [u8]),
    ) -> Vec<u8> {
        let ip = Ipv4Repr {
            src_addr: self.from,
            dst_addr: self.to,
            next_header: protocol,
            payload_len: length,
            hop_limit: ttl,
        };
        let mut bytes = vec![0; ip.buffer_len() + length];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
        ip.emit(&mut packet, &checksums());
        fill(packet.payload_mut());
        bytes
    }
}

fn checksums() -> ChecksumCapabilities {
    ChecksumCapabilities::default()
}

/// Sends IPv4 packets from a host, as they are, by the route to `to`.
pub(crate) fn send(lab: &Lab, host: &str, to: Ipv4Addr, packets: &[Vec<u8>]) -> anyhow::Result<()> {
    lab.host(host).inside(|| -> anyhow::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW)))?;
        let to: SockAddr = std::net::SocketAddrV4::new(to, 0).into();
        for packet in packets {
            socket.send_to(packet, &to)?;
        }
        Ok(())
    })?
}
