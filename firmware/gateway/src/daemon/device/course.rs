//! Changes of the device, from the start of the daemon on: what is put in force, confirmed, taken back or repaired.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sekisho_control::{
    Applied, Apply, Author, Confirmation, Decision, Failure, FailureKind, InstallWish,
    LONGEST_REASON, LONGEST_WAIT_S, Phase, Restarting, Returned, SHORTEST_WAIT_S, Settled,
    UpdateStatus,
};
use sekisho_design::{Design, Trust};
use sekisho_host::clock;
use sekisho_plan::{KernelState, desired};
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::{
    Device, InForce, Reply,
    check::{checked, reports},
};
use crate::daemon::{
    effects::{Edit, Errand, scope},
    fault::{Fault, conflict, device_failure, disk_failure, failure, malformed},
    machine::{Cause, Change, Purpose, Rest},
    proof::Measure,
    reasons,
    store::{InForce as Stored, Kept, PROFILE, SITE},
    tunnel::Wanted,
};

/// How long an answer has that is given before the first step, until the way is gone that it takes.
const HEAD_START: Duration = Duration::from_secs(1);

/// A change that awaits confirmation.
pub(super) struct Pending {
    pub(super) number: u64,
    pub(super) change: Change<Fault>,
    errand: Errand,
    /// What its confirmation is measured by, where it touches the way that its user came by.
    pub(super) measure: Option<Measure>,
    /// What was in force before it.
    before: Option<InForce>,
    phase: Phase,
}

impl Device {
    /// Takes back what a crash cut short, then puts the kept design in force, if there is one: the same path as an edit,
    /// from another starting point.
    pub(in crate::daemon) async fn boot(&mut self) {
        if !self.recover().await {
            return;
        }
        if let Some(fault) = self.hands.store.read_only() {
            error!(%fault, "nothing can be kept");
            let way_out = fault.way_out().map(str::to_owned);
            self.storage = Some(device_failure(fault.to_string(), way_out));
        }
        if let Err(fault) = self.hands.store.tidy() {
            self.disk_is_faulty(&fault);
        }
        self.keep_stored().await;
    }

    /// Puts the kept design in force, if there is one, or the last good one before it.
    pub(super) async fn keep_stored(&mut self) {
        match self.hands.store.in_force() {
            Stored::Nothing => info!("no design was ever applied; nothing is forwarded"),
            Stored::Good(kept) => self.keep(kept).await,
            Stored::Damaged { fault, last_good } => {
                self.disk_is_faulty(&fault);
                match last_good {
                    Some(kept) => {
                        let generation = kept.generation.number;
                        warn!(generation, "the last good design takes its place");
                        self.keep(kept).await;
                    }
                    None => self.stored_design_fails(disk_failure(&fault)),
                }
            }
        }
    }

    /// Leads back what the last daemon left half-done. False where that failed: nothing more is tried then.
    async fn recover(&mut self) -> bool {
        let journal = match self.hands.store.journal() {
            Ok(Some(journal)) => journal,
            Ok(None) => return true,
            Err(fault) => {
                self.disk_is_faulty(&fault);
                return true;
            }
        };
        let kept = self.hands.store.pointed_at().ok().flatten();
        if kept == Some(journal.pending) {
            return true;
        }
        self.returned(journal.pending, &Cause::Interrupted);
        if journal.boot != self.hands.run {
            info!(generation = journal.pending, "the machine was restarted; nothing is left of it");
            return true;
        }
        let pending = self.hands.store.read(journal.pending).ok();
        let pending = pending.and_then(|kept| self.design_of(&kept).ok());
        let pending = pending.map(|design| Arc::new(desired(&design)));
        let before = Arc::new(journal.before.into_owned());
        let scope = scope(&before, pending.as_deref());
        let mut errand = Errand { scope, number: Some(journal.pending), ..Errand::default() };
        let (mut change, first) = Change::recover(Arc::clone(&before), pending);
        let rest = self.hands.carry_on(&mut change, &mut errand, first).await;
        let Some(fault) = failure(&rest).filter(|_| !matches!(rest, Rest::RolledBack(_))) else {
            return true;
        };
        self.owed = Some(before);
        self.phase = Phase::RollbackFailed { fault };
        false
    }

    fn design_of(&self, kept: &Kept) -> Result<Design, Failure> {
        let trust = Trust { operator: self.operator, in_force: None };
        Ok(checked(&kept.files, (SITE, PROFILE), &trust)?.design)
    }

    /// Puts a stored design in force.
    async fn keep(&mut self, kept: Kept) {
        let number = kept.generation.number;
        let design = match self.design_of(&kept) {
            Ok(design) => design,
            Err(failure) => return self.stored_design_fails(failure),
        };
        self.kept = (number, Some(kept.files));
        if let Some(fault) = self.another_box(&design).await {
            return self.stored_design_fails(fault);
        }
        match self.put_in_force(design, Purpose::Keep, None).await {
            Ok(_) => info!(generation = number, "the stored design is in force"),
            Err(failure) => {
                if matches!(failure.kind, FailureKind::Device | FailureKind::RolledBack) {
                    self.retry.after_failure(clock::since_start());
                }
                self.stored_design_fails(failure);
            }
        }
    }

    fn stored_design_fails(&mut self, fault: Failure) {
        error!(%fault, "the stored design can't be put in force");
        if !matches!(self.phase, Phase::RollbackFailed { .. }) {
            self.phase = Phase::Faulty { fault };
        }
    }

    fn disk_is_faulty(&mut self, fault: &anyhow::Error) {
        error!(fault = reasons(fault), "the disk or what it holds is damaged");
        self.storage.get_or_insert(disk_failure(fault));
    }

    fn returned(&mut self, generation: u64, cause: &Cause<Fault>) {
        let (why, at) = (cause.message(), Timestamp::now());
        self.returned = Some(Returned { generation, why, at });
    }

    /// Puts a design in force that somebody brings, and tells him what came of it.
    pub(super) async fn apply(&mut self, request: Apply, author: Author, reply: Reply<Applied>) {
        let mut reply = Some(reply);
        let outcome = self.bring_in(request, author, &mut reply).await;
        match (reply, outcome) {
            (Some(reply), outcome) => drop(reply.send(outcome)),
            (None, Ok(_)) => {}
            // He has had his answer; this stands in the status.
            (None, Err(fault)) => {
                let generation = self.hands.store.next().unwrap_or_default();
                error!(%fault, "a change that was answered first isn't in force");
                let (why, at) = (fault.message, Timestamp::now());
                self.returned.get_or_insert(Returned { generation, why, at });
            }
        }
    }

    async fn bring_in(
        &mut self,
        request: Apply,
        author: Author,
        reply: &mut Option<Reply<Applied>>,
    ) -> Result<Applied, Failure> {
        let started = Instant::now();
        self.may_write(&request)?;
        let (files, accepted) = self.check(request.proposal)?;
        let proof = self.proof(request.came_by, &accepted.design)?;
        let wait = request.confirm_within_s.map(|seconds| Duration::from_secs(seconds.into()));
        let sound = self.owed.is_none() && self.storage.is_none();
        let again = sound && self.kept.1.as_ref() == Some(&files);
        let (purpose, edit) = if again {
            (Purpose::Keep, None)
        } else {
            let edit = Edit { files: files.clone(), author, reason: request.reason };
            (Purpose::Edit { confirm_within: wait }, Some(edit))
        };
        let site = accepted.design.site.name.clone();
        if request.answer_first
            && edit.is_some()
            && let Some((proof, _)) = &proof
        {
            let generation = self.hands.store.next().map_err(|fault| disk_failure(&fault))?;
            let first = Applied {
                generation,
                steps: 0,
                milliseconds: 0,
                ended_connections: 0,
                confirm_within_s: request.confirm_within_s,
                carry: Some(proof.clone()),
                warnings: reports(accepted.warnings.clone()),
            };
            self.returned = None;
            drop(reply.take().map(|reply| reply.send(Ok(first))));
            sleep(HEAD_START).await;
        }
        let done = self.put_in_force(accepted.design, purpose, edit).await?;
        let generation = done.number.unwrap_or(self.kept.0);
        let awaiting = self.pending.is_some();
        let mut carry = None;
        if let (Some(pending), Some((proof, measure))) = (&mut self.pending, proof) {
            (carry, pending.measure) = (Some(proof), Some(measure));
        }
        if !awaiting {
            self.kept = (generation, Some(files));
            self.storage = None;
        }
        let milliseconds = started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        let Summary { ended: ended_connections, steps, .. } = done;
        info!(generation, steps, milliseconds, ended_connections, awaiting, site, "applied");
        Ok(Applied {
            generation,
            steps,
            milliseconds,
            ended_connections,
            confirm_within_s: request.confirm_within_s.filter(|_| awaiting),
            carry,
            warnings: reports(accepted.warnings),
        })
    }

    /// One writer at a time, and none who doesn't know what is in force.
    fn may_write(&self, request: &Apply) -> Result<(), Failure> {
        if let Some(pending) = &self.pending {
            let message = format!("generation {} awaits confirmation", pending.number);
            return Err(conflict(message, "confirm it or take it back, then apply again"));
        }
        let (seen, kept) = (request.seen, self.kept.0);
        if seen != kept {
            let message = format!("generation {kept} is in force and not {seen}");
            return Err(conflict(
                message,
                "somebody changed the design in the meantime: look at it, then apply again",
            ));
        }
        let unfit =
            |reason: &String| reason.len() > LONGEST_REASON || reason.chars().any(char::is_control);
        if request.reason.as_ref().is_some_and(unfit) {
            let way_out = format!("say it in one line of at most {LONGEST_REASON} bytes");
            return Err(malformed("the reason is no line of text".to_owned(), way_out));
        }
        let times = SHORTEST_WAIT_S..=LONGEST_WAIT_S;
        if request.confirm_within_s.is_some_and(|seconds| !times.contains(&seconds)) {
            let way_out = format!("give {SHORTEST_WAIT_S} to {LONGEST_WAIT_S} seconds");
            return Err(malformed("nobody can confirm within that time".to_owned(), way_out));
        }
        if request.came_by.is_some() && request.confirm_within_s.is_none() {
            let message = "what is changed over a network has to be confirmed".to_owned();
            return Err(malformed(message, "give a time for it: --confirm-within 120s".to_owned()));
        }
        Ok(())
    }

    /// Puts a design in force, in the kernel, in the tunnel and, where it is new, on the disk; or leaves all three as
    /// they were.
    async fn put_in_force(
        &mut self,
        design: Design,
        purpose: Purpose,
        edit: Option<Edit>,
    ) -> Result<Summary, Failure> {
        self.end_policies(Some(&design));
        let state = Arc::new(self.wanted(&design));
        let others = self.in_force.iter().map(|in_force| &*in_force.state);
        let mut errand = Errand {
            scope: scope(&state, others.chain(self.owed.as_deref())),
            new: Some(Wanted::of(&design, &self.known)),
            old: self.hands.tunnel.as_ref().map(|tunnel| tunnel.wanted().clone()),
            edit,
            ..Errand::default()
        };
        let (mut change, first) = Change::begin(purpose, Arc::clone(&state), self.owed.clone());
        let rest = self.hands.carry_on(&mut change, &mut errand, first).await;
        let summary =
            Summary { steps: change.step_count(), ended: errand.ended, number: errand.number };
        match (&rest, errand.number) {
            (Rest::Committed, _) => {
                self.in_force = Some(InForce { design, state });
                (self.phase, self.owed) = (Phase::InForce, None);
            }
            (Rest::Awaiting, Some(number)) => {
                let before = self.in_force.replace(InForce { design, state });
                let phase = std::mem::replace(&mut self.phase, Phase::InForce);
                self.pending =
                    Some(Pending { number, change, errand, measure: None, before, phase });
            }
            _ => return Err(self.not_in_force(&rest, &change, errand.number)),
        }
        self.other_design();
        Ok(summary)
    }

    /// Writes down where a change that isn't in force came to rest.
    fn not_in_force(
        &mut self,
        rest: &Rest<Fault>,
        change: &Change<Fault>,
        number: Option<u64>,
    ) -> Failure {
        if let (Some(number), Rest::RolledBack(cause) | Rest::RollbackFailed { cause, .. }) =
            (number, rest)
        {
            self.returned(number, cause);
        }
        let fault = failure(rest).unwrap_or_else(nothing_awaits);
        if matches!(rest, Rest::RollbackFailed { .. }) {
            self.owed = Some(Arc::clone(change.before()));
            self.phase = Phase::RollbackFailed { fault: fault.clone() };
        }
        fault
    }

    /// Keeps the change that awaits confirmation.
    pub(super) async fn confirm(
        &mut self,
        confirmation: Confirmation,
        author: &Author,
    ) -> Result<Settled, Failure> {
        let Confirmation { generation, shown, .. } = confirmation;
        let mut pending = self.decided(generation)?;
        if let Some(measure) = &mut pending.measure
            && let Err(fault) = measure.judge(author.uid, shown.as_ref())
        {
            warn!(generation, by = %author, %fault, "not confirmed");
            self.pending = Some(pending);
            return Err(fault.into());
        }
        let Some(first) = pending.change.confirm() else { return Err(nothing_awaits()) };
        let rest = self.hands.carry_on(&mut pending.change, &mut pending.errand, first).await;
        if let Some(fault) = failure(&rest) {
            self.pending = Some(pending);
            return Err(fault);
        }
        let number = pending.number;
        self.kept = (number, pending.errand.edit.map(|edit| edit.files));
        (self.owed, self.storage) = (None, None);
        self.other_design();
        info!(generation = number, by = %author, "confirmed");
        Ok(Settled { generation: number })
    }

    /// Takes back the change that awaits confirmation, because somebody asks for it.
    pub(super) async fn roll_back(
        &mut self,
        Decision { generation, .. }: Decision,
        author: &Author,
    ) -> Result<Settled, Failure> {
        let pending = self.decided(generation)?;
        info!(generation, by = %author, "taken back");
        self.take_back(pending, Cause::Asked).await?;
        Ok(Settled { generation: self.kept.0 })
    }

    /// Has the box restart. A change that awaits confirmation is decided about first: a restart would take it back unsaid.
    pub(super) fn restart(&self, author: &Author) -> Result<Restarting, Failure> {
        self.nothing_awaits()?;
        self.restarter.ask(self.health.release().is_some())?;
        warn!(by = %author, "the box restarts");
        Ok(Restarting { generation: self.kept.0 })
    }

    /// Has root install what was sent to the page, which may end in a restart.
    pub(super) fn install(
        &self,
        wish: InstallWish,
        author: &Author,
    ) -> Result<UpdateStatus, Failure> {
        self.nothing_awaits()?;
        let restart = wish.restart;
        let status = self.updates.ask(wish)?;
        warn!(by = %author, restart, "new firmware is to be installed");
        Ok(status)
    }

    fn nothing_awaits(&self) -> Result<(), Failure> {
        let Some(pending) = &self.pending else { return Ok(()) };
        let message = format!("generation {} awaits confirmation", pending.number);
        Err(conflict(message, "confirm it or take it back, then try again"))
    }

    /// Takes it back where nobody confirmed in time.
    pub(super) async fn end_of_wait(&mut self, now: Duration) {
        let due = |pending: &mut Pending| {
            pending.change.deadline().is_some_and(|deadline| now >= deadline)
        };
        if let Some(pending) = self.pending.take_if(due) {
            // What came of it is in the log and in the status.
            drop(self.take_back(pending, Cause::Unconfirmed).await);
        }
    }

    async fn take_back(&mut self, pending: Pending, cause: Cause<Fault>) -> Result<(), Failure> {
        let Pending { mut change, mut errand, before, phase, .. } = pending;
        let Some(first) = change.take_back(cause) else { return Err(nothing_awaits()) };
        let rest = self.hands.carry_on(&mut change, &mut errand, first).await;
        let fault = self.not_in_force(&rest, &change, errand.number);
        self.in_force = before;
        self.other_design();
        if matches!(rest, Rest::RolledBack(_)) {
            self.phase = phase;
            return Ok(());
        }
        Err(fault)
    }

    /// The change that a decision is about.
    fn decided(&mut self, generation: u64) -> Result<Pending, Failure> {
        match self.pending.take_if(|pending| pending.number == generation) {
            Some(pending) => Ok(pending),
            None => Err(self.pending.as_ref().map_or_else(nothing_awaits, |pending| {
                let number = pending.number;
                let message =
                    format!("generation {number} awaits confirmation and not {generation}");
                conflict(message, "see sekisho status")
            })),
        }
    }

    /// Looks whether the kernel still holds what is in force, and puts it right.
    pub(super) async fn repair(&mut self) {
        let Some((change, ended, failed)) = self.hold().await else { return };
        let (steps, first) = (change.step_count(), change.first_step());
        if steps > 0 {
            warn!(steps, ended, first, "somebody else changed the network");
        }
        if failed {
            // Looked at again, as often as repairs are free.
            self.looks.notice();
        } else if steps == 0 {
            return;
        }
        if !self.looks.repaired(clock::since_start()) {
            warn!("it happens again and again: the next repair waits some seconds");
        }
    }

    /// Leads the kernel to the state in force: the change that it took, how many connections that ended, and whether it
    /// failed. `None` where there is nothing to hold.
    pub(super) async fn hold(&mut self) -> Option<(Change<Fault>, u64, bool)> {
        let state: Arc<KernelState> = Arc::clone(&self.in_force.as_ref()?.state);
        if self.owed.is_some() || self.phase != Phase::InForce {
            return None;
        }
        let mut errand = Errand { scope: scope(&state, None), ..Errand::default() };
        let (mut change, first) = Change::begin(Purpose::Repair, state, None);
        let rest = self.hands.carry_on(&mut change, &mut errand, first).await;
        Some((change, errand.ended, failure(&rest).is_some()))
    }
}

impl Pending {
    /// What comes back where nobody confirms.
    pub(super) fn before(&self) -> Option<&InForce> {
        self.before.as_ref()
    }
}

/// What a change did.
struct Summary {
    steps: usize,
    ended: u64,
    number: Option<u64>,
}

fn nothing_awaits() -> Failure {
    conflict("no change awaits confirmation".to_owned(), "see sekisho status")
}
