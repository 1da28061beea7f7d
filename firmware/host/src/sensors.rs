//! What the box says of itself: temperatures, memory, room and wear of its disk.
//!
//! All of it is optional: a box without a sensor says nothing of it, and what can't be understood counts as not there. The
//! parsers are pure; folders are parameters.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::files;

/// The longest file that makes sense: `smartctl --json` writes some 20 KB.
const LONGEST: u64 = 1 << 20;

/// Where to look.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The kernel's classes of devices, `/sys/class`.
    pub classes: PathBuf,
    /// `/proc/meminfo`.
    pub memory: PathBuf,
    /// What root's services have found out about the box, `/run/sekisho-box`.
    pub found: PathBuf,
    /// A folder on the disk whose room counts.
    pub state: PathBuf,
}

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sensors {
    /// Each place that is measured.
    pub temperatures: Vec<Temperature>,
    /// Memory that programs could still have.
    pub memory: Option<Share>,
    /// Room on the disk.
    pub room: Option<Share>,
    /// The system disk's own account.
    pub disk: Disk,
    /// Why nothing is kept beyond a restart, where that is so.
    pub forgetful: Option<String>,
}

/// A place that is measured, in thousandths of a degree Celsius.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Temperature {
    /// The chip, and which of its sensors.
    pub name: String,
    /// How warm it is.
    pub now: i64,
    /// How warm it may be at most, by its own word: the lower of `max` and `crit`.
    pub limit: Option<i64>,
}

/// A part of a whole, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    /// What is left.
    pub free: u64,
    /// The whole, not 0.
    pub whole: u64,
}

/// What the disk says of itself (`smartctl --json`, or the class files of an eMMC).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Disk {
    /// How much of its life is used up, in per cent; may be above 100.
    pub wear: Option<u32>,
    /// Whether it takes itself for sound.
    pub sound: Option<bool>,
    /// Hours that it has been on.
    pub hours: Option<u64>,
    /// Thousandths of a degree Celsius.
    pub temperature: Option<i64>,
}

impl Share {
    /// What is left, in per cent, rounded down.
    pub fn percent(self) -> u64 {
        u64::try_from(u128::from(self.free) * 100 / u128::from(self.whole.max(1))).unwrap_or(100)
    }
}

/// Looks at all of it. Nothing that is wrong with a source keeps the others from being seen.
pub fn look(sources: &Sources) -> Sensors {
    let mut temperatures = chips(&sources.classes.join("hwmon"));
    if temperatures.is_empty() {
        temperatures = zones(&sources.classes.join("thermal"));
    }
    let mut disk =
        text(&sources.found.join("disk.json")).map(|text| smart(&text)).unwrap_or_default();
    if disk.wear.is_none() {
        disk.wear = emmc(&sources.classes.join("mmc_host"));
    }
    Sensors {
        temperatures,
        memory: text(&sources.memory).and_then(|text| memory(&text)),
        room: room(&sources.state),
        disk,
        forgetful: text(&sources.found.join("data")).and_then(|text| forgetful(&text)),
    }
}

/// Temperatures of hardware monitors (Documentation/hwmon/sysfs-interface.rst of the kernel).
fn chips(folder: &Path) -> Vec<Temperature> {
    entries(folder).iter().flat_map(|chip| chip_temperatures(&chip_files(chip))).collect()
}

/// The files of a chip that matter, by name.
fn chip_files(chip: &Path) -> BTreeMap<String, String> {
    let wanted = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        let ours = name == "name" || name.starts_with("temp");
        Some((name, text(path).filter(|_| ours)?))
    };
    entries(chip).iter().filter_map(wanted).collect()
}

fn chip_temperatures(files: &BTreeMap<String, String>) -> Vec<Temperature> {
    let number = |key: &str| files.get(key).and_then(|text| text.trim().parse::<i64>().ok());
    let word =
        |key: &str| files.get(key).map(|text| printable(text)).filter(|text| !text.is_empty());
    let chip = word("name").unwrap_or_else(|| "sensor".to_owned());
    let sensors = files.keys().filter_map(|key| key.strip_suffix("_input"));
    sensors
        .filter_map(|sensor| {
            let now = number(&format!("{sensor}_input")).filter(|now| believable(*now))?;
            let limits = ["max", "crit"].map(|kind| number(&format!("{sensor}_{kind}")));
            let label = word(&format!("{sensor}_label")).unwrap_or_else(|| sensor.to_owned());
            let limit = limits.into_iter().flatten().filter(|limit| plausible(*limit)).min();
            Some(Temperature { name: format!("{chip} {label}"), now, limit })
        })
        .collect()
}

/// Thermal zones (Documentation/ABI/testing/sysfs-class-thermal).
fn zones(folder: &Path) -> Vec<Temperature> {
    let zone = |path: &PathBuf| {
        path.file_name()?.to_str()?.starts_with("thermal_zone").then_some(())?;
        let now = text(&path.join("temp"))?.trim().parse().ok().filter(|now| believable(*now))?;
        let name = text(&path.join("type")).map(|text| printable(&text));
        Some(Temperature { name: name.unwrap_or_else(|| "zone".to_owned()), now, limit: None })
    };
    entries(folder).iter().filter_map(zone).collect()
}

/// Chips without a sensor at a pin show extremes.
fn believable(now: i64) -> bool {
    (-40_000..=150_000).contains(&now)
}

/// Drivers show 0, or nonsense, for limits that nobody has set.
fn plausible(limit: i64) -> bool {
    (40_000..=150_000).contains(&limit)
}

/// `MemAvailable` of `MemTotal`, in the kernel's kB of 1,024 bytes (`proc_meminfo(5)`).
fn memory(text: &str) -> Option<Share> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
    };
    let (free, whole) = (value("MemAvailable")?, value("MemTotal")?);
    (whole > 0).then_some(Share { free, whole })
}

fn room(folder: &Path) -> Option<Share> {
    let found = nix::sys::statvfs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
    // What root has kept back is nobody's room.
    let used = found.blocks().saturating_sub(found.blocks_free());
    let whole = bytes(used.saturating_add(found.blocks_available()));
    (whole > 0).then_some(Share { free: bytes(found.blocks_available()), whole })
}

/// Attributes of ATA disks that count down from 100 what is left of an SSD's life, by their makers' numbers. Makers use some
/// of these numbers for other things too, which the names tell.
const LIFE_LEFT: [(u64, &str); 4] = [(177, "Wear"), (202, "Life"), (231, "Life"), (233, "Wear")];

/// What `smartctl --json` says of a disk, by NVM Express or ATA.
fn smart(text: &str) -> Disk {
    let Ok(told) = serde_json::from_str::<Value>(text) else { return Disk::default() };
    let nvme = told.pointer("/nvme_smart_health_information_log/percentage_used");
    let nvme = nvme.and_then(Value::as_u64).and_then(|used| u32::try_from(used).ok());
    let table = told.pointer("/ata_smart_attributes/table").and_then(Value::as_array);
    let ata = table.and_then(|table| {
        let left = table.iter().filter_map(|row| {
            let (id, called) = (row.get("id")?.as_u64()?, row.get("name")?.as_str()?);
            let counts = LIFE_LEFT.iter().any(|(of, word)| *of == id && called.contains(word));
            counts.then(|| row.get("value")?.as_u64())?
        });
        // 1 to 253 are values (ATA-8); what counts from 200 or more is no share of 100.
        let left = left.filter(|left| *left <= 100).min()?;
        u32::try_from(100 - left).ok()
    });
    let number = |path: &str| told.pointer(path).and_then(Value::as_u64);
    let celsius = told.pointer("/temperature/current").and_then(Value::as_i64);
    Disk {
        wear: nvme.or(ata),
        sound: told.pointer("/smart_status/passed").and_then(Value::as_bool),
        hours: number("/power_on_time/hours"),
        temperature: celsius.and_then(|it| it.checked_mul(1000)).filter(|now| believable(*now)),
    }
}

/// The wear of the first eMMC: its class shows tenths of its life, for two kinds of cells (JEDEC JESD84-B51, 7.4.33).
fn emmc(folder: &Path) -> Option<u32> {
    let cards = entries(folder).into_iter().flat_map(|host| entries(&host));
    cards.filter_map(|card| life_time(&text(&card.join("life_time"))?)).max()
}

/// "0x01 0x03": the third tenth is in use for the second kind of cells. 0 is unknown, 11 is beyond the end.
fn life_time(text: &str) -> Option<u32> {
    let tenths = text.split_whitespace().filter_map(|word| {
        u32::from_str_radix(word.strip_prefix("0x")?, 16)
            .ok()
            .filter(|tenth| (1..=11).contains(tenth))
    });
    tenths.max().map(|tenth| tenth * 10)
}

/// The reason in a line `memory: reason`: the data partition is dead, and all is kept in memory alone.
fn forgetful(text: &str) -> Option<String> {
    let reason = text.lines().next()?.strip_prefix("memory")?;
    Some(printable(reason.trim_start_matches(':')))
}

/// A word of a device that people will see: nothing that a terminal obeys, and not for ever.
fn printable(text: &str) -> String {
    let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    text.trim().chars().take(200).collect()
}

fn text(path: &Path) -> Option<String> {
    files::read(path, LONGEST).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// What is in a folder, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<_> = found.map(|entry| entry.path()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests;
