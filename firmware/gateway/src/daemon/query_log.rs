//! The log of name queries: off unless the design wants it, a file a day, and none older than the design says.
//!
//! `STATE/queries/YYYY-MM-DD.log` by the box's clock, for its administrator only. A day that fills its file is told so in
//! the last line; queries go on.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use sekisho_names::{QueryEntry, QueryLog};
use tracing::warn;

const FOLDER: &str = "queries";

/// The largest file of a day, in bytes: half a million queries.
const LARGEST: u64 = 64 << 20;

/// Where queries are logged, and for how many days; shared by the service, which writes, and the daemon, which is told by
/// the design.
#[derive(Debug)]
pub(super) struct QueryFiles {
    folder: PathBuf,
    days: Arc<AtomicU8>,
    day: Option<Day>,
    /// The disk refused; said once.
    refused: bool,
}

#[derive(Debug)]
struct Day {
    date: Date,
    file: File,
    written: u64,
}

impl QueryFiles {
    pub(super) fn new(state: &Path) -> Self {
        let folder = state.join(FOLDER);
        Self { folder, days: Arc::default(), day: None, refused: false }
    }

    /// Another writer to the same files.
    pub(super) fn writer(&self) -> Self {
        let (folder, days) = (self.folder.clone(), Arc::clone(&self.days));
        Self { folder, days, day: None, refused: false }
    }

    /// For how many days queries are kept; none at all where the design doesn't want it.
    pub(super) fn keep(&self, days: Option<u8>) {
        self.days.store(days.unwrap_or(0), Ordering::Relaxed);
        if days.is_none() {
            drop(fs::remove_dir_all(&self.folder));
        }
    }

    fn write(&mut self, line: &str, now: Timestamp) -> io::Result<()> {
        let date = now.to_zoned(TimeZone::UTC).date();
        if self.day.as_ref().is_none_or(|day| day.date != date) {
            self.day = Some(self.open(date)?);
        }
        let Some(day) = &mut self.day else { return Ok(()) };
        let length = line.len() as u64;
        if day.written >= LARGEST {
            return Ok(());
        }
        day.written += length;
        day.file.write_all(line.as_bytes())?;
        if day.written >= LARGEST {
            day.file.write_all(b"-- full; no more of this day --\n")?;
        }
        Ok(())
    }

    fn open(&self, date: Date) -> io::Result<Day> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let days = i64::from(self.days.load(Ordering::Relaxed));
        let oldest = date.saturating_sub((days - 1).days());
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let day = path.file_stem().and_then(|stem| stem.to_str()?.parse::<Date>().ok());
            if day.is_some_and(|day| day < oldest) {
                fs::remove_file(path)?;
            }
        }
        let path = self.folder.join(format!("{date}.log"));
        let file = File::options().append(true).create(true).mode(0o600).open(path)?;
        let written = file.metadata()?.len();
        Ok(Day { date, file, written })
    }
}

impl QueryLog for QueryFiles {
    fn note(&mut self, entry: &QueryEntry) {
        let now = Timestamp::now();
        let written = self.write(&format!("{now:.3} {entry}\n"), now);
        if let Err(fault) = &written
            && !self.refused
        {
            warn!(%fault, folder = %self.folder.display(), "queries can't be logged");
        }
        self.refused = written.is_err();
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, os::unix::fs::PermissionsExt as _, time::Duration};

    use sekisho_design::Lan;

    use super::*;

    fn entry(name: &str) -> QueryEntry {
        QueryEntry {
            lan: Lan::HeadOffice,
            client: Ipv4Addr::new(192, 168, 1, 100),
            name: name.to_owned(),
            kind: "A".to_owned(),
            code: "NOERROR".to_owned(),
            rule: "platform",
            took: Duration::from_micros(1_250),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder.join(FOLDER)).into_iter().flatten();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        let mut names: Vec<_> = entries.map(|entry| name(entry).unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_a_day_and_none_older_than_is_wished() {
        let folder = tempfile::tempdir().unwrap();
        let files = QueryFiles::new(folder.path());
        files.keep(Some(3));
        let mut writer = files.writer();
        for day in 1..=6 {
            let now: Timestamp = format!("2026-03-0{day}T10:00:00Z").parse().unwrap();
            writer.write("a line\n", now).unwrap();
            writer.write("another\n", now).unwrap();
        }
        assert_eq!(names(folder.path()), ["2026-03-04.log", "2026-03-05.log", "2026-03-06.log"]);
        let last = folder.path().join(FOLDER).join("2026-03-06.log");
        assert_eq!(fs::read_to_string(&last).unwrap(), "a line\nanother\n");
        assert_eq!(fs::metadata(&last).unwrap().permissions().mode() & 0o777, 0o600);
        files.keep(None);
        assert!(names(folder.path()).is_empty(), "nobody wants them any more");
    }

    #[test]
    fn a_full_day_says_so_once_and_a_disk_that_refuses_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = QueryFiles::new(folder.path());
        files.keep(Some(1));
        let mut writer = files.writer();
        let now = Timestamp::now();
        let megabyte = "x".repeat(1 << 20);
        (0..80).for_each(|_| writer.write(&megabyte, now).unwrap());
        let log = folder.path().join(FOLDER).join(&names(folder.path())[0]);
        let length = fs::metadata(log).unwrap().len();
        assert!((LARGEST..LARGEST + 100).contains(&length), "{length}");

        let nowhere = QueryFiles::new(Path::new("/dev/null"));
        nowhere.keep(Some(1));
        let mut writer = nowhere.writer();
        writer.note(&entry("a.example."));
        assert!(writer.refused);
    }

    #[test]
    fn a_line_says_who_asked_for_what_and_what_came_of_it() {
        let line = "head-office 192.168.1.100 a.example. A NOERROR platform 1250 us";
        assert_eq!(entry("a.example.").to_string(), line);
    }
}
