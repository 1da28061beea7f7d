//! Policies that end (R89): which of the design in force are over, pure but for its file.
//!
//! A policy is over when its time has come, and then stays over whatever the clock shows later, over restarts too, until
//! somebody gives it another end. A clock that shows a time before the firmware was built counts as that time. What is over
//! is kept in `STATE/policies-over`.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;
use sekisho_design::{Design, Name, Policy};
use sekisho_host::files;
use tracing::{info, warn};

use super::reasons;

const FILE: &str = "policies-over";

/// The longest file: as many lines as a design has rooms for policies.
const LONGEST: u64 = 1 << 20;

/// A policy and its end.
type Ended = (Name, Timestamp);

/// What is over.
#[derive(Debug)]
pub(super) struct Windows {
    path: PathBuf,
    over: BTreeSet<Ended>,
    /// What is over isn't on the disk yet.
    unwritten: bool,
}

impl Windows {
    /// Reads what earlier runs have closed. A damaged file is as good as none: the clock decides.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let over = if path.exists() { read(&path) } else { BTreeSet::new() };
        Self { path, over, unwritten: false }
    }

    /// Ends the policies whose time has come, by a clock that can't be right before the firmware was built. True where that
    /// changes what the design admits. What is over of no design is forgotten.
    pub(super) fn end<'a>(
        &mut self,
        designs: impl IntoIterator<Item = &'a Design>,
        clock: Timestamp,
        built: SystemTime,
    ) -> bool {
        let now = Timestamp::try_from(built).map_or(clock, |built| built.max(clock));
        let policies = designs.into_iter().flat_map(|design| &design.policies);
        let ends: BTreeSet<_> = policies.filter_map(ended).collect();
        let over: BTreeSet<_> =
            ends.into_iter().filter(|end| end.1 <= now || self.over.contains(end)).collect();
        if over == self.over {
            if self.unwritten {
                self.keep();
            }
            return false;
        }
        for (policy, until) in over.difference(&self.over) {
            info!(%policy, %until, "the policy is over");
        }
        self.over = over;
        self.keep();
        true
    }

    /// The design without what is over.
    pub(super) fn put_into<'a>(&self, design: &'a Design) -> Cow<'a, Design> {
        design.admitting(|policy| ended(policy).is_none_or(|end| !self.over.contains(&end)))
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
