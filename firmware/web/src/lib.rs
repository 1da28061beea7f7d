//! The web page's server, a client of the daemon's control socket.

#![forbid(unsafe_code)]

pub mod access;
pub mod answer;
pub mod audit;
pub mod session;
pub mod users;
