//! The page over real TLS connections, with a daemon that is played.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

mod client;
mod connections;
mod daemon;
mod design;
mod device;
mod document;
mod figures;
mod guards;
mod live;
mod rights;
mod signing_in;
mod stage;
mod updates;
mod users;
