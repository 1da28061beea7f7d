//! The daemon `sekishod`, its command line `sekisho`, and `sekisho-ports`, which names the ports of the box.
//!
//! The daemon is one task, [`daemon::Device`], that owns every effect: it takes requests from the control API, changes
//! of the tunnel, refusals and signals one after another, so nothing else can change the kernel at the same time. The
//! command line is a client of the control API; `sekisho check` needs no device.

#![forbid(unsafe_code)]

pub mod cli;
pub mod daemon;
mod flow_line;
mod notices;
pub mod ports;
