use std::{fs, time::Duration};

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

const NEVER: SystemTime = SystemTime::UNIX_EPOCH;

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
        assert_eq!(windows.end([&design], at(clock), NEVER), changes, "{clock}");
        assert_eq!(names(&windows.put_into(&design)), left, "{clock}");
    }
}

#[test]
fn what_is_over_stays_over_when_the_clock_goes_back_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let over = design(&[Some(at(10))]);
    let mut windows = Windows::open(folder.path());
    assert!(windows.end([&over], at(10), NEVER));
    assert!(!windows.end([&over], at(-1_000), NEVER));
    let mut windows = Windows::open(folder.path());
    assert!(!windows.end([&over], at(-1_000), NEVER));
    assert_eq!(names(&windows.put_into(&over)), [] as [&str; 0]);
    // Another end is another window.
    let longer = design(&[Some(at(30))]);
    assert!(windows.end([&longer], at(-1_000), NEVER));
    assert_eq!(names(&windows.put_into(&longer)), ["policy-0"]);
}

#[test]
fn a_dead_clock_opens_nothing_that_ended_before_the_firmware_was_built() {
    let folder = tempfile::tempdir().unwrap();
    let mut windows = Windows::open(folder.path());
    let design = design(&[Some(at(10)), Some(at(30))]);
    let built = SystemTime::from(at(20));
    assert!(windows.end([&design], Timestamp::UNIX_EPOCH, built));
    assert_eq!(names(&windows.put_into(&design)), ["policy-1"]);
}

#[test]
fn what_cant_be_written_is_over_all_the_same_and_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let design = design(&[Some(at(10))]);
    let mut windows = Windows::open(&state);
    assert!(windows.end([&design], at(10), NEVER));
    assert_eq!(names(&windows.put_into(&design)), [] as [&str; 0]);
    fs::create_dir(&state).unwrap();
    assert!(!windows.end([&design], at(10), NEVER));
    let mut windows = Windows::open(&state);
    assert!(!windows.end([&design], at(0), SystemTime::UNIX_EPOCH + Duration::from_secs(1)));
    assert_eq!(names(&windows.put_into(&design)), [] as [&str; 0]);
}

#[test]
fn a_damaged_file_leaves_it_to_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE), "no line of ours").unwrap();
    let design = design(&[Some(at(10))]);
    let mut windows = Windows::open(folder.path());
    assert!(!windows.end([&design], at(0), NEVER));
    assert_eq!(names(&windows.put_into(&design)), ["policy-0"]);
}
