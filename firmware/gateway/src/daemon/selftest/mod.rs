//! Self-tests as the daemon carries them out (R19 R20): one at a time, beside the loop, on what was so when it began; and
//! the light look every minute that the health level comes from.

mod given;
mod probes;
mod watch;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use sekisho_control::{Failure, Health, SelfTestEvent, SelfTestReport, SelfTestWish};
use sekisho_design::Name;
use sekisho_host::files;
use sekisho_selftest::{Depth, checks, first_cause, run, unknown, verdict};
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{info, warn};

pub(super) use self::given::{Given, held};
use self::{probes::Probes, watch::Watch};
use super::fault::{conflict, device_failure, malformed};

/// The last report, below the state folder.
const LAST: &str = "self-test.json";

/// The longest report: some thousand checks.
const LONGEST: u64 = 32 << 20;

/// The events of a test, as they happen.
pub(in crate::daemon) type Events = mpsc::UnboundedReceiver<SelfTestEvent>;

/// Looks after self-tests.
pub(super) struct SelfTest {
    state: PathBuf,
    running: Option<JoinHandle<()>>,
    last: Arc<Mutex<Option<SelfTestReport>>>,
    watch: Watch,
}

impl SelfTest {
    /// No test runs; the last report is the one that the disk has.
    pub(super) fn new(state: &Path, now: Duration) -> Self {
        let last = match read(&state.join(LAST)) {
            Ok(last) => last,
            Err(fault) => {
                warn!(fault = super::reasons(&fault), "the last self-test's report is lost");
                None
            }
        };
        let last = Arc::new(Mutex::new(last));
        Self { state: state.to_owned(), running: None, last, watch: Watch::new(now) }
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
        let (last, path) = (Arc::clone(&self.last), self.state.join(LAST));
        self.running = Some(tokio::spawn(async move {
            let report = test(&wish, given, &events).await;
            let first = report.first_cause.as_ref().map(|first| first.cause.code.clone());
            info!(verdict = ?report.verdict, first, "a self-test ended");
            if let Err(fault) = keep(&path, &report) {
                warn!(fault = super::reasons(&fault), "the self-test's report can't be kept");
            }
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
            // Whoever asked may have gone.
            let _ = events.send(SelfTestEvent::Finished { report: Box::new(report) });
        }));
        Ok(receiver)
    }

    /// The last report.
    pub(super) fn last(&self) -> Result<SelfTestReport, Failure> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let way_out = "run one: sekisho self-test";
        last.ok_or_else(|| {
            device_failure("no self-test was ever run".to_owned(), Some(way_out.to_owned()))
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

fn read(path: &Path) -> anyhow::Result<Option<SelfTestReport>> {
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&files::read(path, LONGEST)?)?))
}

fn keep(path: &Path, report: &SelfTestReport) -> anyhow::Result<()> {
    Ok(files::write(path, &serde_json::to_vec(report)?, 0o640)?)
}
