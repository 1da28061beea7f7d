//! What can be observed, and what was: the seam between the pure tree and the world.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use jiff::Timestamp;
use sekisho_control::{
    CallOutcome, CentreStatus, FarHalf, Reading, Sensed, TestNumber, TimeStatus,
};
use sekisho_design::{Certificates, InterfaceAddress, Name, PortName};
use sekisho_plan::ports::Mac;

/// Makes observations. It never decides, and never changes the device.
pub trait Prober: Sync {
    /// Makes one. Takes a bounded time: what doesn't answer in it is silent.
    fn probe(&self, probe: &Probe) -> impl Future<Output = Seen> + Send;
}

/// What is to be observed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Probe {
    /// Something that the daemon knows.
    Known(Known),
    /// Write a file where designs are kept, read it back, take it away.
    DiskWrite,
    /// Known answers of the tunnel's ciphers.
    Crypto,
    /// A packet through two sessions of the tunnel in memory.
    Loop,
    /// A port's link.
    Link {
        /// Which.
        port: PortName,
    },
    /// Whether another host has our address on this port (RFC 5227).
    Holder {
        /// Where.
        port: PortName,
        /// Which.
        address: Ipv4Addr,
    },
    /// Who has an address, by ARP, asked from our own address on this port.
    Arp {
        /// Where.
        port: PortName,
        /// Our address there; unspecified where we have none.
        from: Ipv4Addr,
        /// Who is asked for.
        address: Ipv4Addr,
    },
    /// Which hosts of our subnet on this port lead to an address: all are asked for by ARP (at most 254, those next to
    /// our own address), and each that answers (at most 16) is tried as a router, by an echo request and
    /// a datagram to a port that nobody has.
    Routers {
        /// Where.
        port: PortName,
        /// Our address there.
        from: InterfaceAddress,
        /// Where it should lead.
        to: Ipv4Addr,
    },
    /// Something asked of a host.
    Ask(Ask),
    /// The largest packet that comes through the tunnel to a centre and back, up to `most` bytes: an echo of that size,
    /// and where that stays unanswered, a search down to 576.
    PathMtu {
        /// The centre.
        centre: Name,
        /// The global address to speak as.
        from: Ipv4Addr,
        /// Who answers there.
        to: Ipv4Addr,
        /// The tunnel's MTU in bytes.
        most: u16,
    },
    /// Loss and round trip through the tunnel to a centre: so many echo requests, 50 ms apart.
    Echoes {
        /// The centre, whether it carries or not.
        centre: Name,
        /// The global address to speak as.
        from: Ipv4Addr,
        /// Who answers there.
        to: Ipv4Addr,
        /// How many.
        count: u16,
    },
    /// Calls that the far end makes, asked for over HTTP inside the tunnel as a global address.
    DialBack {
        /// The global address to speak as.
        from: Ipv4Addr,
        /// Where the far end takes requests.
        at: SocketAddrV4,
        /// The number of the check; the far end makes one up where there is none.
        test_number: Option<TestNumber>,
        /// What is to be called, and whether the design lets it in.
        calls: Vec<(SocketAddrV4, bool)>,
    },
    /// The carrier gives way to the next centre for a moment, and takes the traffic back.
    FailOver,
    /// As much as goes through the tunnel in a bounded time, each way.
    Load {
        /// The global address to speak as.
        from: Ipv4Addr,
        /// Who takes and gives bytes: TCP discard (9) and HTTP `/bytes/N`.
        to: Ipv4Addr,
        /// For how long each way.
        seconds: u16,
        /// What the line is contracted for, in bits a second.
        most: u64,
    },
}

/// What the daemon knows without asking anybody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Known {
    /// Whether a design is in force and kept.
    Design,
    /// How the kernel's state differs from the design's.
    Kernel,
    /// What a kind of sensor says.
    Sensor(Sensed),
    /// The clock.
    Clock,
    /// The clock that runs on while the box is off.
    Rtc,
    /// The slot that runs.
    Slot,
    /// The tunnel device and its threads.
    TunnelDevice,
    /// A centre.
    Centre(Name),
    /// Which centre carries.
    Carrier,
    /// What of ours would take a packet from LGWAN's side.
    Open,
}

/// Something asked of a host, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// How to get there.
    pub way: Way,
    /// The host.
    pub to: Ipv4Addr,
    /// What is asked.
    pub question: Question,
}

/// How a question gets to its host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Way {
    /// Out of the tunnel, as a global address, to the platform. Never through the kernel's own rules.
    Tunnel {
        /// The global address to speak as.
        from: Ipv4Addr,
    },
    /// Out of the tunnel device, as a host of the platform, through the kernel's rules to the office.
    Office {
        /// The platform's address to speak as.
        from: Ipv4Addr,
    },
    /// Straight onto the wire at a port, past the kernel's rules, as our own address there.
    Wire {
        /// Where.
        port: PortName,
        /// Our address there.
        from: Ipv4Addr,
        /// The router to hand it to; the host itself where it is on our subnet.
        via: Option<Ipv4Addr>,
    },
    /// By a socket of the kernel at a port, as the device does in service.
    Socket {
        /// Where; the tunnel where it is none.
        port: Option<PortName>,
        /// Our address there.
        from: Ipv4Addr,
    },
}

/// What is asked of a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Question {
    /// ICMP echo.
    Echo,
    /// A connection, closed at once.
    Tcp {
        /// The port.
        port: u16,
    },
    /// A connection, and what the host says first within a second; its first line.
    Banner {
        /// The port.
        port: u16,
    },
    /// A TLS session; with `http`, a request for `/` in it.
    Tls {
        /// The port.
        port: u16,
        /// The name that the certificate must bear; any where there is none.
        name: Option<String>,
        /// Who must have signed it; anybody where there is none.
        authority: Option<Certificates>,
        /// Whether to ask for `/` as well.
        http: bool,
    },
    /// An HTTP request for `/`.
    Http {
        /// The port.
        port: u16,
        /// The host's name in the request.
        name: Option<String>,
    },
    /// A datagram to a port where nobody should listen: an ICMP error is the good answer.
    Closed {
        /// The port.
        port: u16,
    },
    /// A name's address (A).
    Dns {
        /// The name.
        name: String,
    },
    /// The time (SNTP).
    Ntp,
}

/// What came back from a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// What was asked for.
    Good {
        /// Round trip of the first packet.
        after: Duration,
        /// What it said.
        said: Said,
    },
    /// Refused by the host at once: a TCP reset.
    Refused {
        /// Round trip.
        after: Duration,
    },
    /// An ICMP error.
    Icmp {
        /// Who sent it.
        by: Ipv4Addr,
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// Round trip.
        after: Duration,
    },
    /// Connected, and then it wasn't what was asked for: cut off, silent, or another protocol.
    Broken {
        /// What happened.
        why: String,
    },
    /// Nothing in time. Where the host sought another way to answer us, that is who it asked for by ARP.
    Silent {
        /// Who the host asked for, on the wire of its port.
        sought: Option<Ipv4Addr>,
    },
    /// On the wire: the next hop doesn't answer ARP.
    NoNeighbour,
    /// All ports for such questions are taken by flows of the host itself, or the tunnel isn't there.
    Busy {
        /// Why.
        why: String,
    },
}

/// What a host said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// Nothing more than that it is there.
    Here,
    /// The first line that it said; empty where it waited for us.
    Banner(String),
    /// An HTTP status; with TLS its certificates.
    Http(u16, Option<Tls>),
    /// Its certificates.
    Tls(Tls),
    /// An answer to a name query.
    Names {
        /// The response code (RFC 1035): 0 for none, 3 for NXDOMAIN.
        code: u8,
        /// The addresses.
        addresses: Vec<Ipv4Addr>,
    },
    /// Its time less ours, in milliseconds; and whether it is synchronised itself.
    Time {
        /// Theirs less ours.
        offset_ms: i64,
        /// Its stratum (RFC 5905), 1 to 15; 16 where it isn't synchronised itself.
        stratum: u8,
    },
}

/// A TLS session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// The chain as the server sent it, its own first.
    pub chain: Vec<Certificate>,
    /// What is wrong with it; the session is built up whatever that is.
    pub fault: Option<TlsFault>,
    /// The version, like `TLSv1.3`.
    pub version: String,
}

/// A certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// Whose: the common name, or the whole subject.
    pub subject: String,
    /// Names that it is for (DNS names and addresses).
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// SHA-256, first eight bytes.
    pub fingerprint: String,
}

/// What is wrong with a chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TlsFault {
    /// Over.
    Expired,
    /// Not yet valid.
    NotYet,
    /// For another name.
    WrongName,
    /// By nobody whom the operator named.
    UnknownIssuer,
    /// Anything else.
    Other(String),
}

/// What was observed.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// The observation itself couldn't be made.
    Unable {
        /// Why.
        why: String,
    },
    /// It is as it should be.
    Fine,
    /// It isn't, in these words.
    Wrong {
        /// Each deviation.
        what: Vec<String>,
    },
    /// There is no such thing here.
    Absent,
    /// Of [`Known::Design`].
    Design {
        /// The generation in force; 0 while none is.
        generation: u64,
        /// Why it can't be put in force, or what is wrong with the disk.
        fault: Option<String>,
        /// Whether a change awaits confirmation.
        awaiting: bool,
    },
    /// Of [`Known::Sensor`].
    Readings(Vec<Reading>),
    /// Of [`Known::Clock`].
    Clock {
        /// The clock.
        status: TimeStatus,
        /// What it says.
        now: Timestamp,
        /// What it can't be before.
        floor: Option<Timestamp>,
    },
    /// Of [`Known::Rtc`].
    Rtc {
        /// How far it is ahead of the device's clock, in seconds.
        ahead_s: i64,
    },
    /// Of [`Known::Slot`].
    Slot {
        /// Its name, and the image's version.
        slot: String,
    },
    /// Of [`Known::Centre`].
    Centre {
        /// The centre; none while there is no tunnel.
        status: Option<CentreStatus>,
        /// Whether it carries.
        carries: bool,
    },
    /// Of [`Known::Carrier`].
    Carrier(Option<Name>),
    /// Of [`Known::Open`]: what is open besides the tunnel, like `tcp/80`.
    Open(Vec<String>),
    /// Of [`Probe::Link`].
    Link(Link),
    /// Of [`Probe::Holder`] and [`Probe::Arp`]: who has it, if anybody answered.
    Holder(Option<Mac>),
    /// Of [`Probe::Routers`]: the hosts that answered ARP, and those of them that lead there.
    Routers {
        /// All that answered.
        hosts: Vec<Ipv4Addr>,
        /// Those that lead there.
        lead: Vec<Ipv4Addr>,
    },
    /// Of [`Probe::Ask`].
    Answer(Answer),
    /// Of [`Probe::PathMtu`]: the largest that came through; none where nothing did.
    PathMtu(Option<u16>),
    /// Of [`Probe::Echoes`].
    Echoes {
        /// How many were sent.
        sent: u16,
        /// Round trips of those that were answered.
        round_trips: Vec<Duration>,
    },
    /// Of [`Probe::DialBack`]: the far end's half.
    DialBack(FarHalf),
    /// Of [`Probe::DialBack`] where the far end couldn't be asked.
    NoDialBack(Answer),
    /// Of [`Probe::FailOver`].
    FailOver {
        /// Who carried.
        from: Name,
        /// Who took over; none where nobody did.
        to: Option<Name>,
        /// How long nobody carried.
        gap: Duration,
        /// Whether it went back.
        back: bool,
    },
    /// Of [`Probe::Load`].
    Load {
        /// Bits a second to the platform.
        up: u64,
        /// Bits a second from the platform.
        down: u64,
        /// Median round trip while idle.
        idle: Option<Duration>,
        /// Median round trip under load.
        loaded: Option<Duration>,
    },
}

/// A port's link.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Link {
    /// Whether there is such a port.
    pub present: bool,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether the other end of its cable is there.
    pub carrier: bool,
    /// In megabits a second, where the driver says.
    pub speed: Option<u32>,
    /// Whether both ends may speak at once, where the driver says.
    pub full_duplex: Option<bool>,
    /// Frames that were damaged since the port came up.
    pub damaged: u64,
    /// Collisions after the time in which one may happen: what a half-duplex end sees of a full-duplex one.
    pub late_collisions: u64,
}

/// How the far end's calls ended, for those who look at one.
pub fn call(half: &FarHalf, to: SocketAddrV4) -> Option<CallOutcome> {
    half.calls.iter().find(|call| call.to == to).map(|call| call.outcome)
}
