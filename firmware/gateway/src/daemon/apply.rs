//! Putting a state in force: steps, verification, and the way back.
//!
//! ```text
//! observe ──> steps ──> perform each ──> observe again ──> nothing differs: done
//!                            │                  │
//!                            └── a step fails ──┴── something differs ──> undo, last step first ──> rolled back
//!                                                                              └── fails: RollbackFailed
//! ```

use std::collections::BTreeSet;

use super::{reasons, tunnel::StartError};
use sekisho_design::PortName;
use sekisho_host::{HostError, Kernel, Scope};
use sekisho_plan::{KernelState, MissingPorts, Step, TUNNEL, steps};
use tracing::{debug, error, info, warn};

/// Why a state isn't in force.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    /// The box lacks a port; nothing was touched.
    #[error(transparent)]
    MissingPorts(#[from] MissingPorts),
    /// The kernel couldn't be looked at; nothing was touched.
    #[error("can't read the kernel's state: {0}")]
    Observe(#[source] HostError),
    /// A step failed; the state before it is back.
    #[error("can't {step}: {fault}")]
    Step {
        step: Box<Step>,
        #[source]
        fault: HostError,
    },
    /// The kernel can't be read back; the state before is back.
    #[error("can't read back what the kernel holds: {0}")]
    Verify(#[source] HostError),
    /// The kernel holds something else than it was told; the state before is back.
    #[error("the kernel doesn't hold what it was told: it still wants '{first}'")]
    Unverified { first: Box<Step> },
    /// The kernel is ready but the tunnel doesn't start; the state before is back.
    #[error(transparent)]
    Tunnel(StartError),
    /// The design works but can't be kept over a restart; the state before is back.
    #[error("can't keep the design: {}", reasons(.0))]
    Keep(anyhow::Error),
    /// A step failed, and so did taking back the steps before it.
    #[error("{cause}; and the way back failed: can't {step}: {fault}")]
    Rollback { cause: Box<ApplyError>, step: Box<Step>, fault: HostError },
}

impl ApplyError {
    /// What an operator can do about it.
    pub(super) fn way_out(&self) -> Option<String> {
        match self {
            Self::MissingPorts(_) => Some(
                "name the ports as `ip -br link` lists them, or plug in the missing one".to_owned(),
            ),
            Self::Observe(fault) | Self::Verify(fault) | Self::Step { fault, .. } => {
                fault.way_out().map(str::to_owned)
            }
            Self::Tunnel(fault) => fault.way_out(),
            Self::Keep(_) => Some("free or replace the disk, then apply again".to_owned()),
            Self::Unverified { .. } => Some(
                "another program changes the network as well: stop it and apply again".to_owned(),
            ),
            Self::Rollback { .. } => {
                Some("restart the device: it comes up with the design that was in force".to_owned())
            }
        }
    }
}

/// What to look at for a state: its own links, those that the state before it used, and the tunnel device.
pub(super) fn scope(desired: &KernelState, before: Option<&KernelState>) -> Scope {
    let links =
        desired.links.keys().chain(before.into_iter().flat_map(|before| before.links.keys()));
    let tunnel = TUNNEL.parse::<PortName>();
    Scope {
        links: links.cloned().chain(tunnel).collect::<BTreeSet<_>>(),
        settings: desired.settings.keys().cloned().collect(),
    }
}

/// The steps from what the kernel holds to `desired`.
pub(super) async fn plan(
    kernel: &Kernel,
    scope: &Scope,
    desired: &KernelState,
) -> Result<Vec<Step>, ApplyError> {
    let observed = kernel.observe(scope).await.map_err(ApplyError::Observe)?;
    Ok(steps(&observed, desired)?)
}

/// Puts `desired` in force and verifies it by reading the kernel again. Returns the steps that it took.
pub(super) async fn put_in_force(
    kernel: &Kernel,
    scope: &Scope,
    desired: &KernelState,
) -> Result<Vec<Step>, ApplyError> {
    let steps = plan(kernel, scope, desired).await?;
    for (finished, step) in steps.iter().enumerate() {
        debug!(%step, "applying");
        if let Err(fault) = kernel.perform(step).await {
            // A step may fail half-way (a link's MTU) or after its work (a killed nft). What the kernel no longer lacks
            // has to be taken back as well.
            let changed = plan(kernel, scope, desired).await.is_ok_and(|left| !left.contains(step));
            let cause = ApplyError::Step { step: Box::new(step.clone()), fault };
            return Err(roll_back(kernel, &steps[..finished + usize::from(changed)], cause).await);
        }
    }
    let cause = match plan(kernel, scope, desired).await {
        Ok(left) => match left.into_iter().next() {
            None => return Ok(steps),
            Some(first) => ApplyError::Unverified { first: Box::new(first) },
        },
        Err(ApplyError::Observe(fault)) => ApplyError::Verify(fault),
        Err(fault) => fault,
    };
    Err(roll_back(kernel, &steps, cause).await)
}

/// Takes finished steps back, last first. Returns the error to report.
pub(super) async fn roll_back(kernel: &Kernel, done: &[Step], cause: ApplyError) -> ApplyError {
    warn!(%cause, steps = done.len(), "rolling back");
    for step in done.iter().rev() {
        let undo = step.clone().undo();
        if let Err(fault) = kernel.perform(&undo).await {
            let failed =
                ApplyError::Rollback { cause: Box::new(cause), step: Box::new(undo), fault };
            error!(%failed, "the kernel holds neither the old state nor the new one");
            return failed;
        }
    }
    info!("rolled back");
    cause
}
