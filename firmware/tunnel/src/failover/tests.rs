use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Runs the machine with the engine's rhythm: probes when due, answers after 5 ms from the centres that `up` names.
struct Run {
    machine: Failover,
    start: Instant,
    now: Instant,
}

impl Run {
    fn new(count: usize) -> Self {
        let start = Instant::now();
        Self { machine: Failover::new(count, Probing::default(), start), start, now: start }
    }

    /// Up to this moment of the run, in milliseconds.
    fn until(&mut self, milliseconds: u64, up: &[usize]) {
        let end = self.start + Duration::from_millis(milliseconds);
        while self.now < end {
            if self.machine.probes_due(self.now) {
                for centre in 0..self.machine.centres.len() {
                    let sequence = self.machine.probe_sent(centre, self.now);
                    if up.contains(&centre) {
                        self.machine.answered(
                            centre,
                            sequence,
                            self.now + Duration::from_millis(5),
                        );
                    }
                }
            }
            self.now += Duration::from_millis(10);
            self.machine.advance(self.now);
        }
    }
}

#[test]
fn carriers_over_time() {
    // Each line: until when, in ms, these centres answer, and who carries then.
    type Story = &'static [(u64, &'static [usize], Option<usize>)];
    let stories: &[(&str, Story)] = &[
        ("nobody answers", &[(60_000, &[], None)]),
        ("both from the start", &[(50, &[0, 1], Some(0))]),
        ("the second a little earlier", &[(100, &[1], Some(1)), (300, &[0, 1], Some(0))]),
        (
            "the first only much later: hold-down",
            &[(20_000, &[1], Some(1)), (29_900, &[0, 1], Some(1)), (30_100, &[0, 1], Some(0))],
        ),
        (
            "the first falls silent: 1.1 s, then back after the hold-down",
            &[
                (2_000, &[0, 1], Some(0)),
                (2_850, &[1], Some(0)),
                (2_950, &[1], Some(1)),
                (12_900, &[0, 1], Some(1)),
                (13_100, &[0, 1], Some(0)),
            ],
        ),
        (
            "the first flaps: traffic stays, and for twice as long",
            &[
                (2_000, &[0, 1], Some(0)),
                (4_000, &[1], Some(1)),
                (12_000, &[0, 1], Some(1)),
                (14_000, &[1], Some(1)),
                (33_900, &[0, 1], Some(1)),
                (34_100, &[0, 1], Some(0)),
            ],
        ),
        (
            "the carrier dies during the other's hold-down: better unsteady than none",
            &[
                (2_000, &[0, 1], Some(0)),
                (4_000, &[1], Some(1)),
                (6_000, &[0, 1], Some(1)),
                (7_200, &[0], Some(0)),
            ],
        ),
        (
            "a steady third before an unsteady second",
            &[
                (2_000, &[0, 1, 2], Some(0)),
                (4_000, &[0, 2], Some(0)),
                (6_000, &[0, 1, 2], Some(0)),
                (7_200, &[1, 2], Some(2)),
                (14_100, &[1, 2], Some(1)),
            ],
        ),
        (
            "four lost answers are no silence",
            &[(2_000, &[0, 1], Some(0)), (2_790, &[1], Some(0)), (4_000, &[0, 1], Some(0))],
        ),
        (
            "all silent, one comes back",
            &[(2_000, &[0, 1], Some(0)), (4_000, &[], None), (4_300, &[1], Some(1))],
        ),
    ];
    for (name, story) in stories {
        let mut run = Run::new(3);
        for (until, up, carrier) in *story {
            run.until(*until, up);
            assert_eq!(run.machine.carrier(), *carrier, "{name}, at {until} ms");
        }
    }
}

#[test]
fn silence_is_dated() {
    let mut run = Run::new(2);
    assert_eq!(run.machine.silent_since(), Some(run.start), "silent from the start");
    run.until(1_000, &[1]);
    assert_eq!(run.machine.silent_since(), None);
    run.until(5_000, &[]);
    let last = run.machine.liveness(1).last_answer.unwrap();
    let since = run.machine.silent_since().unwrap();
    assert!(
        since - last >= Probing::default().silence()
            && since - last <= Duration::from_millis(1_200)
    );
}

#[test]
fn answers_that_prove_nothing() {
    let mut run = Run::new(1);
    let sequence = run.machine.probe_sent(0, run.start);
    assert!(!run.machine.answered(0, sequence.wrapping_add(1), run.start), "to no probe");
    assert!(!run.machine.answered(3, sequence, run.start), "from no centre");
    assert!(!run.machine.answered(0, sequence, run.start + 2 * SECOND), "too late");
    assert_eq!(run.machine.carrier(), None);

    let sequence = run.machine.probe_sent(0, run.start + 2 * SECOND);
    assert!(run.machine.answered(0, sequence, run.start + 2 * SECOND));
    assert!(!run.machine.answered(0, sequence, run.start + 3 * SECOND), "a duplicate");
    assert_eq!(run.machine.liveness(0).last_answer, Some(run.start + 2 * SECOND));
}

#[test]
fn what_comes_through_the_tunnel_keeps_a_centre_alive_and_brings_none_to_life() {
    let mut run = Run::new(2);
    run.until(2_000, &[0, 1]);
    // A full line: packets pass, no answer does.
    for step in 1..=500 {
        run.machine.heard(0, run.now);
        run.until(2_000 + step * 100, &[1]);
        assert_eq!(run.machine.carrier(), Some(0));
        assert!(run.machine.next_deadline() <= run.now + Probing::default().interval);
    }
    // The last of them came at 51,900 ms.
    run.until(52_950, &[1]);
    assert_eq!(run.machine.carrier(), Some(0));
    run.until(53_050, &[1]);
    assert_eq!(run.machine.carrier(), Some(1));

    // From a centre that is silent, packets without answers mean nothing.
    run.machine.heard(0, run.now);
    run.until(60_000, &[]);
    run.machine.heard(0, run.now);
    run.until(60_500, &[]);
    assert_eq!((run.machine.carrier(), run.machine.liveness(0).alive_since), (None, None));
}

#[test]
fn answers_that_are_all_late_keep_a_centre_alive() {
    let late = 3 * SECOND;
    let mut run = Run::new(1);
    run.until(1_000, &[0]);
    let mut under_way = std::collections::VecDeque::new();
    for step in 0..600 {
        let now = run.start + Duration::from_millis(1_000 + step * 100);
        if run.machine.probes_due(now) {
            under_way.push_back((now, run.machine.probe_sent(0, now)));
        }
        if let Some((sent, sequence)) =
            under_way.front().copied().filter(|(at, _)| now >= *at + late)
        {
            under_way.pop_front();
            assert!(!run.machine.answered(0, sequence, now), "sent {:?} before", now - sent);
        } else if step < 30 {
            // What was under way when the line filled up.
            run.machine.heard(0, now);
        }
        run.machine.advance(now);
        assert_eq!(run.machine.carrier(), Some(0), "step {step}");
    }
    assert!(run.machine.liveness(0).round_trip.unwrap() < SECOND, "a late answer measures nothing");
}

#[test]
fn a_centre_is_quiet_before_it_is_silent() {
    let mut run = Run::new(1);
    assert!(run.machine.quiet(0, run.now), "never heard");
    run.until(1_000, &[0]);
    let last = run.machine.liveness(0).last_answer.unwrap();
    assert!(!run.machine.quiet(0, last + Duration::from_millis(499)));
    assert!(run.machine.quiet(0, last + Duration::from_millis(500)));
    run.machine.heard(0, last + Duration::from_millis(400));
    assert!(!run.machine.quiet(0, last + Duration::from_millis(899)));
    assert!(run.machine.quiet(1, run.now), "no such centre");
}

#[test]
fn long_life_lets_silences_be_forgotten() {
    let mut run = Run::new(2);
    let mut at = 0;
    let mut until = |run: &mut Run, seconds: u64, up: &[usize]| {
        at += seconds * 1_000;
        run.until(at, up);
        run.machine.carrier()
    };
    assert_eq!(until(&mut run, 5, &[0, 1]), Some(0));
    for hold_down in [10, 20, 40, 80, 160, 300, 10, 20] {
        assert_eq!(until(&mut run, 2, &[1]), Some(1));
        assert_eq!(until(&mut run, hold_down - 1, &[0, 1]), Some(1), "before {hold_down} s");
        assert_eq!(until(&mut run, 2, &[0, 1]), Some(0), "after {hold_down} s");
    }
    assert_eq!(until(&mut run, 300, &[0, 1]), Some(0));
    assert_eq!(until(&mut run, 2, &[1]), Some(1));
    assert_eq!(until(&mut run, 11, &[0, 1]), Some(0), "as at the first time");
}

#[test]
fn a_rehearsal_takes_the_traffic_away_and_brings_it_back() {
    let mut run = Run::new(2);
    run.until(20_000, &[0, 1]);
    assert_eq!(run.machine.carrier(), Some(0));
    let before = run.machine.liveness(0).alive_since;
    run.machine.rehearse(run.now).unwrap();
    assert_eq!(run.machine.carrier(), Some(1));
    assert!(matches!(run.machine.rehearse(run.now), Err(TunnelError::Rehearsing)));
    run.until(24_900, &[0, 1]);
    assert_eq!(run.machine.carrier(), Some(1));
    run.until(25_100, &[0, 1]);
    assert_eq!(run.machine.carrier(), Some(0));
    // It has left no trace: no silence, so no longer hold-down the next time either.
    assert_eq!((run.machine.liveness(0).alive_since, run.machine.silent_since()), (before, None));
    assert_eq!(run.machine.centres[0].silences, 0);
    run.machine.rehearse(run.now).unwrap();
}

#[test]
fn a_rehearsal_without_another_centre_is_refused() {
    let mut run = Run::new(2);
    assert!(matches!(run.machine.rehearse(run.now), Err(TunnelError::NoOtherCentre)));
    run.until(5_000, &[0]);
    assert!(matches!(run.machine.rehearse(run.now), Err(TunnelError::NoOtherCentre)));
    assert_eq!(run.machine.carrier(), Some(0));
}

#[test]
fn a_rehearsal_ends_when_the_other_centre_falls_silent() {
    let mut run = Run::new(2);
    run.until(20_000, &[0, 1]);
    run.machine.rehearse(run.now).unwrap();
    run.until(21_500, &[0]);
    assert_eq!((run.machine.carrier(), run.machine.silent_since()), (Some(0), None));
}

#[test]
fn a_carrier_that_really_falls_silent_in_a_rehearsal_is_held_down_as_ever() {
    let mut run = Run::new(2);
    run.until(20_000, &[0, 1]);
    run.machine.rehearse(run.now).unwrap();
    run.until(22_000, &[1]);
    run.until(31_000, &[0, 1]);
    assert_eq!(run.machine.carrier(), Some(1));
    run.until(33_000, &[0, 1]);
    assert_eq!(run.machine.carrier(), Some(0));
}

proptest! {
    /// Whatever answers or stays away: the carrier is alive, there is one exactly while a centre is alive, none stays
    /// longer than 1.2 s after its last answer, and a better centre that has held down long enough carries.
    #[test]
    fn the_carrier_is_always_the_right_one(
        phases in prop::collection::vec((1_u64..6_000, prop::collection::vec(any::<bool>(), 3)), 1..12)
    ) {
        let mut run = Run::new(3);
        let mut end = 0;
        for (length, up) in phases {
            let up: Vec<usize> = (0..3).filter(|centre| up[*centre]).collect();
            let stop = end + length;
            while end < stop {
                end = (end + 10).min(stop);
                run.until(end, &up);
                let alive: Vec<Option<Instant>> =
                    (0..3).map(|centre| run.machine.liveness(centre).alive_since).collect();
                prop_assert_eq!(run.machine.silent_since().is_none(), alive.iter().any(Option::is_some));
                prop_assert!(run.machine.next_deadline() <= run.now + Probing::default().interval);
                let Some(carrier) = run.machine.carrier() else {
                    prop_assert!(alive.iter().all(Option::is_none));
                    continue;
                };
                let answer = run.machine.liveness(carrier).last_answer.unwrap();
                prop_assert!(run.now.saturating_duration_since(answer) < Duration::from_millis(1_200));
                for (better, since) in alive[..carrier].iter().enumerate() {
                    let hold_down = run.machine.centres[better].hold_down(&Probing::default());
                    prop_assert!(since.is_none_or(|since| run.now < since + hold_down));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However a centre comes and goes while the other one stays: traffic follows it back at most six times in ten
    /// minutes, and never while it has been alive for less than the shortest hold-down.
    #[test]
    fn flapping_is_damped(phases in prop::collection::vec((1_u64..20_000, 1_200_u64..20_000), 1..60)) {
        let mut run = Run::new(2);
        run.until(1_000, &[0, 1]);
        let mut back = Vec::new();
        let mut at = 1_000;
        for (up, down) in phases {
            for (length, who) in [(down, &[1][..]), (up, &[0, 1][..])] {
                let stop = at + length;
                while at < stop {
                    let before = run.machine.carrier();
                    at = (at + 50).min(stop);
                    run.until(at, who);
                    if before == Some(1) && run.machine.carrier() == Some(0) {
                        let since = run.machine.liveness(0).alive_since.unwrap();
                        prop_assert!(run.now >= since + Probing::default().hold_down);
                        back.push(at);
                    }
                }
            }
        }
        for (index, first) in back.iter().enumerate() {
            let within = back[index..].iter().take_while(|at| **at < first + 600_000).count();
            prop_assert!(within <= 6, "{back:?}");
        }
    }
}
