//! Updates that the operator rolls out: another program, rauc-hawkbit-updater, fetches them and asks RAUC by the bus to install them.
//!
//! So that nothing comes into a slot unlooked at, whoever asks, RAUC calls `sekisho update admit` before it writes a bundle whose
//! signature it has verified, and `sekisho update written` afterwards. Where the command line asks, it holds the lock and has judged
//! the bundle already. What else is asked for is judged and put on trial here.
//!
//! ```text
//! MARKS/rolling-out  from admit to written
//! MARKS/rolled-out   from written until the updater has told the server, and the box restarts
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sekisho_host::{
    HostError, files,
    files::Lock,
    slots::{BootMemory, Slot},
};
use semver::Version;
use serde::Serialize;

use super::{LARGEST, LOCK, Places, UpdateError, bundle::BundleError, put_on_trial, record::Trial};

/// Where RAUC's handlers find the bundle that it has verified, mounted.
pub(super) const BUNDLE: &str = "RAUC_BUNDLE_MOUNT_POINT";

/// Where the marks of a roll-out lie; memory, so that a restart forgets them.
pub(super) const MARKS: &str = "/run/sekisho-box";
const ROLLING_OUT: &str = "rolling-out";
const ROLLED_OUT: &str = "rolled-out";

/// What the daemon tells the updater.
pub(super) const CONFIGURATION: &str = "/run/sekisho/rollout/updater.conf";

/// The version that a mounted bundle's manifest says, if it says one. RAUC hands over what stands in sections of one's own, but a
/// packer before 1.9 leaves those out, and Debian 12 has 1.8.
pub(super) fn version(bundle: &Path) -> Result<Option<String>, UpdateError> {
    let manifest = files::read(&bundle.join("manifest.raucm"), LARGEST)?;
    let manifest = String::from_utf8_lossy(&manifest);
    let update = manifest.lines().map(str::trim).skip_while(|line| *line != "[update]").skip(1);
    let mut values =
        update.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once('='));
    let found = values.find(|(key, _)| key.trim_end() == "version");
    Ok(found.map(|(_, version)| version.trim_start().to_owned()))
}

/// Whether RAUC may write what it has verified. What the command line has judged it may; what comes by the bus has to be another
/// version than the one that runs, and no older than the floor. Nobody is there to show a token.
pub(super) async fn admit(
    places: &Places,
    socket: &Path,
    marks: &Path,
    version: Option<&str>,
) -> Result<(), UpdateError> {
    let running = places.running()?;
    let trial = Trial::read(&places.kept)?;
    let Some(_lock) = free(places)? else {
        let judged = trial.is_some_and(|trial| is_of(&trial, running.other(), version));
        return judged.then_some(()).ok_or_else(|| refused("another update is being installed"));
    };
    if let Some(trial) = trial {
        return Err(UpdateError::OnTrial(trial.version));
    }
    let version = version.ok_or_else(|| refused("it doesn't say which version it is"))?;
    let version: Version = version
        .parse()
        .map_err(|error| UpdateError::NotTaken(format!("version '{version}': {error}")))?;
    let release = places.release()?;
    if version == release.version {
        return Err(UpdateError::NotTaken(format!("version {version} runs already")));
    }
    if version < release.floor {
        return Err(BundleError::BelowFloor { version, floor: release.floor }.into());
    }
    put_on_trial(places, socket, running.other(), &version).await?;
    leave(&marks.join(ROLLING_OUT))
}

/// RAUC has written it: it is on trial, however it came.
pub(super) async fn written(
    places: &Places,
    socket: &Path,
    marks: &Path,
    version: Option<&str>,
) -> Result<(), UpdateError> {
    let slot = places.running()?.other();
    let lock = free(places)?;
    if !Trial::read(&places.kept)?.is_some_and(|trial| is_of(&trial, slot, version)) {
        let version = version.ok_or_else(|| refused("RAUC has written none"))?;
        put_on_trial(places, socket, slot, &version).await?;
    }
    BootMemory::mend(&places.boot_memory)?;
    if lock.is_some() {
        leave(&marks.join(ROLLED_OUT))?;
        take(&marks.join(ROLLING_OUT))?;
    }
    Ok(())
}

/// The updater has ended, and told the server what there was to tell. Whether the box is to restart with what was written; what came
/// to nothing isn't on trial any more.
pub(super) fn ended(places: &Places, marks: &Path) -> Result<bool, UpdateError> {
    if take(&marks.join(ROLLED_OUT))? {
        return Ok(true);
    }
    if take(&marks.join(ROLLING_OUT))? && Trial::read(&places.kept)?.is_some() {
        Trial::forget(&places.kept)?;
    }
    Ok(false)
}

/// What this box is to the operator's server for roll-outs.
#[derive(Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Followed {
    /// Where the server is.
    pub(super) server: String,
    /// Whose targets it asks for.
    pub(super) tenant: String,
    /// The target's name there (controller ID).
    pub(super) target: String,
    /// What the box shows instead of a password (security token).
    pub(super) token: String,
}

/// `None` where no roll-outs are followed.
pub(super) fn followed(configuration: &Path) -> Result<Option<Followed>, UpdateError> {
    let text = match files::read(configuration, LARGEST) {
        Err(HostError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        text => text?,
    };
    let text = String::from_utf8_lossy(&text);
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(found, _)| found.trim() == key).map(|(_, value)| value.trim().to_owned())
    };
    let followed = || {
        Some(Followed {
            server: value("hawkbit_server")?,
            tenant: value("tenant_id")?,
            target: value("target_name")?,
            token: value("auth_token")?,
        })
    };
    Ok(followed())
}

/// Whether the record is that of a bundle of this version, or of one that doesn't say.
fn is_of(trial: &Trial, slot: Slot, version: Option<&str>) -> bool {
    trial.slot == slot && version.is_none_or(|version| trial.version == version)
}

/// The lock of installations; `None` where the command line has it.
fn free(places: &Places) -> Result<Option<Lock>, HostError> {
    match Lock::take(&places.kept.join(LOCK)) {
        Ok(lock) => Ok(Some(lock)),
        Err(HostError::Locked { .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn refused(reason: &str) -> UpdateError {
    UpdateError::NotTaken(reason.to_owned())
}

fn leave(mark: &Path) -> Result<(), UpdateError> {
    Ok(files::write(mark, b"", 0o644)?)
}

/// Takes a mark away; whether it was there.
fn take(mark: &Path) -> Result<bool, UpdateError> {
    match fs::remove_file(mark) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => {
            let path: PathBuf = mark.to_owned();
            Err(HostError::File { tried: "remove", path, source }.into())
        }
    }
}

#[cfg(test)]
mod tests;
