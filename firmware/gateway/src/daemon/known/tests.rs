use std::fs;

use proptest::prelude::*;

use super::*;
use crate::daemon::sample;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn name(text: &str) -> DnsName {
    text.parse().unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "an answer is one of the results of asking")]
fn answer(addresses: &[&str], seconds: u64) -> Answer {
    Ok((addresses.iter().map(|address| address.parse().unwrap()).collect(), s(seconds)))
}

/// A sample whose centre in the west has a name.
fn design() -> Design {
    let mut design = sample::office();
    design.profile.centres[1].endpoint = "west.vpn.example:51820".parse().unwrap();
    design.servers[0].allow_from_platform[0].from =
        sekisho_design::Origin::Name(sekisho_design::NamedHost::new(name("web.platform.example")));
    design
}

fn known(folder: &Path) -> Known {
    let mut known = Known::open(folder);
    known.follow([&design()], s(0));
    known
}

#[test]
fn each_name_is_asked_for_once_and_again_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut known = known(folder.path());
    let (west, web) = (name("west.vpn.example"), name("web.platform.example"));
    let asked = known.due(s(0), &BTreeSet::new());
    assert_eq!(asked, [(Realm::Platform, web.clone()), (Realm::Lgwan, west.clone())]);
    assert_eq!(known.due(s(9_999), &BTreeSet::new()), [], "answers are still awaited");

    assert!(known.learn(&west, answer(&["198.18.12.10"], 60), s(1)));
    assert!(known.learn(&web, answer(&["100.72.1.10"], 7 * 86_400), s(1)));
    assert_eq!(known.due(s(60), &BTreeSet::new()), []);
    assert_eq!(known.due(s(61), &BTreeSet::new()), [(Realm::Lgwan, west.clone())]);
    assert!(!known.learn(&west, answer(&["198.18.12.10"], 0), s(62)), "it didn't move");
    assert_eq!(known.due(s(91), &BTreeSet::new()), [], "not each second, whatever the answer says");
    assert_eq!(known.due(s(92), &BTreeSet::new()), [(Realm::Lgwan, west.clone())]);
    assert!(known.learn(&west, answer(&["198.18.12.99"], 3_600), s(92)));
    assert_eq!(known.due(s(3_600), &BTreeSet::new()), []);
    assert_eq!(known.due(s(3_601), &BTreeSet::new()), [(Realm::Platform, web)], "at least hourly");
}

#[test]
fn what_a_name_stood_for_last_is_kept_while_nobody_answers_and_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let west = name("west.vpn.example");
    let mut first = known(folder.path());
    first.due(s(0), &BTreeSet::new());
    first.learn(&west, answer(&["198.18.12.11", "198.18.12.10", "198.18.12.11"], 30), s(0));
    let kept: [Ipv4Addr; 2] = ["198.18.12.10", "198.18.12.11"].map(|text| text.parse().unwrap());
    assert_eq!(first.addresses(&west), kept);
    let mut at = s(30);
    for wait in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        assert_eq!(first.due(at, &BTreeSet::new()), [(Realm::Lgwan, west.clone())]);
        let gone = if wait % 8 == 0 { Err("nobody answers".to_owned()) } else { answer(&[], 5) };
        assert!(!first.learn(&west, gone, at));
        assert_eq!(first.addresses(&west), kept);
        assert_eq!(first.due(at + s(wait).saturating_sub(s(1)), &BTreeSet::new()), []);
        at += s(wait);
    }

    let mut again = known(folder.path());
    assert_eq!(again.addresses(&west), kept, "known before it is asked for");
    assert!(again.due(s(0), &BTreeSet::new()).contains(&(Realm::Lgwan, west.clone())));
    assert!(!again.learn(&west, answer(&["198.18.12.10", "198.18.12.11"], 30), s(0)));
}

#[test]
fn a_name_that_somebody_waits_for_is_asked_for_sooner() {
    let folder = tempfile::tempdir().unwrap();
    let west = name("west.vpn.example");
    let mut known = known(folder.path());
    known.due(s(0), &BTreeSet::new());
    known.learn(&west, answer(&["198.18.12.10"], 3_600), s(0));
    let urgent = BTreeSet::from([west.clone()]);
    assert_eq!(known.due(s(9), &urgent), []);
    assert_eq!(known.due(s(10), &urgent), [(Realm::Lgwan, west.clone())]);
    assert_eq!(known.due(s(30), &urgent), [], "one question at a time");
}

#[test]
fn names_that_the_design_drops_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let west = name("west.vpn.example");
    let mut known = known(folder.path());
    known.due(s(0), &BTreeSet::new());
    known.learn(&west, answer(&["198.18.12.10"], 3_600), s(0));
    let mut plain = design();
    plain.profile.centres[1].endpoint = "198.18.12.10:51820".parse().unwrap();
    known.follow([&plain], s(1));
    assert!(!known.learn(&west, answer(&["198.18.12.11"], 3_600), s(1)), "a late answer");
    assert!(known.addresses(&west).is_empty());
}

#[test]
fn a_damaged_file_is_as_good_as_none_and_a_disk_that_refuses_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let west = name("west.vpn.example");
    let endless = vec![b'a'; 2_000_000];
    for damaged in [&b"\xff\xfe"[..], b"west.vpn.example 300.1.1.1\n", b"..\n", &endless] {
        fs::write(folder.path().join(FILE), damaged).unwrap();
        assert!(known(folder.path()).addresses(&west).is_empty());
    }
    let mut nowhere = known(&folder.path().join("gone"));
    nowhere.due(s(0), &BTreeSet::new());
    assert!(nowhere.learn(&west, answer(&["198.18.12.10"], 30), s(0)));
}

#[test]
fn an_answer_reaches_no_further_than_an_address_in_the_design_could() {
    let folder = tempfile::tempdir().unwrap();
    let (west, web) = (name("west.vpn.example"), name("web.platform.example"));
    let mut known = known(folder.path());
    // Loopback, an office LAN, the platform, the pool, the device itself; and one that fits.
    let told =
        ["127.0.0.1", "192.168.1.10", "100.72.0.9", "100.64.10.11", "198.18.1.2", "198.18.12.9"];
    known.learn(&west, answer(&told, 30), s(0));
    // The platform's test network, for a server of production.
    known.learn(&web, answer(&["100.73.1.10", "10.0.0.1", "100.72.1.10"], 30), s(0));
    let read = design();
    let design = known.put_into(&read);
    let fits: Ipv4Addr = "198.18.12.9".parse().unwrap();
    assert_eq!(design.profile.centres[1].endpoint.host.addresses(), [fits]);
    let from = design.servers[0].allow_from_platform[0].from.networks();
    assert_eq!(from, ["100.72.1.10/32".parse().unwrap()]);
}

proptest! {
    /// Whatever is answered whenever: a question at a time, never sooner than two seconds after the last, and the last
    /// good answer stands.
    #[test]
    fn questions_never_come_thick(events in proptest::collection::vec((0u64..400, 0u8..3, 0u64..9_000), 1..200)) {
        // Nothing is kept: writing is slow.
        let west = name("west.vpn.example");
        let mut known = known(Path::new("/dev/null"));
        let urgent = BTreeSet::from([west.clone()]);
        let (mut now, mut last, mut good) = (s(0), None, Vec::new());
        for (pause, what, holds) in events {
            now += s(pause);
            if known.due(now, &urgent).iter().any(|(_, asked)| *asked == west) {
                prop_assert!(last.is_none_or(|last| now >= last + FIRST_RETRY));
                last = Some(now);
            }
            let told = match what {
                0 => Err("silence".to_owned()),
                1 => answer(&["198.18.12.10"], holds),
                _ => answer(&["198.18.12.11"], holds),
            };
            if let Ok((addresses, _)) = &told {
                good.clone_from(addresses);
            }
            known.learn(&west, told, now);
            prop_assert_eq!(known.addresses(&west), &good[..]);
        }
    }
}
