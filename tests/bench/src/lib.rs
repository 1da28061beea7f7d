//! Traffic on the way through a tunnel, its round trips, and what a process takes meanwhile.

// One module calls the kernel for many datagrams at once, which no library here does without trouble.
#![deny(unsafe_code)]
#![expect(
    clippy::cast_precision_loss,
    reason = "counts of a few seconds are far below what a double holds exactly"
)]

#[expect(unsafe_code, reason = "sendmmsg and recvmmsg")]
mod burst;
pub mod load;
pub mod lossless;
pub mod ping;
pub mod statistics;
pub mod usage;
