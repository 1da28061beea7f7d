//! ARP on one link (RFC 826).

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv4Addr,
    time::Duration,
};

use nix::{libc::ETH_P_ARP, sys::socket::LinkAddr};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr,
};
use tokio::time::{Instant, timeout_at};

use super::{Mac, PROBE_WAITS};
use crate::frames::{Frames, is_down};

/// A socket that sends and hears ARP on one link.
#[derive(Debug)]
pub(super) struct Wire(Frames);

/// An ARP message for IPv4.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) is_request: bool,
    /// Who sent it.
    pub(super) mac: Mac,
    /// The address that the sender has; unspecified where it has none yet.
    pub(super) sender: Ipv4Addr,
    /// Whom it is about.
    pub(super) target: Ipv4Addr,
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
        Frames::open(own, ETH_P_ARP, &[]).map(Self)
    }

    /// Our own address on the link.
    pub(super) fn mac(&self) -> Mac {
        self.0.mac()
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
            if let Some((address, mac)) = objection(&frame?, self.mac(), macs)
                && wanted.contains(&address)
            {
                holders.entry(address).or_insert(mac);
            }
        }
        Ok(())
    }

    /// Broadcasts a request: a probe where the sender has no address, an announcement where it asks for its own.
    pub(super) async fn send(&self, sender: Ipv4Addr, target: Ipv4Addr) -> io::Result<()> {
        self.0.send(&request(self.mac(), sender, target)).await
    }

    pub(super) async fn receive(&self) -> io::Result<[u8; FRAME]> {
        let mut frame = [0; FRAME];
        while self.0.receive(&mut frame).await? != FRAME {}
        Ok(frame)
    }

    /// The next frame that has come already.
    pub(super) fn queued(&self) -> io::Result<Option<[u8; FRAME]>> {
        let mut frame = [0; FRAME];
        while let Some(size) = self.0.queued(&mut frame)? {
            if size == FRAME {
                return Ok(Some(frame));
            }
        }
        Ok(None)
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

/// The message in a frame.
pub(super) fn message(frame: &[u8]) -> Option<Message> {
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
    Some(Message { is_request: operation == ArpOperation::Request, mac: Mac(mac), sender, target })
}

/// The address that a frame objects to our taking, and who sent it: a host that has it, or another one that probes for it
/// (RFC 5227, 2.1.1). A probe by one of our own ports is no objection; that one of them has the address is.
pub(super) fn objection(frame: &[u8], own: Mac, macs: &BTreeSet<Mac>) -> Option<(Ipv4Addr, Mac)> {
    let Message { is_request, mac, sender, target } = message(frame)?;
    if !sender.is_unspecified() {
        return (mac != own).then_some((sender, mac));
    }
    (is_request && !macs.contains(&mac)).then_some((target, mac))
}
