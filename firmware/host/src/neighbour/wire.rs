//! ARP on one link (RFC 826).

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv4Addr,
    os::fd::AsRawFd,
    time::Duration,
};

use nix::{
    libc::{ENETDOWN, ENXIO, ETH_P_ARP},
    sys::socket::{LinkAddr, bind, recvfrom},
};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::{Instant, timeout_at},
};

use super::{Mac, PROBE_WAITS};

/// A socket that sends and hears ARP on one link.
pub(super) struct Wire {
    socket: AsyncFd<Socket>,
    index: usize,
    mac: Mac,
}

/// What a link had to say about addresses.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Who objected.
    pub(super) holders: BTreeMap<Ipv4Addr, Mac>,
    /// All was asked, and all answers were waited for.
    pub(super) whole: bool,
}

/// An Ethernet header (14 bytes) and an ARP message for IPv4 (28 bytes).
pub(super) const FRAME: usize = 42;

impl Wire {
    pub(super) fn open(own: &LinkAddr) -> io::Result<Self> {
        let arp = u16::try_from(ETH_P_ARP).map_err(io::Error::other)?.to_be();
        let kind = Type::RAW.nonblocking();
        let socket = Socket::new(Domain::PACKET, kind, Some(Protocol::from(i32::from(arp))))?;
        // The address names no protocol, so the socket keeps its own (packet(7)).
        bind(socket.as_raw_fd(), own)?;
        let mac = mac(own).ok_or(io::ErrorKind::AddrNotAvailable)?;
        #[expect(
            deprecated,
            reason = "a socket keeps its descriptor; what stands in its place is unsafe code"
        )]
        let socket = AsyncFd::new(socket)?;
        Ok(Self { socket, index: own.ifindex(), mac })
    }

    /// Asks for addresses. `macs` are those of all our ports.
    pub(super) async fn ask(
        &self,
        macs: &BTreeSet<Mac>,
        wanted: &BTreeSet<Ipv4Addr>,
    ) -> io::Result<Answer> {
        let mut answer = Answer::default();
        for wait in PROBE_WAITS {
            match self.ask_once(macs, wanted, wait, &mut answer.holders).await {
                Err(error) if is_down(&error) => return Ok(answer),
                heard => heard?,
            }
        }
        answer.whole = true;
        Ok(answer)
    }

    async fn ask_once(
        &self,
        macs: &BTreeSet<Mac>,
        wanted: &BTreeSet<Ipv4Addr>,
        wait: Duration,
        holders: &mut BTreeMap<Ipv4Addr, Mac>,
    ) -> io::Result<()> {
        for address in wanted.iter().filter(|address| !holders.contains_key(*address)) {
            self.send(Ipv4Addr::UNSPECIFIED, *address).await?;
        }
        let end = Instant::now() + wait;
        // On a wire that never falls silent a timeout alone would never come.
        while holders.len() < wanted.len() && Instant::now() < end {
            let Ok(frame) = timeout_at(end, self.receive()).await else { break };
            if let Some((address, mac)) = objection(&frame?, self.mac, macs)
                && wanted.contains(&address)
            {
                holders.entry(address).or_insert(mac);
            }
        }
        Ok(())
    }

    /// Broadcasts a request: a probe where the sender has no address, an announcement where it asks for its own.
    pub(super) async fn send(&self, sender: Ipv4Addr, target: Ipv4Addr) -> io::Result<()> {
        let frame = request(self.mac, sender, target);
        self.socket.async_io(Interest::WRITABLE, |socket| socket.send(&frame)).await.map(drop)
    }

    async fn receive(&self) -> io::Result<[u8; FRAME]> {
        loop {
            let mut frame = [0; FRAME];
            let heard = self.socket.async_io(Interest::READABLE, |socket| {
                Ok(recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut frame)?)
            });
            let (size, from) = heard.await?;
            // Between its making and its binding the socket heard every link.
            if size == FRAME && from.is_some_and(|from| from.ifindex() == self.index) {
                return Ok(frame);
            }
        }
    }
}

pub(super) fn request(own: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> [u8; FRAME] {
    let own = EthernetAddress(own.0);
    let mut bytes = [0; FRAME];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    let ethertype = EthernetProtocol::Arp;
    EthernetRepr { src_addr: own, dst_addr: EthernetAddress::BROADCAST, ethertype }
        .emit(&mut frame);
    let message = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: own,
        source_protocol_addr: sender,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    };
    message.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
    bytes
}

/// The address that a frame objects to our taking, and who sent it: a host that has it, or another one that probes for it
/// (RFC 5227, 2.1.1). A probe by one of our own ports is no objection; that one of them has the address is.
pub(super) fn objection(frame: &[u8], own: Mac, macs: &BTreeSet<Mac>) -> Option<(Ipv4Addr, Mac)> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let message = ArpPacket::new_checked(frame.payload()).ok()?;
    if frame.ethertype() != EthernetProtocol::Arp {
        return None;
    }
    let ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: EthernetAddress(mac),
        source_protocol_addr: sender,
        target_protocol_addr: target,
        ..
    } = ArpRepr::parse(&message).ok()?
    else {
        return None;
    };
    let mac = Mac(mac);
    if !sender.is_unspecified() {
        return (mac != own).then_some((sender, mac));
    }
    (operation == ArpOperation::Request && !macs.contains(&mac)).then_some((target, mac))
}

pub(super) fn mac(own: &LinkAddr) -> Option<Mac> {
    (own.halen() == 6).then(|| own.addr().map(Mac)).flatten()
}

pub(super) fn is_down(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENETDOWN | ENXIO))
}
