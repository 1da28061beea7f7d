//! What would happen to a packet now: the kernel is looked at, and nothing is sent.

use sekisho_control::{Failure, FailureKind, LiveTrace, Packet, TunnelStatus};
use sekisho_design::Design;
use sekisho_host::Kernel;
use sekisho_plan::{
    KernelState,
    ruleset::CUT_OFF,
    trace::{Live, Question, Side},
};

use super::{
    effects::scope,
    fault::{device_failure, unseen},
};

const SAY_THE_SIDE: &str =
    "say where it comes from: --lan head-office, --lan education-board or --from-platform";

/// Traces a packet by what the kernel holds, and by the design in force and what it asks of the kernel.
pub(super) async fn trace(
    kernel: &Kernel,
    in_force: Option<(&Design, &KernelState)>,
    tunnel: Option<TunnelStatus>,
    packet: &Packet,
) -> Result<LiveTrace, Failure> {
    let (design, wanted) = in_force.ok_or_else(nothing_in_force)?;
    let Packet { side, from, to, opening } = *packet;
    let side = match side {
        Some(side) => side,
        None => Side::of(design, from)
            .map_err(|unclear| malformed(unclear.to_string(), Some(SAY_THE_SIDE)))?,
    };
    let observed = kernel.observe(&scope(wanted, [])).await;
    let observed = observed.map_err(|fault| unseen(&fault))?;
    let cut_off = kernel.elements(CUT_OFF).await.map_err(|fault| unseen(&fault))?;
    let question = Question { side, from, to, opening };
    let trace = Live::trace(design, wanted.clone(), observed, &cut_off, &question)
        .map_err(|fault| malformed(fault.to_string(), None))?;
    let tunnel = tunnel.filter(|_| trace.enters_tunnel());
    Ok(LiveTrace { trace, tunnel })
}

fn nothing_in_force() -> Failure {
    let way_out = "apply a design, or trace the files without --live";
    let message = "no design is in force: there is nothing to trace by";
    device_failure(message.to_owned(), Some(way_out.to_owned()))
}

/// A request that can never be carried out.
pub(super) fn malformed(message: String, way_out: Option<&str>) -> Failure {
    let way_out = way_out.map(str::to_owned);
    Failure { kind: FailureKind::Malformed, message, way_out, both: None, problems: Vec::new() }
}
