//! Memory: the box's, and what the daemon doesn't need any more.

use std::{fs, path::Path};

use crate::HostError;

/// How much memory the box has, in bytes.
///
/// # Errors
/// [`HostError::File`].
pub fn total() -> Result<u64, HostError> {
    let path = Path::new("/proc/meminfo");
    let failed = |source| HostError::File { tried: "read", path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(failed)?;
    read(&text).ok_or_else(|| failed(std::io::ErrorKind::InvalidData.into()))
}

/// The kernel's kB are of 1,024 bytes.
fn read(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Gives memory that was freed back to the machine. A change of a large design leaves twice as many free pages as the daemon
/// holds, between the few small values that stay; the C library gives back by itself only what lies behind the last of them.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "the C library has no other door to it")]
    // SAFETY: malloc_trim(3) may be called at any time by any thread (MT-Safe) and touches free memory only.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boxs_memory_is_read() {
        assert_eq!(read("MemFree: 7 kB\nMemTotal:        3980264 kB\n"), Some(3_980_264 << 10));
        for nonsense in
            ["", "MemTotal: 3980264", "MemTotal: many kB", "MemTotal: 18446744073709551615 kB"]
        {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert!(total().unwrap() > 64 << 20);
    }
}
