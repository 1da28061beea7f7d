//! Where things are on the box.

use std::path::PathBuf;

use serde::Deserialize;

/// Files and folders that the console reads and writes.
#[derive(Clone, Debug)]
pub struct Places {
    /// What the box keeps for itself: the administrator's password, files brought by a stick.
    pub kept: PathBuf,
    /// What other units tell: whether `/var` is more than memory, whether a factory reset was done.
    pub run: PathBuf,
    /// What this build is.
    pub release: PathBuf,
    /// The boot loader's state, where a factory reset is asked for.
    pub boot: PathBuf,
}

impl Places {
    /// Below a folder; `/` on the box itself.
    pub fn below(root: &std::path::Path) -> Self {
        Self {
            kept: root.join("var/lib/sekisho-box"),
            run: root.join("run/sekisho-box"),
            release: root.join("usr/lib/sekisho/release.toml"),
            boot: root.join("boot/state"),
        }
    }

    /// Where files of a stick are copied to, and the prompt's own folder.
    pub fn import(&self) -> PathBuf {
        self.kept.join("import")
    }

    /// Where a stick is mounted.
    pub fn stick(&self) -> PathBuf {
        self.run.join("usb")
    }
}

/// What a build says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Release {
    #[serde(default)]
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) kind: String,
}

impl Release {
    /// Reads it; a build that says nothing is of unknown version.
    pub(crate) fn read(places: &Places) -> Self {
        sekisho_host::files::read(&places.release, 4_096)
            .ok()
            .and_then(|bytes| toml::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    pub(crate) fn is_development(&self) -> bool {
        self.kind == "development"
    }
}
