//! `backup nightly`: the night's backup onto a stick that is left in the box, sealed for the recipient that the design names.
//!
//! A stick is hostile ground: it may hold anything under any name, be full, break, or be pulled out. The file is written beside,
//! synced and renamed; no name leads to another folder, links are replaced and not followed, and nothing is removed but
//! earlier backups of this box, and what a night left of one whose stick was pulled out. Whatever goes wrong is told to the
//! daemon, whose status shows it; so is a stick that hangs.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, thread, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::{Timestamp, tz};
use sekisho_control::{
    BACKUP, Backup, BackupWish, NIGHTLY_BACKUP, Nightly, NightlyFault, NightlyOutcome,
};
use sekisho_design::Language;
use sekisho_host::{
    HostError, files,
    sticks::{Mounted, Sticks, attached},
};
use tokio::{sync::oneshot, time::timeout};

use super::{CommandError, backup::Page, client, show};

/// Backups of this box that stay on a stick: two weeks of nights.
const KEPT: usize = 14;

/// Where there is no room, so many stay at least.
const FEWEST: usize = 3;

/// Room that is left beside a backup, in bytes.
const SPARE: u64 = 64 << 10;

/// Entries of a stick's top folder that are looked at: a damaged one may have no end.
const MOST_ENTRIES: usize = 100_000;

/// How long all sticks together may take. It is shorter than the console's patience, so that whoever asked there is told too.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where sticks are mounted.
const STICK: &str = "/run/sekisho-box/nightly";

/// Why a night has no backup, with the details.
#[derive(Debug)]
struct Failed(NightlyFault, String);

/// What this box has left on a stick.
struct Own {
    /// Backups, the oldest first, each with the bytes that it takes up.
    earlier: Vec<(String, u64)>,
    /// What became of one whose stick was pulled out, or whose box lost its power.
    unfinished: Vec<String>,
}

/// Makes the night's backup, where the design names a recipient.
pub(super) async fn run(
    socket: &Path,
    page: &Page,
    json: bool,
    language: Language,
) -> Result<String, CommandError> {
    let Nightly { recipient, stem }: Nightly = client::get(socket, NIGHTLY_BACKUP).await?;
    let Some(recipient) = recipient else {
        let said = language.pick(
            "設計に控えの受取人（[backup] recipient）がないので、何も書きません。",
            "The design names no recipient ([backup] recipient): nothing is written.",
        );
        return Ok(if json { show::json(&()) } else { said.to_owned() });
    };
    let day =
        Timestamp::now().to_zoned(tz::offset(9).to_time_zone()).strftime("%Y%m%d").to_string();
    let left = match make(socket, recipient, page).await {
        Ok(capsule) => {
            let leave = move || on_a_stick(&attached(), Path::new(STICK), &stem, &day, &capsule);
            within(PATIENCE, leave).await
        }
        Err(fault) => Err(Failed(NightlyFault::NotMade, fault.to_string())),
    };
    let outcome = match &left {
        Ok(_) => NightlyOutcome { fault: None, detail: String::new() },
        Err(Failed(fault, detail)) => {
            NightlyOutcome { fault: Some(*fault), detail: detail.clone() }
        }
    };
    let _: Nightly = client::post(socket, NIGHTLY_BACKUP, &outcome).await?;
    match left {
        Ok(_) if json => Ok(show::json(&outcome)),
        Ok(name) => Ok(language.pick(
            format!("控え {name} をUSBメモリに書きました。"),
            format!("Wrote the backup {name} onto the stick."),
        )),
        Err(Failed(fault, detail)) => Err(CommandError::NoNightly { fault, detail }),
    }
}

/// Why there is none, for whoever ran it.
pub(super) fn why(fault: NightlyFault, detail: &str) -> String {
    let why = match fault {
        NightlyFault::NoStick => "no stick is in the box",
        NightlyFault::NoFileSystem => "the stick has no file system that the box reads",
        NightlyFault::NoRoom => "the stick is full",
        NightlyFault::NotWritten => "the stick can't be written",
        NightlyFault::NotMade => "it couldn't be made",
    };
    if detail.is_empty() { why.to_owned() } else { format!("{why} ({detail})") }
}

/// What to do about it.
pub(super) fn way_out(fault: NightlyFault) -> &'static str {
    match fault {
        NightlyFault::NoStick => "leave a stick with FAT, exFAT or ext4 in the box",
        NightlyFault::NoFileSystem => {
            "format it with FAT on a PC, which erases what is on it, or take another one"
        }
        NightlyFault::NoRoom => "remove files from the stick, or take another one",
        NightlyFault::NotWritten => "take another stick, one that isn't protected against writing",
        NightlyFault::NotMade => "run it as root, with the daemon running",
    }
}

/// A backup for the recipient, without the identity.
async fn make(socket: &Path, recipient: String, page: &Page) -> Result<Vec<u8>, CommandError> {
    let wish =
        BackupWish { recipient: Some(recipient), users: page.users()?, ..BackupWish::default() };
    let backup: Backup = client::post(socket, BACKUP, &wish).await?;
    let bytes = BASE64_STANDARD.decode(backup.capsule);
    Ok(bytes.map_err(|fault| client::ClientError::Garbled(Box::new(fault)))?)
}

/// Waits for the sticks, but not for one that hangs: whoever writes to it is left behind, and ends with this program.
async fn within(
    patience: Duration,
    leave: impl FnOnce() -> Result<String, Failed> + Send + 'static,
) -> Result<String, Failed> {
    let (sender, left) = oneshot::channel();
    let failed = |detail: String| Err(Failed(NightlyFault::NotWritten, detail));
    let thread = thread::Builder::new().name("stick".to_owned());
    if let Err(fault) = thread.spawn(move || sender.send(leave())) {
        return failed(fault.to_string());
    }
    match timeout(patience, left).await {
        Ok(Ok(left)) => left,
        Ok(Err(fault)) => failed(fault.to_string()),
        Err(_) => failed(format!("it isn't done after {} s", patience.as_secs())),
    }
}

/// Leaves a backup on the first stick that takes it; its name.
fn on_a_stick(
    sticks: &Sticks,
    at: &Path,
    stem: &str,
    day: &str,
    capsule: &[u8],
) -> Result<String, Failed> {
    let mut fault = NightlyFault::NoStick;
    let mut details = Vec::new();
    for device in &sticks.others {
        fault = NightlyFault::NoFileSystem;
        details.push(device.display().to_string());
    }
    for stick in &sticks.file_systems {
        let left = match Mounted::to_write(&stick.device, at) {
            Ok(mounted) => leave(mounted.folder(), stem, day, capsule),
            Err(fault) => Err(not_written(&fault)),
        };
        match left {
            Ok(name) => return Ok(name),
            Err(Failed(why, detail)) => {
                fault = why;
                details.push(format!("{stick}: {detail}"));
            }
        }
    }
    Err(Failed(fault, details.join("; ")))
}

/// Leaves a backup in the top folder of a stick, and removes this box's oldest ones; its name.
fn leave(folder: &Path, stem: &str, day: &str, capsule: &[u8]) -> Result<String, Failed> {
    let name = format!("{stem}{day}.age");
    let Own { mut earlier, unfinished } = own(folder, stem, &name)?;
    for name in &unfinished {
        remove(folder, name)?;
    }
    make_room(folder, &mut earlier, capsule.len() as u64 + SPARE)?;
    files::write_on_stick(&folder.join(&name), capsule).map_err(|fault| {
        let full = |source: &io::Error| source.kind() == io::ErrorKind::StorageFull;
        if matches!(&fault, HostError::File { source, .. } if full(source)) {
            Failed(NightlyFault::NoRoom, fault.to_string())
        } else {
            not_written(&fault)
        }
    })?;
    while earlier.len() >= KEPT {
        remove(folder, &earlier.remove(0).0)?;
    }
    Ok(name)
}

/// Removes the oldest backups where there is no room, but never the last few, and none where that doesn't help.
fn make_room(folder: &Path, earlier: &mut Vec<(String, u64)>, needed: u64) -> Result<(), Failed> {
    let room = files::room(folder).map_err(|fault| not_written(&fault))?;
    let sizes: Vec<u64> = earlier.iter().map(|(_, size)| *size).collect();
    let Some(too_many) = too_many(room, needed, &sizes) else {
        return Err(Failed(NightlyFault::NoRoom, format!("{needed} bytes are needed")));
    };
    for (name, _) in earlier.drain(..too_many) {
        remove(folder, &name)?;
    }
    Ok(())
}

/// How many of the oldest backups have to go; none where even that makes no room.
fn too_many(room: u64, needed: u64, sizes: &[u64]) -> Option<usize> {
    let most = sizes.len().saturating_sub(FEWEST);
    let mut room = room;
    for gone in 0..=most {
        if room >= needed {
            return Some(gone);
        }
        room = room.saturating_add(sizes.get(gone).copied().unwrap_or_default());
    }
    None
}

/// What this box has left in a folder; but for the file of this name, which is written anew.
fn own(folder: &Path, stem: &str, but: &str) -> Result<Own, Failed> {
    let failed = |source| Failed(NightlyFault::NotWritten, format!("can't list it: {source}"));
    let mut own = Own { earlier: Vec::new(), unfinished: Vec::new() };
    for entry in fs::read_dir(folder).map_err(failed)?.take(MOST_ENTRIES) {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let unfinished = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new"));
        let is_backup = is_own(&name, stem) && name != but;
        let is_unfinished = unfinished.is_some_and(|name| is_own(name, stem));
        // Of this name's own file, a link too, whoever writes it takes care.
        if !(is_backup || is_unfinished) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if is_unfinished {
            own.unfinished.push(name);
        } else {
            let blocks = entry.metadata().map(|found| found.blocks()).map_err(failed)?;
            own.earlier.push((name, blocks.saturating_mul(512)));
        }
    }
    own.earlier.sort();
    Ok(own)
}

/// Whether a file bears the name of a nightly backup of this box.
fn is_own(name: &str, stem: &str) -> bool {
    let day = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".age"));
    day.is_some_and(|day| day.len() == 8 && day.bytes().all(|digit| digit.is_ascii_digit()))
}

fn remove(folder: &Path, name: &str) -> Result<(), Failed> {
    let failed =
        |source| Failed(NightlyFault::NotWritten, format!("can't remove {name}: {source}"));
    fs::remove_file(folder.join(name)).map_err(failed)
}

fn not_written(fault: &HostError) -> Failed {
    Failed(NightlyFault::NotWritten, fault.to_string())
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::{ffi::OsStrExt as _, fs::symlink},
        path::PathBuf,
    };

    use sekisho_host::sticks::FileSystem;
    use tempfile::TempDir;

    use super::*;

    const STEM: &str = "sekisho-nightly-011002-0123456789abcdef-";

    fn stick() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn on(folder: &TempDir, day: &str) -> PathBuf {
        folder.path().join(format!("{STEM}{day}.age"))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn two_weeks_of_nights_stay_and_nothing_else_goes() {
        let stick = stick();
        let others = [
            "sekisho-011002-20251101.age".to_owned(),
            "sekisho-nightly-011002-fedcba9876543210-20251101.age".to_owned(),
            format!("{STEM}2025110.age"),
            format!("{STEM}20251101.age.bak"),
            format!("{STEM}2025110a.age"),
            "photo.jpg".to_owned(),
        ];
        for other in &others {
            fs::write(stick.path().join(other), "theirs").unwrap();
        }
        for day in 1..=30 {
            let name = leave(stick.path(), STEM, &format!("202611{day:02}"), b"sealed").unwrap();
            assert_eq!(fs::read(stick.path().join(name)).unwrap(), b"sealed");
        }
        let left = names(stick.path());
        let own: Vec<_> = left.iter().filter(|name| is_own(name, STEM)).collect();
        assert_eq!(own.len(), KEPT);
        assert!(own[0].ends_with("20261117.age") && own[KEPT - 1].ends_with("20261130.age"));
        for other in &others {
            assert_eq!(fs::read_to_string(stick.path().join(other)).unwrap(), "theirs", "{other}");
        }
        assert_eq!(left.len(), KEPT + others.len(), "nothing is left of the writing: {left:?}");
    }

    #[test]
    fn a_night_that_is_made_twice_is_one_file() {
        let stick = stick();
        leave(stick.path(), STEM, "20261126", b"first").unwrap();
        leave(stick.path(), STEM, "20261126", b"second").unwrap();
        assert_eq!(fs::read(on(&stick, "20261126")).unwrap(), b"second");
        assert_eq!(names(stick.path()).len(), 1);
    }

    #[test]
    fn ten_thousand_files_and_hostile_names_are_no_matter() {
        let stick = stick();
        for number in 0..10_000 {
            fs::write(stick.path().join(format!("{number}.jpg")), "").unwrap();
        }
        for name in [
            &b"\xff\xfe.age"[..],
            b"-rf.age",
            b"a\nb.age",
            b"\x1b[2J.age",
            b"sekisho-nightly-011002-0123456789abcdef-..\\2026.age",
        ] {
            fs::write(stick.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
        }
        let before = fs::read_dir(stick.path()).unwrap().count();
        leave(stick.path(), STEM, "20261126", b"sealed").unwrap();
        assert_eq!(fs::read_dir(stick.path()).unwrap().count(), before + 1);
    }

    #[test]
    fn links_lead_nowhere_and_are_never_removed_for_age() {
        let (stick, outside) = (stick(), stick());
        let aim = outside.path().join("aim");
        fs::write(&aim, "kept").unwrap();
        for at in [on(&stick, "20261126"), stick.path().join(format!(".{STEM}20261126.age.new"))] {
            symlink(&aim, at).unwrap();
        }
        symlink(outside.path(), on(&stick, "20200101")).unwrap();
        for day in 1..=20 {
            fs::write(on(&stick, &format!("202610{day:02}")), "").unwrap();
        }
        leave(stick.path(), STEM, "20261126", b"sealed").unwrap();
        assert_eq!(fs::read_to_string(&aim).unwrap(), "kept");
        let written = on(&stick, "20261126");
        assert!(written.symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read(written).unwrap(), b"sealed");
        assert!(on(&stick, "20200101").is_symlink());
    }

    #[test]
    fn a_folder_of_that_name_is_said_and_left() {
        for taken in [format!("{STEM}20261126.age"), format!(".{STEM}20261126.age.new")] {
            let stick = stick();
            fs::create_dir(stick.path().join(&taken)).unwrap();
            fs::write(stick.path().join(&taken).join("inside"), "").unwrap();
            let Failed(fault, detail) =
                leave(stick.path(), STEM, "20261126", b"sealed").unwrap_err();
            assert_eq!(fault, NightlyFault::NotWritten);
            assert!(detail.contains("20261126"), "{detail}");
            assert_eq!(names(stick.path()), [taken]);
        }
    }

    #[test]
    fn a_stick_that_is_gone_or_has_no_room_is_named() {
        let gone = stick().path().join("gone");
        let Failed(fault, _) = leave(&gone, STEM, "20261126", b"sealed").unwrap_err();
        assert_eq!(fault, NightlyFault::NotWritten);
        // No disk has room for this: nothing is gained by removing what there is.
        let stick = stick();
        for day in 1..=9 {
            fs::write(on(&stick, &format!("202610{day:02}")), "").unwrap();
        }
        fs::write(stick.path().join("photo.jpg"), "").unwrap();
        let mut earlier = own(stick.path(), STEM, "").unwrap().earlier;
        let Failed(fault, detail) = make_room(stick.path(), &mut earlier, u64::MAX).unwrap_err();
        assert_eq!(fault, NightlyFault::NoRoom, "{detail}");
        assert_eq!(names(stick.path()).len(), 10);
    }

    #[test]
    fn the_oldest_make_room_where_that_helps_and_three_stay() {
        for (room, needed, sizes, gone) in [
            (9, 9, &[1, 1, 1, 1][..], Some(0)),
            (8, 9, &[1, 1, 1, 1], Some(1)),
            (7, 9, &[1, 1, 1, 1], None),
            (7, 9, &[1, 1, 1, 1, 1], Some(2)),
            (0, 9, &[4, 5, 9, 9, 9, 9], Some(2)),
            (0, 9, &[9, 9, 9], None),
            (0, 9, &[], None),
            (1, u64::MAX, &[u64::MAX, 1, 1, 1], Some(1)),
        ] {
            assert_eq!(too_many(room, needed, sizes), gone, "{room} {needed} {sizes:?}");
        }
        let stick = stick();
        for day in 1..=5 {
            fs::write(on(&stick, &format!("202610{day:02}")), "").unwrap();
        }
        let room = files::room(stick.path()).unwrap();
        // As if what goes had that much.
        let mut earlier = own(stick.path(), STEM, "").unwrap().earlier;
        for (_, size) in &mut earlier {
            *size = room;
        }
        make_room(stick.path(), &mut earlier, room + room / 2).unwrap();
        let left = names(stick.path());
        assert_eq!((left.len(), earlier.len()), (4, 4));
        assert!(left[0].ends_with("20261002.age"), "the oldest goes: {left:?}");
    }

    #[test]
    fn what_a_pulled_stick_kept_of_a_night_is_cleared_away() {
        let (stick, outside) = (stick(), stick());
        let beside = |day: &str| stick.path().join(format!(".{STEM}{day}.age.new"));
        for day in ["20261120", "20261126"] {
            fs::write(beside(day), "half").unwrap();
        }
        let others = [".sekisho-nightly-011002-fedcba9876543210-20261120.age.new", ".x.new"];
        for other in others {
            fs::write(stick.path().join(other), "theirs").unwrap();
        }
        symlink(outside.path(), beside("20261121")).unwrap();
        fs::create_dir(beside("20261122")).unwrap();
        leave(stick.path(), STEM, "20261126", b"sealed").unwrap();
        assert!(!beside("20261120").exists() && !beside("20261126").exists());
        assert!(beside("20261121").is_symlink() && beside("20261122").is_dir());
        assert!(others.iter().all(|other| stick.path().join(other).exists()));
    }

    #[test]
    fn each_stick_is_named_with_what_is_wrong_with_it() {
        let folder = stick();
        let of = |sticks: &Sticks| {
            let at = folder.path().join("at");
            on_a_stick(sticks, &at, STEM, "20261126", b"").unwrap_err()
        };
        let Failed(fault, detail) = of(&Sticks::default());
        assert_eq!((fault, detail.as_str()), (NightlyFault::NoStick, ""));
        let mut sticks = Sticks::default();
        sticks.others.push(PathBuf::from("/dev/nothing"));
        let Failed(fault, detail) = of(&sticks);
        assert_eq!((fault, detail.as_str()), (NightlyFault::NoFileSystem, "/dev/nothing"));
        let device = PathBuf::from("/dev/nothing-either");
        sticks.file_systems.push(FileSystem { device, label: Some("SITE".to_owned()) });
        let Failed(fault, detail) = of(&sticks);
        assert_eq!(fault, NightlyFault::NotWritten);
        let begin = "/dev/nothing; SITE (/dev/nothing-either): can't mount";
        assert!(detail.starts_with(begin), "{detail}");
        assert!(why(fault, &detail).starts_with("the stick can't be written (/dev/nothing; SITE"));
        assert_eq!(why(NightlyFault::NoStick, ""), "no stick is in the box");
    }

    #[tokio::test]
    async fn a_stick_that_hangs_is_given_up_and_said() {
        let patience = Duration::from_millis(50);
        let (free, held) = std::sync::mpsc::channel::<()>();
        let hangs = move || {
            let _ = held.recv();
            Ok(String::new())
        };
        let Failed(fault, detail) = within(patience, hangs).await.unwrap_err();
        assert_eq!((fault, detail.as_str()), (NightlyFault::NotWritten, "it isn't done after 0 s"));
        drop(free);
        let left = within(PATIENCE, || Ok("name".to_owned())).await.unwrap();
        assert_eq!(left, "name");
        let Failed(fault, _) = within(PATIENCE, || panic!("broken")).await.unwrap_err();
        assert_eq!(fault, NightlyFault::NotWritten);
    }
}
