//! The flows that end, as the kernel tells of them (R77): one socket, no task.
//!
//! The socket's own receive buffer is the queue. Whoever reads too slowly loses the newest ends, never packets or flows:
//! the kernel could hold a flow until its end was read, but then a slow reader would fill its table. How often ends were
//! lost is known, how many isn't. Dropping [`FlowEnds`] ends the listening; dropping a pending [`FlowEnds::next`] loses
//! nothing.
//!
//! A flow has counts and a beginning where the kernel kept them while it ran (`nf_conntrack_acct`,
//! `nf_conntrack_timestamp`).

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's attributes grow with every release, and only a few concern us"
)]

use std::{
    collections::VecDeque,
    io,
    os::fd::AsFd as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use netlink_packet_core::{DefaultNla, NLA_TYPE_MASK, NetlinkPayload, Nla, NlasIterator};
use netlink_packet_netfilter::{
    NetfilterMessageInner,
    conntrack::{ConntrackAttribute, ConntrackMessage},
};
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_NETFILTER};
use nix::{
    libc::ENOBUFS,
    sys::socket::{setsockopt, sockopt::RcvBufForce},
};

use crate::{
    Count, Flow, HostError,
    conntrack::{ZONE, read_flow, value},
    framing::{LARGEST, messages},
};

/// A flow that has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EndedFlow {
    /// Whose it was.
    pub flow: Flow,
    /// When its first packet came, by the clock of the box; `None` where the kernel didn't note it.
    pub began: Option<SystemTime>,
    /// When it ended, likewise.
    pub ended: Option<SystemTime>,
    /// What went the way of its first packet; `None` where the kernel didn't count.
    pub sent: Option<Count>,
    /// What came back, likewise.
    pub answered: Option<Count>,
}

/// Listens to the ends of flows.
pub struct FlowEnds {
    socket: TokioSocket,
    ready: VecDeque<EndedFlow>,
    lost: u64,
}

/// Ends of flows (`NFNLGRP_CONNTRACK_DESTROY`, `nfnetlink_compat.h`).
const GROUP: u32 = 3;

/// Attributes (`nfnetlink_conntrack.h`): counts of either direction, and when it began and ended, with what is inside.
const COUNTERS_SENT: u16 = 9;
const COUNTERS_ANSWERED: u16 = 10;
const TIMES: u16 = 20;
const PACKETS: u16 = 1;
const BYTES: u16 = 2;
const START: u16 = 1;
const STOP: u16 = 2;

/// Room for some ten thousand ends while nobody reads, in bytes: a busy second of the largest office.
const QUEUE: usize = 8 << 20;

impl FlowEnds {
    /// Starts to listen, in the network namespace of this thread.
    ///
    /// # Errors
    /// [`HostError::Connections`]: without `CAP_NET_ADMIN`.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn listen() -> Result<Self, HostError> {
        let socket = open().map_err(|source| HostError::Connections { source })?;
        Ok(Self { socket, ready: VecDeque::new(), lost: 0 })
    }

    /// Waits for the next flow that ends.
    ///
    /// # Errors
    /// [`HostError::Connections`] where the socket itself fails. Lost and unreadable ends are counted instead.
    pub async fn next(&mut self) -> Result<EndedFlow, HostError> {
        loop {
            if let Some(flow) = self.ready.pop_front() {
                return Ok(flow);
            }
            let mut buffer = Vec::with_capacity(LARGEST);
            match self.socket.recv(&mut buffer).await {
                Ok(()) => self.take(&buffer),
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => self.lost += 1,
                Err(source) => return Err(HostError::Connections { source }),
            }
        }
    }

    /// How often ends were lost or unreadable since the start; each time, one or more.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn take(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            let Ok(message) = message else {
                self.lost += 1;
                return;
            };
            if let NetlinkPayload::InnerMessage(message) = message.payload
                && let NetfilterMessageInner::Conntrack(ConntrackMessage::Delete(attributes)) =
                    message.inner
            {
                self.ready.extend(read(&attributes));
            }
        }
    }
}

fn open() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
    socket.socket_mut().bind_auto()?;
    // Beyond `net.core.rmem_max` where the kernel lets us, up to it otherwise.
    if setsockopt(&socket.socket_mut().as_fd(), RcvBufForce, &QUEUE).is_err() {
        socket.socket_mut().set_rx_buf_sz(QUEUE)?;
    }
    socket.socket_mut().add_membership(GROUP)?;
    Ok(socket)
}

/// `None` for what isn't a whole IPv4 flow.
fn read(attributes: &[ConntrackAttribute]) -> Option<EndedFlow> {
    let (mut original, mut reply, mut zone) = (None, None, None);
    let (mut sent, mut answered, mut times) = (None, None, [None; 2]);
    for attribute in attributes {
        match attribute {
            ConntrackAttribute::CtaTupleOrig(tuple) => original = Some(tuple),
            ConntrackAttribute::CtaTupleReply(tuple) => reply = Some(tuple),
            ConntrackAttribute::Other(other) => match other.kind() & NLA_TYPE_MASK {
                ZONE => zone = Some(other),
                COUNTERS_SENT => sent = count(other),
                COUNTERS_ANSWERED => answered = count(other),
                TIMES => times = numbers(other, [START, STOP]).map(|time| time.map(time_of)),
                _ => {}
            },
            _ => {}
        }
    }
    let flow = read_flow(original?, reply?, zone)?;
    let [began, ended] = times;
    Some(EndedFlow { flow, began, ended, sent, answered })
}

fn count(attribute: &DefaultNla) -> Option<Count> {
    let [packets, bytes] = numbers(attribute, [PACKETS, BYTES]);
    Some(Count { packets: packets?, bytes: bytes? })
}

/// Nanoseconds since 1970.
fn time_of(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// Numbers of eight bytes inside an attribute.
fn numbers(attribute: &DefaultNla, kinds: [u16; 2]) -> [Option<u64>; 2] {
    let bytes = value(attribute);
    kinds.map(|kind| {
        let inner = NlasIterator::new(&bytes[..]).flatten().find(|inner| inner.kind() == kind)?;
        Some(u64::from_be_bytes(inner.value().try_into().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::NLA_F_NESTED;
    use netlink_packet_netfilter::conntrack::{IPTuple, ProtoTuple, Protocol, Tuple};

    use std::net::Ipv4Addr;

    use super::*;
    use crate::{Detail, Ends};

    fn tuple(source: [u8; 4], destination: [u8; 4], ports: (u16, u16)) -> Vec<Tuple> {
        vec![
            Tuple::Ip(vec![
                IPTuple::SourceAddress(source.into()),
                IPTuple::DestinationAddress(destination.into()),
            ]),
            Tuple::Proto(vec![
                ProtoTuple::Protocol(Protocol::Tcp),
                ProtoTuple::SourcePort(ports.0),
                ProtoTuple::DestinationPort(ports.1),
            ]),
        ]
    }

    /// An attribute with two numbers inside.
    fn pair(kind: u16, numbers: [u64; 2]) -> ConntrackAttribute {
        let inner = |(kind, number): (u16, u64)| {
            [&12u16.to_ne_bytes()[..], &kind.to_ne_bytes(), &number.to_be_bytes()].concat()
        };
        let bytes = (1..).zip(numbers).flat_map(inner).collect();
        ConntrackAttribute::Other(DefaultNla::new(kind | NLA_F_NESTED, bytes))
    }

    #[test]
    fn an_end_says_whose_it_was_how_long_and_how_much() {
        let ends = [
            ConntrackAttribute::CtaTupleOrig(tuple([192, 168, 1, 9], [100, 72, 1, 1], (4, 443))),
            ConntrackAttribute::CtaTupleReply(tuple([100, 72, 1, 1], [100, 64, 1, 1], (443, 5))),
        ];
        let zone = ConntrackAttribute::Other(DefaultNla::new(ZONE, vec![0, 2]));
        let more = [
            zone,
            pair(COUNTERS_SENT, [3, 180]),
            pair(COUNTERS_ANSWERED, [2, 120]),
            pair(TIMES, [1_000_000_000, 2_500_000_000]),
        ];
        let found = read(&[&ends[..], &more].concat()).unwrap();
        let ports = |source, destination| Detail::Ports { source, destination };
        let original = Ends {
            source: [192, 168, 1, 9].into(),
            destination: [100, 72, 1, 1].into(),
            detail: ports(4, 443),
        };
        assert_eq!((found.flow.zone, found.flow.protocol, found.flow.original), (2, 6, original));
        assert_eq!(found.flow.reply.destination, Ipv4Addr::from([100, 64, 1, 1]));
        assert_eq!(found.sent, Some(Count { packets: 3, bytes: 180 }));
        assert_eq!(found.answered, Some(Count { packets: 2, bytes: 120 }));
        let second = UNIX_EPOCH + Duration::from_secs(1);
        assert_eq!(
            (found.began, found.ended.unwrap().duration_since(second).unwrap()),
            (Some(second), Duration::from_millis(1_500))
        );

        let bare = read(&ends).unwrap();
        assert_eq!((bare.flow.zone, bare.began, bare.sent), (0, None, None), "nothing was kept");
        assert_eq!(read(&ends[..1]), None);
        let short = ConntrackAttribute::Other(DefaultNla::new(COUNTERS_SENT, vec![8, 0, 1, 0, 7]));
        assert_eq!(read(&[&ends[..], &[short]].concat()).unwrap().sent, None);
    }
}
