use std::fs;

use sekisho_control::Health;
use serde_json::json;

use super::*;
use crate::cli::update::record::Last;

/// The device at a level, with checks that failed.
fn health(level: &str, failed: &[&str]) -> Health {
    let both = |text: &str| json!({ "ja": text, "en": text });
    let outcome = |id: &&str| {
        json!({
            "id": id, "stage": "tunnel", "title": both(id), "tried": both("asked"), "requirements": [], "needs": [],
            "verdict": "failed", "result": both("no answer"), "milliseconds": 1,
        })
    };
    let troubles: Vec<_> = failed.iter().map(outcome).collect();
    let value = json!({
        "level": level, "at": "2026-11-26T00:00:00Z", "troubles": troubles, "history": [],
    });
    serde_json::from_value(value).unwrap()
}

#[test]
fn as_good_as_before_is_level_and_checks() {
    let before = |level, failed: &[&str]| Some(Before::from(&health(level, failed)));
    for (before, now, wanted) in [
        (None, health("down", &["tunnel.east"]), Ok(())),
        (before("ok", &[]), health("ok", &[]), Ok(())),
        (before("degraded", &["names"]), health("ok", &[]), Ok(())),
        (before("degraded", &["names"]), health("degraded", &["names"]), Ok(())),
        (before("ok", &[]), health("degraded", &[]), Err("the device is degraded; it was ok")),
        (before("degraded", &["names"]), health("degraded", &["lan"]), Err("lan: no answer")),
        (
            before("degraded", &["names"]),
            health("down", &["names"]),
            Err("is down; it was degraded"),
        ),
    ] {
        let found = compare(before.as_ref(), &now);
        match wanted {
            Ok(()) => assert_eq!(found, Ok(()), "{before:?} {now:?}"),
            Err(reason) => assert!(found.clone().unwrap_err().en.contains(reason), "{found:?}"),
        }
    }
}

/// A box that runs in a slot, with what its boot loader remembers, and 0.2.0 in slot B on trial.
fn places(running: Slot, remembered: &str, given_up: Option<&str>) -> (tempfile::TempDir, Places) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let places = Places {
        kept: folder.path().to_owned(),
        state: place("state"),
        boot_memory: place("grubenv"),
        command_line: place("cmdline"),
        ..Places::default()
    };
    fs::write(&places.command_line, format!("sekisho.slot={running}")).unwrap();
    let mut block =
        format!("# GRUB Environment Block\nORDER=B A\nA_OK=1\nA_TRY=0\n{remembered}").into_bytes();
    block.resize(1024, b'#');
    fs::write(&places.boot_memory, block).unwrap();
    fs::create_dir(&places.state).unwrap();
    let trial = Trial {
        version: "0.2.0".to_owned(),
        from: "0.1.0".to_owned(),
        slot: Slot::B,
        before: None,
        given_up: given_up.map(str::to_owned),
        given_up_ja: None,
    };
    trial.write(&places.kept).unwrap();
    (folder, places)
}

#[test]
fn the_old_slot_says_why_the_new_one_is_gone() {
    for (remembered, given_up, wanted) in [
        ("B_OK=0\nB_TRY=0\n", Some("no tunnel"), "no tunnel"),
        ("B_OK=1\nB_TRY=3\n", None, "it didn't come up in 3 starts"),
        ("B_OK=1\nB_TRY=1\n", None, "another slot was started after 1 tries"),
        ("B_OK=0\nB_TRY=0\n", None, "its installation was cut off"),
    ] {
        let (_folder, places) = places(Slot::A, remembered, given_up);
        assert_eq!(begin(&places).unwrap().as_deref(), Some(wanted));
        let memory = BootMemory::read(&places.boot_memory).unwrap();
        assert_eq!(memory.slot(Slot::B), SlotState { good: false, tries: 0 });
        let last = Last::read(&places.kept).unwrap().unwrap();
        let End::WentBack { reason, reason_ja } = last.end else { panic!("{last:?}") };
        assert_eq!((&*reason, reason_ja.is_some()), (wanted, true));
        assert_eq!(begin(&places).unwrap(), None, "told once");
    }
}

#[test]
fn firmware_whose_turn_has_not_come_is_left_alone() {
    let (_folder, places) = places(Slot::A, "B_OK=1\nB_TRY=0\n", None);
    assert_eq!(begin(&places).unwrap(), None);
    assert!(Trial::read(&places.kept).unwrap().is_some());
    assert!(BootMemory::read(&places.boot_memory).unwrap().slot(Slot::B).good);
}

#[test]
fn a_daemon_that_never_answers_gives_the_slot_up() {
    let (_folder, places) = places(Slot::B, "B_OK=1\nB_TRY=1\n", None);
    assert_eq!(begin(&places).unwrap(), None);
    assert!(places.state.join("on-trial").exists(), "the state is kept");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let socket = places.kept.join("no-socket");
    let settled = runtime.block_on(settle(&places, &socket, Duration::ZERO)).unwrap();
    let Settled::GoesBack(reason) = settled else { panic!("{settled:?}") };
    assert!(reason.contains("can't reach the daemon"), "{reason}");
    let memory = BootMemory::read(&places.boot_memory).unwrap();
    assert!(!memory.slot(Slot::B).good && memory.slot(Slot::A).good);
    assert_eq!(Trial::read(&places.kept).unwrap().unwrap().given_up, Some(reason));
}
