//! The light look: every minute while all is well, more often while something isn't, and soon after another centre or none
//! carries.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use sekisho_control::{Failure, Health, HealthChange, Level, Verdict};
use sekisho_design::Name;
use sekisho_selftest::{Depth, first_cause, level, run, watched};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::{Given, probes::Probes};
use crate::daemon::fault::device_failure;

/// Between two looks while all is well, and while something isn't.
const BETWEEN: Duration = Duration::from_mins(1);
const SOON: Duration = Duration::from_secs(10);

/// The least between two looks.
const LEAST: Duration = Duration::from_secs(2);

/// How long after the daemon's start the first look is: a tunnel needs that to come up.
const FIRST: Duration = Duration::from_secs(5);

/// Changes of level that are remembered.
const REMEMBERED: usize = 100;

/// Watches. Times are since the machine's start.
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    looking: Option<JoinHandle<()>>,
    started: Duration,
    looked: Option<Duration>,
    /// The centre that carried at the last look.
    carrier: Option<Name>,
}

#[derive(Default)]
struct Seen {
    health: Option<Health>,
    history: VecDeque<HealthChange>,
}

impl Watch {
    /// Nothing was looked at yet.
    pub(super) fn new(now: Duration) -> Self {
        Self { seen: Arc::default(), looking: None, started: now, looked: None, carrier: None }
    }

    /// Whether a look is due, and none goes on.
    pub(super) fn is_due(&self, now: Duration, carrier: Option<&Name>) -> bool {
        let looking = self.looking.as_ref().is_some_and(|looking| !looking.is_finished());
        let due = match self.looked {
            None => self.started + FIRST,
            Some(looked) if self.carrier.as_ref() != carrier => looked + LEAST,
            Some(looked) if self.is_well() => looked + BETWEEN,
            Some(looked) => looked + SOON,
        };
        !looking && now >= due
    }

    fn is_well(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.health.as_ref().is_some_and(|health| health.level == Level::Ok)
    }

    /// Begins a look.
    pub(super) fn look(&mut self, given: Given, now: Duration) {
        let (seen, carrier) = (Arc::clone(&self.seen), given.carrier().cloned());
        self.looking = Some(tokio::spawn(async move {
            let checks = watched(given.design(), given.carrier());
            let outcomes = run(&checks, &Probes::new(given), Depth::Light, |_| ()).await;
            let (level, first) = (level(&checks, &outcomes), first_cause(&outcomes));
            let troubles = outcomes.into_iter();
            let troubles = troubles
                .filter(|outcome| matches!(outcome.verdict, Verdict::Warned | Verdict::Failed));
            let health = Health {
                level,
                at: Timestamp::now(),
                first_cause: first,
                troubles: troubles.collect(),
                history: Vec::new(),
            };
            seen.lock().unwrap_or_else(PoisonError::into_inner).take(health);
        }));
        (self.looked, self.carrier) = (Some(now), carrier);
    }

    /// How the device is, by the last look.
    pub(super) fn health(&self) -> Result<Health, Failure> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let health = seen.health.clone().ok_or_else(|| {
            let way_out = "ask again in some seconds".to_owned();
            device_failure("the device has only just started".to_owned(), Some(way_out))
        })?;
        Ok(Health { history: seen.history.iter().cloned().collect(), ..health })
    }
}

impl Seen {
    fn take(&mut self, health: Health) {
        let before = self.health.as_ref().map(|health| health.level);
        if before != Some(health.level) {
            let cause = health.first_cause.as_ref().map(|first| first.cause.code.clone());
            match health.level {
                Level::Ok => info!("the device is well"),
                Level::Degraded => warn!(cause, "something is to be mended"),
                Level::Down => error!(cause, "the device doesn't do its work"),
            }
            self.history.push_front(HealthChange { at: health.at, level: health.level, cause });
            self.history.truncate(REMEMBERED);
        }
        self.health = Some(health);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn health(level: Level) -> Health {
        let (at, first_cause) = (Timestamp::UNIX_EPOCH, None);
        Health { level, at, first_cause, troubles: Vec::new(), history: Vec::new() }
    }

    /// Looked at after 100 s, while the east carried.
    fn looked(level: Level) -> (Watch, Name) {
        let east: Name = "east".parse().unwrap();
        let mut watch = Watch::new(seconds(0));
        watch.seen.lock().unwrap().take(health(level));
        (watch.looked, watch.carrier) = (Some(seconds(100)), Some(east.clone()));
        (watch, east)
    }

    #[test]
    fn the_first_look_is_soon_after_the_start() {
        let watch = Watch::new(seconds(1000));
        assert!(!watch.is_due(seconds(1004), None));
        assert!(watch.is_due(seconds(1005), None));
        assert!(watch.health().is_err_and(|failure| failure.way_out.is_some()));
    }

    #[test]
    fn what_isnt_well_is_looked_at_more_often() {
        for (level, due) in [(Level::Ok, 160), (Level::Degraded, 110), (Level::Down, 110)] {
            let (watch, east) = looked(level);
            assert!(!watch.is_due(seconds(due - 1), Some(&east)), "{level:?}");
            assert!(watch.is_due(seconds(due), Some(&east)), "{level:?}");
        }
    }

    #[test]
    fn another_carrier_or_none_is_looked_at_soon() {
        let (watch, _) = looked(Level::Ok);
        let west: Name = "west".parse().unwrap();
        for carrier in [Some(&west), None] {
            assert!(!watch.is_due(seconds(101), carrier), "two looks are two seconds apart");
            assert!(watch.is_due(seconds(102), carrier));
        }
    }

    #[test]
    fn changes_of_level_are_remembered_and_bounded() {
        let mut seen = Seen::default();
        for _ in 0..REMEMBERED {
            seen.take(health(Level::Ok));
            seen.take(health(Level::Ok));
            seen.take(health(Level::Down));
        }
        assert_eq!(seen.history.len(), REMEMBERED);
        let levels: Vec<_> = seen.history.iter().take(3).map(|change| change.level).collect();
        assert_eq!(levels, [Level::Down, Level::Ok, Level::Down], "the latest first, each once");
    }
}
