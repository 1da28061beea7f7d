//! The device: the one owner of every effect.

mod backup;
mod check;
mod course;
mod hosts;
mod renewal;
mod retry;
mod selftest;
mod twin;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Instant};

use jiff::Timestamp;
use sekisho_control::{
    Applied, Apply, Author, Awaiting, Backup, BackupUsers, BackupWish, CertificateRequest,
    Confirmation, Decision, Failure, FlowPage, FlowQuery, Generation, Health as HealthLevel,
    Identity, InstallWish, KeptSelfTest, Key, LineStatus, LiveTrace, NameAnswer, NameQuery,
    NamesStatus, Nightly, NightlyOutcome, Opened, Packet, PageAuthority, PageCertificate, Phase,
    Plan, PlannedStep, PortStatus, Proposal, Refused, RefusedFlows, Restarting, Returned,
    SelfTestReport, SelfTestWish, Settled, Snmp as SnmpState, SnmpPassphrases, Status, Stored,
    Traffic, Unlocking, UpdateStatus, ZoneData,
};
use sekisho_design::{Design, PublicKey, diff};
use sekisho_host::{HostError, Kernel, Line as PortLine, Refusal, clock, give_back};
use sekisho_plan::{KernelState, Step, desired_over, steps, trace::Side};
use sekisho_tunnel::SecretKey;
use tokio::sync::oneshot;

use self::{
    check::{reports, summary},
    course::Pending,
    retry::Retry,
    twin::Silence,
};
use super::{
    Places,
    backup::Desk,
    effects::{Hands, scope},
    fault::{device_failure, disk_failure, unseen},
    flow_log::FlowLog,
    health::{Health, processor},
    heartbeat::Heartbeat,
    identity,
    known::Known,
    line::Line,
    live,
    looks::Looks,
    names::Names,
    nightly::Nights,
    page,
    path::Path,
    proof::Measure,
    refused::RefusedLog,
    renewal::{Keys, Renewal},
    restart::Restarter,
    rollout::Rollout,
    selftest::{Events, SelfTest},
    snmp::Snmp,
    stamps::Stamps,
    store::{Files, Store},
    time::Time,
    traffic::Counts,
    update::Updates,
    windows::Windows,
};

/// Refusals that the status shows.
const SHOWN_REFUSALS: usize = 50;

/// Where an answer goes.
type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// A request of the control API, with where its answer goes.
#[derive(Debug)]
pub enum Request {
    /// How the device is.
    Status(Reply<Status>),
    /// Its public key.
    Key(Reply<Key>),
    /// Which device it is.
    Identity(Reply<Identity>),
    /// Renew its key, asks somebody.
    RenewIdentity(Author, Reply<Identity>),
    /// Let the old key stay.
    CancelRenewal(Author, Reply<Identity>),
    /// A certificate for the local page.
    PageCertificate(CertificateRequest, Reply<PageCertificate>),
    /// Who signs it.
    PageAuthority(Reply<PageAuthority>),
    /// What applying a design would do.
    Plan(Proposal, Reply<Plan>),
    /// Put a design in force, for somebody.
    Apply(Apply, Author, Reply<Applied>),
    /// Keep the change that awaits confirmation, says somebody.
    Confirm(Confirmation, Author, Reply<Settled>),
    /// Take it back.
    RollBack(Decision, Author, Reply<Settled>),
    /// All generations, newest first.
    Generations(Reply<Vec<Generation>>),
    /// One generation with its files.
    Generation(u64, Reply<Stored>),
    /// What would happen to a packet now.
    Trace(Packet, Reply<LiveTrace>),
    /// What was counted by row and host.
    Traffic(Reply<Traffic>),
    /// How names are resolved.
    Names(Reply<NamesStatus>),
    /// What a client would be told about a name.
    NameQuery(NameQuery, Reply<NameAnswer>),
    /// What the platform's zones hold.
    ZoneData(Reply<ZoneData>),
    /// What was refused last, of so many packets.
    Refusals(usize, Reply<RefusedFlows>),
    /// What the flow log has.
    Flows(FlowQuery, Reply<FlowPage>),
    /// Begin a self-test.
    SelfTest(SelfTestWish, Reply<Events>),
    /// Make a backup of the design that is kept.
    BackUp(BackupWish, Author, Reply<Backup>),
    /// Tell what a backup holds.
    OpenBackup(Unlocking, Reply<Opened>),
    /// Take the identity of a backup over.
    TakeIdentity(Unlocking, Author, Reply<Key>),
    /// Give the page's users of a backup out.
    BackupUsers(Unlocking, Author, Reply<BackupUsers>),
    /// Whom the nightly backup is for.
    Nightly(Reply<Nightly>),
    /// Take down what came of a night's.
    NightOver(NightlyOutcome, Reply<Nightly>),
    /// Whether questions by SNMP are answered.
    Snmp(Reply<SnmpState>),
    /// Make new passphrases for the user that asks by SNMP.
    SnmpUser(Author, Reply<SnmpPassphrases>),
    /// Restart the box.
    Restart(Author, Reply<Restarting>),
    /// What the slots of the firmware hold.
    Update(Reply<UpdateStatus>),
    /// Install what was sent to the page.
    Install(InstallWish, Author, Reply<UpdateStatus>),
    /// The last self-test's report.
    LastSelfTest(Reply<SelfTestReport>),
    /// The self-tests whose reports are kept, the latest first.
    SelfTests(Reply<Vec<KeptSelfTest>>),
    /// The report of one of them.
    KeptSelfTest(u64, Reply<SelfTestReport>),
    /// How the device is, in one word.
    Health(Reply<HealthLevel>),
}

/// The device: the kernel, the stored design, the tunnel.
pub struct Device {
    hands: Hands,
    operator: PublicKey,
    phase: Phase,
    /// What the kernel and the tunnel hold, confirmed or not.
    in_force: Option<InForce>,
    /// What the names of the design in force stand for.
    known: Known,
    /// Which of its policies are over.
    windows: Windows,
    /// What the way to the platform carries.
    path: Path,
    names: Names,
    flow_log: FlowLog,
    time: Time,
    rollout: Rollout,
    snmp: Snmp,
    health: Health,
    selftest: SelfTest,
    /// Hosts of the design in force may be elsewhere than the kernel and the tunnel look for them, policies over, or the
    /// way to the platform another.
    moved: bool,
    /// The generation that comes up after a restart, 0 for none, and its files.
    kept: (u64, Option<Files>),
    pending: Option<Pending>,
    /// Whether the stored design waits for another box to go.
    silence: Silence,
    /// When the stored design is tried again that the machine didn't take.
    retry: Retry,
    /// What a roll-back failed to reach.
    owed: Option<Arc<KernelState>>,
    returned: Option<Returned>,
    storage: Option<Failure>,
    looks: Looks,
    counts: Counts,
    refused: RefusedLog,
    restarter: Restarter,
    updates: Updates,
    desk: Desk,
    nights: Nights,
    /// Entries of the kernel's log that never came here.
    refusals_lost: u64,
}

/// The design in force and what it asks of the kernel.
struct InForce {
    /// As it is written: its names are names.
    design: Design,
    state: Arc<KernelState>,
}

impl Device {
    pub(super) fn new(
        kernel: Kernel,
        store: Store,
        operator: PublicKey,
        (key, renewal): (SecretKey, Renewal),
        stamps: Stamps,
        places: &Places,
    ) -> anyhow::Result<Self> {
        let run = kernel.run()?;
        let counts = Counts::new(&kernel);
        let (state, now) = (&places.state, clock::since_start());
        let health = Health::new(state);
        let version = health.release().map(|release| release.version.clone());
        let version = version.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned());
        Ok(Self {
            hands: Hands {
                kernel,
                store,
                key,
                renewal,
                stamps,
                tunnel: None,
                line: Line::default(),
                run,
                heartbeat: Heartbeat::wished(),
            },
            operator,
            phase: Phase::Closed,
            in_force: None,
            known: Known::open(state),
            windows: Windows::open(state),
            path: Path::default(),
            names: Names::new(state),
            flow_log: FlowLog::start(state)?,
            time: Time::start(&places.run, now, clock::wall())?,
            snmp: Snmp::new(state, &places.run),
            rollout: Rollout::start(&places.run, identity::serial(), version),
            health,
            selftest: SelfTest::new(state, now),
            moved: false,
            kept: (0, None),
            pending: None,
            silence: Silence::new(&places.run),
            retry: Retry::default(),
            owed: None,
            returned: None,
            storage: None,
            looks: Looks::new(now),
            counts,
            refused: RefusedLog::default(),
            restarter: Restarter::new(&places.run),
            updates: Updates::new(&places.run),
            desk: Desk::default(),
            nights: Nights::open(state),
            refusals_lost: 0,
        })
    }

    /// Answers one request. A client that went away in the meantime is no matter.
    pub(super) async fn answer(&mut self, request: Request) {
        match request {
            Request::Status(reply) => {
                let status = self.status().await;
                self.counts.complete(status, &self.hands.kernel, self.design(), reply);
            }
            Request::Key(reply) => drop(reply.send(Ok(Key { public: self.hands.key.public() }))),
            Request::Identity(reply) => drop(reply.send(Ok(self.identity()))),
            Request::RenewIdentity(author, reply) => drop(reply.send(self.renew_identity(&author))),
            Request::CancelRenewal(author, reply) => drop(reply.send(self.cancel_renewal(&author))),
            Request::PageCertificate(request, reply) => {
                let addresses = page::addresses(self.design());
                let (state, now) = (self.hands.store.folder(), Timestamp::now());
                drop(reply.send(page::certificate(state, &request, addresses, now)));
            }
            Request::PageAuthority(reply) => {
                drop(reply.send(page::authority(self.hands.store.folder(), Timestamp::now())));
            }
            Request::Plan(proposal, reply) => drop(reply.send(self.plan(proposal).await)),
            Request::Apply(apply, author, reply) => {
                self.apply(apply, author, reply).await;
            }
            Request::Confirm(confirmation, author, reply) => {
                drop(reply.send(self.confirm(confirmation, &author).await));
            }
            Request::RollBack(decision, author, reply) => {
                drop(reply.send(self.roll_back(decision, &author).await));
            }
            Request::Generations(reply) => drop(reply.send(self.generations())),
            Request::Generation(number, reply) => drop(reply.send(self.generation(number))),
            Request::Trace(packet, reply) => drop(reply.send(self.trace(&packet).await)),
            Request::Traffic(reply) => {
                self.counts.answer(&self.hands.kernel, self.design(), reply);
            }
            Request::Names(reply) => {
                drop(reply.send(Ok(self.names.status(self.design(), &self.known))));
            }
            Request::NameQuery(query, reply) => self.names.query(self.design(), query, reply),
            Request::ZoneData(reply) => self.names.zone_data(reply),
            Request::Refusals(count, reply) => {
                let design = self.in_force.as_ref().map(|in_force| self.now(&in_force.design));
                let told = self.refused.explained(count, self.refusals_lost, design.as_deref());
                drop(reply.send(Ok(told)));
            }
            Request::Flows(query, reply) => self.flow_log.query(query, reply),
            Request::SelfTest(wish, reply) => drop(reply.send(self.self_test(wish).await)),
            Request::BackUp(wish, author, reply) => self.back_up(wish, &author, reply),
            Request::OpenBackup(opening, reply) => self.open_backup(opening, reply),
            Request::TakeIdentity(opening, author, reply) => {
                drop(reply.send(self.take_identity(opening, &author).await));
            }
            Request::BackupUsers(opening, author, reply) => {
                self.backup_users(opening, &author, reply);
            }
            Request::Nightly(reply) => drop(reply.send(Ok(self.nightly()))),
            Request::NightOver(outcome, reply) => {
                self.nights.note(outcome, Timestamp::now());
                drop(reply.send(Ok(self.nightly())));
            }
            Request::Snmp(reply) => drop(reply.send(Ok(self.snmp.status()))),
            Request::SnmpUser(author, reply) => drop(reply.send(self.snmp.renew(&author))),
            Request::Restart(author, reply) => drop(reply.send(self.restart(&author))),
            Request::Update(reply) => drop(reply.send(self.updates.status())),
            Request::Install(wish, author, reply) => {
                drop(reply.send(self.install(wish, &author)));
            }
            Request::LastSelfTest(reply) => drop(reply.send(self.selftest.last())),
            Request::SelfTests(reply) => drop(reply.send(Ok(self.selftest.kept()))),
            Request::KeptSelfTest(number, reply) => {
                drop(reply.send(self.selftest.report(number)));
            }
            Request::Health(reply) => drop(reply.send(self.selftest.health())),
        }
    }

    fn identity(&self) -> Identity {
        let authority = page::authority(self.hands.store.folder(), Timestamp::now());
        identity::told(
            self.hands.key.public(),
            self.design().map(|design| design.site.organisation),
            authority.ok().map(|authority| authority.fingerprint),
            self.coming(),
        )
    }

    /// What time alone brings about: the tunnel's state, the end of the time to confirm, a look at the kernel.
    pub(super) async fn tick(&mut self) {
        self.hands.heartbeat.beat();
        let Hands { kernel, key, renewal, stamps, tunnel, line, .. } = &mut self.hands;
        if let Some(tunnel) = tunnel {
            let keys = Keys { own: key, coming: renewal.key() };
            tunnel.look_after(kernel, keys, stamps, Instant::now()).await;
            if let Some(InForce { design, state }) = &self.in_force {
                let shaped = (design, &state.queues);
                line.look_after(kernel, shaped, tunnel.is_cut_off(), Instant::now()).await;
            }
        }
        self.settle_renewal(Instant::now());
        let now = clock::since_start();
        self.end_of_wait(now).await;
        self.end_silence(now).await;
        self.try_again(now).await;
        self.time.look_after(now, clock::wall);
        self.snmp.look_after(now);
        self.rollout.look_after(now);
        self.health.look_after(now);
        self.nights.look_after(self.wants_nightly(), self.known_time());
        self.watch(now).await;
        self.keep_up().await;
        self.counts.watch(&self.hands.kernel, now);
        if self.looks.take_look(now) {
            self.repair().await;
            give_back();
        }
    }

    /// The kernel's network changed, by our own hand or somebody else's.
    pub(super) fn network_changed(&mut self) {
        self.looks.notice();
    }

    pub(super) fn log(&mut self, refusal: Refusal, lost: u64) {
        self.flow_log.tell(&refusal);
        let design = self.in_force.as_ref().map(|in_force| &in_force.design);
        self.refused.take(refusal, design, Timestamp::now());
        self.refusals_lost = lost;
    }

    /// Stops the tunnel. The rules stay: they let nothing through that no centre would take. A change that awaits
    /// confirmation is taken back by the next start.
    pub(super) async fn stop(mut self) {
        if let Some(tunnel) = self.hands.tunnel.take() {
            let latest = tunnel.stop(&self.hands.kernel).await;
            self.hands.stamps.note(latest, Instant::now());
            self.hands.stamps.close(Instant::now());
        }
        self.flow_log.stop();
    }

    async fn status(&self) -> Status {
        let told = |fault: HostError| {
            let way_out = fault.way_out().map(str::to_owned);
            device_failure(fault.to_string(), way_out)
        };
        let (counters, fault) = match self.hands.kernel.counters().await {
            Ok(counters) => (counters, None),
            Err(fault) => (BTreeMap::new(), Some(told(fault))),
        };
        let (line, line_fault) = match self.line().await {
            Ok(line) => (line, None),
            Err(fault) => (None, Some(told(fault))),
        };
        let (ports, ports_fault) = match self.ports().await {
            Ok(ports) => (ports, None),
            Err(fault) => (Vec::new(), Some(told(fault))),
        };
        let refused: BTreeMap<_, _> = counters
            .into_iter()
            .filter(|(_, count)| count.packets > 0)
            .map(|(rule, count)| (rule, Refused { packets: count.packets, bytes: count.bytes }))
            .collect();
        let design = self.design().map(|design| self.now(design));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            phase: self.phase.clone(),
            generation: self.kept.0,
            awaiting: self.awaiting(),
            returned: self.returned.clone(),
            storage: self.storage.clone(),
            fault: fault.or(line_fault).or(ports_fault),
            line,
            ports,
            shortages: Vec::new(),
            site: self.in_force.as_ref().map(|in_force| summary(&in_force.design)),
            tunnel: self.hands.tunnel.as_ref().map(|tunnel| tunnel.status(Instant::now())),
            refused,
            last_refusals: self.refused.last(SHOWN_REFUSALS).cloned().collect(),
            flow_log: self.flow_log.status(),
            collector: self.flow_log.collector(),
            time: Some(self.time.status(design.as_deref(), clock::since_start())),
            health: self.readings(),
            processor: Some(processor()),
            release: self.health.release().cloned(),
        }
    }

    async fn line(&self) -> Result<Option<LineStatus>, HostError> {
        let Some(InForce { design, state }) = &self.in_force else { return Ok(None) };
        let Hands { kernel, line, .. } = &self.hands;
        line.status(kernel, (design, &state.queues), Instant::now()).await
    }

    /// The ports of the design in force; one that isn't there has no carrier.
    async fn ports(&self) -> Result<Vec<PortStatus>, HostError> {
        let Some(design) = self.design() else { return Ok(Vec::new()) };
        let lans = design.lans.iter().map(|(lan, it)| (&it.port, Side::Lan(*lan)));
        let maintenance = design.maintenance.iter().map(|it| (&it.port, Side::Maintenance));
        let named = [(&design.lgwan.port, Side::Lgwan)].into_iter().chain(lans).chain(maintenance);
        let mut ports = Vec::new();
        for (port, side) in named {
            let PortLine { carrier, speed, received, sent, .. } =
                self.hands.kernel.line(port).await?.unwrap_or_default();
            ports.push(PortStatus { port: port.clone(), side, carrier, speed, received, sent });
        }
        Ok(ports)
    }

    /// The design in force, as it is written.
    fn design(&self) -> Option<&Design> {
        self.in_force.as_ref().map(|in_force| &in_force.design)
    }

    /// A design as it is now: its names lead where they do, and what is over is over.
    fn now<'a>(&self, design: &'a Design) -> Cow<'a, Design> {
        match self.windows.put_into(design) {
            Cow::Borrowed(design) => self.known.put_into(design),
            Cow::Owned(open) => Cow::Owned(self.known.put_into(&open).into_owned()),
        }
    }

    /// What a design asks of the kernel now.
    fn wanted(&self, design: &Design) -> KernelState {
        desired_over(&self.now(design), self.path.largest(design))
    }

    fn awaiting(&self) -> Option<Awaiting> {
        let pending = self.pending.as_ref()?;
        let left = pending.change.deadline()?.saturating_sub(clock::since_start());
        let proof = pending.measure.as_ref().map(Measure::awaited);
        Some(Awaiting { generation: pending.number, seconds_left: left.as_secs(), proof })
    }

    async fn plan(&self, proposal: Proposal) -> Result<Plan, Failure> {
        let (_, accepted) = self.check(proposal)?;
        // What is over already isn't written down before it is applied.
        let open = accepted.design.at(Timestamp::now());
        let state = self.wanted(&open);
        let scope = scope(&state, self.in_force.iter().map(|in_force| &*in_force.state));
        let observed = self.hands.kernel.observe(&scope).await.map_err(|fault| unseen(&fault))?;
        let steps = steps(&observed, &state).map_err(|missing| {
            let way_out = "name the ports as `ip -br link` lists them, or plug in the missing one";
            device_failure(missing.to_string(), Some(way_out.to_owned()))
        })?;
        let planned = |step: Step| PlannedStep { sentence: step.sentences(), step };
        let in_force = self.in_force.as_ref();
        Ok(Plan {
            changes: in_force.map(|in_force| diff(&in_force.design, &accepted.design)),
            steps: steps.into_iter().map(planned).collect(),
            warnings: reports(accepted.warnings),
        })
    }

    async fn trace(&self, packet: &Packet) -> Result<LiveTrace, Failure> {
        let design = self.in_force.as_ref().map(|in_force| self.now(&in_force.design));
        let state = self.in_force.as_ref().map(|in_force| &*in_force.state);
        let tunnel = self.hands.tunnel.as_ref().map(|tunnel| tunnel.status(Instant::now()));
        live::trace(&self.hands.kernel, design.as_deref().zip(state), tunnel, packet).await
    }

    fn generations(&self) -> Result<Vec<Generation>, Failure> {
        self.hands.store.history().map_err(|fault| disk_failure(&fault))
    }

    fn generation(&self, number: u64) -> Result<Stored, Failure> {
        if !self.hands.store.has(number) {
            let way_out = "choose one of those that `sekisho history` lists";
            return Err(live::malformed(format!("there is no generation {number}"), Some(way_out)));
        }
        let kept = self.hands.store.read(number).map_err(|fault| disk_failure(&fault))?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (site, profile) = (text(&kept.files.site), text(&kept.files.profile));
        Ok(Stored { generation: kept.generation, site, profile })
    }
}
