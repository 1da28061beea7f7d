//! The Linux side: what the kernel holds is read, and one step of a plan at a time is carried out.
//!
//! This crate never decides. It looks where it is told to look ([`Scope`]), does what a
//! [`Step`](sekisho_plan::Step) says, and reports each failure with what was tried and, where there is one, the way
//! out ([`HostError::way_out`]).

#![deny(unsafe_code)]

mod bind;
pub mod clock;
mod conntrack;
mod error;
mod ethtool;
pub mod files;
mod flows;
mod frames;
mod framing;
mod icmp;
mod kernel;
mod line;
mod link;
mod memory;
mod meters;
pub mod neighbour;
mod netlink;
mod nft;
pub mod ports;
mod queue;
mod raw;
mod refusals;
mod route;
pub mod sensors;
mod settings;
pub mod slots;
pub mod sticks;
mod user;
mod watch;

pub use bind::{Transport, bind_udp, listen_tcp, open_tcp};
pub use conntrack::{Detail, Ends, Flow, drop_flows, each_flow};
pub use error::HostError;
pub use flows::{EndedFlow, FlowEnds};
pub use icmp::{IcmpError, icmp_error, want_icmp_errors};
pub use kernel::{Connections, Kernel, Places, Scope};
pub use line::Line;
pub use memory::{give_back, total as total_memory};
pub use meters::{Metered, Meters};
pub use nft::Count;
pub use queue::{ClassUse, Uses};
pub use raw::RawWire;
pub use refusals::{Refusal, Refusals};
pub use user::user_name;
pub use watch::{Change, Watch};
