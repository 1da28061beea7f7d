//! Time that nobody sets: since the machine's start, and which start it was.

use std::{path::Path, time::Duration};

use nix::{
    libc,
    time::{ClockId, clock_gettime},
};

use crate::{HostError, settings};

/// Time since the machine's start, sleep included. Setting the wall clock doesn't touch it (`CLOCK_BOOTTIME`, time(7)).
///
/// # Panics
/// Never on Linux from 2.6.39, which has this clock.
pub fn since_start() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has a clock since its start").into()
}

/// What the kernel knows of the wall clock (`adjtimex(2)`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WallClock {
    /// Whether somebody leads it by a better one (`STA_UNSYNC` isn't set).
    pub synchronised: bool,
    /// How far off it is, by the estimate of who leads it.
    pub error: Duration,
}

/// Asks the kernel how the wall clock is; sets nothing and needs no right. `None` where the kernel refuses.
pub fn wall() -> Option<WallClock> {
    // SAFETY: all zeros is a valid timex of plain integers, and asks for no change (`modes` is 0).
    #[expect(unsafe_code, reason = "the C library's struct has no other way to be made")]
    let mut asked: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes to this one struct, which lives on.
    #[expect(unsafe_code, reason = "nix has no call for it")]
    let state = unsafe { libc::adjtimex(&raw mut asked) };
    (state >= 0).then(|| WallClock {
        synchronised: asked.status & libc::STA_UNSYNC == 0 && state != libc::TIME_ERROR,
        error: Duration::from_micros(u64::try_from(asked.esterror).unwrap_or(0)),
    })
}

/// The kernel's name for this run of the machine, another one after every start (random(4)).
pub(crate) fn run(settings: &Path) -> Result<String, HostError> {
    let path = "kernel/random/boot_id";
    settings::read(settings, path)?.ok_or_else(|| HostError::Setting {
        tried: "read",
        path: path.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_only_grows() {
        let first = since_start();
        assert!(first > Duration::ZERO);
        assert!(since_start() >= first);
    }

    #[test]
    fn the_wall_clock_is_asked_without_rights() {
        let first = wall().unwrap();
        assert_eq!(wall().unwrap().synchronised, first.synchronised);
    }

    #[test]
    fn a_run_has_one_name() {
        let name = run(Path::new("/proc/sys")).unwrap();
        assert_eq!(name.len(), 36, "{name}");
        assert_eq!(run(Path::new("/proc/sys")).unwrap(), name);
        assert!(run(Path::new("/nonexistent")).is_err());
    }
}
