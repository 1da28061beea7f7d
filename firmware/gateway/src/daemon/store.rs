//! What survives a reboot: the generations of the design, which of them is kept, the journal, and the tunnel's key.
//!
//! ```text
//! STATE/lock              held by the running daemon
//! STATE/tunnel.key        the private key, mode 0600, made on the device at its first start
//! STATE/tunnel-coming.key the key that is to take its place, while it is renewed
//! STATE/in-force          symbolic link to the generation that is kept
//! STATE/journal           there while a change is on its way: which, and what the kernel held before it
//! STATE/generation-N/     site.toml and profile.toml, written once; record: who, when, why, checksums, outcome
//! ```
//! The renaming of a link over `in-force` is the moment from which a generation is kept, so a power cut leaves the old pair
//! of files or the new one. Whatever is read is compared with its checksum; where the generation that is kept is damaged,
//! the newest intact one before it takes its place, and the fault is told.

mod key;
mod sealed;

use std::{
    borrow::Cow,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use sekisho_control::{Generation, Outcome};
use sekisho_design::LARGEST_FILE;
use sekisho_host::{
    HostError,
    files::{self, Lock},
};
use sekisho_plan::KernelState;
use serde::{Deserialize, Serialize};
use tracing::warn;

pub(super) use self::{key::Coming, sealed::sha256};

/// The state folder, locked.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    lock: Lock,
}

/// The two files of a design.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Files {
    pub(super) site: Vec<u8>,
    pub(super) profile: Vec<u8>,
}

/// A generation with its files, as they were written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Kept {
    pub(super) generation: Generation,
    pub(super) files: Files,
}

/// What is kept.
#[derive(Debug)]
pub(super) enum InForce {
    /// No design was ever applied.
    Nothing,
    /// The generation that is kept.
    Good(Kept),
    /// It is damaged; with the newest intact generation before it.
    Damaged { fault: anyhow::Error, last_good: Option<Kept> },
}

/// What is written down before the first step of a change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Journal<'a> {
    /// The generation on its way.
    pub(super) pending: u64,
    /// The machine's run, as the kernel names it: another one has forgotten all that the change did.
    pub(super) boot: String,
    /// What the kernel held before.
    pub(super) before: Cow<'a, KernelState>,
}

const IN_FORCE: &str = "in-force";
const JOURNAL: &str = "journal";
const GENERATION: &str = "generation-";
pub(super) const SITE: &str = "site.toml";
pub(super) const PROFILE: &str = "profile.toml";
const RECORD: &str = "record";

/// Generations that are kept (R71), and as many that were taken back.
const KEPT: usize = 64;

/// The largest record that makes sense, in bytes.
const LARGEST_RECORD: u64 = 1 << 14;

/// The largest journal that makes sense, in bytes: some times a table of a thousand rows.
const LARGEST_JOURNAL: u64 = 1 << 26;

impl Store {
    /// Opens the state folder, making it where it is missing, and keeps other daemons out.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
        let lock = Lock::take(&folder.join("lock"))?;
        Ok(Self { folder: folder.to_owned(), lock })
    }

    /// Where everything is kept.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Why nothing can be kept, where that was found out at the start.
    pub(super) fn read_only(&self) -> Option<&HostError> {
        self.lock.read_only()
    }

    /// The generation that is kept, or what stands in for it.
    pub(super) fn in_force(&self) -> InForce {
        let fault = match self.pointed_at() {
            Ok(Some(number)) => match self.read(number) {
                Ok(kept) => return InForce::Good(kept),
                Err(fault) => fault,
            },
            Ok(None) if self.last_good().is_none() => return InForce::Nothing,
            Ok(None) => anyhow!("{} is missing", self.folder.join(IN_FORCE).display()),
            Err(fault) => fault,
        };
        InForce::Damaged { fault, last_good: self.last_good() }
    }

    /// The profile that is kept, whatever else is damaged: its signature tells whether it is the operator's.
    pub(super) fn profile(&self) -> Option<Vec<u8>> {
        files::read(&self.folder.join(IN_FORCE).join(PROFILE), LARGEST_FILE as u64 + 1).ok()
    }

    /// Whether there is such a generation, damaged or not.
    pub(super) fn has(&self, number: u64) -> bool {
        self.generation(number).exists()
    }

    /// Reads a generation and compares it with its checksums.
    pub(super) fn read(&self, number: u64) -> anyhow::Result<Kept> {
        let folder = self.generation(number);
        let generation = self.record(number)?;
        // One byte over the limit, so that the design room's own rule about it speaks.
        let limit = LARGEST_FILE as u64 + 1;
        let read = |name: &str, sum: &str| {
            let path = folder.join(name);
            let bytes = files::read(&path, limit)?;
            if sealed::sha256(&bytes) != sum {
                bail!("{} is damaged: its checksum is another one", path.display());
            }
            Ok(bytes)
        };
        let site = read(SITE, &generation.site_sha256)?;
        let profile = read(PROFILE, &generation.profile_sha256)?;
        Ok(Kept { generation, files: Files { site, profile } })
    }

    /// All generations whose records can be read, newest first.
    pub(super) fn history(&self) -> anyhow::Result<Vec<Generation>> {
        let readable = |number| match self.record(number) {
            Ok(generation) => Some(generation),
            Err(fault) => {
                warn!(%fault, "a generation can't be read");
                None
            }
        };
        Ok(self.numbers()?.into_iter().rev().filter_map(readable).collect())
    }

    /// The change that is on its way.
    pub(super) fn journal(&self) -> anyhow::Result<Option<Journal<'static>>> {
        let path = self.folder.join(JOURNAL);
        if !path.exists() {
            return Ok(None);
        }
        sealed::read(&path, LARGEST_JOURNAL).map(Some)
    }

    /// The number of the next generation.
    pub(super) fn next(&self) -> anyhow::Result<u64> {
        let number = self.numbers()?.last().map_or(Some(1), |last| last.checked_add(1));
        number.with_context(|| format!("{} holds generation {}", self.folder.display(), u64::MAX))
    }

    /// Writes a new generation down, and in the journal that it is on its way. On an error neither is there.
    pub(super) fn begin(
        &self,
        files: &Files,
        author: impl FnOnce(u64, [String; 2]) -> Generation,
        boot: &str,
        before: &KernelState,
    ) -> anyhow::Result<u64> {
        let number = self.next()?;
        let folder = self.generation(number);
        fs::create_dir(&folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
        let write = || -> anyhow::Result<()> {
            files::write(&folder.join(SITE), &files.site, 0o600)?;
            files::write(&folder.join(PROFILE), &files.profile, 0o600)?;
            let sums = [&files.site, &files.profile].map(|bytes| sealed::sha256(bytes));
            sealed::write(&folder.join(RECORD), &author(number, sums))?;
            let journal =
                Journal { pending: number, boot: boot.to_owned(), before: Cow::Borrowed(before) };
            sealed::write(&self.folder.join(JOURNAL), &journal)
        };
        if let Err(fault) = write() {
            // Best effort: a generation that no journal names and no link is in nobody's way.
            let _ = fs::remove_dir_all(&folder);
            return Err(fault);
        }
        Ok(number)
    }

    /// Makes a generation the one that is kept. On an error it is still the one before.
    pub(super) fn commit(&self, number: u64) -> anyhow::Result<()> {
        let before = fs::read_link(self.folder.join(IN_FORCE)).ok();
        if let Err(fault) = self.point_at(&format!("{GENERATION}{number}")) {
            // The link may be the new one although the folder couldn't be synced.
            match before {
                Some(before) => drop(self.point_at(&before.to_string_lossy())),
                None => drop(fs::remove_file(self.folder.join(IN_FORCE))),
            }
            return Err(fault);
        }
        self.close(number, Outcome::Committed);
        Ok(())
    }

    /// Writes down what became of a generation and closes the journal. What fails here is told and done at the next
    /// start.
    pub(super) fn close(&self, number: u64, outcome: Outcome) {
        let settled = self.settle(number, outcome);
        if let Err(fault) = self.forget_journal().and(settled).and_then(|()| self.prune()) {
            warn!(fault = super::reasons(&fault), "what became of a change can't be written down");
        }
    }

    /// Brings records in line with what is kept, after a start: no generation is on its way then.
    pub(super) fn tidy(&self) -> anyhow::Result<()> {
        let kept = self.pointed_at().ok().flatten();
        for generation in self.history()? {
            let number = generation.number;
            let outcome =
                if kept == Some(number) { Outcome::Committed } else { Outcome::RolledBack };
            if generation.outcome == Outcome::Pending {
                self.settle(number, outcome)?;
            }
        }
        self.forget_journal()
    }

    /// The number of the generation that the link names.
    pub(super) fn pointed_at(&self) -> anyhow::Result<Option<u64>> {
        let link = self.folder.join(IN_FORCE);
        let target = match fs::read_link(&link) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("can't read {}", link.display()));
            }
        };
        let number = target.to_str().and_then(number);
        number.map(Some).with_context(|| {
            format!("{} leads to {}, no generation", link.display(), target.display())
        })
    }

    fn settle(&self, number: u64, outcome: Outcome) -> anyhow::Result<()> {
        let generation = Generation { outcome, ..self.record(number)? };
        sealed::write(&self.generation(number).join(RECORD), &generation)
    }

    fn forget_journal(&self) -> anyhow::Result<()> {
        let path = self.folder.join(JOURNAL);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.with_context(|| format!("can't remove {}", path.display()))?,
        }
        fs::File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("can't sync {}", self.folder.display()))
    }

    /// The newest intact generation that was kept once.
    fn last_good(&self) -> Option<Kept> {
        let committed = self.history().ok()?.into_iter();
        committed
            .filter(|generation| generation.outcome == Outcome::Committed)
            .find_map(|generation| self.read(generation.number).ok())
    }

    fn record(&self, number: u64) -> anyhow::Result<Generation> {
        let path = self.generation(number).join(RECORD);
        let record: Generation = sealed::read(&path, LARGEST_RECORD)?;
        if record.number != number {
            bail!("{} is that of generation {}", path.display(), record.number);
        }
        Ok(record)
    }

    fn point_at(&self, generation: &str) -> anyhow::Result<()> {
        let (link, beside) = (self.folder.join(IN_FORCE), self.folder.join("in-force.new"));
        let replace = || -> io::Result<()> {
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            symlink(generation, &beside)?;
            fs::rename(&beside, &link)?;
            fs::File::open(&self.folder)?.sync_all()
        };
        replace().with_context(|| format!("can't make {generation} the design in force"))
    }

    /// Removes the oldest beyond [`KEPT`], counted apart for those that were kept and those that weren't.
    fn prune(&self) -> anyhow::Result<()> {
        let kept = self.pointed_at()?;
        let mut counts = [0_usize; 2];
        for number in self.numbers()?.into_iter().rev() {
            let committed = self.record(number).is_ok_and(|r| r.outcome == Outcome::Committed);
            let count = &mut counts[usize::from(committed)];
            *count += 1;
            if *count > KEPT && kept != Some(number) {
                fs::remove_dir_all(self.generation(number))
                    .with_context(|| format!("can't remove generation {number}"))?;
            }
        }
        Ok(())
    }

    fn generation(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{GENERATION}{number}"))
    }

    /// Numbers of the generations on disk, ascending.
    fn numbers(&self) -> anyhow::Result<Vec<u64>> {
        let list = fs::read_dir(&self.folder)
            .with_context(|| format!("can't list {}", self.folder.display()))?;
        let mut numbers = Vec::new();
        for entry in list {
            let name = entry.context("can't list the generations")?.file_name();
            numbers.extend(name.to_str().and_then(number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The number in the name of a generation's folder.
fn number(name: &str) -> Option<u64> {
    name.strip_prefix(GENERATION)?.parse().ok()
}

#[cfg(test)]
mod tests;
