//! Where root's `sekisho update` and the daemon, which has no rights over slots, leave word for each other.
//!
//! ```text
//! /run/sekisho-box/firmware.json       root: what the slots hold
//! /run/sekisho-box/installation.json   root: how far an installation is, or how the last one ended
//! /run/sekisho-box/installation.lock   held by root's process as long as it is at it
//! RUN/update                           the daemon: its wish; the unit sekisho-update-wish.path waits for it
//! ```
//! Each of them writes in a folder of its own, so that neither can lead the other's hand.

/// The folder of what root's services have found out.
pub(crate) const FOUND: &str = "/run/sekisho-box";
/// What the slots hold.
pub(crate) const FIRMWARE: &str = "firmware.json";
/// How far an installation is.
pub(crate) const INSTALLATION: &str = "installation.json";
/// Held while somebody installs.
pub(crate) const AT_IT: &str = "installation.lock";
/// The wish's name in the daemon's run folder.
pub(crate) const WISH: &str = "update";
/// More than any of them has, in bytes.
pub(crate) const LARGEST: u64 = 1 << 17;
