//! Why a change isn't in force, in words, and what an operator can do about it.

use sekisho_control::{Failure, FailureKind};
use sekisho_design::Both;
use sekisho_host::HostError;
use sekisho_plan::trace::NotUnderstood;

use super::{
    machine::{Cause, Place, Rest},
    reasons,
    tunnel::StartError,
};

/// What went wrong with an effect.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Linux refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The tunnel doesn't start.
    #[error(transparent)]
    Tunnel(#[from] StartError),
    /// The disk refused.
    #[error("{}", reasons(.0))]
    Store(anyhow::Error),
    /// The new table can't be judged.
    #[error(transparent)]
    Judge(#[from] NotUnderstood),
}

impl Fault {
    fn way_out(&self) -> Option<String> {
        match self {
            Self::Host(fault) => fault.way_out().map(str::to_owned),
            Self::Tunnel(fault) => fault.way_out(),
            Self::Store(_) => Some("free or replace the disk, then apply again".to_owned()),
            Self::Judge(_) => None,
        }
    }
}

impl Cause<Fault> {
    pub(super) fn message(&self) -> String {
        match self {
            Self::MissingPorts(missing) => missing.to_string(),
            Self::Failed { at, fault } => match at {
                Place::Observe => format!("can't read the kernel's state: {fault}"),
                Place::Verify => format!("can't read back what the kernel holds: {fault}"),
                Place::Step(step) => format!("can't {step}: {fault}"),
                Place::Journal | Place::Keep => format!("can't keep the design: {fault}"),
                Place::Connections => {
                    format!("can't end the connections that the design no longer allows: {fault}")
                }
                Place::Probe | Place::Tunnel => fault.to_string(),
            },
            Self::Unverified(step) => {
                format!("the kernel doesn't hold what it was told: it still wants '{step}'")
            }
            Self::Unconfirmed => "nobody confirmed it in time".to_owned(),
            Self::Asked => "somebody asked for it".to_owned(),
            Self::Interrupted => "the device or its daemon ended before it was kept".to_owned(),
        }
    }

    fn way_out(&self) -> Option<String> {
        match self {
            Self::MissingPorts(_) => Some(
                "name the ports as `ip -br link` lists them, or plug in the missing one".to_owned(),
            ),
            Self::Failed { fault, .. } => fault.way_out(),
            Self::Unverified(_) => Some(
                "another program changes the network as well: stop it and apply again".to_owned(),
            ),
            Self::Unconfirmed | Self::Asked | Self::Interrupted => None,
        }
    }
}

/// The failure of a change that didn't come to stay; none where it did.
pub(super) fn failure(rest: &Rest<Fault>) -> Option<Failure> {
    let (kind, cause) = match rest {
        Rest::Committed | Rest::Awaiting => return None,
        Rest::Refused(cause) | Rest::NotKept(cause) => (FailureKind::Device, cause),
        Rest::RolledBack(cause) => (FailureKind::RolledBack, cause),
        Rest::Unrepaired(cause) => (FailureKind::RollbackFailed, cause),
        Rest::RollbackFailed { cause, trouble } => {
            let message =
                format!("{}; and the way back failed: {}", cause.message(), trouble.message());
            let way_out = "restart the device: it comes up with the design that was in force";
            let way_out = Some(way_out.to_owned());
            let (kind, problems) = (FailureKind::RollbackFailed, Vec::new());
            return Some(Failure { kind, message, way_out, both: None, problems });
        }
    };
    let (message, way_out) = (cause.message(), cause.way_out());
    Some(Failure { kind, message, way_out, both: None, problems: Vec::new() })
}

/// Nothing was touched because of somebody else's change.
pub(super) fn conflict(message: String, way_out: &str) -> Failure {
    let way_out = Some(way_out.to_owned());
    Failure { kind: FailureKind::Conflict, message, way_out, both: None, problems: Vec::new() }
}

/// The same with a sentence for people. The Japanese one has the way out too: [`Failure::way_out`] is English.
pub(super) fn in_words(failure: Failure, ja: impl Into<String>, en: impl Into<String>) -> Failure {
    let both = Both { ja: ja.into(), en: en.into() };
    Failure { both: Some(Box::new(both)), ..failure }
}

/// The request itself can't be meant.
pub(super) fn malformed(message: String, way_out: String) -> Failure {
    let way_out = Some(way_out);
    Failure { kind: FailureKind::Malformed, message, way_out, both: None, problems: Vec::new() }
}

/// The device can't do it.
pub(super) fn device_failure(message: String, way_out: Option<String>) -> Failure {
    Failure { kind: FailureKind::Device, message, way_out, both: None, problems: Vec::new() }
}

/// The kernel can't be looked at.
pub(super) fn unseen(fault: &HostError) -> Failure {
    let way_out = fault.way_out().map(str::to_owned);
    device_failure(format!("can't read the kernel's state: {fault}"), way_out)
}

/// What is wrong with the disk or with what it holds.
pub(super) fn disk_failure(fault: &anyhow::Error) -> Failure {
    let host = fault.chain().find_map(|cause| cause.downcast_ref::<HostError>());
    let way_out = host.and_then(HostError::way_out).map(str::to_owned);
    device_failure(reasons(fault), way_out)
}
