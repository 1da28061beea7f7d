//! Users, their passwords and second factors.

pub mod delay;
pub mod totp;
