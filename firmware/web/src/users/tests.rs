use std::fs;

use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;
use crate::access::Role;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// Hashes that are only compared as texts.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$PJkcGUDMWjkx2WHGCkdVJ2wd0k2ZJrvXBBZJbZYbZYY";

fn later(hours: i64) -> Timestamp {
    NOW.saturating_add(SignedDuration::from_hours(hours)).unwrap()
}

fn some() -> (TempDir, Users) {
    let folder = tempfile::tempdir().unwrap();
    let users = Users::open(folder.path()).unwrap();
    users
        .change(|book| {
            book.add("root", Role::Administrator, None, HASH.to_owned(), NOW)?;
            book.add("hana", Role::Viewer, None, HASH.to_owned(), NOW)
        })
        .unwrap();
    (folder, users)
}

fn code(secret: &str, time: u64) -> String {
    totp::code_of(secret, time / totp::STEP).unwrap()
}

#[test]
fn users_survive_a_restart_and_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, users) = some();
    let path = folder.path().join("users.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Users::open(folder.path()).unwrap().all(), users.all());
}

#[test]
fn what_cant_be_understood_is_named_and_left() {
    let (folder, _) = some();
    let path = folder.path().join("users.json");
    let good = fs::read_to_string(&path).unwrap();
    for bad in
        ["", "{}", &good.replace("\"schema\": 1", "\"schema\": 2"), &good.replace("role", "rule")]
    {
        files::write(&path, bad.as_bytes(), 0o600).unwrap();
        let fault = Users::open(folder.path()).unwrap_err();
        assert!(matches!(&fault, Fault::Damaged { path: at, .. } if *at == path), "{fault}");
        assert_eq!(fs::read_to_string(&path).unwrap(), bad);
    }
    files::write(&path, good.as_bytes(), 0o644).unwrap();
    assert!(matches!(
        Users::open(folder.path()),
        Err(Fault::Host(HostError::SecretExposed { .. }))
    ));
}

#[test]
fn a_disk_that_refuses_changes_nothing() {
    let (folder, users) = some();
    let before = users.all();
    fs::remove_dir_all(folder.path()).unwrap();
    let refused = users.change(|book| book.remove("hana"));
    assert!(matches!(refused, Err(Refused::Disk(_))));
    assert_eq!(users.all(), before);
}

#[test]
fn names_and_numbers_are_bounded() {
    let (_folder, users) = some();
    let add =
        |name: &str| users.change(|book| book.add(name, Role::Viewer, None, HASH.to_owned(), NOW));
    assert!(matches!(add("Hana"), Err(Refused::Name)));
    assert!(matches!(add("hana"), Err(Refused::Exists)));
    for n in 2..book::MOST {
        add(&format!("user{n}")).unwrap();
    }
    assert!(matches!(add("one-more"), Err(Refused::TooMany)));
}

#[test]
fn there_is_always_an_administrator() {
    let (_folder, users) = some();
    let demoted = users.change(|book| book.reassign("root", Role::Viewer, None, NOW));
    assert!(matches!(demoted, Err(Refused::LastAdministrator)));
    let removed = users.change(|book| book.remove("root"));
    assert!(matches!(removed, Err(Refused::LastAdministrator)));
    users.change(|book| book.reassign("hana", Role::Administrator, None, NOW)).unwrap();
    users.change(|book| book.remove("root")).unwrap();
    assert!(users.find("root").is_none());
}

#[test]
fn engineers_come_for_a_day() {
    let (_folder, users) = some();
    let add = |role, until| users.change(|book| book.add("eng", role, until, HASH.to_owned(), NOW));
    for bad in [None, Some(NOW), Some(later(25))] {
        assert!(matches!(add(Role::Engineer, bad), Err(Refused::Visit)), "{bad:?}");
    }
    assert!(matches!(add(Role::Viewer, Some(later(1))), Err(Refused::NoVisit)));
    add(Role::Engineer, Some(later(24))).unwrap();
    let engineer = users.find("eng").unwrap();
    assert_eq!(engineer.right(later(23)).unwrap(), Some(Duration::from_hours(1)));
    assert!(matches!(engineer.right(later(24)), Err(Refused::Ended)));
    assert_eq!(users.find("hana").unwrap().right(later(99)).unwrap(), None);
}

#[test]
fn the_last_five_passwords_are_remembered() {
    let (_folder, users) = some();
    let mut seen = HASH.to_owned();
    for n in 0..7 {
        let next = format!("hash {n}");
        users.set_password("hana", &seen, next.clone(), false, later(n)).unwrap();
        seen = next;
    }
    let hana = users.find("hana").unwrap();
    assert_eq!(hana.hashes(), ["hash 6", "hash 5", "hash 4", "hash 3", "hash 2"]);
    assert_eq!((hana.changed_at, hana.must_change), (later(6), false));
    let late = users.set_password("hana", "hash 5", "other".to_owned(), false, NOW);
    assert!(matches!(late, Err(Refused::Changed)));
}

#[test]
fn the_first_password_is_taken_once() {
    let (folder, users) = some();
    let file = folder.path().join("first");
    assert!(!users.adopt(&file, NOW).unwrap(), "there is none yet");
    fs::write(&file, format!("{HASH}\n")).unwrap();
    assert!(users.adopt(&file, NOW).unwrap());
    let admin = users.find(ADMIN).unwrap();
    assert!(admin.must_change && admin.role == Role::Administrator && admin.hash == HASH);
    users.set_password(ADMIN, HASH, "own".to_owned(), false, NOW).unwrap();
    users
        .change(|book| {
            let factor = SecondFactor { secret: String::new(), last_step: 0, recovery: Vec::new() };
            book.users.get_mut(ADMIN).unwrap().second_factor = Some(factor);
            Ok(())
        })
        .unwrap();
    assert!(!users.adopt(&file, NOW).unwrap(), "it was taken");
    assert!(
        !Users::open(folder.path()).unwrap().adopt(&file, NOW).unwrap(),
        "also after a restart"
    );
    // Somebody stands before the box.
    fs::write(&file, HASH.replace("c29t", "c29u")).unwrap();
    assert!(users.adopt(&file, NOW).unwrap());
    let admin = users.find(ADMIN).unwrap();
    assert!(admin.must_change && admin.second_factor.is_none());
    assert_eq!(admin.hashes()[1..], ["own", HASH]);
    fs::write(&file, "not a hash").unwrap();
    assert!(matches!(users.adopt(&file, NOW), Err(Refused::NoHash(_))));
}

/// A book of one administrator, in a backup's place.
fn backup(name: &str, hash: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let users = Users::open(folder.path()).unwrap();
    users.change(|book| book.add(name, Role::Administrator, None, hash.to_owned(), NOW)).unwrap();
    users.for_backup().unwrap()
}

#[test]
fn a_backups_users_take_the_place_of_those_here() {
    let (folder, users) = some();
    let own = users.for_backup().unwrap();
    let taken = users.take(&own).unwrap();
    assert_eq!(taken.users, ["hana", "root"]);
    assert!(taken.others.is_empty(), "nobody is another one: {taken:?}");

    // The box's own first password isn't taken again, and the old box's mark stays there.
    let first = folder.path().join("first");
    fs::write(&first, HASH).unwrap();
    assert!(users.adopt(&first, NOW).unwrap());
    assert!(!users.for_backup().unwrap().contains("adopted"));
    let taken = users.take(&backup("root", &HASH.replace("c29t", "c29u"))).unwrap();
    assert_eq!(
        (taken.users, taken.others),
        (vec!["root".to_owned()], ["admin", "hana", "root"].map(str::to_owned).to_vec())
    );
    assert!(!users.adopt(&first, NOW).unwrap(), "it was taken before");
    assert_eq!(Users::open(folder.path()).unwrap().all(), users.all());
}

#[test]
fn what_this_page_didnt_write_takes_nobodys_place() {
    let (_folder, users) = some();
    let (before, good) = (users.all(), backup("kato", HASH));
    let crowd = |book: &mut serde_json::Value| {
        let one = book["users"]["kato"].clone();
        for n in 0..book::MOST {
            book["users"][format!("user{n}")] = one.clone();
        }
    };
    let edits: [&dyn Fn(&mut serde_json::Value); 7] = [
        &|book| book["schema"] = 2.into(),
        &|book| book["users"]["Kato\n"] = book["users"]["kato"].clone(),
        &|book| book["users"]["kato"]["hash"] = "$argon2id$v=19$m=9999999,t=1,p=1$c29t$c29t".into(),
        &|book| book["users"]["kato"]["history"] = serde_json::json!(["plain"]),
        &|book| book["users"]["kato"]["role"] = "viewer".into(),
        &|book| book["users"]["kato"]["until"] = "2026-04-01T00:00:00Z".into(),
        &crowd,
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let mut book: serde_json::Value = serde_json::from_str(&good).unwrap();
        edit(&mut book);
        let refused = users.take(&book.to_string());
        assert!(
            matches!(refused, Err(Refused::NoUsers(_) | Refused::TooMany)),
            "{number}: {refused:?}"
        );
    }
    assert_eq!(users.all(), before);
    users.take(&good).unwrap();
}

#[test]
fn codes_that_were_used_stay_used_when_users_go_back() {
    let (_folder, users) = some();
    let (time, start) = (1_000_000_000, Duration::ZERO);
    let secret = users.begin_second_factor("hana", start).unwrap();
    let first = code(&secret, time);
    let recovery = users.confirm_second_factor("hana", &first, time, start).unwrap().unwrap();
    let kept = users.for_backup().unwrap();
    let next = code(&secret, time + 30);
    for used in [&next, &recovery[0]] {
        assert_eq!(users.check_code("hana", Some(used), time + 30).unwrap(), Code::Right);
    }
    users.take(&kept).unwrap();
    for used in [&next, &recovery[0]] {
        assert_eq!(users.check_code("hana", Some(used), time + 30).unwrap(), Code::Wrong);
    }
    assert_eq!(users.check_code("hana", Some(&recovery[1]), time).unwrap(), Code::Right);
}

#[test]
fn users_that_root_leaves_are_taken_once() {
    let (folder, users) = some();
    let (state, left) = (folder.path(), folder.path().join("users-to-take.json"));
    assert!(users.take_left(state).unwrap().is_none());
    files::hand_over(&left, b"no users").unwrap();
    assert!(matches!(users.take_left(state), Err(Refused::NoUsers(_))));
    assert!(!left.exists(), "what is none isn't looked at again and again");
    files::hand_over(&left, backup("kato", HASH).as_bytes()).unwrap();
    assert_eq!(users.take_left(state).unwrap().unwrap().users, ["kato"]);
    assert!(!left.exists() && users.take_left(state).unwrap().is_none());
    // Others can write there: that isn't root's.
    files::write(&left, backup("mori", HASH).as_bytes(), 0o644).unwrap();
    assert!(matches!(users.take_left(state), Err(Refused::Disk(HostError::SecretExposed { .. }))));
    assert!(users.find("mori").is_none());
}

#[test]
fn a_second_factor_counts_once_confirmed() {
    let (folder, users) = some();
    let time = 1_000_000_000;
    assert_eq!(users.check_code("hana", None, time).unwrap(), Code::NotAsked);
    let start = Duration::ZERO;
    assert!(matches!(
        users.confirm_second_factor("hana", "000000", time, start),
        Err(Refused::NotBegun)
    ));
    let secret = users.begin_second_factor("hana", start).unwrap();
    assert!(users.confirm_second_factor("hana", "", time, start).unwrap().is_none());
    let late = Duration::from_hours(1);
    assert!(matches!(
        users.confirm_second_factor("hana", &code(&secret, time), time, late),
        Err(Refused::NotBegun)
    ));
    let first = code(&secret, time);
    let recovery = users.confirm_second_factor("hana", &first, time, start).unwrap().unwrap();
    assert!(matches!(users.begin_second_factor("hana", start), Err(Refused::HasSecondFactor)));

    assert_eq!(users.check_code("hana", None, time).unwrap(), Code::Missing);
    assert_eq!(users.check_code("hana", Some(&first), time).unwrap(), Code::Wrong, "a replay");
    let next = code(&secret, time + 30);
    assert_eq!(users.check_code("hana", Some(&next), time + 30).unwrap(), Code::Right);
    let users = Users::open(folder.path()).unwrap();
    let replayed = users.check_code("hana", Some(&next), time + 30).unwrap();
    assert_eq!(replayed, Code::Wrong, "a replay after a restart");

    assert_eq!(users.check_code("hana", Some(&recovery[3]), time).unwrap(), Code::Right);
    assert_eq!(users.check_code("hana", Some(&recovery[3]), time).unwrap(), Code::Wrong);
    users.remove_second_factor("hana").unwrap();
    assert_eq!(users.check_code("hana", None, time).unwrap(), Code::NotAsked);
}

#[test]
fn on_a_disk_that_refuses_a_code_counts_and_a_recovery_code_doesnt() {
    let (folder, users) = some();
    let (time, start) = (1_000_000_000, Duration::ZERO);
    let secret = users.begin_second_factor("hana", start).unwrap();
    let first = code(&secret, time);
    let recovery = users.confirm_second_factor("hana", &first, time, start).unwrap().unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    let refused = users.check_code("hana", Some(&recovery[0]), time);
    assert!(matches!(refused, Err(Refused::Disk(_))));
    let next = code(&secret, time + 30);
    assert_eq!(users.check_code("hana", Some(&next), time + 30).unwrap(), Code::Right);
    assert_eq!(users.check_code("hana", Some(&next), time + 30).unwrap(), Code::Wrong);
}
