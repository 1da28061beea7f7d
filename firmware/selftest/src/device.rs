//! Probes of the box itself, which need no network.

mod crypto;
mod disk;
mod inner;
mod open;
mod rtc;
mod slot;

pub use self::{
    crypto::crypto,
    disk::disk_write,
    inner::through_the_tunnel,
    open::{listening, open_sockets},
    rtc::rtc,
    slot::{slot, slot_name},
};
