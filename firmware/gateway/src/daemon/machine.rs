//! The course of one change, pure: it is told what came of the last effect and says which is next.
//!
//! ```text
//! Checked ─> Probing ─> Journalling ─> Applying(step) ─> Verifying ─> ProbingRaised ─> StartingTunnel
//!    │          │           │               │               │              │                │
//!    └──────────┴───────────┘               └───────────────┴──────┬───────┴────────────────┤
//!       refused, nothing touched                                   │                        v
//!                                                                  │<──────────── EndingConnections
//!              RolledBack <── back::Stage <── any failure, no ─────┤                        │
//!          RollbackFailed <──┘                confirmation         └─ AwaitingConfirm <─────┤
//!                                                                            │              v
//!                                                                            └─────────> Committing ─> Committed
//! ```
//! Whatever starts a change goes through this: an edit, the start of the daemon, a repair, and, from the way back on, a
//! change that a crash cut short. No effect is done here and no clock is read; so every place where something can fail, or
//! where the process can die, can be tried in a test.

mod back;
mod forward;
mod probed;

use std::{sync::Arc, time::Duration};

use sekisho_plan::{KernelState, MissingPorts, Step, state::Address, steps};

use self::back::Back;
pub(super) use self::probed::{arrivals, holders};

/// What a change is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// A new design; it stays at once, or has to be confirmed within a time.
    Edit { confirm_within: Option<Duration> },
    /// The design that is kept already, after a start of the daemon or because somebody applies it again.
    Keep,
    /// The design in force, after somebody else changed the kernel.
    Repair,
}

/// Something to do. What came of it goes to [`Change::next`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// Read the kernel: [`Outcome::Observed`].
    Observe,
    /// Ask the networks whether somebody has these addresses already.
    Probe(Vec<Address>),
    /// Write down, before anything is touched, what the kernel holds and that a new design is on its way.
    Journal(Arc<KernelState>),
    /// Carry out a step.
    Perform(Arc<Step>),
    /// See that the tunnel of a side runs.
    StartTunnel(Side),
    /// End the connections that would fare differently if they were opened now.
    EndConnections { before: Arc<KernelState>, after: Arc<KernelState> },
    /// Tell the networks who has these addresses now. It can't fail.
    Announce(Vec<Address>),
    /// Make the new design the one that is kept, and close the journal.
    Commit,
    /// Write down that the new design was taken back, and close the journal.
    Close,
}

/// Whose tunnel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// That of the design that the change brings.
    New,
    /// That of the design before it.
    Old,
}

/// What came of an effect.
#[derive(Debug)]
pub(super) enum Outcome<F> {
    /// It is done.
    Done,
    /// What the kernel holds.
    Observed(Box<KernelState>),
    /// It isn't done, or it isn't known whether it is.
    Failed(F),
}

/// What happens next.
#[derive(Debug)]
pub(super) enum Next<F> {
    /// An effect.
    Do(Effect),
    /// Nothing, until somebody confirms or the time is over; for good with all others.
    Rest(Rest<F>),
}

/// Where a change comes to rest.
#[derive(Debug)]
pub(super) enum Rest<F> {
    /// In force and kept.
    Committed,
    /// In force, to be confirmed.
    Awaiting,
    /// In force and confirmed, but it couldn't be kept: it still awaits confirmation.
    NotKept(Cause<F>),
    /// Nothing was touched.
    Refused(Cause<F>),
    /// A repair got stuck; the kernel holds something between.
    Unrepaired(Cause<F>),
    /// The state before is back.
    RolledBack(Cause<F>),
    /// The kernel holds neither the state before nor the new one; the journal stays open.
    RollbackFailed { cause: Cause<F>, trouble: Cause<F> },
}

/// Why a change is not in force.
#[derive(Debug)]
pub(super) enum Cause<F> {
    /// The box lacks a port.
    MissingPorts(MissingPorts),
    /// An effect failed.
    Failed { at: Place, fault: F },
    /// The kernel was told everything and lacks something all the same.
    Unverified(Arc<Step>),
    /// Nobody confirmed in time.
    Unconfirmed,
    /// Somebody asked for it.
    Asked,
    /// The daemon died on the way.
    Interrupted,
}

/// Which effect failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Observe,
    Probe,
    Journal,
    Step(Arc<Step>),
    Verify,
    Tunnel,
    Connections,
    Keep,
}

/// One change on its way.
#[derive(Debug)]
pub(super) struct Change<F> {
    purpose: Purpose,
    desired: Arc<KernelState>,
    /// What a roll-back has to lead to: what the kernel held first, or what an earlier roll-back failed to reach.
    before: Arc<KernelState>,
    /// `before` is a debt of an earlier change and not what is observed now.
    owed: bool,
    /// Addresses that can only be asked for once their links are up.
    raised: Vec<Address>,
    /// Shared, because a step may hold two whole tables.
    steps: Vec<Arc<Step>>,
    stage: Stage<F>,
}

#[derive(Debug)]
enum Stage<F> {
    Checked,
    Probing,
    Journalling,
    Applying(usize),
    Verifying,
    ProbingRaised,
    StartingTunnel,
    EndingConnections,
    Announcing,
    AwaitingConfirm { deadline: Duration },
    Committing { deadline: Option<Duration> },
    Ending,
    RollingBack(Back<F>),
    Ended,
}

impl<F> Change<F> {
    /// A change to a state, with the effect that it begins with. `owed` is the state that an earlier roll-back failed to
    /// reach.
    pub(super) fn begin(
        purpose: Purpose,
        desired: Arc<KernelState>,
        owed: Option<Arc<KernelState>>,
    ) -> (Self, Effect) {
        let change = Self {
            purpose,
            desired,
            owed: owed.is_some(),
            before: owed.unwrap_or_default(),
            raised: Vec::new(),
            steps: Vec::new(),
            stage: Stage::Checked,
        };
        (change, Effect::Observe)
    }

    /// Takes up a change that a crash cut short, to lead it back. `pending` is what it was to bring, where that can still be
    /// told.
    pub(super) fn recover(
        before: Arc<KernelState>,
        pending: Option<Arc<KernelState>>,
    ) -> (Self, Effect) {
        let change = Self {
            purpose: Purpose::Keep,
            desired: Arc::default(),
            before,
            owed: true,
            raised: Vec::new(),
            steps: Vec::new(),
            stage: Stage::RollingBack(Back::interrupted(pending)),
        };
        (change, Effect::Observe)
    }

    /// How many steps it takes.
    pub(super) fn step_count(&self) -> usize {
        self.steps.len()
    }

    /// The first of them as a sentence; empty where it takes none.
    pub(super) fn first_step(&self) -> String {
        self.steps.first().map(ToString::to_string).unwrap_or_default()
    }

    /// What a roll-back leads to.
    pub(super) fn before(&self) -> &Arc<KernelState> {
        &self.before
    }

    /// When the change is taken back unless somebody confirms, as time since the machine's start.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let Stage::AwaitingConfirm { deadline } = self.stage else { return None };
        Some(deadline)
    }

    /// Somebody confirms; none where nothing awaits that.
    pub(super) fn confirm(&mut self) -> Option<Effect> {
        let deadline = self.deadline()?;
        self.stage = Stage::Committing { deadline: Some(deadline) };
        Some(Effect::Commit)
    }

    /// Takes back a change that awaits confirmation; none where nothing does.
    pub(super) fn take_back(&mut self, cause: Cause<F>) -> Option<Effect> {
        self.deadline()?;
        let Next::Do(effect) = self.roll_back(self.steps.len(), false, cause) else { return None };
        Some(effect)
    }

    /// What comes next, at a time since the machine's start.
    pub(super) fn next(&mut self, outcome: Outcome<F>, now: Duration) -> Next<F> {
        let outcome = match outcome {
            Outcome::Done => Ok(None),
            Outcome::Observed(state) => Ok(Some(*state)),
            Outcome::Failed(fault) => Err(fault),
        };
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Checked => match outcome {
                Ok(observed) => self.plan(observed.unwrap_or_default()),
                Err(fault) => refused(Place::Observe, fault),
            },
            Stage::Probing => match outcome {
                Ok(_) => self.journal(),
                Err(fault) => refused(Place::Probe, fault),
            },
            Stage::Journalling => match outcome {
                Ok(_) => self.step(0),
                Err(fault) => refused(Place::Journal, fault),
            },
            Stage::Applying(at) => match outcome {
                Ok(_) => self.step(at + 1),
                // It may have failed half-way, or after its work.
                Err(fault) => {
                    let place = Place::Step(Arc::clone(&self.steps[at]));
                    self.roll_back(at, true, Cause::Failed { at: place, fault })
                }
            },
            Stage::Verifying => self.verify(outcome),
            Stage::ProbingRaised => match outcome {
                Ok(_) => self.start_tunnel(),
                Err(fault) => self.undo_all(Place::Probe, fault),
            },
            Stage::StartingTunnel => match outcome {
                Ok(_) => self.end_connections(),
                Err(fault) => self.undo_all(Place::Tunnel, fault),
            },
            Stage::EndingConnections => match outcome {
                Ok(_) => self.connections_ended(),
                Err(fault) => self.undo_all(Place::Connections, fault),
            },
            Stage::Announcing => self.wait(now),
            Stage::AwaitingConfirm { deadline } => {
                self.stage = Stage::AwaitingConfirm { deadline };
                Next::Rest(Rest::Awaiting)
            }
            Stage::Committing { deadline } => self.committed(outcome, deadline),
            Stage::Ending | Stage::Ended => Next::Rest(Rest::Committed),
            Stage::RollingBack(back) => self.back(back, outcome),
        }
    }
}

fn refused<F>(at: Place, fault: F) -> Next<F> {
    Next::Rest(Rest::Refused(Cause::Failed { at, fault }))
}

#[cfg(test)]
mod tests;
