//! Backups: made, looked into, restored on this box and on the next one; and what isn't one.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_capsule::{Contents, Lock, Passphrase, seal};
use sekisho_control::{FailureKind, Opened, Phase};
use sekisho_lab::{Extent, Lab, describe, sample, text, wait_until};

use crate::{
    confirm,
    expect::{Expected, ensure_works, stored},
    files::Site,
};

const CARRIER: Duration = Duration::from_mins(1);

/// The time that a new box has to take the old one's place, beyond its boot.
const REPLACED_WITHIN: Duration = Duration::from_mins(1);

const CHOSEN: &str = "hashi wo wataru kaze";

fn must(lab: &Lab, words: &[&str]) -> anyhow::Result<String> {
    let output = lab.sekisho(words)?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(text(&output.stdout))
}

/// A file in the lab.
fn file(lab: &Lab, name: &str, contents: &[u8]) -> anyhow::Result<String> {
    let path = lab.logs().join(name);
    fs::write(&path, contents)?;
    Ok(path.to_string_lossy().into_owned())
}

fn path(lab: &Lab, name: &str) -> String {
    lab.logs().join(name).to_string_lossy().into_owned()
}

/// The page's file of users, as the page writes it.
const USERS: &str = r#"{"schema":1,"users":{
    "admin":{"role":"administrator","hash":"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$PJkcGUDMWjkx2WHGCkdVJ2wd0k2ZJrvXBBZJbZYbZYY",
        "changed_at":"2026-11-26T00:00:00Z","must_change":false},
    "hana":{"role":"viewer","hash":"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$PJkcGUDMWjkx2WHGCkdVJ2wd0k2ZJrvXBBZJbZYbZYY",
        "changed_at":"2026-11-26T00:00:00Z","must_change":true}}}"#;

/// A folder of the page, with its users where there are some.
fn page(lab: &Lab, name: &str, users: Option<&str>) -> anyhow::Result<String> {
    let folder = lab.logs().join(name);
    fs::create_dir_all(&folder)?;
    if let Some(users) = users {
        let path = folder.join("users.json");
        fs::write(&path, users)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    Ok(folder.to_string_lossy().into_owned())
}

/// The state of a box that has just left the factory, with a key of its own.
fn new_box(lab: &mut Lab) -> anyhow::Result<()> {
    ensure!(lab.stop_daemon()?.success());
    fs::remove_dir_all(lab.logs().join("state"))?;
    lab.start_daemon()
}

pub(crate) fn a_design_comes_back_from_a_backup() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let kept = stored(&lab)?;
    let capsule = path(&lab, "capsule.age");
    let made = must(&lab, &["backup", "make", &capsule, "--lang", "en"])?;
    let words = made.split("Passphrase: ").nth(1).and_then(|rest| rest.lines().next());
    let words = words.with_context(|| made.clone())?;
    ensure!(words.split('-').count() == 5, "{made}");
    let typed = file(&lab, "words", words.to_uppercase().replace('-', " ").as_bytes())?;
    let opens = ["--passphrase-file", &typed];

    let shown =
        must(&lab, &[&["backup", "show", &capsule, "--format", "json"], &opens[..]].concat())?;
    let opened: Opened = serde_json::from_str(&shown)?;
    ensure!(opened.site.as_bytes() == kept[0] && opened.public_key.is_none(), "{shown}");
    let shown = must(&lab, &[&["backup", "show", &capsule, "--lang", "ja"], &opens[..]].concat())?;
    ensure!(shown.contains("団体: 011002") && shown.contains("入っていません"), "{shown}");

    confirm::apply(&lab, &Site::another(&lab)?, &[])?;
    ensure!(stored(&lab)? != kept);
    let restored =
        must(&lab, &[&["backup", "restore", &capsule, "--lang", "en"], &opens[..]].concat())?;
    ensure!(restored.contains('3'), "{restored}");
    ensure!(stored(&lab)? == kept);
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)
}

pub(crate) fn a_new_box_takes_the_old_ones_place() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let (key, kept) = (must(&lab, &["key"])?, stored(&lab)?);
    let authority = must(&lab, &["identity", "--format", "json"])?;
    let capsule = path(&lab, "capsule.age");
    let passphrase = file(&lab, "passphrase", CHOSEN.as_bytes())?;
    let opens = ["--passphrase-file", &passphrase];
    let old_page = page(&lab, "old-page", Some(USERS))?;
    let make = ["backup", "make", &capsule, "--with-identity", "--page-state", &old_page];
    must(&lab, &[&make, &opens[..]].concat())?;
    let shown = must(&lab, &[&["backup", "show", &capsule], &opens[..]].concat())?;
    ensure!(shown.contains("hana (viewer)") && !shown.contains("argon2id"), "{shown}");
    let restore = [&["backup", "restore", &capsule], &opens[..]].concat();

    // Without the identity a new key is born, which the operator doesn't know yet. Users stay as they are, where nobody says so.
    new_box(&mut lab)?;
    ensure!(must(&lab, &["key"])? != key);
    let new_page = lab.logs().join("new-page");
    let to_page = ["--page-state", &new_page.to_string_lossy()];
    must(&lab, &[&restore[..], &to_page[..]].concat())?;
    ensure!(!new_page.exists(), "nobody asked for the users");
    ensure!(stored(&lab)? == kept && must(&lab, &["key"])? != key);
    let conflict = Expected {
        code: 6,
        kind: FailureKind::Conflict,
        says: "its identity is known",
        way_out: "reset this one first",
    };
    conflict.of(&lab, &[&restore[..], &["--with-identity"]].concat())?;

    // With it the tunnel comes up at once.
    new_box(&mut lab)?;
    let begun = Instant::now();
    must(&lab, &[&restore[..], &["--with-identity", "--with-users"], &to_page[..]].concat())?;
    let left = new_page.join("users-to-take.json");
    ensure!(fs::read_to_string(&left)? == USERS);
    ensure!(fs::metadata(&left)?.permissions().mode() & 0o777 == 0o600);
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)?;
    let took = begun.elapsed();
    println!("replaced in {:.1} s", took.as_secs_f64());
    ensure!(took < REPLACED_WITHIN, "{took:?}");
    ensure!(must(&lab, &["key"])? == key && stored(&lab)? == kept);
    ensure!(must(&lab, &["identity", "--format", "json"])? == authority);
    ensure!(lab.stop_daemon()?.success());
    lab.start_daemon()?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure!(must(&lab, &["key"])? == key, "the key is kept");
    Ok(())
}

pub(crate) fn what_is_no_backup_of_this_box_is_named() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let capsule = path(&lab, "capsule.age");
    let empty = Expected {
        code: 6,
        kind: FailureKind::Conflict,
        says: "there is nothing to back up",
        way_out: "apply a design first",
    };
    empty.of(&lab, &["backup", "make", &capsule])?;
    lab.apply(lab.site())?;
    let kept = stored(&lab)?;
    let right = file(&lab, "right", CHOSEN.as_bytes())?;
    must(&lab, &["backup", "make", &capsule, "--passphrase-file", &right])?;
    let taken = Expected {
        code: 2,
        kind: FailureKind::Malformed,
        says: "can't write",
        way_out: "isn't taken",
    };
    taken.of(&lab, &["backup", "make", &capsule])?;
    let weak = file(&lab, "weak", b"short")?;
    let another = path(&lab, "another.age");
    let words = ["backup", "make", &another, "--passphrase-file", &weak];
    Expected::refused("capsule-weak-passphrase").of(&lab, &words)?;

    let sealed = fs::read(&capsule)?;
    let of = |contents: &Contents| {
        seal(contents, &Lock::Passphrase(Passphrase::given(CHOSEN))).context("can't seal")
    };
    let theirs = Contents {
        made_at: jiff::Timestamp::UNIX_EPOCH,
        version: "0.1.0".to_owned(),
        serial: "0".repeat(16),
        organisation: "012025".parse()?,
        site: String::new(),
        profile: String::new(),
        users: None,
        identity: None,
    };
    for (name, contents, code) in [
        ("none", &b"schema = 1"[..], "capsule-none"),
        ("cut", &sealed[..sealed.len() - 7], "capsule-damaged"),
        ("theirs", &of(&theirs)?, "capsule-another-site"),
    ] {
        let bad = file(&lab, name, contents)?;
        for command in ["show", "restore"] {
            let words = ["backup", command, &bad, "--passphrase-file", &right];
            Expected::refused(code).of(&lab, &words).with_context(|| name.to_owned())?;
        }
    }

    // Users that nobody could restore go into none, and none is restored where none is inside.
    let garbage = page(&lab, "garbage", Some("{}"))?;
    let words = ["backup", "make", &another, "--page-state", &garbage];
    Expected::refused("capsule-damaged").of(&lab, &words)?;
    ensure!(!lab.logs().join("another.age").exists());
    let exposed = page(&lab, "exposed", Some(USERS))?;
    let open = Permissions::from_mode(0o644);
    fs::set_permissions(lab.logs().join("exposed/users.json"), open)?;
    let refused = Expected {
        code: 2,
        kind: FailureKind::Malformed,
        says: "others than its owner can reach it",
        way_out: "",
    };
    refused.of(&lab, &["backup", "make", &another, "--page-state", &exposed])?;
    let page_folder = path(&lab, "page-of-nobody");
    let to_page = ["--with-users", "--page-state", &page_folder];
    let words =
        [&["backup", "restore", &capsule, "--passphrase-file", &right], &to_page[..]].concat();
    Expected::refused("capsule-no-users").of(&lab, &words)?;

    // Who guesses waits ever longer, and so does who knows it then.
    let wrong = file(&lab, "wrong", b"hashi wo wataru kasa")?;
    let words = ["backup", "show", &capsule, "--passphrase-file", &wrong];
    for _ in 0..3 {
        Expected::refused("capsule-wrong-passphrase").json(&lab, &words)?;
    }
    // The first wait may be over before a busy machine asks again; each is twice the one before.
    let asked = |file: &str| {
        let words = ["backup", "show", &capsule, "--passphrase-file", file, "--format", "json"];
        lab.sekisho(&words)
    };
    let mut guessed = asked(&wrong)?;
    for _ in 0..6 {
        if guessed.status.code() == Some(6) {
            break;
        }
        guessed = asked(&wrong)?;
    }
    ensure!(guessed.status.code() == Some(6), "{}", describe(&guessed));
    ensure!(text(&guessed.stdout).contains("capsule-too-soon"), "{}", describe(&guessed));
    let opens = || asked(&right).is_ok_and(|output| output.status.success());
    ensure!(wait_until(CARRIER * 5, opens), "who knows it comes in once the wait is over");
    ensure!(stored(&lab)? == kept && lab.status()?.phase == Phase::InForce);
    Ok(())
}

pub(crate) fn a_running_page_takes_the_users_of_a_backup() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    lab.start_page(None)?;
    let folder = lab.logs().join("page");
    let users = || fs::read_to_string(folder.join("users.json")).unwrap_or_default();
    ensure!(wait_until(CARRIER, || users().contains("admin")), "{}", users());
    let capsule = path(&lab, "capsule.age");
    let passphrase = file(&lab, "passphrase", CHOSEN.as_bytes())?;
    let opens = ["--passphrase-file", &passphrase];
    let old_page = page(&lab, "old-page", Some(USERS))?;
    must(&lab, &[&["backup", "make", &capsule, "--page-state", &old_page], &opens[..]].concat())?;
    let to_page = ["--with-users", "--page-state", &folder.to_string_lossy()];
    let restore = [&["backup", "restore", &capsule], &opens[..], &to_page[..]].concat();
    let said = must(&lab, &[&restore[..], &["--lang", "en"]].concat())?;
    ensure!(said.contains("become those of the backup"), "{said}");
    ensure!(wait_until(CARRIER, || users().contains("hana")), "{}", users());
    // Its own first password stays taken: nobody comes in with it any more.
    ensure!(users().contains("adopted") && !folder.join("users-to-take.json").exists());
    let trail = folder.join("audit/00000000000000000001.jsonl");
    let recorded = || fs::read_to_string(&trail).unwrap_or_default();
    ensure!(wait_until(CARRIER, || recorded().contains("users-of-backup")), "{}", recorded());
    ensure!(!recorded().contains("argon2id"), "{}", recorded());
    Ok(())
}

/// The pair of keys in the age library's own documentation.
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

pub(crate) fn a_night_without_a_stick_is_said_and_stops_nothing() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let nobody = must(&lab, &["backup", "nightly"])?;
    ensure!(nobody.contains("names no recipient"), "{nobody}");
    let said = |lab: &Lab| must(lab, &["status", "--lang", "en"]);
    ensure!(!said(&lab)?.contains("ightly backup"), "{}", said(&lab)?);

    let site = fs::read_to_string(lab.site().join("site.toml"))?;
    let site = format!("{site}\n[backup]\nrecipient = \"{RECIPIENT}\"\n");
    let site = Site::copy(&lab, "with-backup")?.write("site.toml", site.as_bytes())?;
    confirm::apply(&lab, &site, &[])?;
    ensure!(said(&lab)?.contains("Nightly backup: there is none yet"), "{}", said(&lab)?);
    // No stick is in this machine, or none that its user may mount.
    let output = lab.sekisho(&["backup", "nightly", "--format", "json"])?;
    ensure!(output.status.code() == Some(4), "{}", describe(&output));
    let status = said(&lab)?;
    ensure!(status.contains("ALARM     The nightly backup failed: no stick"), "{status}");
    ensure_works(&lab)?;

    // It is remembered, and forgotten with the recipient.
    let mut lab = lab;
    ensure!(lab.stop_daemon()?.success());
    lab.start_daemon()?;
    ensure!(said(&lab)?.contains("The nightly backup failed"), "{}", said(&lab)?);
    lab.apply(lab.site())?;
    ensure!(!said(&lab)?.contains("ightly backup"), "{}", said(&lab)?);
    Ok(())
}
