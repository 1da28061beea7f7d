//! Files that tell other services of the box what to do by the design in force. The image has these read them anew when they
//! change.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sekisho_host::files;
use tracing::warn;

use super::reasons;

/// The longest of them: authorities of the operator, with room.
const LONGEST: u64 = 1 << 16;

/// Time between two attempts to write where that fails.
pub(super) const RETRY: Duration = Duration::from_secs(2);

/// One such file.
#[derive(Debug)]
pub(super) struct Handed {
    path: PathBuf,
    mode: u32,
    /// What the file is to hold, while it isn't known to hold it.
    wanted: Option<String>,
    retry: Duration,
    told: bool,
}

impl Handed {
    /// A file that is to hold this from now on.
    pub(super) fn new(path: PathBuf, mode: u32, text: String) -> Self {
        Self { path, mode, wanted: Some(text), retry: Duration::ZERO, told: false }
    }

    /// It is to hold something else.
    pub(super) fn hand(&mut self, text: String) {
        self.wanted = Some(text);
        self.retry = Duration::ZERO;
    }

    /// Writes where that is due. Whether the file holds what it is to hold.
    pub(super) fn look_after(&mut self, now: Duration) -> bool {
        let Some(wanted) = &self.wanted else { return true };
        if now < self.retry {
            return false;
        }
        match keep(&self.path, wanted, self.mode) {
            Ok(()) => (self.wanted, self.told) = (None, false),
            Err(fault) => {
                if !self.told {
                    let (fault, path) = (reasons(&fault), self.path.display());
                    warn!(fault, %path, "another service isn't told what the design says; trying again");
                }
                (self.retry, self.told) = (now + RETRY, true);
            }
        }
        self.wanted.is_none()
    }
}

/// Leaves the file as it is where it holds that: a service begins anew with each change.
fn keep(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    if files::read(path, LONGEST).is_ok_and(|held| held == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(files::write(path, text.as_bytes(), mode)?)
}
