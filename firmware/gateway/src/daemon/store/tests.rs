use std::collections::BTreeSet;

use jiff::Timestamp;
use sekisho_control::Author;

use super::*;

fn files(text: &str) -> Files {
    Files { site: text.into(), profile: format!("profile {text}").into() }
}

fn record(number: u64, [site_sha256, profile_sha256]: [String; 2]) -> Generation {
    Generation {
        number,
        author: Author { uid: 0, name: Some("root".to_owned()), principal: None },
        at: Timestamp::UNIX_EPOCH,
        reason: Some("because".to_owned()),
        outcome: Outcome::Pending,
        site_sha256,
        profile_sha256,
    }
}

fn begin(store: &Store, text: &str) -> u64 {
    store.begin(&files(text), record, "run", &KernelState::default()).unwrap()
}

fn keep(store: &Store, text: &str) -> u64 {
    let number = begin(store, text);
    store.commit(number).unwrap();
    number
}

fn good(store: &Store) -> Kept {
    let found = store.in_force();
    let InForce::Good(kept) = found else { panic!("{found:?}") };
    kept
}

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn what_was_committed_last_is_kept() {
    let (_folder, store) = open();
    assert!(matches!(store.in_force(), InForce::Nothing));
    for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
        assert_eq!(keep(&store, text), number);
        let kept = good(&store);
        assert_eq!((kept.generation.number, kept.files), (number, files(text)));
        assert_eq!(kept.generation.outcome, Outcome::Committed);
        assert_eq!(store.journal().unwrap(), None);
    }
    let numbers: Vec<_> = store.history().unwrap().iter().map(|row| row.number).collect();
    assert_eq!(numbers, [3, 2, 1], "newest first");
}

#[test]
fn a_change_on_its_way_is_in_the_journal_and_not_kept() {
    let (_folder, store) = open();
    keep(&store, "one");
    let mut before = KernelState::default();
    before.settings.insert("net/ipv4/ip_forward".to_owned(), "1".to_owned());
    let number = store.begin(&files("two"), record, "run 7", &before).unwrap();
    let journal = Journal { pending: number, boot: "run 7".to_owned(), before: Cow::Owned(before) };
    assert_eq!(store.journal().unwrap(), Some(journal));
    assert_eq!(good(&store).files, files("one"));
    store.close(number, Outcome::RolledBack);
    assert_eq!(store.journal().unwrap(), None);
    assert_eq!(good(&store).files, files("one"));
    assert_eq!(store.read(number).unwrap().generation.outcome, Outcome::RolledBack);
    assert_eq!(keep(&store, "three"), number + 1, "a number is used once");
}

#[test]
fn fifty_generations_and_more_are_kept_but_not_all() {
    let (_folder, store) = open();
    for number in 0..KEPT + 3 {
        keep(&store, &number.to_string());
        let failed = begin(&store, "failed");
        store.close(failed, Outcome::RolledBack);
    }
    let history = store.history().unwrap();
    let count = |outcome| history.iter().filter(|row| row.outcome == outcome).count();
    assert_eq!((count(Outcome::Committed), count(Outcome::RolledBack)), (KEPT, KEPT));
    const { assert!(KEPT >= 50) };
    let newest = store.read(history[1].number).unwrap();
    assert_eq!(newest.files, files(&(KEPT + 2).to_string()));
}

/// Every file of the generation that is kept, damaged in every way: what stands in is the one before, and the fault names
/// the file.
#[test]
fn a_damaged_generation_gives_way_to_the_one_before() {
    type Damage = fn(&Path);
    let damages: [Damage; 5] = [
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, "scrambled").unwrap(),
        |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        },
        |path| {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |path| fs::remove_file(path).unwrap(),
    ];
    for name in [SITE, PROFILE, RECORD] {
        for (way, damage) in damages.iter().enumerate() {
            let (folder, store) = open();
            keep(&store, "the first");
            keep(&store, "the last good");
            let failed = begin(&store, "never confirmed");
            store.close(failed, Outcome::RolledBack);
            let last = keep(&store, "the damaged");
            damage(&folder.path().join(format!("{GENERATION}{last}/{name}")));
            let InForce::Damaged { fault, last_good } = store.in_force() else {
                panic!("{name}, damage {way}: nobody noticed")
            };
            let fault = crate::daemon::reasons(&fault);
            assert!(fault.contains(name), "{name}, damage {way}: {fault}");
            assert_eq!(last_good.unwrap().files, files("the last good"), "{name}, damage {way}");
            assert_eq!(good_after(&store, "mended"), files("mended"));
        }
    }
}

fn good_after(store: &Store, text: &str) -> Files {
    keep(store, text);
    good(store).files
}

#[test]
fn a_link_that_leads_nowhere_or_is_gone_is_told() {
    let (folder, store) = open();
    keep(&store, "one");
    let link = folder.path().join(IN_FORCE);
    for target in [Some("generation-900"), Some("elsewhere"), None] {
        fs::remove_file(&link).unwrap();
        if let Some(target) = target {
            symlink(target, &link).unwrap();
        }
        let InForce::Damaged { last_good, .. } = store.in_force() else { panic!("{target:?}") };
        assert_eq!(last_good.unwrap().files, files("one"), "{target:?}");
        if target.is_none() {
            symlink("generation-1", &link).unwrap();
        }
    }
}

#[test]
fn a_damaged_journal_is_an_error_and_goes_with_the_next_change() {
    let (folder, store) = open();
    keep(&store, "one");
    begin(&store, "two");
    let path = folder.path().join(JOURNAL);
    let whole = fs::read(&path).unwrap();
    let mut scrambled = whole.clone();
    scrambled[whole.len() - 5] ^= 0x20;
    for damaged in [&whole[..0], &whole[..70], b"\xff\xfe", &scrambled] {
        fs::write(&path, damaged).unwrap();
        let fault = store.journal().unwrap_err().to_string();
        assert!(fault.contains("journal is damaged"), "{fault}");
    }
    keep(&store, "three");
    assert_eq!(store.journal().unwrap(), None);
}

#[test]
fn after_a_start_no_generation_is_on_its_way() {
    let (folder, store) = open();
    keep(&store, "one");
    let cut_short = begin(&store, "two");
    let renamed = begin(&store, "three");
    // The power went between the link and the record.
    store.point_at(&format!("{GENERATION}{renamed}")).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    store.tidy().unwrap();
    assert_eq!(store.journal().unwrap(), None);
    assert_eq!(store.read(cut_short).unwrap().generation.outcome, Outcome::RolledBack);
    assert_eq!(good(&store).generation.outcome, Outcome::Committed);
    assert_eq!(good(&store).files, files("three"));
}

#[test]
fn a_commit_that_fails_leaves_the_one_before_in_force() {
    let (folder, store) = open();
    keep(&store, "one");
    let number = begin(&store, "two");
    // A folder in the way of the link: nothing can be renamed over it or removed as a file.
    fs::create_dir(folder.path().join("in-force.new")).unwrap();
    assert!(store.commit(number).is_err());
    assert_eq!(good(&store).files, files("one"));
    assert!(store.journal().unwrap().is_some(), "the change still has to be taken back");
}

#[test]
fn a_beginning_that_fails_leaves_nothing() {
    let (folder, store) = open();
    keep(&store, "one");
    let list = || -> BTreeSet<_> {
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let before = list();
    // In the way of the file that becomes the journal.
    fs::create_dir(folder.path().join(".journal.new")).unwrap();
    assert!(store.begin(&files("two"), record, "run", &KernelState::default()).is_err());
    fs::remove_dir(folder.path().join(".journal.new")).unwrap();
    assert_eq!(list(), before);
}

#[test]
fn a_second_daemon_is_kept_out() {
    let (folder, _first) = open();
    let second = Store::open(folder.path()).unwrap_err().to_string();
    assert!(second.contains(&std::process::id().to_string()), "{second}");
}
