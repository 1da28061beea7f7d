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
            "the first flaps: traffic stays",
            &[
                (2_000, &[0, 1], Some(0)),
                (4_000, &[1], Some(1)),
                (12_000, &[0, 1], Some(1)),
                (14_000, &[1], Some(1)),
                (23_000, &[0, 1], Some(1)),
                (24_100, &[0, 1], Some(0)),
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
                for since in alive[..carrier].iter().flatten() {
                    prop_assert!(run.now.saturating_duration_since(*since) < Probing::default().hold_down);
                }
            }
        }
    }
}
