use proptest::prelude::*;

use super::*;

const MOST: u16 = 1420;

/// As often as the engine lets time pass.
const TICK: Duration = Duration::from_millis(250);
const ROUND_TRIP: Duration = Duration::from_millis(40);

/// A path as it is, and the machine that is to find out.
struct Scene {
    machine: PathMtu,
    now: Instant,
    start: Instant,
    /// Largest that comes through.
    limit: u16,
    /// One of so many packets is lost, by the draw of the test.
    draws: Vec<bool>,
    sent: usize,
    /// What was known from when on, in milliseconds.
    known: Vec<(u128, Option<u16>)>,
}

impl Scene {
    fn new(limit: u16) -> Self {
        let start = Instant::now();
        let machine = PathMtu::new(MOST, start);
        Self { machine, now: start, start, limit, draws: vec![false], sent: 0, known: Vec::new() }
    }

    fn run(&mut self, time: Duration) {
        self.run_with(Some(self.start), time);
    }

    fn run_with(&mut self, alive_since: Option<Instant>, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for size in self.machine.advance(alive_since, self.now).to_vec() {
                let lost = self.draws[self.sent % self.draws.len()];
                self.sent += 1;
                if size <= self.limit && !lost {
                    self.machine.answered(size, self.now + ROUND_TRIP);
                }
            }
            let known = self.machine.carried();
            if self.known.last().is_none_or(|(_, before)| *before != known) {
                self.known.push(((self.now - self.start).as_millis(), known));
            }
            self.now += TICK;
        }
    }

    fn known(&self) -> Vec<u16> {
        self.known.iter().filter_map(|(_, known)| *known).collect()
    }
}

#[test]
fn a_wide_path_is_known_at_once_and_asked_again_every_five_seconds() {
    let mut scene = Scene::new(1500);
    scene.run(Duration::from_mins(1));
    assert_eq!(scene.known, [(0, Some(MOST))]);
    assert!((11..=13).contains(&scene.sent), "{} packets", scene.sent);
}

#[test]
fn a_narrow_path_is_found_to_the_byte() {
    for limit in [1200, 1201, 1213, 1214, 1299, 1300, 1419] {
        let mut scene = Scene::new(limit);
        scene.run(Duration::from_secs(20));
        let known = scene.known();
        assert_eq!(known.first(), Some(&PathMtu::LEAST), "what always works holds meanwhile");
        assert_eq!(known.last(), Some(&limit));
        assert!(scene.known.last().unwrap().0 < 12_000, "{limit}: {:?}", scene.known);
    }
}

#[test]
fn a_path_that_gets_narrower_is_noticed_and_a_wider_one_is_tried_later() {
    let mut scene = Scene::new(1500);
    scene.run(Duration::from_secs(30));
    scene.limit = 1300;
    scene.run(Duration::from_secs(30));
    assert_eq!(scene.known(), [MOST, PathMtu::LEAST, 1300]);
    let noticed = scene.known[1].0;
    assert!((30_000..38_500).contains(&noticed), "noticed at {noticed} ms");
    scene.limit = 1500;
    scene.run(Duration::from_mins(9));
    assert_eq!(scene.known().last(), Some(&1300), "not sought all the time");
    scene.run(Duration::from_mins(2));
    assert_eq!(scene.known().last(), Some(&MOST));
}

#[test]
fn a_centre_that_comes_back_is_asked_anew() {
    let mut scene = Scene::new(1300);
    scene.run(Duration::from_secs(20));
    scene.limit = 1500;
    scene.run_with(None, Duration::from_secs(3));
    assert_eq!(scene.machine.carried(), Some(1300), "known until there is something to ask");
    scene.run(Duration::from_secs(12));
    assert_eq!(scene.known(), [PathMtu::LEAST, 1300, MOST]);
}

#[test]
fn a_silence_that_nobody_looked_at_counts_too() {
    let mut scene = Scene::new(1300);
    scene.run(Duration::from_secs(20));
    scene.limit = 1500;
    scene.run_with(Some(scene.now), Duration::from_secs(12));
    assert_eq!(scene.machine.carried(), Some(MOST));
}

#[test]
fn nothing_is_asked_of_a_silent_centre() {
    let mut scene = Scene::new(1500);
    scene.run_with(None, Duration::from_mins(1));
    assert_eq!((scene.sent, scene.machine.carried()), (0, None));
}

#[test]
fn a_path_that_carries_less_than_any_should_is_used_with_the_least() {
    let mut scene = Scene::new(600);
    scene.run(Duration::from_mins(1));
    assert_eq!(scene.known(), [PathMtu::LEAST]);
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let start = Instant::now();
    let mut machine = PathMtu::new(MOST, start);
    assert!(!machine.answered(1500, start));
    assert_eq!(machine.advance(Some(start), start), [MOST]);
    for size in [0, 1200, 1419, 1421, u16::MAX] {
        assert!(!machine.answered(size, start), "{size}");
    }
    assert!(machine.answered(MOST, start));
    assert!(!machine.answered(MOST, start), "twice");
}

proptest! {
    /// A path that loses packets is never taken for wider than it is, and found once it loses none.
    #[test]
    fn no_path_is_taken_for_wider_than_it_is(
        limit in PathMtu::LEAST..=1500,
        most in PathMtu::LEAST..=9000,
        draws in prop::collection::vec(prop::bool::weighted(0.3), 1..200),
    ) {
        let mut scene = Scene { machine: PathMtu::new(most, Instant::now()), draws, ..Scene::new(limit) };
        scene.run(Duration::from_secs(40));
        for known in scene.known() {
            prop_assert!(known <= limit.min(most), "{known} of {limit}");
        }
        scene.draws = vec![false];
        scene.run_with(None, TICK);
        scene.run(Duration::from_secs(25));
        prop_assert_eq!(scene.machine.carried(), Some(limit.min(most)));
    }
}
