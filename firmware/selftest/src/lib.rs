//! The self-test: from the cable to the intermediate server's certificate (R19 R20 R22 R23 R92).
//!
//! What is checked follows from the design and is pure, and so is what the observations mean. Observations are
//! made behind [`Prober`]; nothing here changes the device.

#![forbid(unsafe_code)]

pub mod device;
pub mod probe;
pub mod talk;
pub mod wire;
