//! The trail on the disk: segments, the newest record's place, and what is done where the disk refuses.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use schemars::JsonSchema;
use sekisho_host::{HostError, files};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::chain::{Anchor, Broken, Event, Follower, anchor_line, link};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a segment from which the next one begins.
    pub segment: u64,
    /// Segments; the oldest goes where there would be one more.
    pub segments: usize,
}

impl Limits {
    /// 8 MiB, some 20 000 records: years of changes, or months under a guesser of passwords.
    pub const USUAL: Self = Self { segment: 256 << 10, segments: 32 };
}

/// The longest segment that is read: the last record may go past its end.
const LONGEST: u64 = 4 << 20;

/// Only the page's user may look.
const MODE: u32 = 0o600;

/// Why a record isn't kept.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file can't be read or written.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The same, with the call that failed.
    #[error("can't {tried} {}", path.display())]
    File {
        /// What was tried.
        tried: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// An event has no JSON.
    #[error("a record can't be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// What a look at the whole trail finds.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "AuditVerdict")]
pub struct Verification {
    /// Whether each record is as it was written, and none is missing.
    pub intact: bool,
    /// Records that were seen before the first break.
    pub records: u64,
    /// Where it breaks: the record's number, or the line's where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_broken: Option<u64>,
    /// How it breaks, or why no more records are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Verification {
    fn of(follower: &Follower, broken: Option<Broken>) -> Self {
        Self {
            intact: broken.is_none(),
            records: follower.records(),
            first_broken: broken.map(Broken::at),
            message: broken.map(|broken| broken.to_string()),
        }
    }
}

/// The newest record's place and what stands before the oldest, as `head.json` has them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Ends {
    pub(super) head: Anchor,
    pub(super) first: Anchor,
}

impl Ends {
    const START: Self = Self { head: Anchor::START, first: Anchor::START };
}

/// The segment that is written to.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) ends: Ends,
    /// None where the next record begins one.
    segment: Option<(PathBuf, u64)>,
}

/// The audit trail.
#[derive(Debug)]
pub struct Trail {
    folder: PathBuf,
    limits: Limits,
    open: Mutex<Result<Open, String>>,
}

impl Trail {
    /// Opens the trail in a folder, which is made where it is missing. A disk that refuses is tried again with each record.
    pub fn open(folder: &Path, limits: Limits) -> Self {
        let open = open(folder).map_err(|fault| complain(&fault));
        Self { folder: folder.to_owned(), limits, open: Mutex::new(open) }
    }

    /// Puts a record at the end; it is on the disk then.
    ///
    /// # Errors
    /// [`Fault`]; the trail is as it was before.
    pub fn append(&self, at: Timestamp, event: Event) -> Result<u64, Fault> {
        let mut held = self.lock();
        let mut now = match &*held {
            Ok(open) => open.clone(),
            Err(_) => open(&self.folder)?,
        };
        let appended = self.append_to(&mut now, at, event);
        *held = match &appended {
            Ok(_) => Ok(now),
            Err(fault) => Err(complain(fault)),
        };
        appended
    }

    /// Why records can't be kept, where the last one couldn't.
    pub fn fault(&self) -> Option<String> {
        self.lock().as_ref().err().cloned()
    }

    /// Looks at the whole trail.
    ///
    /// # Errors
    /// [`Fault`] where a file can't be read.
    pub fn verify(&self) -> Result<Verification, Fault> {
        let held = self.lock();
        let mut follower = Follower::default();
        let ends = read_ends(&self.folder)?.unwrap_or(Ends::START);
        for segment in segments(&self.folder)? {
            for line in read(&segment)?.lines() {
                let first = follower.last().is_none();
                let fits = follower.line(line).and_then(|()| match follower.last() {
                    Some(anchor) if first && anchor != ends.first => {
                        Err(Broken::Anchor { line: 1 })
                    }
                    _ => Ok(()),
                });
                if let Err(broken) = fits {
                    return Ok(Verification::of(&follower, Some(broken)));
                }
            }
        }
        let mut found = Verification::of(&follower, follower.end(ends.head).err());
        if let Err(fault) = &*held {
            found.message.get_or_insert_with(|| fault.clone());
        }
        Ok(found)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Result<Open, String>> {
        // What is behind it is replaced whole, so whoever panicked left it as it was.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The segments, the oldest first.
    pub(super) fn segments(&self) -> Result<Vec<PathBuf>, Fault> {
        segments(&self.folder)
    }

    fn append_to(&self, open: &mut Open, at: Timestamp, event: Event) -> Result<u64, Fault> {
        let (line, place) = link(open.ends.head, at, event)?;
        let (path, length) = match open.segment.take() {
            Some((path, length)) if length < self.limits.segment => (path, length),
            _ => self.begin_segment(open)?,
        };
        let mut text = line;
        text.push('\n');
        if let Err(source) = add(&path, text.as_bytes()) {
            // A part of the line may be there; without it the trail is whole.
            drop(OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(length)));
            return Err(Fault::File { tried: "write to", path, source });
        }
        open.ends.head = place;
        write_ends(&self.folder, open.ends)?;
        open.segment = Some((path, length + text.len() as u64));
        Ok(place.seq)
    }

    fn begin_segment(&self, open: &mut Open) -> Result<(PathBuf, u64), Fault> {
        let head = open.ends.head;
        let mut there = segments(&self.folder)?;
        // A name only orders; where a file is there that shouldn't be, it stays for who looks into it.
        let after = there.last().and_then(|path| number(path)).unwrap_or(0);
        let path = name(&self.folder, (head.seq + 1).max(after + 1));
        let line = format!("{}\n", anchor_line(head));
        files::write(&path, line.as_bytes(), MODE)?;
        there.push(path.clone());
        while there.len() > self.limits.segments {
            let next = &there[1];
            if let Some(anchor) = first_anchor(next)? {
                open.ends.first = anchor;
            }
            // First it is said that it goes, so that a cut in between doesn't look like a theft.
            write_ends(&self.folder, open.ends)?;
            let oldest = there.remove(0);
            fs::remove_file(&oldest).map_err(|source| Fault::File {
                tried: "drop",
                path: oldest,
                source,
            })?;
        }
        Ok((path, line.len() as u64))
    }
}

/// Looks at a file that was exported, or at one segment.
///
/// # Errors
/// [`Fault::File`] where it can't be read.
pub fn verify_file(path: &Path) -> Result<Verification, Fault> {
    let failed = |source| Fault::File { tried: "read", path: path.to_owned(), source };
    let file = BufReader::new(fs::File::open(path).map_err(failed)?);
    let mut follower = Follower::default();
    for line in file.take(LONGEST * 16).lines() {
        if let Err(broken) = follower.line(&line.map_err(failed)?) {
            return Ok(Verification::of(&follower, Some(broken)));
        }
    }
    let mut found = Verification::of(&follower, None);
    if !follower.is_ended() {
        let last = follower.last().map_or(0, |last| last.seq);
        found.intact = follower.last().is_some();
        found.message = Some(format!(
            "the file doesn't say that record {last} is the last: later ones may be missing"
        ));
    }
    Ok(found)
}

fn open(folder: &Path) -> Result<Open, Fault> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| {
        Fault::File { tried: "make the folder", path: folder.to_owned(), source }
    })?;
    let kept = read_ends(folder)?;
    let mut there = segments(folder)?;
    if let Some(kept) = kept {
        // What was said to go before a cut.
        while there.len() > 1 && there.first().and_then(|path| number(path)) <= Some(kept.first.seq)
        {
            let oldest = there.remove(0);
            fs::remove_file(&oldest).map_err(|source| Fault::File {
                tried: "drop",
                path: oldest,
                source,
            })?;
        }
    }
    let Some(newest) = there.last() else {
        return Ok(Open { ends: kept.unwrap_or(Ends::START), segment: None });
    };
    let text = read(newest)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        warn!(segment = %newest.display(), "a record that a cut left half written goes");
        let cut = OpenOptions::new().write(true).open(newest);
        let cut = cut.and_then(|file| file.set_len(whole as u64).and_then(|()| file.sync_all()));
        cut.map_err(|source| Fault::File { tried: "mend", path: newest.clone(), source })?;
    }
    let mut follower = Follower::default();
    let fits = text[..whole].lines().try_for_each(|line| follower.line(line));
    let last = follower.last();
    match (fits, last, kept) {
        // A cut between a record and its mention leaves the mention one behind.
        (Ok(()), Some(last), Some(kept))
            if last == kept.head || last.seq == kept.head.seq.saturating_add(1) =>
        {
            let ends = Ends { head: last, ..kept };
            write_ends(folder, ends)?;
            Ok(Open { ends, segment: Some((newest.clone(), whole as u64)) })
        }
        // The first record's segment was begun, and a cut came.
        (Ok(()), Some(last), None) if last.seq <= 1 && there.len() == 1 => Ok(Open {
            ends: Ends { head: last, ..Ends::START },
            segment: Some((newest.clone(), whole as u64)),
        }),
        (_, _, kept) => {
            error!(
                segment = %newest.display(),
                "the audit trail isn't what was written; it goes on in a new segment, and verification names the place"
            );
            Ok(Open { ends: kept.unwrap_or(Ends::START), segment: None })
        }
    }
}

fn complain(fault: &Fault) -> String {
    let mut words = fault.to_string();
    let mut cause = std::error::Error::source(fault);
    while let Some(inner) = cause {
        let _ = write!(words, ": {inner}");
        cause = inner.source();
    }
    error!(fault = %words, "the audit trail takes no records: changes are refused until it does");
    words
}

fn add(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

pub(super) fn read(path: &Path) -> Result<String, Fault> {
    let bytes = files::read(path, LONGEST)?;
    // What isn't UTF-8 was changed; it stays a line that can't be read.
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|other| String::from_utf8_lossy(other.as_bytes()).into_owned()))
}

fn first_anchor(path: &Path) -> Result<Option<Anchor>, Fault> {
    let text = read(path)?;
    let mut follower = Follower::default();
    let read = text.lines().next().map(|line| follower.line(line));
    Ok(matches!(read, Some(Ok(()))).then(|| follower.last()).flatten())
}

fn segments(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let failed = |source| Fault::File { tried: "list", path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if number(&path).is_some() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Digits of the largest number, so that names sort as numbers do.
const DIGITS: usize = 20;

fn name(folder: &Path, seq: u64) -> PathBuf {
    folder.join(format!("{seq:0DIGITS$}.jsonl"))
}

fn number(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".jsonl")?;
    if digits.len() == DIGITS { digits.parse().ok() } else { None }
}

fn ends_file(folder: &Path) -> PathBuf {
    folder.join("head.json")
}

fn read_ends(folder: &Path) -> Result<Option<Ends>, Fault> {
    let path = ends_file(folder);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read(&path, 4096)?;
    Ok(serde_json::from_slice(&bytes).ok())
}

fn write_ends(folder: &Path, ends: Ends) -> Result<(), Fault> {
    let text = serde_json::to_vec(&ends)?;
    Ok(files::write(&ends_file(folder), &text, MODE)?)
}

#[cfg(test)]
mod tests;
