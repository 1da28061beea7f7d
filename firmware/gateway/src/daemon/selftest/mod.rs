//! Self-tests as the daemon carries them out (R19 R20): one at a time, beside the loop, on what was so when it began; and
//! the light look every minute that the health level comes from.

mod given;
mod probes;
mod reports;
mod watch;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use sekisho_control::{Failure, Health, KeptSelfTest, SelfTestEvent, SelfTestReport, SelfTestWish};
use sekisho_design::Name;
use sekisho_selftest::{Depth, checks, first_cause, run, unknown, verdict};
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{info, warn};

pub(super) use self::given::{Given, held};
use self::{probes::Probes, reports::Reports, watch::Watch};
use super::fault::{conflict, device_failure, disk_failure, malformed};

/// The events of a test, as they happen.
pub(in crate::daemon) type Events = mpsc::UnboundedReceiver<SelfTestEvent>;

/// Looks after self-tests.
pub(super) struct SelfTest {
    running: Option<JoinHandle<()>>,
    reports: Arc<Mutex<Reports>>,
    watch: Watch,
}

impl SelfTest {
    /// No test runs; the reports are those that the disk has.
    pub(super) fn new(state: &Path, now: Duration) -> Self {
        let reports = Arc::new(Mutex::new(Reports::open(state)));
        Self { running: None, reports, watch: Watch::new(now) }
    }

    /// Begins a test.
    pub(super) fn begin(&mut self, wish: SelfTestWish, given: Given) -> Result<Events, Failure> {
        if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            let way_out = "wait for it, and see its report: sekisho self-test --last";
            return Err(conflict("a self-test is running already".to_owned(), way_out));
        }
        if let Some(unknown) = unknown(given.design(), &wish) {
            let way_out = "see the names of all checks: sekisho self-test --format json";
            return Err(malformed(format!("there is no check '{unknown}'"), way_out.to_owned()));
        }
        let (events, receiver) = mpsc::unbounded_channel();
        let reports = Arc::clone(&self.reports);
        self.running = Some(tokio::spawn(async move {
            let report = test(&wish, given, &events).await;
            let first = report.first_cause.as_ref().map(|first| first.cause.code.clone());
            info!(verdict = ?report.verdict, first, "a self-test ended");
            if let Err(fault) = locked(&reports).add(report.clone()) {
                warn!(fault = super::reasons(&fault), "the self-test's report can't be kept");
            }
            // Whoever asked may have gone.
            let _ = events.send(SelfTestEvent::Finished { report: Box::new(report) });
        }));
        Ok(receiver)
    }

    /// The last report.
    pub(super) fn last(&self) -> Result<SelfTestReport, Failure> {
        let way_out = "run one: sekisho self-test";
        locked(&self.reports).last().cloned().ok_or_else(|| {
            device_failure("no self-test was ever run".to_owned(), Some(way_out.to_owned()))
        })
    }

    /// The tests whose reports are kept, the latest first.
    pub(super) fn kept(&self) -> Vec<KeptSelfTest> {
        locked(&self.reports).all()
    }

    /// A report that is kept.
    pub(super) fn report(&self, number: u64) -> Result<SelfTestReport, Failure> {
        let found = locked(&self.reports).one(number).map_err(|fault| disk_failure(&fault))?;
        found.ok_or_else(|| {
            let way_out = "see which reports are kept; the oldest are deleted in time";
            malformed(format!("there is no report of a self-test {number}"), way_out.to_owned())
        })
    }

    /// How the device is, by the last look.
    pub(super) fn health(&self) -> Result<Health, Failure> {
        self.watch.health()
    }

    /// Whether a look is due while this centre carries; [`Self::look`] is to follow.
    pub(super) fn is_due(&self, now: Duration, carrier: Option<&Name>) -> bool {
        self.watch.is_due(now, carrier)
    }

    /// Looks at what is watched.
    pub(super) fn look(&mut self, given: Given, now: Duration) {
        self.watch.look(given, now);
    }
}

async fn test(
    wish: &SelfTestWish,
    given: Given,
    events: &mpsc::UnboundedSender<SelfTestEvent>,
) -> SelfTestReport {
    let begun = Timestamp::now();
    let checks = checks(given.design(), given.carrier(), wish);
    let probes = Probes::new(given);
    let outcomes = run(&checks, &probes, Depth::Whole, |event| drop(events.send(event))).await;
    let (verdict, first_cause) = (verdict(&outcomes), first_cause(&outcomes));
    let status = &probes.given().status;
    SelfTestReport {
        test_number: wish.test_number.clone(),
        begun,
        ended: Timestamp::now(),
        clock_synchronised: status.time.as_ref().is_some_and(|time| time.synchronised),
        site: status.site.clone(),
        generation: status.generation,
        design_hash: probes.given().design_hash.clone(),
        firmware: status.version.clone(),
        far_half: probes.far_half(),
        outcomes,
        verdict,
        first_cause,
    }
}

fn locked(reports: &Mutex<Reports>) -> MutexGuard<'_, Reports> {
    reports.lock().unwrap_or_else(PoisonError::into_inner)
}
