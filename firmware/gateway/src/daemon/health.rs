//! The box itself: what its sensors say in words, what is too much, and which image runs.
//!
//! A look may wait for a slow chip, so it happens beside the loop; what the last one has seen is told.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use sekisho_control::{CipherCode, Processor, Reading, Release, ReleaseKind, Sensed};
use sekisho_design::Both;
use sekisho_host::{
    files,
    sensors::{Disk, Sensors, Share, Sources, Temperature, look},
};
use sekisho_tunnel::Instructions;
use serde::Deserialize;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::reasons;

/// Between two looks.
const BETWEEN: Duration = Duration::from_secs(10);

/// What is hot for any part of a box, in thousandths of a degree.
const HOT: i64 = 85_000;

/// Where less is left of memory or disk, somebody must act; in per cent.
const LITTLE: u64 = 10;

/// How much of a disk's life may be used up; in per cent.
const WORN: u32 = 90;

/// What the image says of itself.
const RELEASE: &str = "/usr/lib/sekisho/release.toml";
const LONGEST_RELEASE: u64 = 1 << 16;

/// Looks after the box's sensors.
pub(super) struct Health {
    sources: Sources,
    release: Option<Release>,
    seen: Arc<Mutex<Vec<Reading>>>,
    looking: Option<JoinHandle<()>>,
    due: Duration,
}

impl Health {
    /// Reads which image runs; the first look is due at once.
    pub(super) fn new(state: &Path) -> Self {
        let sources = Sources {
            classes: "/sys/class".into(),
            memory: "/proc/meminfo".into(),
            found: "/run/sekisho-box".into(),
            state: state.to_owned(),
        };
        let release = read_release(Path::new(RELEASE));
        Self { sources, release, seen: Arc::default(), looking: None, due: Duration::ZERO }
    }

    /// Begins a look where one is due and none goes on.
    pub(super) fn look_after(&mut self, now: Duration) {
        if now < self.due || self.looking.as_ref().is_some_and(|look| !look.is_finished()) {
            return;
        }
        self.due = now + BETWEEN;
        let (sources, seen) = (self.sources.clone(), Arc::clone(&self.seen));
        self.looking = Some(tokio::task::spawn_blocking(move || {
            let new = readings(&look(&sources));
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            log(&seen, &new);
            *seen = new;
        }));
    }

    /// What the last look has seen: alarms first.
    pub(super) fn readings(&self) -> Vec<Reading> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The image that runs.
    pub(super) fn release(&self) -> Option<&Release> {
        self.release.as_ref()
    }
}

/// What the processor brings to the tunnel.
pub(super) fn processor() -> Processor {
    let sets = Instructions::here();
    let cipher = match sekisho_tunnel::CipherCode::with(&sets) {
        sekisho_tunnel::CipherCode::Avx2 => CipherCode::Avx2,
        sekisho_tunnel::CipherCode::Sse41 => CipherCode::Sse41,
        sekisho_tunnel::CipherCode::Ssse3 => CipherCode::Ssse3,
        sekisho_tunnel::CipherCode::Portable => CipherCode::Portable,
    };
    Processor { instructions: sets.iter().map(|set| set.as_str().to_owned()).collect(), cipher }
}

/// Logs alarms that begin and end.
fn log(before: &[Reading], after: &[Reading]) {
    let alarmed = |readings: &[Reading], one: &Reading| {
        readings.iter().any(|it| it.alarm && (it.of, &it.name) == (one.of, &one.name))
    };
    for reading in after.iter().filter(|reading| reading.alarm && !alarmed(before, reading)) {
        warn!("{}", reading.sentence.en);
    }
    for reading in before.iter().filter(|reading| reading.alarm && !alarmed(after, reading)) {
        info!(of = ?reading.of, reading.name, "well again");
    }
}

fn readings(seen: &Sensors) -> Vec<Reading> {
    let Sensors { temperatures, memory, room, disk, forgetful } = seen;
    let mut readings: Vec<_> = forgetful.iter().map(|reason| keeps_nothing(reason)).collect();
    readings.extend(temperatures.iter().map(temperature));
    readings.extend(memory.map(of_memory));
    readings.extend(room.map(of_room));
    readings.extend(of_disk(disk));
    readings.sort_by_key(|reading| !reading.alarm);
    readings
}

fn both(ja: String, en: String) -> Both {
    Both { ja, en }
}

fn way_out(alarm: bool, ja: &str, en: &str) -> Option<Both> {
    alarm.then(|| both(ja.to_owned(), en.to_owned()))
}

fn keeps_nothing(reason: &str) -> Reading {
    Reading {
        of: Sensed::Data,
        name: "data".to_owned(),
        value: None,
        limit: None,
        alarm: true,
        sentence: both(
            format!("装置の記憶域が使えません（{reason}）。設定も記録も、電源を切ると失われます。"),
            format!(
                "The disk for data is dead ({reason}): settings and logs are LOST when the box is switched off."
            ),
        ),
        way_out: way_out(
            true,
            "電源を切らずに、設計と接続情報を手元に控え、装置の交換を手配してください。",
            "Keep the box on, keep copies of design and profile elsewhere, and have the box replaced.",
        ),
    }
}

fn degrees(thousandths: i64) -> String {
    format!("{} °C", thousandths.div_euclid(1000))
}

fn temperature(sensor: &Temperature) -> Reading {
    let Temperature { name, now, limit } = sensor;
    let limit = limit.map_or(HOT, |own| own.min(HOT));
    let (alarm, value, most) = (*now >= limit, degrees(*now), degrees(limit));
    Reading {
        of: Sensed::Temperature,
        name: name.clone(),
        value: Some(*now),
        limit: Some(limit),
        alarm,
        sentence: both(
            format!("{name} は {value}（限度 {most}）。"),
            format!("{name} is at {value} (limit {most})."),
        ),
        way_out: way_out(
            alarm,
            "通気口をふさぐ物やほこりを除き、部屋の空調を確かめてください。続くと装置が止まることがあります。",
            "Clear the box's vents, and see to the room's cooling; a box that stays so hot may stop.",
        ),
    }
}

fn share(of: Sensed, name: &str, share: Share, what: [&str; 2], ways: [&str; 2]) -> Reading {
    let (percent, free) = (share.percent(), share.free >> 20);
    let alarm = percent < LITTLE;
    let [ja, en] = what;
    Reading {
        of,
        name: name.to_owned(),
        value: i64::try_from(percent).ok(),
        limit: i64::try_from(LITTLE).ok(),
        alarm,
        sentence: both(
            format!("{ja}の空きは {percent} %（{free} MB）。"),
            format!("{percent} % of the {en} is free ({free} MB)."),
        ),
        way_out: way_out(alarm, ways[0], ways[1]),
    }
}

fn of_memory(free: Share) -> Reading {
    let ways = [
        "装置を再起動し、また減るようなら保守の窓口に知らせてください。",
        "Restart the box; if it happens again, tell its maintainer.",
    ];
    share(Sensed::Memory, "memory", free, ["メモリ", "memory"], ways)
}

fn of_room(free: Share) -> Reading {
    let ways = [
        "設計の通信記録（flow-log）の日数か大きさを減らしてください。",
        "Let the design keep fewer days or bytes of flows (`flow-log`).",
    ];
    share(Sensed::Room, "disk", free, ["記憶域", "disk"], ways)
}

fn of_disk(disk: &Disk) -> Vec<Reading> {
    let Disk { wear, sound, hours, temperature: warm } = disk;
    let replace = [
        "設計と接続情報を手元に控え、装置の交換を手配してください。",
        "Keep copies of design and profile elsewhere, and have the box replaced.",
    ];
    let reading = |of, value, limit, alarm, sentence| Reading {
        of,
        name: "disk".to_owned(),
        value,
        limit,
        alarm,
        sentence,
        way_out: way_out(alarm, replace[0], replace[1]),
    };
    let on = hours.map(|hours| (format!("（通電 {hours} 時間）"), format!(", on for {hours} h")));
    let (on_ja, on_en) = on.unwrap_or_default();
    let wear = wear.map(|wear| {
        let said = both(
            format!("ディスクの寿命の {wear} % を使いました{on_ja}。"),
            format!("The disk has used {wear} % of its life{on_en}."),
        );
        reading(Sensed::Wear, Some(wear.into()), Some(WORN.into()), wear >= WORN, said)
    });
    let sound = sound.map(|sound| {
        let said = if sound {
            both(
                "ディスクの自己診断は正常。".to_owned(),
                "The disk takes itself for sound.".to_owned(),
            )
        } else {
            both(
                "ディスクの自己診断が異常です。近いうちに壊れるおそれがあります。".to_owned(),
                "The disk takes itself for FAILING: it may die soon.".to_owned(),
            )
        };
        reading(Sensed::Disk, None, None, !sound, said)
    });
    let warm =
        warm.map(|now| temperature(&Temperature { name: "disk".to_owned(), now, limit: None }));
    wear.into_iter().chain(sound).chain(warm).collect()
}

/// The file of an image (`release.toml`).
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ReleaseFile {
    version: String,
    kind: ReleaseKind,
    /// Seconds since 1970.
    built: Option<i64>,
}

/// Which image runs; `None` where nothing says so. What can't be read might be for service or not: it is logged.
fn read_release(path: &Path) -> Option<Release> {
    if !path.exists() {
        return None;
    }
    let read = || {
        let text = String::from_utf8(files::read(path, LONGEST_RELEASE)?)?;
        anyhow::Ok(toml::from_str::<ReleaseFile>(&text)?)
    };
    match read() {
        Ok(ReleaseFile { version, kind, built }) => {
            let built = built.and_then(|seconds| Timestamp::from_second(seconds).ok());
            Some(Release { version, kind, built })
        }
        Err(fault) => {
            let fault = reasons(&fault);
            warn!(path = %path.display(), fault, "can't tell which image this is");
            None
        }
    }
}

#[cfg(test)]
mod tests;
