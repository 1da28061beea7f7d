//! The device: the one owner of every effect.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Instant,
};

use jiff::Timestamp;
use sekisho_control::{
    Applied, Failure, FailureKind, Key, LiveTrace, Packet, Phase, Plan, PlannedStep, Proposal,
    Refused, RefusedPacket, SiteSummary, Status,
};
use sekisho_design::{
    Accepted, Design, Problem, Problems, PublicKey, Report, Source, Sources, Trust, check, diff,
    stamp,
};
use sekisho_host::{Kernel, Refusal};
use sekisho_plan::{KernelState, Step, desired};
use sekisho_tunnel::SecretKey;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::{
    apply::{ApplyError, plan, put_in_force, roll_back, scope},
    live, reasons,
    store::{Files, PROFILE, SITE, Store},
    tunnel::{StartError, Tunnel, Wanted},
};

/// Refusals that are kept to be shown; older ones are in the log.
const SHOWN_REFUSALS: usize = 50;

/// Problems of a refused design that an answer carries; a file of garbage has many more, and nobody mends by them.
const SHOWN_PROBLEMS: usize = 1000;

/// A request of the control API, with where its answer goes.
#[derive(Debug)]
pub enum Request {
    /// How the device is.
    Status(oneshot::Sender<Result<Status, Failure>>),
    /// Its public key.
    Key(oneshot::Sender<Result<Key, Failure>>),
    /// What applying a design would do.
    Plan(Proposal, oneshot::Sender<Result<Plan, Failure>>),
    /// Put a design in force.
    Apply(Proposal, oneshot::Sender<Result<Applied, Failure>>),
    /// What would happen to a packet now.
    Trace(Packet, oneshot::Sender<Result<LiveTrace, Failure>>),
}

/// The device: the kernel, the stored design, the tunnel.
pub struct Device {
    kernel: Kernel,
    store: Store,
    operator: PublicKey,
    key: SecretKey,
    phase: Phase,
    in_force: Option<InForce>,
    tunnel: Option<Tunnel>,
    refusals: VecDeque<RefusedPacket>,
}

/// The design in force and what it asks of the kernel.
struct InForce {
    design: Design,
    state: KernelState,
}

impl Device {
    pub(super) fn new(kernel: Kernel, store: Store, operator: PublicKey, key: SecretKey) -> Self {
        Self {
            kernel,
            store,
            operator,
            key,
            phase: Phase::Closed,
            in_force: None,
            tunnel: None,
            refusals: VecDeque::with_capacity(SHOWN_REFUSALS),
        }
    }

    /// Puts the stored design in force, if there is one: the same path as an edit, from another starting point.
    pub(super) async fn boot(&mut self) {
        let files = match self.store.in_force() {
            Ok(None) => return info!("no design was ever applied; nothing is forwarded"),
            Ok(Some(files)) => files,
            Err(fault) => {
                return self.stored_design_fails(device_failure(reasons(&fault), None));
            }
        };
        let trust = Trust { operator: self.operator, in_force: None };
        let outcome = match checked(&files, (SITE, PROFILE), &trust) {
            Ok(accepted) => self.put_in_force(accepted.design, None).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(steps) => info!(steps, "the stored design is in force"),
            Err(failure) => self.stored_design_fails(failure),
        }
    }

    fn stored_design_fails(&mut self, fault: Failure) {
        error!(%fault, "the stored design can't be put in force");
        if !matches!(self.phase, Phase::RollbackFailed { .. }) {
            self.phase = Phase::Faulty { fault };
        }
    }

    /// Answers one request. A client that went away in the meantime is no matter.
    pub(super) async fn answer(&mut self, request: Request) {
        match request {
            Request::Status(reply) => drop(reply.send(Ok(self.status().await))),
            Request::Key(reply) => drop(reply.send(Ok(Key { public: self.key.public() }))),
            Request::Plan(proposal, reply) => drop(reply.send(self.plan(proposal).await)),
            Request::Apply(proposal, reply) => drop(reply.send(self.apply(proposal).await)),
            Request::Trace(packet, reply) => drop(reply.send(self.trace(&packet).await)),
        }
    }

    pub(super) async fn look_after_tunnel(&mut self) {
        if let Some(tunnel) = &mut self.tunnel {
            tunnel.look_after(&self.kernel, &self.key, Instant::now()).await;
        }
    }

    pub(super) fn log(&mut self, refusal: Refusal) {
        let Refusal { side, rule, source, destination, protocol, destination_port, .. } = refusal;
        info!(target: "sekisho::refused", side, rule, %source, %destination, protocol, port = destination_port);
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (source, destination) else { return };
        self.refusals.truncate(SHOWN_REFUSALS - 1);
        let (at, port) = (Timestamp::now(), destination_port);
        self.refusals.push_front(RefusedPacket {
            at,
            side,
            rule,
            source,
            destination,
            protocol,
            port,
        });
    }

    /// Stops the tunnel. The rules stay: they let nothing through that no centre would take.
    pub(super) async fn stop(mut self) {
        if let Some(tunnel) = self.tunnel.take() {
            tunnel.stop(&self.kernel).await;
        }
    }

    async fn status(&self) -> Status {
        let (counters, fault) = match self.kernel.counters().await {
            Ok(counters) => (counters, None),
            Err(fault) => {
                let way_out = fault.way_out().map(str::to_owned);
                (BTreeMap::new(), Some(device_failure(fault.to_string(), way_out)))
            }
        };
        let refused: BTreeMap<_, _> = counters
            .into_iter()
            .filter(|(_, count)| count.packets > 0)
            .map(|(rule, count)| (rule, Refused { packets: count.packets, bytes: count.bytes }))
            .collect();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            phase: self.phase.clone(),
            fault,
            site: self.in_force.as_ref().map(|in_force| summary(&in_force.design)),
            tunnel: self.tunnel.as_ref().map(|tunnel| tunnel.status(Instant::now())),
            refused,
            last_refusals: self.refusals.iter().cloned().collect(),
        }
    }

    async fn plan(&self, proposal: Proposal) -> Result<Plan, Failure> {
        let (_, accepted) = self.check(proposal)?;
        let state = desired(&accepted.design);
        let scope = scope(&state, self.in_force.as_ref().map(|in_force| &in_force.state));
        let steps = plan(&self.kernel, &scope, &state).await.map_err(|error| failure(&error))?;
        let planned = |step: Step| PlannedStep { sentence: step.sentences(), step };
        let in_force = self.in_force.as_ref();
        Ok(Plan {
            changes: in_force.map(|in_force| diff(&in_force.design, &accepted.design)),
            steps: steps.into_iter().map(planned).collect(),
            warnings: reports(accepted.warnings),
        })
    }

    async fn trace(&self, packet: &Packet) -> Result<LiveTrace, Failure> {
        let design = self.in_force.as_ref().map(|in_force| &in_force.design);
        let tunnel = self.tunnel.as_ref().map(|tunnel| tunnel.status(Instant::now()));
        live::trace(&self.kernel, design, tunnel, packet).await
    }

    async fn apply(&mut self, proposal: Proposal) -> Result<Applied, Failure> {
        let (files, accepted) = self.check(proposal)?;
        let started = Instant::now();
        let site = accepted.design.site.name.clone();
        let steps = self.put_in_force(accepted.design, Some(&files)).await?;
        let milliseconds = started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        info!(steps, milliseconds, site, "applied");
        Ok(Applied { steps, milliseconds, warnings: reports(accepted.warnings) })
    }

    /// Takes the files of a proposal, the profile in force where it has none, and checks them. The stored profile is the
    /// one to be measured by, even where the rest of the stored design is at fault.
    fn check(&self, proposal: Proposal) -> Result<(Files, Accepted), Failure> {
        let stored = self.store.in_force().map_err(|fault| device_failure(reasons(&fault), None));
        let stored = match (stored, &proposal.profile) {
            (Ok(files), _) => files.map(|files| files.profile),
            // A store that can't be read is mended by a whole new design.
            (Err(_), Some(_)) => None,
            (Err(failure), None) => return Err(failure),
        };
        let in_force = stored.as_ref().and_then(|profile| stamp(profile, &self.operator));
        let (name, profile) = match (proposal.profile, stored) {
            (Some(file), _) => (file.name, file.text.into_bytes()),
            (None, Some(profile)) => (PROFILE.to_owned(), profile),
            (None, None) => return Err(profile_missing()),
        };
        let files = Files { site: proposal.site.text.into_bytes(), profile };
        let trust = Trust { operator: self.operator, in_force };
        let accepted = checked(&files, (&proposal.site.name, &name), &trust)?;
        Ok((files, accepted))
    }

    /// Puts a design in force, in the kernel, in the tunnel and, where it is new, on the disk; or leaves all three as
    /// they were. Returns how many steps the kernel took.
    async fn put_in_force(
        &mut self,
        design: Design,
        new: Option<&Files>,
    ) -> Result<usize, Failure> {
        let state = desired(&design);
        let scope = scope(&state, self.in_force.as_ref().map(|in_force| &in_force.state));
        let steps = match put_in_force(&self.kernel, &scope, &state).await {
            Ok(steps) => steps,
            Err(error) => return Err(self.failed(&error).await),
        };
        let before = self.tunnel.as_ref().map(|tunnel| tunnel.wanted().clone());
        let kept =
            self.switch_tunnel(Some(Wanted::of(&design))).map_err(ApplyError::Tunnel).and_then(
                |()| new.map_or(Ok(()), |files| self.store.commit(files)).map_err(ApplyError::Keep),
            );
        if let Err(cause) = kept {
            let error = roll_back(&self.kernel, &steps, cause).await;
            if let Err(fault) = self.switch_tunnel(before) {
                warn!(%fault, "the tunnel before can't be started yet; trying again");
            }
            return Err(self.failed(&error).await);
        }
        self.restore_cut_off().await;
        self.in_force = Some(InForce { design, state });
        self.phase = Phase::InForce;
        Ok(steps.len())
    }

    /// Replaces the tunnel where another one is wanted. Where that one can't be started, it is tried again later unless
    /// the caller goes back.
    fn switch_tunnel(&mut self, wanted: Option<Wanted>) -> Result<(), StartError> {
        let wanted = match (self.tunnel.take(), wanted) {
            (_, None) => return Ok(()),
            (Some(tunnel), Some(wanted)) if *tunnel.wanted() == wanted => {
                self.tunnel = Some(tunnel);
                return Ok(());
            }
            // The old engine ends here: both would bind the same port.
            (_, Some(wanted)) => wanted,
        };
        match Tunnel::start(wanted.clone(), &self.key) {
            Ok(tunnel) => {
                self.tunnel = Some(tunnel);
                Ok(())
            }
            Err(fault) => {
                self.tunnel = Some(Tunnel::waiting(wanted));
                Err(fault)
            }
        }
    }

    /// A step may have laid the table anew, and with it emptied the set that the daemon fills.
    async fn restore_cut_off(&mut self) {
        if let Some(tunnel) = &mut self.tunnel {
            tunnel.restore(&self.kernel).await;
        }
    }

    async fn failed(&mut self, error: &ApplyError) -> Failure {
        self.restore_cut_off().await;
        let failure = failure(error);
        if failure.kind == FailureKind::RollbackFailed {
            self.phase = Phase::RollbackFailed { fault: failure.clone() };
        }
        failure
    }
}

fn profile_missing() -> Failure {
    Failure {
        kind: FailureKind::Malformed,
        message: "no platform profile is in force yet".to_owned(),
        way_out: Some("give the operator's profile as well: --profile FILE".to_owned()),
        problems: Vec::new(),
    }
}

fn checked(files: &Files, names: (&str, &str), trust: &Trust) -> Result<Accepted, Failure> {
    let sources = Sources {
        site: Source { name: names.0, bytes: &files.site },
        profile: Source { name: names.1, bytes: &files.profile },
    };
    check(&sources, trust).map_err(|Problems(mut problems)| {
        let found = problems.len();
        problems.truncate(SHOWN_PROBLEMS);
        let shown = if found > SHOWN_PROBLEMS { ", the first of them shown" } else { "" };
        Failure {
            kind: FailureKind::Refused,
            message: format!("the design breaks rules, {found} in all{shown}; nothing was changed"),
            way_out: None,
            problems: reports(problems),
        }
    })
}

fn reports(problems: Vec<Problem>) -> Vec<Report> {
    problems.into_iter().map(Report::from).collect()
}

fn failure(error: &ApplyError) -> Failure {
    let kind = match error {
        ApplyError::MissingPorts(_) | ApplyError::Observe(_) => FailureKind::Device,
        ApplyError::Step { .. }
        | ApplyError::Verify(_)
        | ApplyError::Unverified { .. }
        | ApplyError::Tunnel(_)
        | ApplyError::Keep(_) => FailureKind::RolledBack,
        ApplyError::Rollback { .. } => FailureKind::RollbackFailed,
    };
    Failure { kind, message: error.to_string(), way_out: error.way_out(), problems: Vec::new() }
}

fn device_failure(message: String, way_out: Option<String>) -> Failure {
    Failure { kind: FailureKind::Device, message, way_out, problems: Vec::new() }
}

fn summary(design: &Design) -> SiteSummary {
    SiteSummary {
        name: design.site.name.clone(),
        organisation: design.site.organisation,
        placement: design.site.placement,
        profile: design.profile.stamp,
        servers: design.servers.len(),
        terminals: design.terminals.len(),
    }
}
