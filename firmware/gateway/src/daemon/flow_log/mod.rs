//! The flow log and the collector, as the daemon looks after them: both follow the design in force (R77 R68).
//!
//! The work has a thread of its own, so that neither a long change nor a slow disk keeps the other waiting. It hears the
//! kernel tell of flows that end, writes them (`segments`), and runs the task that serves the collector (`collector`).
//! Whoever has something to send puts it into the `outbox` and goes on. Questions are answered from the files (`pages`),
//! beside everything else. Where nothing can be written, traffic goes on and losses are counted.

mod collector;
mod outbox;
mod pages;
mod record;
mod segments;
mod syslog;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::Timestamp;
use sekisho_control::{CollectorStatus, Failure, FlowLogStatus, FlowPage, FlowQuery};
use sekisho_design::{Design, Sent};
use sekisho_host::{EndedFlow, FlowEnds, HostError, Refusal, clock};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{info, warn};

use self::{
    collector::Collector,
    outbox::Outbox,
    segments::{FOLDER, Limits, Segments},
};
use super::fault::device_failure;

/// How often is looked whether something is due.
const TICK: Duration = Duration::from_secs(1);

/// Time between two attempts to hear of flows.
const RETRY: Duration = Duration::from_secs(2);

/// Questions whose answers may wait for what isn't written yet; each comes from a connection of its own.
const WAITING: usize = 32;

/// How long an answer waits for that, on a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is kept of earlier days while no flows are logged: the most that a design may want.
const WIDEST: Limits = Limits { days: 366, size: 10_000_000_000 };

/// The flow log and the collector of the design in force.
pub(super) struct FlowLog {
    folder: PathBuf,
    wanted: watch::Sender<Wanted>,
    writes: mpsc::Sender<oneshot::Sender<()>>,
    figures: Arc<Mutex<Figures>>,
    outbox: Arc<Outbox>,
    thread: JoinHandle<()>,
}

/// What the design in force wants.
#[derive(Clone, Debug, Default, PartialEq)]
struct Wanted {
    log: Option<Limits>,
    collector: Option<Collector>,
}

/// What the thread says of itself.
#[derive(Clone, Debug, Default)]
struct Figures {
    used: u64,
    written: u64,
    lost: u64,
    overruns: u64,
    fault: Option<Failure>,
}

impl FlowLog {
    /// Starts the thread; it waits for a design.
    pub(super) fn start(state: &Path) -> std::io::Result<Self> {
        let (wanted, designs) = watch::channel(Wanted::default());
        let (writes, asked) = mpsc::channel(WAITING);
        let (figures, outbox) = (Arc::default(), Arc::<Outbox>::default());
        let keeper = Keeper {
            wanted: designs,
            asked,
            figures: Arc::clone(&figures),
            outbox: Arc::clone(&outbox),
            files: Segments::new(state, WIDEST),
            ends: None,
            overruns: 0,
            deaf: None,
            retry: Duration::ZERO,
            serving: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("flow-log".to_owned());
        let thread = thread.spawn(move || runtime.block_on(keeper.run()))?;
        Ok(Self { folder: state.join(FOLDER), wanted, writes, figures, outbox, thread })
    }

    /// Another design is in force, or none is any more.
    pub(super) fn follow(&self, design: Option<&Design>) {
        let log = design.and_then(|design| design.flow_log);
        let wanted = Wanted {
            log: log.map(|log| Limits { days: log.days, size: log.size.bytes() }),
            collector: design.and_then(Collector::of),
        };
        self.wanted.send_if_modified(|before| {
            let other = *before != wanted;
            *before = wanted;
            other
        });
    }

    /// Tells the collector of a refused packet, where it is to know.
    pub(super) fn tell(&self, refusal: &Refusal) {
        let own = self.wanted.borrow().collector.as_ref().map(|collector| collector.own);
        if let Some(own) = own {
            let message = || syslog::refusal(refusal, Timestamp::now(), own);
            self.outbox.offer(Sent::Refusals, message);
        }
    }

    /// How the log is; `None` while none is wanted.
    pub(super) fn status(&self) -> Option<FlowLogStatus> {
        let Limits { days, size } = self.wanted.borrow().log?;
        let figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Figures { used, written, lost, overruns, fault } = figures;
        Some(FlowLogStatus { days, size, used, written, lost, overruns, fault })
    }

    /// How the collector is served; `None` while there is none.
    pub(super) fn collector(&self) -> Option<CollectorStatus> {
        let wanted = self.wanted.borrow();
        let collector = wanted.collector.as_ref()?;
        let outbox::Served { connected, fault, sent, lost, waiting } = self.outbox.status();
        let way_out =
            "see that it runs and listens there, and the name and the authority in [collector]";
        Some(CollectorStatus {
            address: collector.place,
            transport: collector.transport.as_str().to_owned(),
            connected,
            sent,
            waiting,
            lost,
            fault: fault.map(|fault| device_failure(fault, Some(way_out.to_owned()))),
        })
    }

    /// Answers a question beside the daemon's other work. The first page has whatever has ended by now.
    pub(super) fn query(
        &self,
        query: FlowQuery,
        reply: oneshot::Sender<Result<FlowPage, Failure>>,
    ) {
        let (writes, folder) = (self.writes.clone(), self.folder.clone());
        tokio::spawn(async move {
            if query.cursor.is_none() {
                let (done, written) = oneshot::channel();
                if writes.send(done).await.is_ok() {
                    drop(timeout(PATIENCE, written).await);
                }
            }
            let read = tokio::task::spawn_blocking(move || pages::page(&folder, &query)).await;
            let page = read.map_err(std::io::Error::other).flatten();
            drop(reply.send(page.map_err(|fault| {
                device_failure(format!("can't read the log of flows: {fault}"), None)
            })));
        });
    }

    /// Writes what isn't written yet and ends the thread.
    pub(super) fn stop(self) {
        let Self { wanted, thread, .. } = self;
        drop(wanted);
        if thread.join().is_err() {
            warn!("the flow log ended badly");
        }
    }
}

/// The thread's own.
struct Keeper {
    wanted: watch::Receiver<Wanted>,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
    figures: Arc<Mutex<Figures>>,
    outbox: Arc<Outbox>,
    files: Segments,
    ends: Option<FlowEnds>,
    /// Of listeners before this one.
    overruns: u64,
    /// Why flows aren't heard of.
    deaf: Option<HostError>,
    retry: Duration,
    serving: Option<(Collector, AbortHandle)>,
}

impl Keeper {
    async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Whoever asks gets what the kernel has told by then.
                biased;
                changed = self.wanted.changed() => match changed {
                    Ok(()) => self.follow(),
                    Err(_) => break,
                },
                ended = next(&mut self.ends) => match ended {
                    Ok(flow) => self.note(&flow),
                    Err(fault) => self.go_deaf(fault),
                },
                Some(asker) = self.asked.recv() => {
                    self.files.write(clock::since_start(), Timestamp::now());
                    self.publish();
                    // Whoever asked may have gone.
                    let _ = asker.send(());
                }
                _ = tick.tick() => self.tick(),
            }
        }
        self.files.write(clock::since_start(), Timestamp::now());
    }

    fn follow(&mut self) {
        let Wanted { log, collector } = self.wanted.borrow_and_update().clone();
        self.files.keep(log.unwrap_or(WIDEST));
        if log.is_some() {
            self.listen();
        } else {
            self.overruns += self.ends.take().map_or(0, |ends| ends.lost());
            self.deaf = None;
        }
        if self.serving.as_ref().map(|(collector, _)| collector) != collector.as_ref() {
            if let Some((_, task)) = self.serving.take() {
                task.abort();
            }
            self.outbox.serve(collector.as_ref().map_or(&[], |collector| &collector.send));
            self.serving = collector.map(|collector| {
                let task = tokio::spawn(collector.clone().serve(Arc::clone(&self.outbox)));
                (collector, task.abort_handle())
            });
        }
        self.publish();
    }

    fn listen(&mut self) {
        if self.ends.is_some() {
            return;
        }
        match FlowEnds::listen() {
            Ok(ends) => (self.ends, self.deaf) = (Some(ends), None),
            Err(fault) => self.go_deaf(fault),
        }
    }

    fn go_deaf(&mut self, fault: HostError) {
        if self.deaf.is_none() {
            warn!(%fault, "flows aren't heard of and so not logged; trying again");
        }
        self.overruns += self.ends.take().map_or(0, |ends| ends.lost());
        self.deaf = Some(fault);
        self.retry = clock::since_start() + RETRY;
    }

    fn note(&mut self, flow: &EndedFlow) {
        let now = Timestamp::now();
        let Some(record) = record::record(flow, now) else { return };
        if let Some(own) = self.own() {
            self.outbox.offer(Sent::Flows, || syslog::flow(&record, own));
        }
        let since_start = clock::since_start();
        self.files.add(&record::line(&record), since_start);
        self.work(since_start, now);
    }

    fn own(&self) -> Option<Ipv4Addr> {
        self.serving.as_ref().map(|(collector, _)| collector.own)
    }

    fn tick(&mut self) {
        let now = clock::since_start();
        if self.deaf.is_some() && now >= self.retry {
            self.listen();
        }
        self.work(now, Timestamp::now());
        self.publish();
    }

    fn work(&mut self, now: Duration, clock: Timestamp) {
        let before = self.files.fault.is_some();
        self.files.tick(now, clock);
        match &self.files.fault {
            Some(fault) if !before => {
                warn!(fault, "flows can't be logged; traffic goes on, and losses are counted");
            }
            None if before => info!(lost = self.files.lost, "flows are logged again"),
            _ => {}
        }
    }

    fn publish(&self) {
        let unwritten = self.files.fault.as_ref().map(|fault| {
            let way_out = "free the disk or replace it, or write a smaller 'size' in [flow-log]; traffic goes on";
            device_failure(format!("flows can't be logged: {fault}"), Some(way_out.to_owned()))
        });
        let unheard = self
            .deaf
            .as_ref()
            .map(|fault| device_failure(fault.to_string(), fault.way_out().map(str::to_owned)));
        let figures = Figures {
            used: self.files.used,
            written: self.files.written,
            lost: self.files.lost,
            overruns: self.overruns + self.ends.as_ref().map_or(0, FlowEnds::lost),
            fault: unwritten.or(unheard),
        };
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}

async fn next(ends: &mut Option<FlowEnds>) -> Result<EndedFlow, HostError> {
    match ends {
        Some(ends) => ends.next().await,
        None => std::future::pending().await,
    }
}
