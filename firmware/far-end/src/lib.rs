//! Stands in for the platform: tunnel responder, answering machine, dial-back.
//!
//! The lab, the tests and the demo use it; production does not. The services ([`talk`], [`pages`], [`dns`])
//! are pure and are driven by kernel sockets ([`answer`]) or by smoltcp behind the tunnel ([`machine`]).

#![forbid(unsafe_code)]

pub mod answer;
pub mod carrier;
pub mod check;
pub mod dial_back;
pub mod dns;
pub mod http;
pub mod keys;
pub mod machine;
pub mod ntp;
pub mod pages;
pub mod respond;
pub mod talk;
pub mod tls;
pub mod wire;

#[cfg(test)]
#[path = "../tests/far_end/trust.rs"]
mod trust;
