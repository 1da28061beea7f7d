//! IPv4 packets straight onto a port's wire and off it.

use std::{io, net::Ipv4Addr};

use nix::libc::ETH_P_IP;
use sekisho_design::PortName;
use sekisho_plan::ports::Mac;
use smoltcp::wire::{EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr};
use socket2::SockFilter;

use crate::{
    HostError,
    frames::Frames,
    neighbour::{failed, lit},
};

/// Sends IPv4 packets on a port past routes and packet filter, and hears what comes there for one address: ICMP, and TCP and
/// UDP to the ports from a first one up. The kernel picks that out, so that a port at full rate is no burden. It has
/// what comes as well, and its rules decide what it does with that.
///
/// Checksums of TCP and UDP are not to be relied upon: one that a card or the next namespace was to fill in isn't there.
#[derive(Debug)]
pub struct RawWire {
    frames: Frames,
    buffer: Vec<u8>,
}

/// The header before each packet.
const HEADER: usize = 14;

/// The longest packet that is heard whole: with a jumbo frame.
const LONGEST: usize = 9216;

impl RawWire {
    /// Opens it for an own address and the ports from `first` up.
    ///
    /// # Errors
    /// [`HostError::NoSuchLink`]; [`HostError::Neighbours`] where the port is down, has no carrier, or the kernel refuses.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(port: &PortName, own: Ipv4Addr, first: u16) -> Result<Self, HostError> {
        let frames = Frames::open(&lit(port)?, ETH_P_IP, &filter(own, first));
        let frames = frames.map_err(failed("listen to packets", port))?;
        Ok(Self { frames, buffer: vec![0; HEADER + LONGEST] })
    }

    /// Sends a packet to a neighbour.
    ///
    /// # Errors
    /// What the kernel answered.
    pub async fn send(&self, to: Mac, packet: &[u8]) -> io::Result<()> {
        let mut frame = vec![0; HEADER + packet.len()];
        let header = EthernetRepr {
            src_addr: EthernetAddress(self.frames.mac().0),
            dst_addr: EthernetAddress(to.0),
            ethertype: EthernetProtocol::Ipv4,
        };
        header.emit(&mut EthernetFrame::new_unchecked(&mut frame));
        frame[HEADER..].copy_from_slice(packet);
        self.frames.send(&frame).await
    }

    /// The next packet, with what the wire put behind it, and the neighbour that sent it. Nothing is lost where the future is
    /// dropped.
    ///
    /// # Errors
    /// What the kernel answered, like that the port went down.
    pub async fn receive(&mut self) -> io::Result<(Mac, &[u8])> {
        loop {
            let size = self.frames.receive(&mut self.buffer).await?;
            if size > HEADER {
                let mut mac = [0; 6];
                mac.copy_from_slice(&self.buffer[6..12]);
                return Ok((Mac(mac), &self.buffer[HEADER..size]));
            }
        }
    }
}

/// What is heard, as the kernel's classic BPF; offsets are within the frame.
fn filter(own: Ipv4Addr, first: u16) -> [SockFilter; 13] {
    const WORD: u16 = 0x20;
    const HALF: u16 = 0x28;
    const BYTE: u16 = 0x30;
    const HALF_BEYOND: u16 = 0x48;
    const HEADER_LENGTH: u16 = 0xb1;
    const EQUALS: u16 = 0x15;
    const AT_LEAST: u16 = 0x35;
    const HAS_BITS: u16 = 0x45;
    const RETURN: u16 = 0x06;
    let op = SockFilter::new;
    [
        op(WORD, 0, 0, 30),
        op(EQUALS, 0, 10, own.to_bits()),
        op(BYTE, 0, 0, 23),
        op(EQUALS, 7, 0, 1),
        op(EQUALS, 1, 0, 6),
        op(EQUALS, 0, 6, 17),
        // A later fragment has no port.
        op(HALF, 0, 0, 20),
        op(HAS_BITS, 4, 0, 0x1fff),
        op(HEADER_LENGTH, 0, 0, 14),
        op(HALF_BEYOND, 0, 0, 16),
        op(AT_LEAST, 0, 1, u32::from(first)),
        op(RETURN, 0, 0, u32::MAX),
        op(RETURN, 0, 0, 0),
    ]
}
