//! The model packet, and the one connection that it opens.

use std::net::Ipv4Addr;

use sekisho_design::Class;

use super::{Opening, Question};

/// TCP's flags as the table names them (RFC 9293, 3.1).
pub(super) const FLAGS: [(&str, u8); 4] = [("fin", 1), ("syn", 2), ("rst", 4), ("ack", 16)];
const SYN: u8 = 2;
const ACK: u8 = 16;

/// The source port of the model packet; no rule of the table looks at a LAN's or the platform's source ports.
const SOURCE_PORT: u16 = 40_000;

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    Tcp { source: u16, destination: u16, flags: u8 },
    Udp { source: u16, destination: u16 },
    EchoRequest,
    EchoReply,
}

/// What conntrack says of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    New,
    Established,
    /// It isn't looked at: a rule said so.
    Untracked,
}

/// A packet on its way, with what the kernel remembers beside it.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) content: Content,
    /// The link that it came in by; none for the device's own.
    pub(super) input: Option<String>,
    /// The link that it will leave by, once that is known.
    pub(super) output: Option<String>,
    pub(super) mark: u32,
    pub(super) zone: u32,
    /// None before conntrack has seen it.
    pub(super) state: Option<State>,
    /// The connection's destination was translated (`IPS_DST_NAT`).
    pub(super) destination_translated: bool,
    /// The connection's mark, the number of its account.
    pub(super) account: u32,
    /// What queues go by.
    pub(super) class: Option<Class>,
}

/// One direction of a connection, as conntrack keeps it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Tuple {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    content: Content,
}

/// A connection. Its zone holds for both directions.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) zone: u32,
    pub(super) original: Tuple,
    /// What an answer must look like where it reaches the device.
    pub(super) reply: Tuple,
}

impl Content {
    /// The protocol's number (IANA).
    pub(super) fn protocol(self) -> u8 {
        match self {
            Self::Tcp { .. } => 6,
            Self::Udp { .. } => 17,
            Self::EchoRequest | Self::EchoReply => 1,
        }
    }

    /// What the other end sends back.
    fn answer(self) -> Self {
        match self {
            Self::Tcp { source, destination, .. } => {
                Self::Tcp { source: destination, destination: source, flags: SYN | ACK }
            }
            Self::Udp { source, destination } => {
                Self::Udp { source: destination, destination: source }
            }
            Self::EchoRequest => Self::EchoReply,
            Self::EchoReply => Self::EchoRequest,
        }
    }

    /// Without what conntrack doesn't compare.
    fn key(self) -> Self {
        match self {
            Self::Tcp { source, destination, .. } => Self::Tcp { source, destination, flags: 0 },
            other @ (Self::Udp { .. } | Self::EchoRequest | Self::EchoReply) => other,
        }
    }
}

impl Packet {
    /// The packet that a question is about, as it comes in by a link.
    pub(super) fn opening(question: &Question, input: &str) -> Self {
        let content = match question.opening {
            Opening::Tcp(port) => {
                Content::Tcp { source: SOURCE_PORT, destination: port, flags: SYN }
            }
            Opening::Udp(port) => Content::Udp { source: SOURCE_PORT, destination: port },
            Opening::Echo => Content::EchoRequest,
        };
        Self {
            source: question.from,
            destination: question.to,
            content,
            input: Some(input.to_owned()),
            output: None,
            mark: 0,
            zone: 0,
            state: None,
            destination_translated: false,
            account: 0,
            class: None,
        }
    }

    /// What whoever received this packet sends back; `input` is none where that is the device itself.
    pub(super) fn answer(&self, input: Option<String>, mark: u32) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            content: self.content.answer(),
            input,
            output: None,
            mark,
            zone: 0,
            state: None,
            destination_translated: false,
            account: self.account,
            class: None,
        }
    }

    pub(super) fn tuple(&self) -> Tuple {
        let (source, destination) = (self.source, self.destination);
        Tuple { source, destination, content: self.content.key() }
    }
}

impl Connection {
    /// The connection that a packet opens.
    pub(super) fn of(packet: &Packet) -> Self {
        let reply = packet.answer(None, 0).tuple();
        Self { zone: packet.zone, original: packet.tuple(), reply }
    }

    /// Whether a packet is an answer in this connection.
    pub(super) fn has_answer(&self, packet: &Packet) -> bool {
        self.zone == packet.zone && self.reply == packet.tuple()
    }

    /// Whether packets of the original direction go elsewhere than they said.
    pub(super) fn destination_translated(&self) -> bool {
        self.original.destination != self.reply.source
    }
}
