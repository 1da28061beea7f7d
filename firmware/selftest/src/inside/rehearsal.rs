//! Fail-over, rehearsed: who takes over, after how long, and whether the traffic goes back.

use std::time::{Duration, Instant};

use sekisho_tunnel::{Failover, Tap};
use tokio::time::timeout_at;

use crate::probe::Seen;

/// How long the carrier may take to get its traffic back, beyond what the rehearsal itself takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes the traffic from the carrier for a moment ([`Probe::FailOver`](crate::probe::Probe::FailOver)).
pub async fn fail_over(tap: &Tap) -> Seen {
    let begun = Instant::now();
    let unable = |why: String| Seen::Unable { why };
    let (from, mut told) = match tap.rehearse() {
        Ok(rehearsal) => rehearsal,
        Err(fault) => return unable(fault.to_string()),
    };
    let end = begun + Failover::REHEARSAL + Failover::REHEARSED_HOLD_DOWN + PATIENCE;
    let (mut to, mut gap, mut back) = (None, Duration::ZERO, false);
    loop {
        let carrier = told.borrow_and_update().carrier.clone();
        match carrier {
            Some(carrier) if carrier == from => back = to.is_some(),
            Some(carrier) if to.is_none() => (to, gap) = (Some(carrier), begun.elapsed()),
            Some(_) | None => {}
        }
        if back || !matches!(timeout_at(end.into(), told.changed()).await, Ok(Ok(()))) {
            return Seen::FailOver { from, to, gap, back };
        }
    }
}
