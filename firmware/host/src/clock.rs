//! Time that nobody sets: since the machine's start, and which start it was.

use std::{path::Path, time::Duration};

use nix::time::{ClockId, clock_gettime};

use crate::{HostError, settings};

/// Time since the machine's start, sleep included. Setting the wall clock doesn't touch it (`CLOCK_BOOTTIME`, time(7)).
///
/// # Panics
/// Never on Linux from 2.6.39, which has this clock.
pub fn since_start() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has a clock since its start").into()
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
    fn a_run_has_one_name() {
        let name = run(Path::new("/proc/sys")).unwrap();
        assert_eq!(name.len(), 36, "{name}");
        assert_eq!(run(Path::new("/proc/sys")).unwrap(), name);
        assert!(run(Path::new("/nonexistent")).is_err());
    }
}
