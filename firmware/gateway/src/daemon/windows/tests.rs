use std::fs;

use sekisho_design::Direction;

use super::*;
use crate::daemon::sample;

/// A sample with a policy for each end.
fn design(ends: &[Option<Timestamp>]) -> Design {
    let mut design = sample::office();
    design.policies = (0..)
        .zip(ends)
        .map(|(number, until)| Policy {
            name: format!("policy-{number}").parse().unwrap(),
            direction: Direction::FromOffice,
            office: vec!["counter".parse().unwrap()],
            platform: vec!["100.73.0.0/16".parse().unwrap()],
            services: vec!["tcp/443".parse().unwrap()],
            environment: None,
            class: None,
            ftp: false,
            approval: None,
            until: *until,
        })
        .collect();
    design
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn names(design: &Design) -> Vec<&str> {
    design.policies.iter().map(|policy| policy.name.as_str()).collect()
}

/// A clock that somebody has set.
fn right(seconds: i64) -> Clock {
    Clock { shown: at(seconds), known: true, built: SystemTime::UNIX_EPOCH }
}

/// A clock that nobody has set.
fn doubtful(shown: Timestamp, built: i64) -> Clock {
    Clock { shown, known: false, built: at(built).into() }
}

#[test]
fn a_policy_is_over_when_its_time_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let mut windows = Windows::open(folder.path());
    let design = design(&[None, Some(at(10)), Some(at(20))]);
    for (clock, changes, left) in [
        (0, false, vec!["policy-0", "policy-1", "policy-2"]),
        (9, false, vec!["policy-0", "policy-1", "policy-2"]),
        (10, true, vec!["policy-0", "policy-2"]),
        (11, false, vec!["policy-0", "policy-2"]),
        (1_000, true, vec!["policy-0"]),
    ] {
        assert_eq!(windows.end([&design], right(clock)), changes, "{clock}");
        assert_eq!(names(&windows.put_into(&design)), left, "{clock}");
    }
}

#[test]
fn what_is_over_stays_over_when_the_clock_goes_back_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let over = design(&[Some(at(10))]);
    let mut windows = Windows::open(folder.path());
    assert!(windows.end([&over], right(10)));
    assert!(!windows.end([&over], right(-1_000)));
    let mut windows = Windows::open(folder.path());
    assert!(!windows.end([&over], right(-1_000)));
    assert_eq!(names(&windows.put_into(&over)), [] as [&str; 0]);
    // Another end is another window.
    let longer = design(&[Some(at(30))]);
    assert!(windows.end([&longer], right(-1_000)));
    assert_eq!(names(&windows.put_into(&longer)), ["policy-0"]);
}

#[test]
fn a_dead_clock_opens_no_window_until_the_time_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut windows = Windows::open(folder.path());
    let design = design(&[None, Some(at(10)), Some(at(30))]);
    assert!(windows.end([&design], doubtful(Timestamp::UNIX_EPOCH, 20)));
    assert_eq!(names(&windows.put_into(&design)), ["policy-0"]);
    assert!(!windows.end([&design], doubtful(Timestamp::UNIX_EPOCH, 20)));
    // What had ended before the firmware was built is over for ever.
    assert!(windows.end([&design], right(5)));
    assert_eq!(names(&windows.put_into(&design)), ["policy-0", "policy-2"]);
    // A clock that goes on by itself is believed while it shows nothing impossible.
    let mut windows = Windows::open(&folder.path().join("new"));
    assert!(!windows.end([&design], doubtful(at(5), 0)));
    assert_eq!(names(&windows.put_into(&design)), ["policy-0", "policy-1", "policy-2"]);
}

#[test]
fn a_window_that_ended_while_the_box_was_off_stays_shut() {
    let folder = tempfile::tempdir().unwrap();
    let design = design(&[Some(at(20_000))]);
    let mut windows = Windows::open(folder.path());
    assert!(!windows.end([&design], right(0)));
    // Off until 30,000; the clock comes up with what was saved last, or in 2010.
    for dead in [at(1), Timestamp::from_second(1_262_304_000).unwrap()] {
        let mut windows = Windows::open(folder.path());
        assert!(windows.end([&design], doubtful(dead, 0)), "{dead}");
        assert_eq!(names(&windows.put_into(&design)), [] as [&str; 0]);
    }
    // A battery that lives: the time is later than all that was seen.
    let mut windows = Windows::open(folder.path());
    assert!(!windows.end([&design], doubtful(at(4_000), 0)));
    assert_eq!(names(&windows.put_into(&design)), ["policy-0"]);
    assert!(windows.end([&design], right(30_000)));
    assert_eq!(names(&windows.put_into(&design)), [] as [&str; 0]);
}

#[test]
fn the_time_seen_is_written_now_and_then_and_for_windows_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(SEEN);
    let mut windows = Windows::open(folder.path());
    assert!(!windows.end([&design(&[None])], right(0)));
    assert!(!file.exists());
    let design = design(&[Some(at(20_000))]);
    let mut written = Vec::new();
    for seconds in (0..7_200).step_by(60) {
        assert!(!windows.end([&design], right(seconds)));
        let text = fs::read_to_string(&file).unwrap();
        if written.last() != Some(&text) {
            written.push(text);
        }
    }
    assert_eq!(written.len(), 4, "{written:?}");
    // A clock that was a year ahead is forgotten when it is set right.
    windows.see(at(31_536_000));
    assert!(!windows.end([&design], right(7_200)));
    let mut windows = Windows::open(folder.path());
    assert!(!windows.end([&design], doubtful(at(11_000), 0)));
    assert_eq!(names(&windows.put_into(&design)), ["policy-0"]);
}

#[test]
fn what_cant_be_written_is_over_all_the_same_and_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let design = design(&[Some(at(10))]);
    let mut windows = Windows::open(&state);
    assert!(windows.end([&design], right(10)));
    assert_eq!(names(&windows.put_into(&design)), [] as [&str; 0]);
    fs::create_dir(&state).unwrap();
    assert!(!windows.end([&design], right(10)));
    let mut windows = Windows::open(&state);
    assert!(!windows.end([&design], right(0)));
    assert_eq!(names(&windows.put_into(&design)), [] as [&str; 0]);
}

#[test]
fn a_damaged_file_leaves_it_to_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE), "no line of ours").unwrap();
    let design = design(&[Some(at(10))]);
    let mut windows = Windows::open(folder.path());
    assert!(!windows.end([&design], right(0)));
    assert_eq!(names(&windows.put_into(&design)), ["policy-0"]);
}
