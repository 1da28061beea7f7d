//! The way forward: from what is observed to what is wanted, verified, with the tunnel, and kept.

use std::{sync::Arc, time::Duration};

use super::{
    Address, Back, Cause, Change, Effect, KernelState, Next, Place, Purpose, Rest, Side, Stage,
    arrivals, holders, steps,
};

impl<F> Change<F> {
    pub(super) fn plan(&mut self, observed: KernelState) -> Next<F> {
        match steps(&observed, &self.desired) {
            Ok(steps) => self.steps = steps.into_iter().map(Arc::new).collect(),
            Err(missing) => return Next::Rest(Rest::Refused(Cause::MissingPorts(missing))),
        }
        let come = arrivals(&observed, &self.desired);
        let up = |address: &Address| observed.links.get(&address.link).is_some_and(|link| link.up);
        let (asked, raised) = come.into_iter().partition(up);
        self.raised = raised;
        if !self.owed {
            self.before = Arc::new(observed);
        }
        let asked: Vec<Address> = asked;
        if asked.is_empty() || !self.is_edit() {
            return self.journal();
        }
        self.stage = Stage::Probing;
        Next::Do(Effect::Probe(asked))
    }

    pub(super) fn is_edit(&self) -> bool {
        matches!(self.purpose, Purpose::Edit { .. })
    }

    pub(super) fn journal(&mut self) -> Next<F> {
        if !self.is_edit() {
            return self.step(0);
        }
        self.stage = Stage::Journalling;
        Next::Do(Effect::Journal(Arc::clone(&self.before)))
    }

    pub(super) fn step(&mut self, at: usize) -> Next<F> {
        if let Some(step) = self.steps.get(at) {
            self.stage = Stage::Applying(at);
            return Next::Do(Effect::Perform(Arc::clone(step)));
        }
        if self.steps.is_empty() {
            // What was observed is what is wanted.
            return self.probe_raised();
        }
        self.stage = Stage::Verifying;
        Next::Do(Effect::Observe)
    }

    pub(super) fn verify(&mut self, outcome: Result<Option<KernelState>, F>) -> Next<F> {
        let observed = match outcome {
            Ok(observed) => observed.unwrap_or_default(),
            Err(fault) => return self.undo_all(Place::Verify, fault),
        };
        match steps(&observed, &self.desired).map(|left| left.into_iter().next()) {
            Ok(None) => self.probe_raised(),
            Ok(Some(step)) => {
                self.roll_back(self.steps.len(), false, Cause::Unverified(Arc::new(step)))
            }
            Err(missing) => self.roll_back(self.steps.len(), false, Cause::MissingPorts(missing)),
        }
    }

    fn probe_raised(&mut self) -> Next<F> {
        if self.raised.is_empty() || !self.is_edit() {
            return self.start_tunnel();
        }
        self.stage = Stage::ProbingRaised;
        Next::Do(Effect::Probe(self.raised.clone()))
    }

    pub(super) fn start_tunnel(&mut self) -> Next<F> {
        if self.purpose == Purpose::Repair {
            return self.end_connections();
        }
        self.stage = Stage::StartingTunnel;
        Next::Do(Effect::StartTunnel(Side::New))
    }

    pub(super) fn end_connections(&mut self) -> Next<F> {
        let (before, after) = (Arc::clone(&self.before), Arc::clone(&self.desired));
        if self.steps.is_empty() {
            return self.connections_ended();
        }
        self.stage = Stage::EndingConnections;
        Next::Do(Effect::EndConnections { before, after })
    }

    pub(super) fn connections_ended(&mut self) -> Next<F> {
        if self.purpose == (Purpose::Edit { confirm_within: None }) {
            self.stage = Stage::Committing { deadline: None };
            return Next::Do(Effect::Commit);
        }
        self.stage = Stage::Announcing;
        self.announce()
    }

    fn announce(&self) -> Next<F> {
        // After a start neighbours may know another box by these addresses: the one that this one replaces.
        let addresses = if self.purpose == Purpose::Keep {
            holders(&self.desired)
        } else {
            arrivals(&self.before, &self.desired)
        };
        Next::Do(Effect::Announce(addresses))
    }

    pub(super) fn wait(&mut self, now: Duration) -> Next<F> {
        match self.purpose {
            Purpose::Edit { confirm_within: Some(time) } => {
                self.stage = Stage::AwaitingConfirm { deadline: now + time };
                Next::Rest(Rest::Awaiting)
            }
            Purpose::Edit { confirm_within: None } | Purpose::Keep | Purpose::Repair => {
                Next::Rest(Rest::Committed)
            }
        }
    }

    pub(super) fn committed(
        &mut self,
        outcome: Result<Option<KernelState>, F>,
        deadline: Option<Duration>,
    ) -> Next<F> {
        match (outcome, deadline) {
            (Ok(_), None) => {
                self.stage = Stage::Ending;
                self.announce()
            }
            (Ok(_), Some(_)) => Next::Rest(Rest::Committed),
            (Err(fault), None) => self.undo_all(Place::Keep, fault),
            (Err(fault), Some(deadline)) => {
                self.stage = Stage::AwaitingConfirm { deadline };
                Next::Rest(Rest::NotKept(Cause::Failed { at: Place::Keep, fault }))
            }
        }
    }

    pub(super) fn undo_all(&mut self, at: Place, fault: F) -> Next<F> {
        self.roll_back(self.steps.len(), false, Cause::Failed { at, fault })
    }

    /// Takes the first `done` steps back. `doubt` says that the one after them may have happened too.
    pub(super) fn roll_back(&mut self, done: usize, doubt: bool, cause: Cause<F>) -> Next<F> {
        if self.purpose == Purpose::Repair {
            return Next::Rest(Rest::Unrepaired(cause));
        }
        let back = Back::from(Arc::clone(&self.desired), done, doubt, cause);
        self.turn(back)
    }
}
