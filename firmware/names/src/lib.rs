//! The name service of a site (R17 R41 R85 R87): static entries, the platform's zones through the tunnel, the office's own
//! servers for the rest, a cache, and hosts files.
//!
//! What answers a question is decided purely ([`Setup`], `decide`); so are the cache, the health of servers and the rates of
//! clients. One thread serves: a current-thread runtime, with two loops a LAN (datagrams, connections), a task for each
//! question that servers must be asked about, and as many for connections as there are places. All end when [`Service`]
//! is dropped. The room knows neither the tunnel nor the kernel: sockets come from a [`Network`].

#![forbid(unsafe_code)]

mod ask;
mod cache;
mod core;
mod decide;
#[doc(hidden)]
pub mod fuzzing;
mod health;
pub mod hosts;
mod question;
mod rate;
#[cfg(test)]
mod sample;
mod serve;
mod service;
mod setup;
mod status;

use std::{
    fmt, io,
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use sekisho_design::Lan;

pub use self::{
    decide::Refusal,
    service::{AskFault, Explained, Limits, NamesError, Realm, Resolved, Service},
    setup::Setup,
    status::{GroupStatus, Owner, ServerStatus, Status},
};

/// Where sockets come from. All are non-blocking.
pub trait Network: Send + Sync + 'static {
    /// A socket at a LAN's address, where clients ask.
    ///
    /// # Errors
    /// What the host says.
    fn listen_udp(&self, lan: Lan) -> io::Result<UdpSocket>;

    /// A listener at a LAN's address, where clients ask.
    ///
    /// # Errors
    /// What the host says.
    fn listen_tcp(&self, lan: Lan) -> io::Result<TcpListener>;

    /// A socket for one question, at a port of its own.
    ///
    /// # Errors
    /// What the host says.
    fn udp(&self, way: Way) -> io::Result<UdpSocket>;

    /// A socket for one question that isn't connected yet.
    ///
    /// # Errors
    /// What the host says.
    fn tcp(&self, way: Way) -> io::Result<TcpStream>;
}

/// The way to servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// To the platform, by the device's own address there.
    Platform,
    /// To LGWAN.
    Lgwan,
    /// Into an office LAN.
    Office(Lan),
}

/// Where queries are logged, if the design wants it. It is called on the service's thread and must not block for long.
pub trait QueryLog: Send + 'static {
    /// One query and its end.
    fn note(&mut self, entry: &QueryEntry);
}

/// One query and its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueryEntry {
    /// The LAN that it came from.
    pub lan: Lan,
    /// Who asked.
    pub client: Ipv4Addr,
    /// The name, in lower case.
    pub name: String,
    /// The type of record.
    pub kind: String,
    /// The response code.
    pub code: String,
    /// The rule that decided.
    pub rule: &'static str,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for QueryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lan, client, name, kind, code, rule, took } = self;
        write!(f, "{lan} {client} {name} {kind} {code} {rule} {} us", took.as_micros())
    }
}
