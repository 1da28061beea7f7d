//! The latest stamp that a handshake has borne, kept over restarts (R62).
//!
//! A centre doesn't hear a device whose stamps go back. So the device keeps a time that is later than all it has sent,
//! `STATE/handshake-stamp`, and its next tunnel begins after that, whatever the clock shows by then; nor does it begin
//! before the firmware was built. What is kept runs ahead of what is sent, so that a crash between two writes costs
//! nothing; a clean stop keeps the exact time.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context;
use jiff::Timestamp;
use sekisho_host::files;
use sekisho_tunnel::Engine;
use tracing::warn;

const FILE: &str = "handshake-stamp";

/// The longest text of a time, with room to spare.
const LONGEST: u64 = 64;

/// Time between two attempts to write where the disk refuses.
const RETRY: Duration = Duration::from_mins(1);

/// Seconds since 1970 at which the firmware was built; a build of an image says so (reproducible-builds.org).
const BUILT: Option<&str> = option_env!("SOURCE_DATE_EPOCH");

/// What is known of stamps that were sent.
#[derive(Debug)]
pub(super) struct Stamps {
    path: PathBuf,
    /// What earlier runs have left.
    found: SystemTime,
    /// What the file holds.
    kept: SystemTime,
    /// The latest of this run.
    latest: Option<SystemTime>,
    retry: Option<Instant>,
}

/// When the firmware was built; no clock that shows an earlier time is right. 1970 where the build doesn't say.
pub(super) fn built() -> SystemTime {
    let seconds = BUILT.and_then(|seconds| seconds.parse().ok()).map_or(0, |seconds: u32| seconds);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into())
}

impl Stamps {
    /// Reads what earlier runs have left. A file that is damaged is as good as none: stamps follow the clock then.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let read = || {
            let text = String::from_utf8(files::read(&path, LONGEST)?)?;
            Ok::<SystemTime, anyhow::Error>(text.trim().parse::<Timestamp>()?.into())
        };
        let kept = if path.exists() {
            read().unwrap_or_else(|fault| {
                let path = path.display();
                warn!(%path, %fault, "the last handshake's stamp is lost; see that the clock is right");
                SystemTime::UNIX_EPOCH
            })
        } else {
            SystemTime::UNIX_EPOCH
        };
        Self { path, found: kept.max(built()), kept, latest: None, retry: None }
    }

    /// What the handshakes of the next tunnel come after.
    pub(super) fn after(&self) -> SystemTime {
        self.latest.map_or(self.found, |latest| latest.max(self.found))
    }

    /// The latest stamp that a tunnel has sent. Writes where the file would soon be behind.
    pub(super) fn note(&mut self, latest: Option<SystemTime>, now: Instant) {
        self.latest = self.latest.max(latest);
        let Some(latest) = self.latest else { return };
        let due = latest + Engine::STAMP_LEAD / 2 > self.kept;
        if due && self.retry.is_none_or(|at| now >= at) {
            self.keep(latest + Engine::STAMP_LEAD, now);
        }
    }

    /// Keeps the exact time; nothing is sent from now on.
    pub(super) fn close(&mut self, now: Instant) {
        if self.latest.is_some() {
            self.keep(self.after(), now);
        }
    }

    fn keep(&mut self, limit: SystemTime, now: Instant) {
        let write = || {
            let text = format!("{}\n", Timestamp::try_from(limit)?);
            files::write(&self.path, text.as_bytes(), 0o600)?;
            anyhow::Ok(())
        };
        self.retry = None;
        match write().with_context(|| format!("can't keep {}", self.path.display())) {
            Ok(()) => self.kept = limit,
            Err(fault) => {
                let fault = super::reasons(&fault);
                warn!(
                    fault,
                    "after a restart with a clock that was put back no centre would answer"
                );
                self.retry = Some(now + RETRY);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_kept_runs_ahead_and_a_clean_stop_is_exact() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        let sent = SystemTime::now() + Duration::from_hours(1);
        let mut stamps = Stamps::open(folder.path());
        assert!(stamps.after() < sent);
        stamps.note(None, now);
        assert!(!folder.path().join(FILE).exists(), "nothing was sent yet");
        stamps.note(Some(sent), now);
        assert_eq!(stamps.after(), sent);
        // As after a crash.
        assert_eq!(Stamps::open(folder.path()).after(), sent + Engine::STAMP_LEAD);

        // One write in many handshakes.
        let written = || fs::read_to_string(folder.path().join(FILE)).unwrap();
        let before = written();
        stamps.note(Some(sent + Engine::STAMP_LEAD / 2), now);
        assert_eq!(written(), before);
        let last = sent + Engine::STAMP_LEAD / 2 + SECOND;
        stamps.note(Some(last), now);
        assert_ne!(written(), before);
        stamps.note(Some(sent), now);
        assert_eq!(stamps.after(), last, "stamps of a centre that lags behind change nothing");
        stamps.close(now);
        assert_eq!(Stamps::open(folder.path()).after(), last);
    }

    #[test]
    fn a_run_without_handshakes_leaves_what_it_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "2031-05-06T07:08:09Z\n").unwrap();
        let mut stamps = Stamps::open(folder.path());
        let found = stamps.after();
        stamps.close(Instant::now());
        assert_eq!(Stamps::open(folder.path()).after(), found);
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        for damaged in [&b""[..], b"soon", b"\xff\xfe", &[b'2'; 5_000]] {
            fs::write(folder.path().join(FILE), damaged).unwrap();
            let mut stamps = Stamps::open(folder.path());
            assert!(stamps.after() < SystemTime::now());
            let sent = SystemTime::now();
            stamps.note(Some(sent), Instant::now());
            assert_eq!(Stamps::open(folder.path()).after(), sent + Engine::STAMP_LEAD);
        }
    }

    #[test]
    fn a_disk_that_refuses_is_tried_again_after_a_while() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        let place = folder.path().join("later");
        let sent = SystemTime::now();
        let mut stamps = Stamps::open(&place);
        stamps.note(Some(sent), now);
        assert_eq!(stamps.after(), sent, "this run knows all the same");
        fs::create_dir(&place).unwrap();
        stamps.note(Some(sent), now + RETRY.saturating_sub(SECOND));
        assert!(!place.join(FILE).exists());
        stamps.note(Some(sent), now + RETRY);
        assert_eq!(Stamps::open(&place).after(), sent + Engine::STAMP_LEAD);
    }
}
