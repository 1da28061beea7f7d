//! Reports of self-tests that were made: a file each, named by its number. The oldest go where there are too many, or where
//! they take too much of the disk. The newest is there even where the disk refused it, until another test is made or the daemon ends.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sekisho_control::{KeptSelfTest, SelfTestReport};
use sekisho_host::files;
use tracing::warn;

use crate::daemon::reasons;

/// Their folder, below the state folder.
const FOLDER: &str = "self-tests";

/// The most that are kept: a year of one a week.
const MOST: usize = 52;

/// What they may take, in bytes. One of a usual site has some 100 KB, of 500 servers some 2 MB.
const ROOM: u64 = 8 << 20;

/// The longest report: some thousand checks.
const LONGEST: u64 = 32 << 20;

/// The reports.
#[derive(Debug)]
pub(super) struct Reports {
    folder: PathBuf,
    /// By number, the oldest first.
    kept: Vec<Kept>,
    /// The newest one and its number, on the disk or not.
    last: Option<(u64, SelfTestReport)>,
}

#[derive(Debug)]
struct Kept {
    brief: KeptSelfTest,
    bytes: u64,
}

impl Reports {
    /// Those that the disk has. One that can't be read is left out, and left where it is.
    pub(super) fn open(state: &Path) -> Self {
        let folder = state.join(FOLDER);
        let (mut kept, mut last) = (Vec::new(), None);
        for number in numbers(&folder) {
            match read(&folder, number) {
                Ok((report, bytes)) => {
                    kept.push(Kept { brief: KeptSelfTest::of(number, &report), bytes });
                    last = Some((number, report));
                }
                Err(fault) => {
                    warn!(number, fault = reasons(&fault), "a self-test's report is lost");
                }
            }
        }
        Self { folder, kept, last }
    }

    /// Takes a report in, as the newest one. Where the disk refuses it, it is there until the next test or the daemon's end.
    pub(super) fn add(&mut self, report: SelfTestReport) -> anyhow::Result<()> {
        let newest = numbers(&self.folder).last().copied();
        // One that the disk refused has its number still: a page that shows it mustn't be given another under the same.
        let refused = self.last.as_ref().map(|(number, _)| *number);
        let number = newest.max(refused).map_or(1, |newest| newest + 1);
        let (_, report) = self.last.insert((number, report));
        let text = serde_json::to_vec(report)?;
        fs::create_dir_all(&self.folder)?;
        files::write(&path(&self.folder, number), &text, 0o640)?;
        let bytes = text.len() as u64;
        self.kept.push(Kept { brief: KeptSelfTest::of(number, report), bytes });
        while self.kept.len() > 1 && self.are_too_many() {
            let oldest = self.kept.remove(0);
            fs::remove_file(path(&self.folder, oldest.brief.number))?;
        }
        Ok(())
    }

    fn are_too_many(&self) -> bool {
        self.kept.len() > MOST || self.kept.iter().map(|kept| kept.bytes).sum::<u64>() > ROOM
    }

    /// The newest one.
    pub(super) fn last(&self) -> Option<&SelfTestReport> {
        self.last.as_ref().map(|(_, report)| report)
    }

    /// The newest one, where the disk refused it.
    fn refused(&self) -> Option<&(u64, SelfTestReport)> {
        self.last.as_ref().filter(|(number, _)| !self.is_kept(*number))
    }

    fn is_kept(&self, number: u64) -> bool {
        self.kept.iter().any(|kept| kept.brief.number == number)
    }

    /// All that are there, in short, the latest first.
    pub(super) fn all(&self) -> Vec<KeptSelfTest> {
        let refused = self.refused().map(|(number, report)| KeptSelfTest::of(*number, report));
        refused.into_iter().chain(self.kept.iter().rev().map(|kept| kept.brief.clone())).collect()
    }

    /// One of them, whole; none where there is none of this number.
    pub(super) fn one(&self, number: u64) -> anyhow::Result<Option<SelfTestReport>> {
        if let Some((_, report)) = self.refused().filter(|(refused, _)| *refused == number) {
            return Ok(Some(report.clone()));
        }
        if !self.is_kept(number) {
            return Ok(None);
        }
        Ok(Some(read(&self.folder, number)?.0))
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number}.json"))
}

/// Those of the files there, the smallest first.
fn numbers(folder: &Path) -> Vec<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut numbers: Vec<u64> =
        names.filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

fn read(folder: &Path, number: u64) -> anyhow::Result<(SelfTestReport, u64)> {
    let text = files::read(&path(folder, number), LONGEST)?;
    Ok((serde_json::from_slice(&text)?, text.len() as u64))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sekisho_control::Verdict;

    use super::*;

    fn report(generation: u64) -> SelfTestReport {
        SelfTestReport {
            test_number: None,
            begun: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            clock_synchronised: true,
            site: None,
            generation,
            design_hash: None,
            firmware: "0.1.0".to_owned(),
            outcomes: Vec::new(),
            verdict: Verdict::Passed,
            first_cause: None,
            far_half: None,
        }
    }

    fn generations(reports: &Reports) -> Vec<u64> {
        reports.all().iter().map(|kept| kept.generation).collect()
    }

    #[test]
    fn reports_are_there_after_a_restart() {
        let state = tempfile::tempdir().unwrap();
        let mut reports = Reports::open(state.path());
        assert!(reports.last().is_none() && reports.all().is_empty());
        reports.add(report(1)).unwrap();
        reports.add(report(2)).unwrap();
        let again = Reports::open(state.path());
        assert_eq!(again.last(), Some(&report(2)));
        assert_eq!(generations(&again), [2, 1]);
        assert_eq!(again.one(1).unwrap(), Some(report(1)));
        assert_eq!(again.one(3).unwrap(), None);
    }

    #[test]
    fn the_oldest_make_room() {
        let state = tempfile::tempdir().unwrap();
        let mut reports = Reports::open(state.path());
        for generation in 0..=MOST as u64 {
            reports.add(report(generation)).unwrap();
        }
        assert_eq!(reports.all().len(), MOST);
        assert_eq!(generations(&reports).last(), Some(&1));
        let large =
            SelfTestReport { firmware: "0".repeat(usize::try_from(ROOM).unwrap()), ..report(99) };
        reports.add(large).unwrap();
        assert_eq!(generations(&reports), [99], "the last one stays, however large");
        assert_eq!(numbers(&state.path().join(FOLDER)), [MOST as u64 + 2]);
    }

    #[test]
    fn what_cant_be_read_is_left_out_and_never_written_over() {
        let state = tempfile::tempdir().unwrap();
        Reports::open(state.path()).add(report(1)).unwrap();
        let damaged = path(&state.path().join(FOLDER), 2);
        fs::write(&damaged, "{").unwrap();
        let mut reports = Reports::open(state.path());
        assert_eq!(generations(&reports), [1]);
        reports.add(report(3)).unwrap();
        assert_eq!(reports.all()[0].number, 3);
        assert_eq!(fs::read(&damaged).unwrap(), b"{");
    }

    #[test]
    fn a_report_that_the_disk_refuses_is_the_newest_until_the_next() {
        let state = tempfile::tempdir().unwrap();
        let mut reports = Reports::open(state.path());
        reports.add(report(1)).unwrap();
        let (folder, aside) = (state.path().join(FOLDER), state.path().join("aside"));
        // A file where the folder would be.
        fs::rename(&folder, &aside).unwrap();
        fs::write(&folder, "").unwrap();
        for generation in [7, 8] {
            assert!(reports.add(report(generation)).is_err());
            assert_eq!(reports.last(), Some(&report(generation)));
            assert_eq!(generations(&reports), [generation, 1], "there once, and no other refused");
        }
        let refused = reports.all()[0].number;
        assert_eq!(reports.one(refused).unwrap(), Some(report(8)));
        assert_eq!(reports.one(refused + 1).unwrap(), None);

        fs::remove_file(&folder).unwrap();
        fs::rename(&aside, &folder).unwrap();
        reports.add(report(9)).unwrap();
        assert_eq!(generations(&reports), [9, 1]);
        assert!(reports.all()[0].number > refused, "no number is given twice");
        assert_eq!(reports.one(refused).unwrap(), None);
        assert_eq!(generations(&Reports::open(state.path())), [9, 1]);
    }
}
