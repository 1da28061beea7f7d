//! The lab: an office, a device, LGWAN and the platform as network namespaces, with the real programs in
//! them.
//!
//! ```no_run
//! use sekisho_lab::{Extent, Lab, enter, sample};
//!
//! fn main() -> anyhow::Result<()> {
//!     enter();
//!     let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
//!     let seen = lab.host("terminal").must(&["curl", "-sS", "http://100.72.1.10/source"])?;
//!     assert_eq!(seen.trim(), lab.addresses().host("terminal")?.global.to_string());
//!     Ok(())
//! }
//! ```
//! Whatever is started here lives in namespaces of its own and ends with the program: see [`enter()`].

#![deny(unsafe_code)]

mod addresses;
mod capture;
mod enter;
mod impairment;
mod lab;
mod link;
mod namespace;
mod packet;
mod page;
mod process;
mod rollout;
mod site;
mod topology;
mod variables;

pub use addresses::{
    Addresses, Centre, Host, LGWAN_DNS, LGWAN_NTP, PLATFORM_NETWORKS, PLATFORM_RESOLVER,
    PLATFORM_SECOND_RESOLVER, PLATFORM_TEST_WEB, PLATFORM_WEB, TUNNEL_PORT,
};
pub use capture::{Capture, Recording};
pub use enter::{Door, enter, enter_with_door};
pub use impairment::{Counts, Impairment};
pub use lab::{DIAL_BACK_PORT, Extent, Lab};
pub use link::Link;
pub use namespace::Namespace;
pub use page::Page;
pub use process::{Process, describe, text, wait_until};
pub use rollout::RolloutServer;
pub use site::{PROFILE, read, sample, sample_with, samples};
pub use topology::HOSTS;
pub use variables::MEANINGS;
