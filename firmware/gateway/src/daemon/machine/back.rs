//! The way back: the same steps undone, last first, and what is left after that by comparison.
//!
//! ```text
//! Doubting ─> Undoing(step) ─> Comparing ─> Mending(step) ─> ComparingAgain ─┬─> StartingTunnel ─> EndingConnections ─> Announcing
//!                                  │              │               │          │         │                                    │
//!                                  └──────────────┴───────────────┴─ fails ──┘         └─ RollbackFailed    RolledBack <── Closing
//! ```

use std::sync::Arc;

use super::{
    Cause, Change, Effect, KernelState, Next, Place, Rest, Side, Stage, Step, arrivals, steps,
};

/// A change on its way back.
#[derive(Debug)]
pub(super) struct Back<F> {
    cause: Cause<F>,
    /// What connections were opened under; none where that has to be observed.
    from: Option<Arc<KernelState>>,
    /// More may have happened than the steps that are undone, or less may have been undone.
    doubt: bool,
    /// What went wrong on the way back.
    trouble: Option<Cause<F>>,
    /// Steps of the second attempt, by comparison.
    mending: Vec<Arc<Step>>,
    stage: At,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// The step with this number failed, half-way or after its work.
    Doubting(usize),
    /// So many steps are still to be undone, this one included.
    Undoing(usize),
    Comparing,
    Mending(usize),
    ComparingAgain,
    StartingTunnel,
    EndingConnections,
    Announcing,
    Closing,
}

impl<F> Back<F> {
    pub(super) fn from(from: Arc<KernelState>, done: usize, doubt: bool, cause: Cause<F>) -> Self {
        let (trouble, mending) = (None, Vec::new());
        let stage = if doubt { At::Doubting(done) } else { At::Undoing(done) };
        Self { cause, from: Some(from), doubt, trouble, mending, stage }
    }

    /// Nothing is known of what was done; what the kernel holds is to be compared at once.
    pub(super) fn interrupted(from: Option<Arc<KernelState>>) -> Self {
        Self {
            cause: Cause::Interrupted,
            from,
            doubt: true,
            trouble: None,
            mending: Vec::new(),
            stage: At::Comparing,
        }
    }
}

impl<F> Change<F> {
    /// Sets out on the way back.
    pub(super) fn turn(&mut self, back: Back<F>) -> Next<F> {
        if !matches!(back.stage, At::Doubting(_)) {
            return self.undo(back);
        }
        self.stage = Stage::RollingBack(back);
        Next::Do(Effect::Observe)
    }

    /// Undoes the step that the way back has come to, or goes on to compare.
    fn undo(&mut self, mut back: Back<F>) -> Next<F> {
        let At::Undoing(left) = back.stage else { return self.compare(back, At::Comparing) };
        let Some(last) = left.checked_sub(1) else { return self.compare(back, At::Comparing) };
        back.stage = At::Undoing(left);
        self.stage = Stage::RollingBack(back);
        Next::Do(Effect::Perform(self.undone(last)))
    }

    /// The step that takes another one back.
    fn undone(&self, at: usize) -> Arc<Step> {
        Arc::new(Step::clone(&self.steps[at]).undo())
    }

    /// What comes after the last effect of the way back.
    pub(super) fn back(
        &mut self,
        mut back: Back<F>,
        outcome: Result<Option<KernelState>, F>,
    ) -> Next<F> {
        match back.stage {
            At::Doubting(at) => {
                // What the kernel no longer lacks has to be undone as well.
                let left = outcome.ok().flatten().map(|seen| steps(&seen, &self.desired));
                let happened = left
                    .is_some_and(|left| left.is_ok_and(|left| !left.contains(&*self.steps[at])));
                back.stage = At::Undoing(at + usize::from(happened));
                self.undo(back)
            }
            At::Undoing(left) => {
                if let Err(fault) = outcome {
                    // The others are undone all the same; comparison finds what is left of this one.
                    let at = Place::Step(self.undone(left - 1));
                    back.doubt = true;
                    back.trouble.get_or_insert(Cause::Failed { at, fault });
                }
                back.stage = At::Undoing(left - 1);
                self.undo(back)
            }
            At::Comparing => match outcome {
                Ok(observed) => self.compared(back, observed.unwrap_or_default()),
                // Every step was undone by the kernel's own word.
                Err(_) if !back.doubt => self.restart_tunnel(back),
                Err(fault) => self.fail(back, Cause::Failed { at: Place::Verify, fault }),
            },
            At::Mending(at) => match outcome {
                Ok(_) => self.mend(back, at + 1),
                Err(fault) => {
                    let at = Place::Step(Arc::clone(&back.mending[at]));
                    self.fail(back, Cause::Failed { at, fault })
                }
            },
            At::ComparingAgain => match outcome {
                Ok(observed) => self.compared_again(back, &observed.unwrap_or_default()),
                Err(fault) => self.fail(back, Cause::Failed { at: Place::Verify, fault }),
            },
            // A tunnel that doesn't start is tried again and again, with or without this change.
            At::StartingTunnel => self.tunnel_restarted(back),
            At::EndingConnections => self.announce_returns(back),
            At::Announcing => self.close(back),
            // What can't be written down now is found by the next start, and leads to the same state.
            At::Closing => Next::Rest(Rest::RolledBack(back.cause)),
        }
    }

    fn compare(&mut self, mut back: Back<F>, stage: At) -> Next<F> {
        back.stage = stage;
        self.stage = Stage::RollingBack(back);
        Next::Do(Effect::Observe)
    }

    fn compared(&mut self, mut back: Back<F>, observed: KernelState) -> Next<F> {
        match steps(&observed, &self.before) {
            Ok(left) if left.is_empty() => {
                back.trouble = None;
                back.from.get_or_insert_with(|| Arc::new(observed));
                self.restart_tunnel(back)
            }
            Ok(left) => {
                back.mending = left.into_iter().map(Arc::new).collect();
                back.from.get_or_insert_with(|| Arc::new(observed));
                self.mend(back, 0)
            }
            Err(missing) => self.fail(back, Cause::MissingPorts(missing)),
        }
    }

    fn mend(&mut self, mut back: Back<F>, at: usize) -> Next<F> {
        let Some(step) = back.mending.get(at) else {
            return self.compare(back, At::ComparingAgain);
        };
        let effect = Effect::Perform(Arc::clone(step));
        back.stage = At::Mending(at);
        self.stage = Stage::RollingBack(back);
        Next::Do(effect)
    }

    fn compared_again(&mut self, mut back: Back<F>, observed: &KernelState) -> Next<F> {
        match steps(observed, &self.before).map(|left| left.into_iter().next()) {
            Ok(None) => {
                back.trouble = None;
                self.restart_tunnel(back)
            }
            Ok(Some(step)) => self.fail(back, Cause::Unverified(Arc::new(step))),
            Err(missing) => self.fail(back, Cause::MissingPorts(missing)),
        }
    }

    /// The first thing that went wrong is the one to report.
    fn fail(&mut self, mut back: Back<F>, trouble: Cause<F>) -> Next<F> {
        back.trouble.get_or_insert(trouble);
        self.restart_tunnel(back)
    }

    fn restart_tunnel(&mut self, mut back: Back<F>) -> Next<F> {
        if matches!(back.cause, Cause::Interrupted) {
            // The tunnel comes with the design that is put in force after this.
            return self.tunnel_restarted(back);
        }
        back.stage = At::StartingTunnel;
        self.stage = Stage::RollingBack(back);
        Next::Do(Effect::StartTunnel(Side::Old))
    }

    fn tunnel_restarted(&mut self, mut back: Back<F>) -> Next<F> {
        if let Some(trouble) = back.trouble {
            return Next::Rest(Rest::RollbackFailed { cause: back.cause, trouble });
        }
        let (before, after) = (back.from.clone().unwrap_or_default(), Arc::clone(&self.before));
        back.stage = At::EndingConnections;
        self.stage = Stage::RollingBack(back);
        Next::Do(Effect::EndConnections { before, after })
    }

    fn announce_returns(&mut self, mut back: Back<F>) -> Next<F> {
        let from = back.from.clone().unwrap_or_default();
        let returned = arrivals(&from, &self.before);
        back.stage = At::Announcing;
        self.stage = Stage::RollingBack(back);
        Next::Do(Effect::Announce(returned))
    }

    fn close(&mut self, mut back: Back<F>) -> Next<F> {
        let journalled = self.is_edit() || matches!(back.cause, Cause::Interrupted);
        if !journalled {
            return Next::Rest(Rest::RolledBack(back.cause));
        }
        back.stage = At::Closing;
        self.stage = Stage::RollingBack(back);
        Next::Do(Effect::Close)
    }
}
