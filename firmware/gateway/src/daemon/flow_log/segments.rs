//! The files of the flow log, written: `STATE/flows/NUMBER.csv`, for the box's administrator only.
//!
//! A file is only ever appended to, and never again once another one is there: so whatever a power cut leaves behind is
//! the end of a file, and readers pass over a line that isn't whole. A new file begins with each start of the daemon, with
//! each day and with each sixteenth of the log's size. Files whose last flow is too old go whole, and so do the oldest
//! where all of them together grow too large.
//!
//! **Writes.** Flows are gathered and written together: 32 KB at a time, some 250 flows, or whatever there is after 30
//! seconds (R27). A power cut costs as much. The kernel brings it to the disk in its own time; a file that is finished is
//! synced.
//!
//! **A disk that refuses.** What was half written is cut off again. A quarter of a megabyte waits, and what comes beyond it is
//! counted as lost. The log leaves some room, so that designs can still be kept.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use sekisho_host::files;

use super::record::header;

/// The folder below the state's.
pub(super) const FOLDER: &str = "flows";

const EXTENSION: &str = "csv";

/// So many bytes are written at once.
const BATCH: usize = 32 << 10;

/// How long a flow waits for others to be written with.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Time until the next attempt where the disk refused.
const RETRY: Duration = Duration::from_secs(5);

/// So many bytes wait for a disk that refuses.
const MOST_WAITING: usize = 256 << 10;

/// What stays free on the file system: a design with its profile and journal, many times.
const RESERVE: u64 = 4 << 20;

/// A log has so many files or some more, so that what goes at once is little of it.
const PARTS: u64 = 16;

/// The largest file in bytes: a reader goes through one at a time.
const LARGEST: u64 = 8_000_000;

/// How often old files are looked for while nothing ends.
const SWEEP: Duration = Duration::from_hours(1);

/// For how long and how much flows are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Limits {
    pub(super) days: u16,
    pub(super) size: u64,
}

/// The log's files, and what waits to be written.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    limits: Limits,
    current: Option<Current>,
    waiting: Vec<u8>,
    /// Flows among what waits.
    flows: u64,
    /// When the first of them came, since the box's start.
    since: Option<Duration>,
    /// No attempt before.
    retry: Duration,
    sweep: Duration,
    pub(super) written: u64,
    pub(super) lost: u64,
    /// In all files.
    pub(super) used: u64,
    /// What the disk said last, while it refuses.
    pub(super) fault: Option<String>,
}

/// The file that is written.
#[derive(Debug)]
struct Current {
    file: File,
    day: Date,
    /// Up to here it is good.
    length: u64,
}

/// A file of the log.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) length: u64,
    /// When it was last written.
    pub(super) changed: Timestamp,
}

impl Segments {
    pub(super) fn new(state: &Path, limits: Limits) -> Self {
        Self {
            folder: state.join(FOLDER),
            limits,
            current: None,
            waiting: Vec::new(),
            flows: 0,
            since: None,
            retry: Duration::ZERO,
            sweep: Duration::ZERO,
            written: 0,
            lost: 0,
            used: 0,
            fault: None,
        }
    }

    /// Other limits count from the next file on.
    pub(super) fn keep(&mut self, limits: Limits) {
        self.limits = limits;
        self.sweep = Duration::ZERO;
    }

    /// Takes a line; where it doesn't fit beside all that waits, it is lost.
    pub(super) fn add(&mut self, line: &str, now: Duration) {
        if self.waiting.len() + line.len() > MOST_WAITING {
            self.lost += 1;
            return;
        }
        self.waiting.extend(line.as_bytes());
        self.flows += 1;
        self.since.get_or_insert(now);
    }

    /// Writes where it is time to, and lets old files go. `now` is since the box's start, `clock` by its clock.
    pub(super) fn tick(&mut self, now: Duration, clock: Timestamp) {
        let due = self.waiting.len() >= BATCH
            || self.since.is_some_and(|since| now >= since + LONGEST_WAIT);
        if due && now >= self.retry {
            self.write(now, clock);
        }
        if now >= self.sweep {
            self.sweep = now + SWEEP;
            self.let_go(clock);
        }
    }

    /// Writes all that waits.
    pub(super) fn write(&mut self, now: Duration, clock: Timestamp) {
        if self.waiting.is_empty() {
            return;
        }
        match self.append(clock) {
            Ok(()) => {
                self.written += self.flows;
                self.waiting.clear();
                // A disk that refused for long leaves a large buffer behind.
                self.waiting.shrink_to(BATCH);
                (self.flows, self.since, self.fault) = (0, None, None);
            }
            Err(fault) => {
                self.fault = Some(fault.to_string());
                self.retry = now + RETRY;
            }
        }
    }

    fn append(&mut self, clock: Timestamp) -> io::Result<()> {
        let day = clock.to_zoned(TimeZone::UTC).date();
        let full = self.largest_file();
        let finished = |current: &mut Current| current.day != day || current.length >= full;
        if let Some(current) = self.current.take_if(finished) {
            current.file.sync_data()?;
        }
        if self.current.is_none() {
            self.let_go(clock);
            self.current = Some(self.open(day)?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let room = files::room(&self.folder).map_err(io::Error::other)?;
        if room < RESERVE + self.waiting.len() as u64 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let appended = current.append(&self.waiting);
        match &appended {
            Ok(()) => self.used += self.waiting.len() as u64,
            // What was half written stays the end of its file.
            Err(_) if current.file.set_len(current.length).is_err() => self.current = None,
            Err(_) => {}
        }
        appended
    }

    fn open(&mut self, day: Date) -> io::Result<Current> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let last = list(&self.folder)?.last().map_or(0, |segment| segment.number);
        let path = self.folder.join(format!("{:08}.{EXTENSION}", last + 1));
        let file = File::options().append(true).create_new(true).mode(0o600).open(path)?;
        let mut current = Current { file, day, length: 0 };
        let header = header();
        current.append(header.as_bytes())?;
        self.used += header.len() as u64;
        Ok(current)
    }

    /// Deletes what is too old, and the oldest of what is too much.
    fn let_go(&mut self, clock: Timestamp) {
        let Ok(mut segments) = list(&self.folder) else { return };
        let written = self.current.is_some().then(|| segments.pop()).flatten();
        let oldest = SignedDuration::from_hours(24 * i64::from(self.limits.days));
        let oldest = clock.saturating_sub(oldest).unwrap_or(Timestamp::MIN);
        let margin = self.largest_file() + MOST_WAITING as u64;
        let most = self.limits.size.saturating_sub(margin);
        self.used = segments.iter().chain(&written).map(|segment| segment.length).sum();
        for segment in segments {
            let too_much = self.used > most;
            if !(too_much || segment.changed < oldest) {
                break;
            }
            if fs::remove_file(&segment.path).is_ok() {
                self.used -= segment.length;
            }
        }
    }

    fn largest_file(&self) -> u64 {
        (self.limits.size / PARTS).min(LARGEST)
    }
}

impl Current {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// The log's files, the oldest first; none where there is no folder. Files that aren't its own are passed over.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let entries = match fs::read_dir(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let own = path.extension().is_some_and(|extension| extension == EXTENSION);
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let Some(number) = number.filter(|_| own) else { continue };
        // It may go at any time.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let changed = Timestamp::try_from(metadata.modified()?).unwrap_or(Timestamp::MAX);
        segments.push(Segment { number, path, length: metadata.len(), changed });
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{os::unix::fs::PermissionsExt as _, time::SystemTime};

    use super::*;

    const SMALL: Limits = Limits { days: 2, size: 1_000_000 };

    fn noon(day: i8) -> Timestamp {
        jiff::civil::date(2026, 3, day).at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
    }

    fn files_of(state: &Path) -> Vec<Segment> {
        list(&state.join(FOLDER)).unwrap()
    }

    fn text(state: &Path) -> String {
        files_of(state).iter().map(|file| fs::read_to_string(&file.path).unwrap()).collect()
    }

    #[test]
    fn flows_are_written_together_and_only_for_the_administrator() {
        let state = tempfile::tempdir().unwrap();
        let mut log = Segments::new(state.path(), SMALL);
        let second = Duration::from_secs(1);
        log.add("a flow\n", second);
        log.tick(second * 30, noon(1));
        assert!(files_of(state.path()).is_empty(), "another may come");
        log.add("another\n", second * 30);
        log.tick(second * 31, noon(1));
        assert_eq!(text(state.path()), header() + "a flow\nanother\n");
        assert_eq!((log.written, log.lost, log.fault.as_ref()), (2, 0, None));
        assert_eq!(log.used, text(state.path()).len() as u64);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state.path().join(FOLDER)), 0o700);
        assert_eq!(mode(&files_of(state.path())[0].path), 0o600);
        // Many are written at once, without waiting.
        (0..BATCH / 100).for_each(|_| log.add(&format!("{:99}\n", ""), second * 32));
        log.tick(second * 32, noon(1));
        assert_eq!(log.written, 2, "a batch lacks a little");
        log.add(&format!("{:99}\n", ""), second * 32);
        log.tick(second * 32, noon(1));
        assert_eq!(log.written, 3 + (BATCH / 100) as u64);
    }

    #[test]
    fn a_file_for_each_day_part_and_start() {
        let state = tempfile::tempdir().unwrap();
        let write = |log: &mut Segments, line: &str, day| {
            log.add(line, Duration::ZERO);
            log.write(Duration::ZERO, noon(day));
        };
        let mut log = Segments::new(state.path(), SMALL);
        write(&mut log, "monday\n", 2);
        write(&mut log, "tuesday\n", 3);
        write(&mut log, &"x".repeat(70_000), 3);
        write(&mut log, "more\n", 3);
        drop(log);
        let torn = files_of(state.path()).pop().unwrap().path;
        File::options().append(true).open(torn).unwrap().write_all(b"torn").unwrap();
        let mut log = Segments::new(state.path(), SMALL);
        write(&mut log, "after a power cut\n", 3);
        let numbers: Vec<_> = files_of(state.path()).iter().map(|file| file.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert!(text(state.path()).ends_with(&format!("torn{}after a power cut\n", header())));
    }

    #[test]
    fn the_oldest_go_by_age_and_by_size() {
        let state = tempfile::tempdir().unwrap();
        let mut log = Segments::new(state.path(), SMALL);
        let line = format!("{:99}\n", "");
        for _ in 0..150 {
            (0..100).for_each(|_| log.add(&line, Duration::ZERO));
            log.write(Duration::ZERO, noon(2));
            let all: u64 = files_of(state.path()).iter().map(|file| file.length).sum();
            assert!(all <= SMALL.size && all == log.used, "{all} {}", log.used);
        }
        let kept = files_of(state.path());
        assert!(kept.len() > 7 && kept[0].number > 1, "{kept:?}");

        let now = Timestamp::try_from(SystemTime::now()).unwrap();
        let later = |hours| now.checked_add(SignedDuration::from_hours(hours)).unwrap();
        log.tick(Duration::from_hours(1), later(47));
        assert_eq!(files_of(state.path()).len(), kept.len());
        log.tick(Duration::from_hours(2), later(49));
        assert_eq!(files_of(state.path()).len(), 1, "the one that is written stays");
        fs::write(state.path().join(FOLDER).join("notes.txt"), "ours").unwrap();
        log.keep(Limits { days: 1, size: SMALL.size });
        log.tick(Duration::from_hours(2), later(49));
        assert!(state.path().join(FOLDER).join("notes.txt").exists());
    }

    #[test]
    fn a_disk_that_refuses_costs_what_does_not_fit_and_the_log_goes_on() {
        let state = tempfile::tempdir().unwrap();
        // In place of the folder stands a file.
        fs::write(state.path().join(FOLDER), "").unwrap();
        let mut log = Segments::new(state.path(), SMALL);
        let line = format!("{:1023}\n", "");
        for _ in 0..1_500 {
            log.add(&line, Duration::ZERO);
            log.tick(Duration::from_secs(30), noon(2));
        }
        assert!(log.fault.is_some());
        assert_eq!((log.written, log.lost), (0, 1_500 - 256));
        fs::remove_file(state.path().join(FOLDER)).unwrap();
        log.tick(Duration::from_secs(34), noon(2));
        assert!(log.fault.is_some(), "not before its time");
        log.tick(Duration::from_secs(35), noon(2));
        assert_eq!((log.written, log.lost, log.fault.as_ref()), (256, 1_244, None));
        assert_eq!(text(state.path()), header() + &line.repeat(256));
    }
}
