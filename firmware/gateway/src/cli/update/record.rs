//! What is kept of updates, on the data partition: the one on trial, and what became of the last one.
//!
//! ```text
//! KEPT/trial.json        there from the installation until the trial is settled
//! KEPT/last-update.json  how the last trial ended
//! ```

use std::{collections::BTreeSet, fs, io, path::Path};

use sekisho_control::{Health, Level, Verdict};
use sekisho_design::Both;
use sekisho_host::{HostError, files, slots::Slot};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const TRIAL: &str = "trial.json";
const LAST: &str = "last-update.json";

/// More than either has.
const LARGEST: u64 = 1 << 16;

/// Firmware that was installed and isn't known to work yet.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Trial {
    /// Its version, by the bundle's word.
    pub(super) version: String,
    /// The version that installed it.
    pub(super) from: String,
    /// Where it lies.
    pub(super) slot: Slot,
    /// How the device was before; `None` where the daemon couldn't say.
    pub(super) before: Option<Before>,
    /// Why it was given up, once it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) given_up: Option<String>,
    /// The same in Japanese, beside it: firmware that knows of one language reads this file too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) given_up_ja: Option<String>,
}

/// How the device was before an update.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Before {
    /// In one word.
    pub(super) level: Level,
    /// The checks that failed.
    pub(super) failed: BTreeSet<String>,
}

impl From<&Health> for Before {
    fn from(health: &Health) -> Self {
        let failed = health.troubles.iter().filter(|outcome| outcome.verdict == Verdict::Failed);
        Self { level: health.level, failed: failed.map(|it| it.check.id.clone()).collect() }
    }
}

/// How the last trial ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Last {
    /// The version that was tried.
    pub(super) version: String,
    /// The one before.
    pub(super) from: String,
    /// The end.
    pub(super) end: End,
}

/// The end of a trial.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub(super) enum End {
    /// The new firmware stays.
    Kept,
    /// The old one is back.
    WentBack {
        /// Why.
        reason: String,
        /// The same in Japanese, where it was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason_ja: Option<String>,
    },
}

impl End {
    /// The old one is back, and this is why.
    pub(super) fn went_back(Both { ja, en }: Both) -> Self {
        Self::WentBack { reason: en, reason_ja: Some(ja) }
    }
}

/// A reason in both languages, though it may have been told in one.
pub(super) fn both(en: &str, ja: Option<&str>) -> Both {
    Both { ja: ja.unwrap_or(en).to_owned(), en: en.to_owned() }
}

impl Trial {
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, HostError> {
        read(&folder.join(TRIAL))
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), HostError> {
        write(&folder.join(TRIAL), self)
    }

    /// The trial is over.
    pub(super) fn end(self, folder: &Path, end: End) -> Result<(), HostError> {
        let Self { version, from, .. } = self;
        write(&folder.join(LAST), &Last { version, from, end })?;
        Self::forget(folder)
    }

    /// There never was one.
    pub(super) fn forget(folder: &Path) -> Result<(), HostError> {
        let path = folder.join(TRIAL);
        let synced = fs::remove_file(&path).and_then(|()| fs::File::open(folder)?.sync_all());
        synced.map_err(|source| HostError::File { tried: "remove", path, source })
    }
}

impl Last {
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, HostError> {
        read(&folder.join(LAST))
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), HostError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    files::write(path, text.as_bytes(), 0o600)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, HostError> {
    let bytes = match files::read(path, LARGEST) {
        Err(HostError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        bytes => bytes?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| HostError::File {
        tried: "understand",
        path: path.to_owned(),
        source: error.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_there_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(Trial::read(folder).unwrap(), None);
        let before = Before { level: Level::Degraded, failed: ["tunnel.east".to_owned()].into() };
        let trial = Trial {
            version: "0.2.0".to_owned(),
            from: "0.1.0".to_owned(),
            slot: Slot::B,
            before: Some(before),
            given_up: None,
            given_up_ja: None,
        };
        trial.write(folder).unwrap();
        assert_eq!(Trial::read(folder).unwrap().as_ref(), Some(&trial));
        let end = End::went_back(both("no tunnel", Some("トンネルがありません")));
        trial.end(folder, end.clone()).unwrap();
        assert_eq!(Trial::read(folder).unwrap(), None);
        assert_eq!(Last::read(folder).unwrap().unwrap().end, end);
        assert!(Trial::forget(folder).is_err(), "there is none any more");
    }

    #[test]
    fn a_record_in_one_language_is_read() {
        let end = r#"{"name":"went-back","reason":"no tunnel"}"#;
        let End::WentBack { reason, reason_ja } = serde_json::from_str(end).unwrap() else {
            panic!("{end}");
        };
        assert_eq!(both(&reason, reason_ja.as_deref()).ja, "no tunnel");
        let text = serde_json::to_string(&End::went_back(both("a", Some("b")))).unwrap();
        assert_eq!(text, r#"{"name":"went-back","reason":"a","reason-ja":"b"}"#);
    }

    #[test]
    fn a_damaged_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(TRIAL), "{").unwrap();
        let error = Trial::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("understand") && error.contains(TRIAL), "{error}");
    }
}
