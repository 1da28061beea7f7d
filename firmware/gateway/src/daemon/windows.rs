//! Policies that end (R89): which of the design in force are over, pure but for its file.
//!
//! A policy is over when its time has come, and then stays over whatever the clock shows later, over restarts too, until
//! somebody gives it another end. What is over is kept in `STATE/policies-over`.
//!
//! A clock that nobody has set right since the daemon's start may be a dead battery's. Where it shows an earlier time than
//! the device has seen, or than the firmware was built, nobody knows which ends have passed meanwhile: no policy with an end
//! is open until the time is known. The time seen is kept in `STATE/time-seen` while the design has such policies, ahead
//! of the clock, so that one that was saved at the last stop and set again at the start isn't believed either.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use sekisho_design::{Design, Name, Policy};
use sekisho_host::files;
use tracing::{info, warn};

use super::reasons;

const FILE: &str = "policies-over";
const SEEN: &str = "time-seen";

/// How far the time that is kept runs ahead; it is written anew when half of that is left (R27).
const LEAD: Duration = Duration::from_hours(1);

/// The longest text of a time, with room to spare.
const LONGEST_TIME: u64 = 64;

/// The longest file: as many lines as a design has rooms for policies.
const LONGEST: u64 = 1 << 20;

/// A policy and its end.
type Ended = (Name, Timestamp);

/// What the daemon takes for the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) shown: Timestamp,
    /// Whether somebody has set it right since the daemon's start.
    pub(super) known: bool,
    /// When the firmware was built; no earlier time is right.
    pub(super) built: SystemTime,
}

/// What is over.
#[derive(Debug)]
pub(super) struct Windows {
    path: PathBuf,
    over: BTreeSet<Ended>,
    /// What is over isn't on the disk yet.
    unwritten: bool,
    /// No time before this one can be right, for a clock that nobody has set.
    seen: Timestamp,
    /// Nobody knows which policies are over.
    in_doubt: bool,
}

impl Windows {
    /// Reads what earlier runs have closed. A damaged file is as good as none: the clock decides.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let over = if path.exists() { read(&path) } else { BTreeSet::new() };
        let seen = read_seen(&folder.join(SEEN));
        Self { path, over, unwritten: false, seen, in_doubt: false }
    }

    /// Ends the policies whose time has come. True where that changes what the design admits. What is over of no design is
    /// forgotten.
    pub(super) fn end<'a>(
        &mut self,
        designs: impl IntoIterator<Item = &'a Design>,
        clock: Clock,
    ) -> bool {
        let Clock { shown, known, built } = clock;
        let now = Timestamp::try_from(built).map_or(shown, |built| built.max(shown));
        let policies = designs.into_iter().flat_map(|design| &design.policies);
        let ends: BTreeSet<_> = policies.filter_map(ended).collect();
        let over: BTreeSet<_> =
            ends.iter().filter(|end| end.1 <= now || self.over.contains(end)).cloned().collect();
        if known && !ends.is_empty() {
            self.see(now);
        }
        let in_doubt = !known && (shown < now || now < self.seen);
        let turned = std::mem::replace(&mut self.in_doubt, in_doubt) != in_doubt;
        let turned = turned && ends.len() > over.len();
        if turned && in_doubt {
            warn!("the time isn't known: policies with an end are closed until it is");
        }
        if over == self.over {
            if self.unwritten {
                self.keep();
            }
            return turned;
        }
        for (policy, until) in over.difference(&self.over) {
            info!(%policy, %until, "the policy is over");
        }
        self.over = over;
        self.keep();
        true
    }

    /// The design without what is over, or may be.
    pub(super) fn put_into<'a>(&self, design: &'a Design) -> Cow<'a, Design> {
        let open = |end| !self.in_doubt && !self.over.contains(&end);
        design.admitting(|policy| ended(policy).is_none_or(open))
    }

    /// Keeps a time that is right.
    fn see(&mut self, now: Timestamp) {
        let (soon, ahead) = (now + LEAD / 2, now + LEAD);
        if (soon..=ahead).contains(&self.seen) {
            return;
        }
        self.seen = ahead;
        let kept =
            files::write(&self.path.with_file_name(SEEN), format!("{ahead}\n").as_bytes(), 0o600);
        if let Err(fault) = kept {
            let fault = reasons(&fault.into());
            warn!(fault, "a dead battery's clock could open policies again that ended meanwhile");
        }
    }

    fn keep(&mut self) {
        let line = |(name, until): &Ended| format!("{name} {until}\n");
        let text: String = self.over.iter().map(line).collect();
        let kept = files::write(&self.path, text.as_bytes(), 0o600);
        if let Err(fault) = &kept
            && !self.unwritten
        {
            let fault = fault.to_string();
            warn!(
                fault,
                "after a restart with a clock that was put back, policies could be open again"
            );
        }
        self.unwritten = kept.is_err();
    }
}

fn ended(policy: &Policy) -> Option<Ended> {
    let until = policy.until?;
    Some((policy.name.clone(), until))
}

/// The time that earlier runs have seen; the beginning where there is none, or only a damaged file.
fn read_seen(path: &Path) -> Timestamp {
    let text = files::read(path, LONGEST_TIME).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(Timestamp::MIN)
}

/// A line a policy, with its end.
fn read(path: &Path) -> BTreeSet<Ended> {
    let parse = |line: &str| {
        let (name, until) = line.split_once(' ')?;
        Some((name.parse().ok()?, until.parse().ok()?))
    };
    let text = files::read(path, LONGEST).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let over = text.map(|text| text.lines().map(parse).collect::<Option<_>>());
    match over {
        Ok(Some(over)) => over,
        Ok(None) => {
            warn!(path = %path.display(), "which policies are over is lost; the clock decides");
            BTreeSet::new()
        }
        Err(fault) => {
            let fault = reasons(&fault.into());
            warn!(path = %path.display(), fault, "which policies are over is lost; the clock decides");
            BTreeSet::new()
        }
    }
}

#[cfg(test)]
mod tests;
