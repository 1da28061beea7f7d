//! The far end as a whole: over loopback, and with a TUN device in a namespace.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod answer;
mod client;
mod command_line;
mod kernel;
mod offers;
mod office;
mod respond;
mod trust;
