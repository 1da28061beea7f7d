use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;
use crate::audit::{Outcome, Wish};

const SMALL: Limits = Limits { segment: 600, segments: 3 };

fn event(what: &str) -> Event {
    Event {
        user: None,
        role: None,
        from: None,
        what: what.to_owned(),
        result: Outcome::Done,
        about: None,
        before: None,
        after: None,
    }
}

fn filled(records: usize) -> (TempDir, Trail) {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(folder.path(), SMALL);
    for number in 1..=records {
        trail.append(Timestamp::UNIX_EPOCH, event(&format!("event {number}"))).unwrap();
    }
    (folder, trail)
}

fn newest(folder: &Path) -> PathBuf {
    segments(folder).unwrap().pop().unwrap()
}

#[test]
fn it_goes_on_after_a_restart() {
    let (folder, trail) = filled(2);
    drop(trail);
    let trail = Trail::open(folder.path(), SMALL);
    assert_eq!(trail.append(Timestamp::UNIX_EPOCH, event("third")).unwrap(), 3);
    let found = trail.verify().unwrap();
    assert!(found.intact && found.records == 3 && found.message.is_none(), "{found:?}");
    let mode = fs::metadata(newest(folder.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn it_is_bounded_and_whole_without_its_oldest_part() {
    let (folder, trail) = filled(40);
    assert_eq!(segments(folder.path()).unwrap().len(), SMALL.segments);
    let found = trail.verify().unwrap();
    assert!(found.intact && found.records < 40, "{found:?}");
    drop(trail);
    let trail = Trail::open(folder.path(), SMALL);
    assert_eq!(trail.append(Timestamp::UNIX_EPOCH, event("41")).unwrap(), 41);
    assert!(trail.verify().unwrap().intact);
}

#[test]
fn the_oldest_segment_cant_be_taken_away() {
    let (folder, trail) = filled(40);
    fs::remove_file(&segments(folder.path()).unwrap()[0]).unwrap();
    assert!(!trail.verify().unwrap().intact);
}

#[test]
fn a_cut_end_is_found_also_after_a_restart() {
    let (folder, trail) = filled(3);
    let path = newest(folder.path());
    let text = read(&path).unwrap();
    let keep = text.trim_end().rfind('\n').unwrap() + 1;
    fs::write(&path, &text[..keep]).unwrap();
    assert!(!trail.verify().unwrap().intact);
    drop(trail);
    let trail = Trail::open(folder.path(), SMALL);
    assert_eq!(trail.append(Timestamp::UNIX_EPOCH, event("later")).unwrap(), 4);
    let found = trail.verify().unwrap();
    assert!(!found.intact && found.first_broken.is_some(), "{found:?}");
    assert_eq!(trail.page(&Wish::default()).unwrap().records[0].event.what, "later");
}

#[test]
fn a_changed_record_is_named() {
    let (folder, trail) = filled(3);
    let path = segments(folder.path()).unwrap()[0].clone();
    fs::write(&path, read(&path).unwrap().replace("event 2", "event 9")).unwrap();
    assert_eq!(trail.verify().unwrap().first_broken, Some(2));
}

#[test]
fn a_power_cut_leaves_it_whole() {
    let (folder, trail) = filled(2);
    let ends = fs::read(ends_file(folder.path())).unwrap();
    trail.append(Timestamp::UNIX_EPOCH, event("third")).unwrap();
    // The mention of the third is lost, and half of a fourth is there.
    fs::write(ends_file(folder.path()), ends).unwrap();
    add(&newest(folder.path()), b"{\"hash\":\"00").unwrap();
    drop(trail);
    let trail = Trail::open(folder.path(), SMALL);
    assert_eq!(trail.append(Timestamp::UNIX_EPOCH, event("fourth")).unwrap(), 4);
    assert!(trail.verify().unwrap().intact);
}

#[test]
fn a_disk_that_refuses_is_said_and_tried_again() {
    let (folder, trail) = filled(1);
    let path = newest(folder.path());
    let aside = folder.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    assert!(trail.append(Timestamp::UNIX_EPOCH, event("lost")).is_err());
    assert!(trail.fault().unwrap().contains("write to"));
    fs::rename(&aside, &path).unwrap();
    assert_eq!(trail.append(Timestamp::UNIX_EPOCH, event("kept")).unwrap(), 2);
    assert_eq!(trail.fault(), None);
    assert!(trail.verify().unwrap().intact);
    let none = Trail::open(Path::new("/proc/none"), SMALL);
    assert!(none.fault().is_some());
    assert!(none.append(Timestamp::UNIX_EPOCH, event("lost")).is_err());
}

#[test]
fn pages_go_back_in_time() {
    let (_folder, trail) = filled(9);
    let wish = |before| Wish { search: None, before, limit: Some(4) };
    let page = trail.page(&wish(None)).unwrap();
    let seqs: Vec<u64> = page.records.iter().map(|record| record.seq).collect();
    assert_eq!((seqs.as_slice(), page.next), ([9, 8, 7, 6].as_slice(), Some(6)));
    let page = trail.page(&wish(page.next)).unwrap();
    assert_eq!((page.records[0].seq, page.next), (5, Some(2)));
    let page = trail.page(&wish(page.next)).unwrap();
    assert_eq!((page.records.len(), page.next), (1, None));
    let search = Wish { search: Some("EVENT 7\"".to_owned()), ..Wish::default() };
    assert_eq!(trail.page(&search).unwrap().records.len(), 1);
}

#[test]
fn an_exported_file_says_where_it_ends() {
    let (folder, trail) = filled(9);
    let export = trail.export().unwrap();
    let mut text = String::new();
    for segment in &export.segments {
        text.push_str(&super::super::query::up_to(&read(segment).unwrap(), export.last));
    }
    let file = folder.path().join("export");
    fs::write(&file, format!("{text}{}", export.end)).unwrap();
    let found = verify_file(&file).unwrap();
    assert!(found.intact && found.message.is_none(), "{found:?}");
    fs::write(&file, &text).unwrap();
    let found = verify_file(&file).unwrap();
    assert!(found.intact && found.message.is_some(), "{found:?}");
    fs::write(&file, text.replace("event 8", "event 0")).unwrap();
    assert_eq!(verify_file(&file).unwrap().first_broken, Some(8));
    fs::write(&file, "").unwrap();
    assert!(!verify_file(&file).unwrap().intact);
    assert!(verify_file(&folder.path().join("none")).is_err());
}
