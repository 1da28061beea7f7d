use std::{fs, os::unix::fs::MetadataExt as _};

use super::*;
use crate::daemon::{handed::RETRY, sample};

const SECOND: Duration = Duration::from_secs(1);

fn led(synchronised: bool) -> WallClock {
    WallClock { synchronised, error: Duration::from_micros(1_234) }
}

#[test]
fn chrony_is_told_the_profiles_servers_and_to_answer_the_daemon_alone() {
    let head = "# Written by sekishod by the design in force; changes here are lost.\n";
    assert_eq!(chrony(None), head);
    let mut design = sample::office();
    let addresses = ["198.18.2.124", "198.18.2.125"].map(|text| text.parse().unwrap());
    let named = |addresses| {
        let name = "ntp.lgwan.example".parse().unwrap();
        Host::Name(sekisho_design::NamedHost { name, addresses })
    };
    design.profile.ntp =
        vec![Host::Address([198, 18, 2, 123].into()), named(addresses.to_vec()), named(Vec::new())];
    let wanted = "server 198.18.2.123 iburst\nserver 198.18.2.124 iburst\nserver 198.18.2.125 iburst\n\
                  bindaddress 127.0.0.1\nallow 127.0.0.1\n";
    assert_eq!(chrony(Some(&design)), format!("{head}{wanted}"));
}

#[tokio::test]
async fn the_file_is_written_when_it_changes_alone_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.join("time/chrony.conf");
    let mut time = Time::start(&run, Duration::ZERO, None).unwrap();
    // Something stands in the way.
    fs::write(&run, "").unwrap();
    time.look_after(Duration::ZERO, || None);
    fs::remove_file(&run).unwrap();
    time.look_after(SECOND, || None);
    assert!(!path.exists(), "not yet");
    time.look_after(RETRY, || None);
    let made = |path: &Path| fs::metadata(path).unwrap();
    let first = made(&path);
    assert_eq!(fs::read_to_string(&path).unwrap(), chrony(None));

    // The daemon starts anew.
    let mut time = Time::start(&run, Duration::ZERO, None).unwrap();
    time.look_after(Duration::ZERO, || None);
    assert_eq!(made(&path).ino(), first.ino());
    let design = sample::office();
    time.follow(Some(&design));
    time.look_after(SECOND, || None);
    assert_eq!(fs::read_to_string(&path).unwrap(), chrony(Some(&design)));
    time.follow(None);
    time.look_after(SECOND, || None);
    assert_eq!(fs::read_to_string(&path).unwrap(), chrony(None));
}

#[tokio::test]
async fn the_clock_is_told_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut time = Time::start(folder.path(), SECOND, None).unwrap();
    let design = sample::office();
    let status = |time: &Time, seconds| time.status(Some(&design), seconds * SECOND);
    time.look_after(2 * SECOND, || None);
    let never = status(&time, 11);
    assert!(!never.synchronised && !never.ever && never.for_s == 10, "{never:?}");
    assert!(never.sentence.en.contains("NOT synchronised since the start"), "{never:?}");
    assert!(never.sentence.ja.contains("一度も同期していません"), "{never:?}");
    assert!(never.way_out.is_some() && never.error_us.is_none(), "{never:?}");
    assert_eq!(never.servers[0].host, "198.18.2.123");

    time.look_after(20 * SECOND, || Some(led(true)));
    let good = status(&time, 25);
    assert!(good.synchronised && good.ever && good.for_s == 5, "{good:?}");
    assert_eq!((good.error_us, good.way_out), (Some(1_234), None));
    assert!(good.sentence.en.contains("off by 1.234 ms"), "{}", good.sentence.en);

    time.look_after(30 * SECOND, || Some(led(false)));
    time.look_after(30 * SECOND, || panic!("it was looked at just now"));
    let lost = status(&time, 32);
    assert!(!lost.synchronised && lost.ever && lost.for_s == 2, "{lost:?}");
    assert!(lost.sentence.ja.contains("同期していません（2秒前から）"), "{lost:?}");
}
