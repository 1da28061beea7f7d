//! What came of the nightly backups, and when somebody must act. `sekisho backup nightly` makes them, as root, who mounts sticks.
//!
//! Kept in `STATE/nightly-backup`, so that a box that restarts knows how long it has had none.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp, tz};
use sekisho_control::{NightlyFault, NightlyOutcome, Reading, Sensed};
use sekisho_design::Both;
use sekisho_host::files;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::reasons;

const FILE: &str = "nightly-backup";

/// The longest file that makes sense, in bytes.
const LONGEST: u64 = 1 << 14;

/// The longest detail that is kept, in bytes.
const LONGEST_DETAIL: usize = 500;

/// Without one for so long somebody must act: a night is missed when the box is off, or somebody has the stick in hand.
const STALE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The nights so far.
#[derive(Debug)]
pub(super) struct Nights {
    path: PathBuf,
    kept: Option<Kept>,
    /// It isn't on the disk yet.
    unwritten: bool,
}

/// The file.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Kept {
    /// From when on there should be backups, by a clock that was right.
    since: Option<Timestamp>,
    /// The last one.
    done: Option<Timestamp>,
    /// Why there was none since.
    failed: Option<Failed>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Failed {
    at: Timestamp,
    fault: NightlyFault,
    detail: String,
}

impl Nights {
    /// Reads what earlier runs have seen. A damaged file is as good as none.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let kept = if path.exists() { read(&path) } else { None };
        Self { path, kept, unwritten: false }
    }

    /// Follows the design, each second. `now` is none while nobody has set the clock right.
    pub(super) fn look_after(&mut self, wanted: bool, now: Option<Timestamp>) {
        let since = self.kept.as_ref().is_some_and(|kept| kept.since.is_some());
        match (wanted, now) {
            (false, _) if self.kept.is_some() => self.put(None),
            (true, Some(now)) if !since => {
                let kept = self.kept.clone().unwrap_or_default();
                self.put(Some(Kept { since: Some(now), ..kept }));
            }
            _ if self.unwritten => self.put(self.kept.clone()),
            _ => {}
        }
    }

    /// Takes down what came of a night.
    pub(super) fn note(&mut self, outcome: NightlyOutcome, now: Timestamp) {
        let mut kept = self.kept.clone().unwrap_or_default();
        let NightlyOutcome { fault, mut detail } = outcome;
        detail.truncate(detail.floor_char_boundary(LONGEST_DETAIL));
        detail.retain(|letter| !letter.is_control());
        if let Some(fault) = fault {
            warn!(?fault, detail, "the night has no backup");
            kept.failed = Some(Failed { at: now, fault, detail });
        } else {
            info!("a backup lies on the stick");
            (kept.done, kept.failed) = (Some(now), None);
        }
        self.put(Some(kept));
    }

    /// How it is, where the design wants backups.
    pub(super) fn reading(&self, wanted: bool, now: Option<Timestamp>) -> Option<Reading> {
        if !wanted {
            return None;
        }
        let none = Kept::default();
        let Kept { since, done, failed } = self.kept.as_ref().unwrap_or(&none);
        let from = done.or(*since);
        let stale = now.zip(from).is_some_and(|(now, from)| now.duration_since(from) > STALE);
        let last = done.map_or(both("まだありません", "there is none yet"), |done| {
            let day = done.to_zoned(tz::offset(9).to_time_zone()).strftime("%Y-%m-%d").to_string();
            both(format!("{day}のものです"), format!("it is of {day}"))
        });
        let (sentence, way_out) = if let Some(Failed { fault, detail, .. }) = failed {
            let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
            let (why, way_out) = words(*fault);
            let ja = format!(
                "毎晩の控えを書けませんでした：{}{detail}。最後の控えは{}。",
                why.ja, last.ja
            );
            let en = format!(
                "The nightly backup failed: {}{detail}. The last one: {}.",
                why.en, last.en
            );
            (both(ja, en), Some(way_out))
        } else if stale {
            let ja = format!("毎晩の控えが3日以上ありません。最後の控えは{}。", last.ja);
            let en =
                format!("There was no nightly backup for three days. The last one: {}.", last.en);
            let way_out = both(
                "USBメモリが挿さっているか確かめてください。一晩待っても同じなら、保守の窓口に知らせてください。",
                "See that the stick is in. If that doesn't help within a night, tell the box's maintainer.",
            );
            (both(ja, en), Some(way_out))
        } else {
            let ja = format!("毎晩の控え：最後の控えは{}。", last.ja);
            (both(ja, format!("Nightly backup: {}.", last.en)), None)
        };
        Some(Reading {
            of: Sensed::Backup,
            name: "nightly-backup".to_owned(),
            value: None,
            limit: None,
            alarm: way_out.is_some(),
            sentence,
            way_out,
        })
    }

    fn put(&mut self, kept: Option<Kept>) {
        let (path, new) = (&self.path, kept.clone().unwrap_or_default());
        let written = serde_json::to_vec(&new)
            .map_err(anyhow::Error::from)
            .and_then(|text| Ok(files::write(path, &text, 0o600)?));
        if let Err(fault) = &written
            && !self.unwritten
        {
            let fault = reasons(fault);
            warn!(fault, "after a restart nobody knows of the last nightly backup");
        }
        self.unwritten = written.is_err();
        self.kept = kept;
    }
}

/// Why there is none, and what to do.
fn words(fault: NightlyFault) -> (Both, Both) {
    match fault {
        NightlyFault::NoStick => (
            both("USBメモリがありません", "no stick is in the box"),
            both(
                "FAT・exFAT・ext4のUSBメモリを装置に挿したままにしてください。",
                "Leave a stick with FAT, exFAT or ext4 in the box.",
            ),
        ),
        NightlyFault::NoFileSystem => (
            both(
                "USBメモリの中身の形式を、装置が読めません",
                "the stick has no file system that the box reads",
            ),
            both(
                "PCでFATに初期化（フォーマット）するか、別のUSBメモリに替えてください。初期化すると、中のファイルは消えます。",
                "Format it with FAT on a PC, which erases what is on it, or take another one.",
            ),
        ),
        NightlyFault::NoRoom => (
            both("USBメモリに空きがありません", "the stick is full"),
            both(
                "USBメモリの不要なファイルを消すか、別のUSBメモリに替えてください。",
                "Remove files from the stick, or take another one.",
            ),
        ),
        NightlyFault::NotWritten => (
            both("USBメモリに書き込めません", "the stick can't be written"),
            both(
                "書き込み禁止になっていないか、途中で抜いていないか確かめ、同じなら別のUSBメモリに替えてください。",
                "See that it isn't protected and wasn't pulled out; if it goes on, take another stick.",
            ),
        ),
        NightlyFault::NotMade => (
            both("控えを作れません", "it couldn't be made"),
            both(
                "画面の「管理」の「控え」で控えを作ってみてください。同じなら保守の窓口に知らせてください。",
                "Make one on the page; if that fails too, tell the box's maintainer.",
            ),
        ),
    }
}

fn both(ja: impl Into<String>, en: impl Into<String>) -> Both {
    Both { ja: ja.into(), en: en.into() }
}

fn read(path: &Path) -> Option<Kept> {
    let read = || anyhow::Ok(serde_json::from_slice(&files::read(path, LONGEST)?)?);
    match read() {
        Ok(kept) => Some(kept),
        Err(fault) => {
            let fault = reasons(&fault);
            warn!(path = %path.display(), fault, "nobody knows of the last nightly backup");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn at(days: i64) -> Timestamp {
        "2026-11-26T17:30:00Z".parse::<Timestamp>().unwrap() + DAY * i32::try_from(days).unwrap()
    }

    fn alarm(nights: &Nights, now: Timestamp) -> Option<String> {
        let reading = nights.reading(true, Some(now)).unwrap();
        assert_eq!(reading.alarm, reading.way_out.is_some());
        reading.alarm.then_some(reading.sentence.en)
    }

    fn failed(fault: NightlyFault, detail: &str) -> NightlyOutcome {
        NightlyOutcome { fault: Some(fault), detail: detail.to_owned() }
    }

    const DONE: NightlyOutcome = NightlyOutcome { fault: None, detail: String::new() };

    #[test]
    fn without_a_recipient_nothing_is_said_or_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut nights = Nights::open(folder.path());
        nights.look_after(false, Some(at(0)));
        assert_eq!(nights.reading(false, Some(at(9))), None);
        assert!(!folder.path().join(FILE).exists());
        nights.look_after(true, Some(at(0)));
        nights.note(failed(NightlyFault::NoStick, ""), at(0));
        nights.look_after(false, Some(at(1)));
        nights.look_after(true, Some(at(9)));
        assert_eq!(alarm(&nights, at(10)), None, "it begins anew");
    }

    #[test]
    fn three_days_without_one_are_an_alarm() {
        let folder = tempfile::tempdir().unwrap();
        let mut nights = Nights::open(folder.path());
        nights.look_after(true, Some(at(0)));
        assert_eq!(alarm(&nights, at(3)), None);
        assert!(alarm(&nights, at(4)).unwrap().contains("there is none yet"));
        nights.note(DONE, at(4));
        assert_eq!(alarm(&nights, at(7)), None);
        // A restart forgets nothing.
        let nights = Nights::open(folder.path());
        assert!(alarm(&nights, at(8)).unwrap().contains("it is of 2026-12-01"), "Japan's day");
        assert!(!nights.reading(true, None).unwrap().alarm, "nobody knows the time");
    }

    #[test]
    fn a_night_that_failed_is_said_until_one_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let mut nights = Nights::open(folder.path());
        nights.look_after(true, None);
        for fault in [
            NightlyFault::NoStick,
            NightlyFault::NoFileSystem,
            NightlyFault::NoRoom,
            NightlyFault::NotWritten,
            NightlyFault::NotMade,
        ] {
            nights.note(failed(fault, "a\nb"), at(1));
            let said = alarm(&nights, at(1)).unwrap();
            assert!(said.contains(&words(fault).0.en) && said.contains("(ab)"), "{said}");
        }
        nights.note(failed(NightlyFault::NotMade, &"長".repeat(4000)), at(1));
        let nights_after = Nights::open(folder.path());
        assert_eq!(alarm(&nights_after, at(1)), alarm(&nights, at(1)));
        nights.note(DONE, at(2));
        assert_eq!(alarm(&nights, at(2)), None);
    }

    #[test]
    fn a_damaged_file_and_a_disk_that_refuses_are_no_more_than_forgetful() {
        let folder = tempfile::tempdir().unwrap();
        for bad in [&b""[..], b"{", b"\xff", &vec![b' '; 1 << 15]] {
            fs::write(folder.path().join(FILE), bad).unwrap();
            assert_eq!(Nights::open(folder.path()).kept, None);
        }
        let gone = folder.path().join("gone");
        let mut nights = Nights::open(&gone);
        nights.note(DONE, at(0));
        assert!(nights.unwritten);
        fs::create_dir(&gone).unwrap();
        nights.look_after(true, Some(at(0)));
        assert!(!nights.unwritten);
        assert_eq!(Nights::open(&gone).kept, nights.kept);
    }
}
