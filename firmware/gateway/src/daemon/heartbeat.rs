//! Signs of life for the service manager's watchdog (`WatchdogSec=`, systemd.service(5)).
//!
//! One comes with every turn of the loop and after every effect of a change; an effect takes some seconds at most.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Tells the service manager that the daemon lives, as often as it asked for it; never where it didn't.
#[derive(Debug)]
pub(super) struct Heartbeat {
    every: Option<Duration>,
    last: Instant,
}

impl Heartbeat {
    /// By the service manager's wish: twice within its time.
    pub(super) fn wished() -> Self {
        Self { every: sd_notify::watchdog_enabled().map(|time| time / 2), last: Instant::now() }
    }

    /// The daemon lives.
    pub(super) fn beat(&mut self) {
        if self.every.is_some_and(|every| self.last.elapsed() >= every) {
            self.last = Instant::now();
            super::notify(&[NotifyState::Watchdog]);
        }
    }
}
