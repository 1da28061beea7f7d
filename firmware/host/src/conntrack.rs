//! The flows that the kernel tracks: all are shown, and those that the caller picks are dropped.
//!
//! The kernel's table is read piece by piece and never held: what is picked of one piece is dropped through a second
//! socket before the next piece is fetched. So memory is bounded by a datagram, however many flows there are.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's attributes grow with every release, and only a few concern us"
)]

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
};

use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, Nla,
};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    conntrack::{ConntrackAttribute, ConntrackMessage, IPTuple, ProtoTuple, Tuple},
};
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_NETFILTER};
use nix::libc::ENOENT;
use sekisho_plan::trace::{Connection, Opening};

use crate::{
    HostError,
    framing::{LARGEST, bytes, messages},
};

/// An IPv4 flow that the kernel tracks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Flow {
    /// Its conntrack zone; 0 where no rule gave it one.
    pub zone: u16,
    /// Protocol number (IANA), like 6 for TCP.
    pub protocol: u8,
    /// The ends as its first packet named them, before any translation.
    pub original: Ends,
    /// The ends as an answer names them where it reaches the device, so after every translation of the first packet.
    pub reply: Ends,
}

/// The two ends of a flow, in one direction.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ends {
    /// Sender.
    pub source: Ipv4Addr,
    /// Receiver.
    pub destination: Ipv4Addr,
    /// What stands beside the addresses.
    pub detail: Detail,
}

/// What tells flows of two hosts apart, by protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Detail {
    /// TCP, UDP and whatever else has ports.
    Ports {
        /// The sender's.
        source: u16,
        /// The receiver's.
        destination: u16,
    },
    /// ICMP; 8 for an echo request (RFC 792).
    Icmp {
        /// The message's type.
        kind: u8,
    },
    /// Nothing that concerns us.
    Other,
}

impl Flow {
    /// The flow in the words of the plan; `None` where it is neither TCP nor UDP nor echo, which no row can declare.
    pub fn connection(&self) -> Option<Connection> {
        let opening = match (self.protocol, self.original.detail) {
            (TCP, Detail::Ports { destination, .. }) => Opening::Tcp(destination),
            (UDP, Detail::Ports { destination, .. }) => Opening::Udp(destination),
            (ICMP, Detail::Icmp { kind: ECHO_REQUEST }) => Opening::Echo,
            _ => return None,
        };
        let addresses = |ends: &Ends| (ends.source, ends.destination);
        let (original, reply) = (addresses(&self.original), addresses(&self.reply));
        Some(Connection { zone: self.zone, opening, original, reply })
    }
}

/// Shows every IPv4 flow of this thread's network namespace to `doomed`, drops those that it picks, and says how many.
/// A flow that has ended meanwhile isn't counted, and one that took its place lives on unless it is the same in all that
/// `doomed` has seen.
///
/// Flows that are opened meanwhile may not be shown. So a change of rules comes first, and then this: whatever opens
/// after it has met the new rules. A flow may be shown twice.
///
/// # Errors
/// [`HostError::Connections`]; some flows may have been dropped.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn drop_flows(doomed: impl FnMut(&Flow) -> bool) -> Result<u64, HostError> {
    sweep(doomed).await.map_err(|source| HostError::Connections { source })
}

/// Shows every IPv4 flow of this thread's network namespace to `look`; one that is opened or ends meanwhile may not be shown,
/// and one may be shown twice.
///
/// # Errors
/// [`HostError::Connections`]; some flows were not shown.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn each_flow(mut look: impl FnMut(&Flow)) -> Result<(), HostError> {
    let shown = drop_flows(|flow| {
        look(flow);
        false
    });
    shown.await.map(drop)
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// RFC 792.
const ECHO_REQUEST: u8 = 8;

/// Attributes of a flow (`CTA_ID`, `CTA_ZONE`) and of an ICMP flow's end (`CTA_PROTO_ICMP_TYPE`): see
/// `nfnetlink_conntrack.h`.
const ID: u16 = 12;
pub(crate) const ZONE: u16 = 18;
const ICMP_TYPE: u16 = 5;

/// So many are dropped before the answers are read: these fit into the smallest receive buffer of a socket.
const AT_ONCE: usize = 32;

async fn sweep(mut doomed: impl FnMut(&Flow) -> bool) -> io::Result<u64> {
    let (list, mut drops) = (open()?, open()?);
    list.send(&request(ConntrackMessage::Get(Vec::new()), NLM_F_DUMP)).await?;
    let mut piece = Vec::with_capacity(LARGEST);
    let mut dropped = 0;
    loop {
        piece.clear();
        list.recv(&mut piece).await?;
        let (mut picked, mut at_end) = (Vec::new(), false);
        for message in messages(&piece) {
            match message?.payload {
                NetlinkPayload::Done(done) if done.code == 0 => at_end = true,
                NetlinkPayload::Done(done) => return Err(io::Error::from_raw_os_error(-done.code)),
                NetlinkPayload::Error(answer) => return Err(answer.to_io()),
                NetlinkPayload::InnerMessage(message) => {
                    let entry = read(message.inner).filter(|entry| doomed(&entry.flow));
                    picked.extend(entry.map(|entry| entry.name));
                }
                _ => {}
            }
        }
        dropped += drop_named(&mut drops, picked).await?;
        if at_end {
            return Ok(dropped);
        }
    }
}

fn open() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
    socket.socket_mut().bind_auto()?;
    Ok(socket)
}

fn request(message: ConntrackMessage, flags: u16) -> Vec<u8> {
    let family = NetfilterHeader::new(NetfilterProtoFamily::IPv4, 0, 0);
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let mut message =
        NetlinkMessage::new(header, NetlinkPayload::from(NetfilterMessage::new(family, message)));
    message.finalize();
    bytes(&message)
}

/// Drops entries by name and counts those that were there.
async fn drop_named(socket: &mut TokioSocket, names: Vec<Name>) -> io::Result<u64> {
    let mut dropped = 0;
    let mut answers = Vec::with_capacity(LARGEST);
    let mut names = names.into_iter();
    loop {
        let (mut requests, mut unanswered) = (Vec::new(), 0_u32);
        for name in names.by_ref().take(AT_ONCE) {
            requests.extend(request(name.delete(), NLM_F_ACK));
            unanswered += 1;
        }
        if unanswered == 0 {
            return Ok(dropped);
        }
        socket.send(&requests).await?;
        while unanswered > 0 {
            answers.clear();
            socket.recv(&mut answers).await?;
            for answer in messages(&answers) {
                let NetlinkPayload::Error(answer) = answer?.payload else { continue };
                unanswered = unanswered.saturating_sub(1);
                match answer.code {
                    None => dropped += 1,
                    Some(code) if code.get() == -ENOENT => {}
                    Some(_) => return Err(answer.to_io()),
                }
            }
        }
    }
}

/// An entry of the kernel's table.
#[derive(Debug)]
struct Entry {
    flow: Flow,
    name: Name,
}

/// What names one entry and no other. Its number is a hash of its place in memory and its original ends, so one that
/// takes its place may have the same; it is told apart by its reply, which is what the kernel looks it up by. A request
/// to delete that has no tuple would empty the whole table, so there is always one.
#[derive(Debug, Eq, PartialEq)]
struct Name {
    reply: Vec<Tuple>,
    zone: Option<DefaultNla>,
    id: DefaultNla,
}

impl Name {
    fn delete(self) -> ConntrackMessage {
        let mut attributes =
            vec![ConntrackAttribute::CtaTupleReply(self.reply), ConntrackAttribute::Other(self.id)];
        attributes.extend(self.zone.map(ConntrackAttribute::Other));
        ConntrackMessage::Delete(attributes)
    }
}

/// `None` for what isn't a whole IPv4 entry.
fn read(message: NetfilterMessageInner) -> Option<Entry> {
    let NetfilterMessageInner::Conntrack(ConntrackMessage::New(attributes)) = message else {
        return None;
    };
    let (mut original, mut reply, mut zone, mut id) = (None, None, None, None);
    for attribute in attributes {
        match attribute {
            ConntrackAttribute::CtaTupleOrig(tuple) => original = Some(tuple),
            ConntrackAttribute::CtaTupleReply(tuple) => reply = Some(tuple),
            ConntrackAttribute::Other(other) if other.kind() == ZONE => zone = Some(other),
            ConntrackAttribute::Other(other) if other.kind() == ID => id = Some(other),
            _ => {}
        }
    }
    let (reply, id) = (reply?, id?);
    let flow = read_flow(&original?, &reply, zone.as_ref())?;
    Some(Entry { flow, name: Name { reply, zone, id } })
}

/// A flow from its attributes.
pub(crate) fn read_flow(
    original: &[Tuple],
    reply: &[Tuple],
    zone: Option<&DefaultNla>,
) -> Option<Flow> {
    let zone = match zone {
        Some(zone) => u16::from_be_bytes(value(zone).try_into().ok()?),
        None => 0,
    };
    let (original, protocol) = read_tuple(original)?;
    let (reply, _) = read_tuple(reply)?;
    Some(Flow { zone, protocol, original, reply })
}

/// The ends of a direction, and the protocol.
fn read_tuple(tuple: &[Tuple]) -> Option<(Ends, u8)> {
    let (mut addresses, mut numbers) = (None, None);
    for part in tuple {
        match part {
            Tuple::Ip(parts) => addresses = read_addresses(parts),
            Tuple::Proto(parts) => numbers = read_numbers(parts),
            _ => {}
        }
    }
    let ((source, destination), (protocol, detail)) = (addresses?, numbers?);
    Some((Ends { source, destination, detail }, protocol))
}

fn read_addresses(parts: &[IPTuple]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (mut source, mut destination) = (None, None);
    for part in parts {
        match part {
            IPTuple::SourceAddress(IpAddr::V4(address)) => source = Some(*address),
            IPTuple::DestinationAddress(IpAddr::V4(address)) => destination = Some(*address),
            _ => {}
        }
    }
    Some((source?, destination?))
}

fn read_numbers(parts: &[ProtoTuple]) -> Option<(u8, Detail)> {
    let (mut protocol, mut source, mut destination, mut kind) = (None, None, None, None);
    for part in parts {
        match part {
            ProtoTuple::Protocol(number) => protocol = Some(u8::from(*number)),
            ProtoTuple::SourcePort(number) => source = Some(*number),
            ProtoTuple::DestinationPort(number) => destination = Some(*number),
            ProtoTuple::Other(other) if other.kind() == ICMP_TYPE => {
                kind = value(other).first().copied();
            }
            _ => {}
        }
    }
    let detail = match (source, destination, kind) {
        (Some(source), Some(destination), None) => Detail::Ports { source, destination },
        (None, None, Some(kind)) => Detail::Icmp { kind },
        _ => Detail::Other,
    };
    Some((protocol?, detail))
}

pub(crate) fn value(attribute: &DefaultNla) -> Vec<u8> {
    let mut bytes = vec![0; attribute.value_len()];
    attribute.emit_value(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
