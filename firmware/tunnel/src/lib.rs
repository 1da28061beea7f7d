//! The WireGuard tunnel to the platform's centres: sessions, batches, probes and fail-over (R1, R15, R54).
//!
//! ```text
//! TUN ──> PacketsIn ──> Session::seal ──> DatagramsOut ──> UDP     thread tunnel-up, which also owns the timers
//! TUN <── PacketsOut <── Session::open <── DatagramsIn <── UDP     thread tunnel-down
//! ```
//!
//! [`Engine`] is the gateway's end: every centre has a warm [`Session`], and a [`Failover`] machine fed by in-tunnel
//! probes says which one carries traffic. [`Session`], [`Tun`] and [`Udp`] with their batches are also the parts that
//! the far end is built from. Whatever arrives from the network may be dropped and counted; it never stops a thread.

#![forbid(unsafe_code)]

mod cipher;
mod engine;
mod error;
mod failover;
mod key;
mod outer;
mod pace;
mod path_mtu;
mod probe;
mod session;
mod status;
mod tap;
mod transport;
mod tun;
mod udp;

pub use cipher::{CipherCode, Instructions};
pub use engine::{Centre, Config, Engine};
pub use error::TunnelError;
pub use failover::{Failover, Liveness, Probing};
pub use key::{MalformedSecret, SecretKey};
pub use outer::{Ecn, TypeOfService};
pub use path_mtu::PathMtu;
pub use probe::{Prober, ProberId, Reply};
pub use session::{Counters, Opened, Outbox, Rejection, Session};
pub use status::{CentreStatus, ComingKey, Status};
pub use tap::{Tap, TapFlow, TapGuard, TapPackets, TapProtocol};
pub use tun::{PacketsIn, PacketsOut, Tun};
pub use udp::{DatagramsIn, DatagramsOut, Udp};
