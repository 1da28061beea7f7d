//! Updates of the firmware. The daemon has no right over slots: root's services tell it what they hold, and it leaves a wish where
//! one of them waits for it. See [`crate::notices`].

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use sekisho_control::{
    Failure, Firmware, InstallWish, Installation, InstallationState, UpdateStatus,
};
use sekisho_design::Both;
use sekisho_host::{HostError, files};
use serde::de::DeserializeOwned;

use super::fault::{conflict, device_failure};
use crate::notices::{AT_IT, FIRMWARE, FOUND, INSTALLATION, LARGEST, WISH};

/// What is told, and where the wish is left.
pub(super) struct Updates {
    found: PathBuf,
    wish: PathBuf,
}

impl Updates {
    pub(super) fn new(run: &Path) -> Self {
        Self { found: FOUND.into(), wish: run.join(WISH) }
    }

    /// What the slots hold, and how far an installation is.
    pub(super) fn status(&self) -> Result<UpdateStatus, Failure> {
        Ok(UpdateStatus {
            firmware: self.read::<Firmware>(FIRMWARE)?,
            installation: self.installation()?,
        })
    }

    /// Leaves the wish that what was sent to the page is installed, where somebody is there to find it.
    pub(super) fn ask(&self, wish: InstallWish) -> Result<UpdateStatus, Failure> {
        let status = self.status()?;
        let Some(Firmware { trial, slots, .. }) = &status.firmware else {
            return Err(conflict(
                "this machine has no slots for firmware".to_owned(),
                "do it on a box that starts from Sekisho's image",
            ));
        };
        if status.installation.is_some_and(|it| it.state.goes_on()) {
            return Err(conflict("an installation goes on".to_owned(), "wait until it has ended"));
        }
        let on_trial = trial
            .as_ref()
            .filter(|trial| slots.iter().any(|slot| slot.runs && slot.name == trial.slot));
        if let Some(trial) = on_trial {
            return Err(conflict(
                format!("version {} is on trial", trial.version),
                "wait until it is settled whether it stays",
            ));
        }
        let text = serde_json::to_vec(&InstallWish { on_behalf: None, ..wish });
        let text = text.map_err(|fault| device_failure(fault.to_string(), None))?;
        if text.len() as u64 > LARGEST {
            return Err(conflict(
                "the token is too long to be one".to_owned(),
                "choose the file that the operator has signed",
            ));
        }
        // Only root and the daemon itself read it: a token is of no use to anybody else, and nobody else needs it.
        files::write(&self.wish, &text, 0o600).map_err(|fault| told(&fault))?;
        self.status()
    }

    fn installation(&self) -> Result<Option<Installation>, Failure> {
        if let Ok(metadata) = fs::metadata(&self.wish) {
            let at = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
            let (at, state) = (at.unwrap_or_default(), InstallationState::Waiting);
            return Ok(Some(Installation { at, state }));
        }
        let told = self.read::<Installation>(INSTALLATION)?;
        Ok(told.map(|it| {
            if it.state.goes_on() && !self.is_at_it() {
                Installation { state: broken_off(), ..it }
            } else {
                it
            }
        }))
    }

    /// Whether root's process is at it: it holds the lock until it ends, however that comes about.
    fn is_at_it(&self) -> bool {
        File::open(self.found.join(AT_IT)).is_ok_and(|file| file.try_lock_shared().is_err())
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let path = self.found.join(name);
        let bytes = match files::read(&path, LARGEST) {
            Err(HostError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            bytes => bytes.map_err(|fault| told(&fault))?,
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|fault| {
            let message = format!("can't understand {}: {fault}", path.display());
            device_failure(message, Some("restart the box".to_owned()))
        })
    }
}

fn told(fault: &HostError) -> Failure {
    device_failure(fault.to_string(), fault.way_out().map(str::to_owned))
}

fn broken_off() -> InstallationState {
    let both = |ja: &str, en: &str| Both { ja: ja.to_owned(), en: en.to_owned() };
    InstallationState::Failed {
        why: both("書き込みが途中で終わりました。", "The installation ended half-way."),
        way_out: Some(both(
            "動作中の版は元のままです。更新ファイルを送り直して、もう一度行ってください。",
            "The firmware that runs is as it was. Send the file again, and try once more.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use sekisho_control::{FailureKind, Hidden};
    use serde_json::{Value, json};

    use super::*;

    fn updates() -> (tempfile::TempDir, Updates) {
        let folder = tempfile::tempdir().unwrap();
        let updates = Updates { found: folder.path().to_owned(), ..Updates::new(folder.path()) };
        (folder, updates)
    }

    fn write(updates: &Updates, name: &str, value: &Value) {
        fs::write(updates.found.join(name), value.to_string()).unwrap();
    }

    fn firmware(trial: &Value) -> Value {
        json!({
            "version": "0.1.0", "kind": "development", "floor": "0.1.0", "trial": trial,
            "slots": [
                { "name": "A", "runs": true, "good": true, "version": "0.1.0" },
                { "name": "B", "runs": false, "good": false },
            ],
        })
    }

    fn state(updates: &Updates) -> InstallationState {
        updates.status().unwrap().installation.unwrap().state
    }

    #[test]
    fn a_machine_without_slots_says_so() {
        let (_folder, updates) = updates();
        assert_eq!(updates.status().unwrap(), UpdateStatus::default());
        let failure = updates.ask(InstallWish::default()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("no slots") && !updates.wish.exists());
    }

    #[test]
    fn a_wish_is_left_once_and_carries_the_token() {
        let (_folder, updates) = updates();
        write(&updates, FIRMWARE, &firmware(&Value::Null));
        let token = Some(Hidden::new("allow = \"older-firmware\""));
        let wish = InstallWish { restart: true, token, on_behalf: None };
        let status = updates.ask(wish.clone()).unwrap();
        assert_eq!(status.installation.unwrap().state, InstallationState::Waiting);
        let left: InstallWish = serde_json::from_slice(&fs::read(&updates.wish).unwrap()).unwrap();
        assert_eq!(left, wish);
        let failure = updates.ask(InstallWish::default()).unwrap_err();
        assert_eq!(failure.message, "an installation goes on");
    }

    #[test]
    fn nothing_is_installed_over_what_is_on_trial() {
        let (_folder, updates) = updates();
        let trial = |slot| json!({ "version": "0.2.0", "from": "0.1.0", "slot": slot });
        write(&updates, FIRMWARE, &firmware(&trial("A")));
        let failure = updates.ask(InstallWish::default()).unwrap_err();
        assert_eq!(failure.message, "version 0.2.0 is on trial");
        write(&updates, FIRMWARE, &firmware(&trial("B")));
        updates.ask(InstallWish::default()).unwrap();
    }

    #[test]
    fn a_token_that_never_ends_is_none() {
        let (_folder, updates) = updates();
        write(&updates, FIRMWARE, &firmware(&Value::Null));
        let token = Some(Hidden::new("x".repeat(1 << 17)));
        let failure = updates.ask(InstallWish { token, ..InstallWish::default() }).unwrap_err();
        assert!(failure.message.contains("too long") && !updates.wish.exists());
    }

    #[test]
    fn an_installation_whose_process_is_gone_has_broken_off() {
        let (_folder, updates) = updates();
        let writing =
            json!({ "at": "2026-11-26T00:00:00Z", "state": { "name": "writing", "percent": 40 } });
        write(&updates, INSTALLATION, &writing);
        assert!(matches!(state(&updates), InstallationState::Failed { .. }));
        let root = File::create(updates.found.join(AT_IT)).unwrap();
        assert!(matches!(state(&updates), InstallationState::Failed { .. }));
        root.lock().unwrap();
        assert_eq!(state(&updates), InstallationState::Writing { percent: 40 });
        drop(root);
        assert!(matches!(state(&updates), InstallationState::Failed { .. }));
        let done = json!({
            "at": "2026-11-26T00:00:00Z",
            "state": { "name": "installed", "version": "0.2.0", "restarts": false },
        });
        write(&updates, INSTALLATION, &done);
        assert!(!state(&updates).goes_on());
    }

    #[test]
    fn what_cant_be_understood_is_named() {
        let (_folder, updates) = updates();
        fs::write(updates.found.join(FIRMWARE), "{").unwrap();
        let failure = updates.status().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Device);
        assert!(failure.message.contains(FIRMWARE) && failure.way_out.is_some());
    }
}
