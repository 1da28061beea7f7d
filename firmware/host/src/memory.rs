//! Memory that the daemon doesn't need any more.

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
