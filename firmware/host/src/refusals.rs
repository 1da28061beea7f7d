//! The log of refused packets: the kernel's NFLOG group, one socket, no task.
//!
//! The socket's own receive buffer is the queue. Whoever reads too slowly loses the newest messages, never packets;
//! how many is known from the gaps in the kernel's numbering. Dropping [`Refusals`] ends the listening; dropping a
//! pending [`Refusals::next`] loses nothing.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's attributes grow with every release, and only a few concern us"
)]

use std::{collections::VecDeque, io, net::IpAddr, time::Duration};

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_netfilter::{
    NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    nflog::{ConfigCmd, ConfigFlags, ConfigMode, PacketNla, Timeout, ULogMessage, config_request},
};
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_NETFILTER};
use nix::{libc::ENOBUFS, net::if_::if_indextoname};
use sekisho_design::PortName;
use sekisho_plan::ruleset::LOG_GROUP;

use crate::{
    HostError,
    framing::{bytes, messages},
};

/// A packet that a rule refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Where the packet came from, or on whose behalf it was refused, like `head-office`.
    pub side: String,
    /// The rule, like `undeclared-service`.
    pub rule: String,
    /// Sender, as the packet said where it was refused.
    pub source: IpAddr,
    /// Receiver, as the packet said where it was refused.
    pub destination: IpAddr,
    /// Protocol number (IANA), like 6 for TCP.
    pub protocol: u8,
    /// Port of the sender; TCP and UDP only, first fragment only.
    pub source_port: Option<u16>,
    /// Port of the receiver; TCP and UDP only, first fragment only.
    pub destination_port: Option<u16>,
    /// The ICMP message's type (RFC 792), where it is one.
    pub icmp_type: Option<u8>,
    /// The link that the packet came in by.
    pub input: Option<PortName>,
    /// The link that it would have left by.
    pub output: Option<PortName>,
}

/// Listens to the log of refused packets.
pub struct Refusals {
    socket: TokioSocket,
    ready: VecDeque<Refusal>,
    expected: Option<u32>,
    lost: u64,
}

impl Refusals {
    /// Starts to listen, in the network namespace of this thread. One listener per namespace.
    ///
    /// # Errors
    /// [`HostError::RefusalLog`]: without `CAP_NET_ADMIN`, or where another program listens to the group.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn listen() -> Result<Self, HostError> {
        open().await.map_err(|source| HostError::RefusalLog { source })
    }

    /// Waits for the next refused packet.
    ///
    /// # Errors
    /// [`HostError::RefusalLog`] where the socket itself fails. Lost and unreadable messages are counted instead.
    pub async fn next(&mut self) -> Result<Refusal, HostError> {
        loop {
            if let Some(refusal) = self.ready.pop_front() {
                return Ok(refusal);
            }
            let mut buffer = Vec::with_capacity(BUFFER);
            match self.socket.recv(&mut buffer).await {
                Ok(()) => self.take(&buffer),
                // The next message's number tells how many were lost.
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => {}
                Err(source) => return Err(HostError::RefusalLog { source }),
            }
        }
    }

    /// How many messages were lost or unreadable since the start.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Takes one datagram of the kernel's, which holds one message or more.
    fn take(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            let Ok(message) = message else {
                self.lost += 1;
                return;
            };
            if let NetlinkPayload::InnerMessage(message) = message.payload
                && let NetfilterMessageInner::ULog(ULogMessage::Packet(attributes)) = message.inner
            {
                self.take_packet(&attributes);
            }
        }
    }

    fn take_packet(&mut self, attributes: &[PacketNla]) {
        let number = attributes.iter().find_map(|attribute| match attribute {
            PacketNla::Seq(number) => Some(*number),
            _ => None,
        });
        if let Some(number) = number {
            self.lost += u64::from(number.wrapping_sub(self.expected.unwrap_or(number)));
            self.expected = Some(number.wrapping_add(1));
        }
        match read_attributes(attributes) {
            Some(refusal) => self.ready.push_back(refusal),
            None => self.lost += 1,
        }
    }
}

/// The longest IPv4 header (60 bytes) and the two ports after it.
const COPY_RANGE: u32 = 64;

/// How long the kernel may gather messages before it sends them.
const GATHER: Duration = Duration::from_millis(100);

/// The kernel gathers at most a page into one datagram unless told otherwise; this is well above.
const BUFFER: usize = 32 * 1024;

/// What the socket's queue may hold, in bytes: some thousand messages, the burst of a scan of one second.
const QUEUE: usize = 1 << 20;

async fn open() -> io::Result<Refusals> {
    let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
    socket.socket_mut().bind_auto()?;
    // Best effort: the kernel caps it at `net.core.rmem_max`.
    socket.socket_mut().set_rx_buf_sz(QUEUE)?;
    let request = config_request(
        NetfilterProtoFamily::Unspec,
        LOG_GROUP,
        vec![
            ConfigCmd::Bind.into(),
            ConfigMode::new_packet(COPY_RANGE).into(),
            ConfigFlags::SEQ.into(),
            Timeout::from(GATHER).into(),
        ],
    );
    socket.send(&bytes(&request)).await?;
    let mut listening = Refusals { socket, ready: VecDeque::new(), expected: None, lost: 0 };
    // A packet may be logged before the answer to our request is read.
    loop {
        let mut buffer = Vec::with_capacity(BUFFER);
        listening.socket.recv(&mut buffer).await?;
        let answer = NetlinkMessage::<NetfilterMessage>::deserialize(&buffer);
        match answer.map_err(io::Error::other)?.payload {
            NetlinkPayload::Error(answer) if answer.code.is_none() => return Ok(listening),
            NetlinkPayload::Error(answer) => return Err(answer.to_io()),
            _ => listening.take(&buffer),
        }
    }
}

fn read_attributes(attributes: &[PacketNla]) -> Option<Refusal> {
    let (mut prefix, mut packet) = (None, None);
    let (mut input, mut output) = (None, None);
    for attribute in attributes {
        match attribute {
            PacketNla::Prefix(text) => prefix = text.to_str().ok(),
            PacketNla::Payload(bytes) => packet = read_packet(bytes),
            PacketNla::IfIndexInDev(index) => input = link_name(*index),
            PacketNla::IfIndexOutDev(index) => output = link_name(*index),
            _ => {}
        }
    }
    let (side, rule) = prefix?.trim().split_once('/')?;
    let packet = packet?;
    Some(Refusal {
        side: side.to_owned(),
        rule: rule.to_owned(),
        source: packet.source,
        destination: packet.destination,
        protocol: packet.protocol,
        source_port: packet.ports.map(|ports| ports.0),
        destination_port: packet.ports.map(|ports| ports.1),
        icmp_type: packet.icmp_type,
        input,
        output,
    })
}

/// A link that has gone meanwhile has no name.
fn link_name(index: u32) -> Option<PortName> {
    if_indextoname(index).ok()?.to_str().ok()?.parse().ok()
}

#[derive(Debug, Eq, PartialEq)]
struct Packet {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    ports: Option<(u16, u16)>,
    icmp_type: Option<u8>,
}

/// Reads the start of an IPv4 (RFC 791) or IPv6 (RFC 8200) packet. IPv6 extension headers are not walked: the device
/// refuses all IPv6, and the protocol number names the first of them.
fn read_packet(bytes: &[u8]) -> Option<Packet> {
    let (source, destination, protocol, header, first): (IpAddr, IpAddr, u8, usize, bool);
    match bytes.first()? >> 4 {
        4 => {
            let fixed = bytes.first_chunk::<20>()?;
            source = <[u8; 4]>::try_from(&fixed[12..16]).ok()?.into();
            destination = <[u8; 4]>::try_from(&fixed[16..20]).ok()?.into();
            protocol = fixed[9];
            header = usize::from(fixed[0] & 0x0f) * 4;
            first = u16::from_be_bytes([fixed[6] & 0x1f, fixed[7]]) == 0;
        }
        6 => {
            let fixed = bytes.first_chunk::<40>()?;
            source = <[u8; 16]>::try_from(&fixed[8..24]).ok()?.into();
            destination = <[u8; 16]>::try_from(&fixed[24..40]).ok()?.into();
            protocol = fixed[6];
            header = 40;
            first = true;
        }
        _ => return None,
    }
    let ports = bytes.get(header..).and_then(|rest| rest.first_chunk::<4>());
    let ports = ports
        .filter(|_| first && header >= 20 && matches!(protocol, TCP | UDP))
        .map(|p| (u16::from_be_bytes([p[0], p[1]]), u16::from_be_bytes([p[2], p[3]])));
    let icmp_type = bytes.get(header).filter(|_| first && protocol == ICMP).copied();
    Some(Packet { source, destination, protocol, ports, icmp_type })
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

#[cfg(test)]
mod tests;
