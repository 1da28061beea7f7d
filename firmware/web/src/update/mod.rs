//! Updates of the firmware: what the browser sends, how the slots are, and the wish that it is installed.
//!
//! ```text
//! browser ──PUT──> STATE/update/bundle.part ──whole──> STATE/update/bundle.raucb
//!         ──POST─> the daemon's wish ─> a unit of root copies the file, RAUC verifies and writes it
//!         ──GET──> the slots and how far it is, as the daemon tells
//! ```
//! This process neither reads nor trusts what it holds for root. It lies there until it is replaced, given up, or the page starts
//! anew.

mod receive;
mod routes;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use sekisho_control::{LARGEST_BUNDLE, SPARE_ROOM};
use serde::Serialize;
use tokio::sync::Semaphore;
use tracing::warn;

pub(crate) use self::routes::handlers;

/// The folder below the page's own.
const FOLDER: &str = "update";
/// The file, once it is whole; root's unit looks for it by this name.
const WHOLE: &str = "bundle.raucb";
/// The same until then.
const PART: &str = "bundle.part";

/// A file that the browser has sent.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "SentBundle")]
pub(crate) struct Bundle {
    /// Its name on the user's machine.
    pub(crate) name: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its SHA-256, to be compared with the maker's.
    pub(crate) sha256: String,
}

/// What bounds the sending of a file.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Its size, in bytes.
    largest: u64,
    /// What has to stay free on the disk, in bytes.
    spare: u64,
    /// How long nothing may come.
    silence: Duration,
    /// How long it may take in all.
    whole: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            largest: LARGEST_BUNDLE,
            spare: SPARE_ROOM,
            silence: Duration::from_secs(30),
            whole: Duration::from_mins(30),
        }
    }
}

/// The place of what is sent.
#[derive(Debug)]
pub(crate) struct Uploads {
    folder: PathBuf,
    /// Whoever sends a file, or takes it away, holds it.
    one: Arc<Semaphore>,
    sent: Mutex<Option<Bundle>>,
    bounds: Bounds,
}

impl Uploads {
    /// Opens it, empty.
    pub(crate) fn open(state: &Path) -> Self {
        let uploads = Self {
            folder: state.join(FOLDER),
            one: Arc::new(Semaphore::new(1)),
            sent: Mutex::default(),
            bounds: Bounds::default(),
        };
        if let Err(fault) = uploads.clear() {
            warn!(%fault, "what was sent before can't be removed");
        }
        uploads
    }

    /// What was sent whole.
    fn sent(&self) -> Option<Bundle> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, bundle: Option<Bundle>) {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = bundle;
    }

    /// Removes what was sent.
    fn clear(&self) -> io::Result<()> {
        self.set(None);
        for name in [WHOLE, PART] {
            match fs::remove_file(self.folder.join(name)) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                _ => {}
            }
        }
        Ok(())
    }
}
