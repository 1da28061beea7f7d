//! Carries checks out: each after those that it needs, many at a time, those that disturb traffic last and alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use sekisho_control::{CheckOutcome, Planned, SelfTestEvent, Verdict};
use tokio::{sync::OnceCell, time::timeout};

use crate::{
    check::{Check, Judgement, both},
    probe::{Probe, Prober, Seen},
};

/// Checks at one time.
const AT_ONCE: usize = 48;

/// How long an observation may take, where its check doesn't ask for more: its own deadlines are shorter.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a round of checks takes about, in seconds; most of it is waiting for those who are silent.
const ROUND_S: u64 = 2;

/// How far checks go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// All that tells why something is wrong is looked at too.
    Whole,
    /// Nobody asked for it: only the first observation of each check is made, so that nothing is sent for the sake of a cause.
    Light,
}

/// Carries out checks and says what happens. The outcomes are in the order of the checks.
pub async fn run(
    checks: &[Box<dyn Check>],
    prober: &impl Prober,
    depth: Depth,
    mut tell: impl FnMut(SelfTestEvent),
) -> Vec<CheckOutcome> {
    let plans: Vec<_> = checks.iter().map(|check| check.planned()).collect();
    let places: HashMap<_, _> =
        plans.iter().enumerate().map(|(place, plan)| (plan.id.as_str(), place)).collect();
    let mut outcomes: Vec<Option<CheckOutcome>> = vec![None; checks.len()];
    let (observer, mut under_way) = (Observer::new(prober, depth), FuturesUnordered::new());
    let mut started = vec![false; checks.len()];
    tell(SelfTestEvent::Begun { checks: plans.clone(), seconds_left: left(checks, &outcomes) });
    loop {
        let mut moved = false;
        for place in 0..checks.len() {
            if started[place] || under_way.len() >= AT_ONCE {
                continue;
            }
            let disturbs = checks[place].traits().disturbs;
            if disturbs && (!under_way.is_empty() || waits(checks, &started)) {
                continue;
            }
            match needs(&plans[place], &places, &outcomes) {
                Need::Open => {}
                Need::Met => {
                    (started[place], moved) = (true, true);
                    tell(SelfTestEvent::Started { id: plans[place].id.clone() });
                    under_way.push(observer.carry_out(place, &*checks[place]));
                }
                Need::Missing(missing) => {
                    (started[place], moved) = (true, true);
                    let judgement = Judgement::not_run(both!(
                        "実行していません（「{}」が通らないため）。", missing.title.ja;
                        "Not run: it depends on '{}'.", missing.title.en
                    ));
                    let outcome = outcome(&plans[place], judgement, Duration::ZERO);
                    outcomes[place] = Some(outcome.clone());
                    let seconds_left = left(checks, &outcomes);
                    tell(SelfTestEvent::Ended { outcome: Box::new(outcome), seconds_left });
                }
            }
        }
        if let Some((place, judgement, took)) = under_way.next().await {
            let outcome = outcome(&plans[place], judgement, took);
            outcomes[place] = Some(outcome.clone());
            let seconds_left = left(checks, &outcomes);
            tell(SelfTestEvent::Ended { outcome: Box::new(outcome), seconds_left });
        } else if !moved {
            break;
        }
    }
    outcomes.into_iter().flatten().collect()
}

/// About how long the rest takes, in seconds.
fn left(checks: &[Box<dyn Check>], outcomes: &[Option<CheckOutcome>]) -> u64 {
    let open = checks.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_none());
    let (mut quick, mut slow) = (0_usize, 0);
    for (check, _) in open {
        match check.traits() {
            traits if traits.disturbs => slow += u64::from(traits.seconds),
            _ => quick += 1,
        }
    }
    let rounds = u64::try_from(quick.div_ceil(AT_ONCE)).unwrap_or(u64::MAX);
    rounds.saturating_mul(ROUND_S) + slow
}

/// Whether any check that leaves traffic alone has not begun.
fn waits(checks: &[Box<dyn Check>], started: &[bool]) -> bool {
    checks.iter().zip(started).any(|(check, started)| !started && !check.traits().disturbs)
}

/// What a check depends on.
enum Need<'a> {
    Met,
    Open,
    Missing(&'a Planned),
}

fn needs<'a>(
    plan: &Planned,
    places: &HashMap<&str, usize>,
    outcomes: &'a [Option<CheckOutcome>],
) -> Need<'a> {
    let mut need = Need::Met;
    // A need that isn't made in this test holds nobody up.
    for place in plan.needs.iter().filter_map(|need| places.get(need.as_str())) {
        match &outcomes[*place] {
            None => need = Need::Open,
            Some(outcome) if matches!(outcome.verdict, Verdict::Failed | Verdict::NotRun) => {
                return Need::Missing(&outcome.check);
            }
            Some(_) => {}
        }
    }
    need
}

fn outcome(plan: &Planned, judgement: Judgement, took: Duration) -> CheckOutcome {
    let Judgement { verdict, result, measured, limit, cause } = judgement;
    let milliseconds = took.as_millis().try_into().unwrap_or(u64::MAX);
    CheckOutcome { check: plan.clone(), verdict, result, measured, limit, cause, milliseconds }
}

/// Makes observations, each once in a test.
struct Observer<'a, P> {
    prober: &'a P,
    depth: Depth,
    made: Mutex<Vec<(Probe, Arc<OnceCell<Seen>>)>>,
}

impl<'a, P: Prober> Observer<'a, P> {
    fn new(prober: &'a P, depth: Depth) -> Self {
        Self { prober, depth, made: Mutex::default() }
    }

    async fn carry_out(&self, place: usize, check: &dyn Check) -> (usize, Judgement, Duration) {
        let begun = Instant::now();
        let more = Duration::from_secs(check.traits().seconds.into());
        let seen = self.observe(check.probe(), PATIENCE + more).await;
        let doubts = match self.depth {
            Depth::Whole => check.doubts(&seen),
            Depth::Light => Vec::new(),
        };
        let doubts = doubts.into_iter().map(|doubt| self.observe(doubt, PATIENCE));
        let doubts = futures_util::future::join_all(doubts).await;
        (place, check.judge(&seen, &doubts), begun.elapsed())
    }

    async fn observe(&self, probe: Probe, limit: Duration) -> Seen {
        let cell = {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, cell)) = made.iter().find(|(other, _)| *other == probe) {
                Arc::clone(cell)
            } else {
                let cell = Arc::new(OnceCell::new());
                made.push((probe.clone(), Arc::clone(&cell)));
                cell
            }
        };
        let make = || async {
            let late = Seen::Unable { why: format!("nothing came of it in {} s", limit.as_secs()) };
            timeout(limit, self.prober.probe(&probe)).await.unwrap_or(late)
        };
        cell.get_or_init(make).await.clone()
    }
}
