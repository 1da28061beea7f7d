//! Engines against wireguard-go, an implementation of WireGuard that shares nothing with ours: starts that cross,
//! rekeying, centres that go away, clocks, and a second holder of the key.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use sekisho_tunnel::Engine;

use crate::{
    namespace::{Namespace, alone, alone_within, make_device},
    relay::{Relay, Speaker},
    requests::{Report, Requests},
    wireguard_go::{PATIENCE, SECOND, Scene, wait},
};

fn carries(engine: &Engine) -> bool {
    engine.status().carrier.is_some()
}

/// One start of an engine.
struct Start {
    /// Whether the initiations crossed.
    crossed: bool,
    reports: [Report; 2],
    /// How long the engine took until its initiation went out.
    initiated: Duration,
}

/// Starts an engine, and `kick` later a handshake of the centre, and looks for `time` whether both hear each other.
fn crossing_start(scene: &Scene, kick: Duration, time: Duration) -> Start {
    scene.meet();
    scene.relay.seen();
    let began = Instant::now();
    let engine = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(kick);
            scene.kick();
        });
        scene.start_engine(SystemTime::UNIX_EPOCH)
    });
    let requests = scene.requests();
    thread::sleep(time);
    let reports = requests.map(Requests::finish);
    assert!(engine.stop());

    let seen = scene.relay.seen();
    let first =
        |by, kind| seen.iter().find(|seen| (seen.1, seen.2) == (by, kind)).map(|seen| seen.0);
    let answered = seen.iter().find(|seen| seen.2 == 2).map(|seen| seen.0);
    // On a busy machine the centre may be so early that the engine only answers: nothing crossed then.
    let ours = first(Speaker::Engine, 1);
    let crossed = ours
        .zip(first(Speaker::Centre, 1))
        .is_some_and(|(ours, theirs)| answered.is_none_or(|at| at > ours && at > theirs));
    let initiated = ours.map_or(kick, |at| at.saturating_duration_since(began));
    Start { crossed, reports, initiated }
}

/// Engines side by side, each started until `enough` starts have crossed in all, `rounds` times at most. The centre is
/// kicked within a millisecond of the moment at which the engine initiated the time before.
fn crossing_starts(side_by_side: u8, rounds: u32, time: Duration, enough: usize) -> Vec<Start> {
    let scenes: Vec<_> = (1..=side_by_side).map(Scene::new).collect();
    let crossed = AtomicUsize::new(0);
    let work = |scene: &Scene| {
        let mut kick = Duration::from_millis(2);
        let start = |round: u32| {
            let later = Duration::from_micros(250) * (round % 5);
            let start = crossing_start(scene, kick + later, time);
            kick = start.initiated.saturating_sub(Duration::from_micros(750));
            crossed.fetch_add(usize::from(start.crossed), Ordering::Relaxed);
            start
        };
        let wanted = |_: &u32| crossed.load(Ordering::Relaxed) < enough;
        (0..rounds).take_while(wanted).map(start).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = scenes.iter().map(|scene| scope.spawn(|| work(scene))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn starts_that_cross() {
    alone("go::starts_that_cross", || {
        for start in crossing_starts(2, 2, SECOND, usize::MAX) {
            for report in start.reports {
                assert!(report.unanswered < report.sent, "{report:?}");
            }
        }
    });
}

#[test]
#[ignore = "takes six minutes"]
fn long_two_hundred_starts_that_cross_without_one_deaf_second() {
    let name = "go::long_two_hundred_starts_that_cross_without_one_deaf_second";
    alone_within(45 * PATIENCE, name, || {
        let starts = crossing_starts(8, 100, 3 * SECOND, 200);
        let crossed = starts.iter().filter(|start| start.crossed).count();
        let reports = || starts.iter().flat_map(|start| &start.reports);
        let silence = reports().map(|report| report.silence).max().unwrap();
        println!("{} starts, {crossed} crossed, longest silence {silence:?}", starts.len());
        assert!(crossed >= 200, "only {crossed} crossed");
        assert!(silence < SECOND);
    });
}

#[test]
#[ignore = "takes eight minutes"]
fn long_requests_both_ways_through_rekeying_in_both_roles() {
    let name = "go::long_requests_both_ways_through_rekeying_in_both_roles";
    alone_within(30 * PATIENCE, name, || {
        let scenes: Vec<_> = (1..=4).map(Scene::new).collect();
        let engines: Vec<_> =
            scenes.iter().map(|scene| scene.start_engine(SystemTime::UNIX_EPOCH)).collect();
        for (scene, engine) in scenes.iter().zip(&engines) {
            wait(|| carries(engine), "no carrier");
            if scene.number % 2 == 0 {
                // Who starts the handshake starts every later one.
                scene.meet();
                scene.kick();
            }
        }
        thread::sleep(3 * SECOND);
        for scene in &scenes {
            scene.relay.seen();
        }
        let requests: Vec<_> = scenes.iter().map(Scene::requests).collect();
        thread::sleep(8 * 60 * SECOND);
        for (scene, requests) in scenes.iter().zip(requests) {
            let seen = scene.relay.seen();
            let initiations = |by| seen.iter().filter(|seen| (seen.1, seen.2) == (by, 1)).count();
            let (ours, theirs) = (initiations(Speaker::Engine), initiations(Speaker::Centre));
            let reports = requests.map(Requests::finish);
            println!("initiations: engine {ours}, centre {theirs}; {reports:?}");
            let starter = if scene.number % 2 == 0 { theirs } else { ours };
            assert!(starter >= 3, "too few rekeyings");
            for report in reports {
                assert!(report.unanswered == 0 && report.slowest < SECOND, "{report:?}");
            }
        }
    });
}

/// How long after `moment` requests are answered again.
fn back_after(requests: &Requests, moment: Instant) -> Duration {
    wait(|| requests.answered_after(moment).is_some(), "no answers");
    requests.answered_after(moment).unwrap().saturating_duration_since(moment)
}

#[test]
fn a_centre_that_starts_anew_is_found() {
    alone("go::a_centre_that_starts_anew_is_found", || {
        let mut scene = Scene::new(1);
        let engine = scene.start_engine(SystemTime::UNIX_EPOCH);
        wait(|| carries(&engine), "no carrier");
        let requests = scene.requests_to_centre();
        scene.restart_go();
        back_after(&requests, Instant::now());
        let counters = engine.status().centres[0].counters;
        assert!(counters.handshakes >= 2 && counters.given_up == 0, "{counters:?}");
        assert_eq!(engine.status().centres[0].rival_seen, None);
        requests.finish();
    });
}

#[test]
#[ignore = "takes five minutes"]
fn long_a_centre_that_starts_anew_or_was_away_is_found_fast() {
    let name = "go::long_a_centre_that_starts_anew_or_was_away_is_found_fast";
    alone_within(30 * PATIENCE, name, || {
        let mut scene = Scene::new(1);
        let engine = scene.start_engine(SystemTime::UNIX_EPOCH);
        wait(|| carries(&engine), "no carrier");
        let requests = scene.requests_to_centre();
        for _ in 0..5 {
            thread::sleep(5 * SECOND);
            let died = Instant::now();
            scene.restart_go();
            let there = died.elapsed();
            let back = back_after(&requests, died + there);
            println!("started anew: there after {there:?}, answers {back:?} later");
            assert!(back < 3 * SECOND);
        }
        for cut in [false, true] {
            if cut {
                scene.relay.cut(true);
            } else {
                scene.stop_go();
            }
            thread::sleep(130 * SECOND);
            if cut {
                scene.relay.cut(false);
            } else {
                scene.start_go();
            }
            let back = back_after(&requests, Instant::now());
            println!("away for 130 s, cut off {cut}: answers after {back:?}");
            assert!(back < 7 * SECOND);
        }
        assert_eq!(engine.status().centres[0].rival_seen, None);
        requests.finish();
    });
}

#[test]
fn a_clock_that_was_put_back_needs_the_last_stamp() {
    alone("go::a_clock_that_was_put_back_needs_the_last_stamp", || {
        let scene = Scene::new(1);
        // An earlier run, with a clock an hour ahead.
        let ahead = SystemTime::now() + Duration::from_hours(1);
        let engine = scene.start_engine(ahead);
        wait(|| carries(&engine), "no carrier");
        let last = engine.status().last_stamp.unwrap();
        assert!(last > ahead);
        assert!(engine.stop());

        // The centre may call by itself, after 15 s. It never answers stamps that go back.
        scene.relay.seen();
        let forgetful = scene.start_engine(SystemTime::UNIX_EPOCH);
        let initiations = || forgetful.status().centres[0].counters.initiations;
        wait(|| initiations() >= 3, "no handshakes are started");
        let seen = scene.relay.seen();
        let answered = seen.iter().any(|seen| (seen.1, seen.2) == (Speaker::Centre, 2));
        assert!(!answered, "this centre takes stamps that go back");
        assert!(forgetful.stop());

        let engine = scene.start_engine(last);
        wait(|| carries(&engine), "no carrier");
        assert!(engine.status().last_stamp.unwrap() > last);
    });
}

#[test]
fn a_second_holder_of_the_key_is_noticed_by_both() {
    alone("go::a_second_holder_of_the_key_is_noticed_by_both", || {
        let scene = Scene::new(1);
        let engine = scene.start_engine(SystemTime::UNIX_EPOCH);
        wait(|| carries(&engine), "no carrier");
        assert_eq!(engine.status().centres[0].rival_seen, None);

        // The same key in another place; the centre answers whoever spoke last for the device.
        let (place, relay) = (Namespace::new(), Relay::start(scene.listen()));
        place.within(|| make_device("100.64.1.1", "100.72.0.0/16"));
        let copied = scene.start_engine_in(&place, &relay, SystemTime::UNIX_EPOCH);
        for engine in [&engine, &copied] {
            wait(|| engine.status().centres[0].rival_seen.is_some(), "nothing noticed");
        }
        assert!(copied.stop());
    });
}

#[test]
fn a_centre_that_moves_keeps_its_session() {
    alone("go::a_centre_that_moves_keeps_its_session", || {
        let scene = Scene::new(1);
        let engine = scene.start_engine(SystemTime::UNIX_EPOCH);
        wait(|| carries(&engine), "no carrier");
        let requests = scene.requests_to_centre();
        let moved = Relay::start(scene.listen());
        scene.relay.cut(true);
        engine.move_centre(&"east".parse().unwrap(), moved.for_engine).unwrap();
        back_after(&requests, Instant::now());
        let status = engine.status();
        assert_eq!(status.centres[0].endpoint, Some(moved.for_engine));
        requests.finish();
    });
}
