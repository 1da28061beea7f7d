use std::fs;

use super::*;

const GB: u64 = 1 << 30;

fn sensors() -> Sensors {
    let warm = |name: &str, now, limit| Temperature { name: name.to_owned(), now, limit };
    Sensors {
        temperatures: vec![warm("cpu", 52_900, Some(100_000)), warm("board", 41_000, None)],
        memory: Some(Share { free: GB, whole: 4 * GB }),
        room: Some(Share { free: 8 * GB, whole: 16 * GB }),
        disk: Disk {
            wear: Some(3),
            sound: Some(true),
            hours: Some(8_760),
            temperature: Some(39_000),
        },
        forgetful: None,
    }
}

fn alarms(seen: &Sensors) -> Vec<(Sensed, String)> {
    let found = readings(seen);
    for reading in &found {
        assert_eq!(reading.alarm, reading.way_out.is_some(), "{reading:?}");
        assert!(!reading.sentence.ja.is_empty() && !reading.sentence.en.is_empty());
    }
    let alarms = found.iter().take_while(|reading| reading.alarm);
    let alarms: Vec<_> = alarms.map(|reading| (reading.of, reading.sentence.en.clone())).collect();
    assert_eq!(alarms.len(), found.iter().filter(|reading| reading.alarm).count(), "alarms first");
    alarms
}

#[test]
fn a_box_that_is_well_says_so_without_alarm() {
    assert_eq!(alarms(&sensors()), []);
    let said: Vec<_> = readings(&sensors()).into_iter().map(|it| it.sentence.en).collect();
    assert_eq!(
        said,
        [
            "cpu is at 52 °C (limit 85 °C).",
            "board is at 41 °C (limit 85 °C).",
            "25 % of the memory is free (1024 MB).",
            "50 % of the disk is free (8192 MB).",
            "The disk has used 3 % of its life, on for 8760 h.",
            "The disk takes itself for sound.",
            "disk is at 39 °C (limit 85 °C).",
        ]
    );
    assert_eq!(readings(&Sensors::default()), [], "a box without sensors shows nothing");
}

#[test]
fn each_limit_has_its_alarm_and_way_out() {
    type Change = fn(&mut Sensors);
    let whole = 100;
    let cases: [(Change, Sensed); 8] = [
        (|it| it.temperatures[0].now = 85_000, Sensed::Temperature),
        (|it| it.temperatures[0].limit = Some(52_900), Sensed::Temperature),
        (|it| it.disk.temperature = Some(90_000), Sensed::Temperature),
        (|it| it.memory = Some(Share { free: 9, whole: 100 }), Sensed::Memory),
        (|it| it.room = Some(Share { free: 9, whole: 100 }), Sensed::Room),
        (|it| it.disk.wear = Some(90), Sensed::Wear),
        (|it| it.disk.sound = Some(false), Sensed::Disk),
        (|it| it.forgetful = Some("no partition".to_owned()), Sensed::Data),
    ];
    for (change, of) in cases {
        let mut seen = sensors();
        change(&mut seen);
        let alarms = alarms(&seen);
        assert!(alarms.len() == 1 && alarms[0].0 == of, "{of:?}: {alarms:?}");
    }
    let mut seen = sensors();
    seen.temperatures[0].now = 84_999;
    seen.memory = Some(Share { free: 10, whole });
    seen.disk.wear = Some(89);
    assert_eq!(alarms(&seen), []);
}

#[test]
fn an_image_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("release.toml");
    assert_eq!(read_release(&path), None);
    fs::write(&path, "version = \"0.7.0\"\nkind = \"development\"\nbuilt = 1780000000\n").unwrap();
    let built = Timestamp::from_second(1_780_000_000).ok();
    let kind = ReleaseKind::Development;
    assert_eq!(read_release(&path), Some(Release { version: "0.7.0".to_owned(), kind, built }));
    fs::write(&path, "version = \"1.0.0\"\nkind = \"release\"\n").unwrap();
    assert_eq!(read_release(&path).unwrap().kind, ReleaseKind::Release);
    for odd in [&b"kind = \"other\"\nversion = \"1\"\n"[..], b"", b"\xff\xfe"] {
        fs::write(&path, odd).unwrap();
        assert_eq!(read_release(&path), None);
    }
}

#[tokio::test]
async fn a_look_is_taken_beside_the_loop_every_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let mut health = Health::new(folder.path());
    assert_eq!(health.readings(), []);
    health.look_after(Duration::ZERO);
    health.looking.take().unwrap().await.unwrap();
    assert!(health.readings().iter().any(|reading| reading.of == Sensed::Room));
    health.look_after(BETWEEN / 2);
    assert!(health.looking.is_none());
    health.look_after(BETWEEN);
    assert!(health.looking.is_some());
}
