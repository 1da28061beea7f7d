//! What a test comes to: one verdict, what to mend first, and the health level.

use sekisho_control::{CheckOutcome, FirstCause, Level, Verdict};

use crate::{check::Check, tree::OPEN};

/// The worst of all that was tried.
pub fn verdict(outcomes: &[CheckOutcome]) -> Verdict {
    let tried = outcomes.iter().map(|outcome| outcome.verdict);
    tried.filter(|verdict| *verdict != Verdict::NotRun).max().unwrap_or(Verdict::NotRun)
}

/// What to mend first: whatever is open that may not be, then what failed nearest to the box, then what is to be looked at.
pub fn first_cause(outcomes: &[CheckOutcome]) -> Option<FirstCause> {
    let code =
        |outcome: &CheckOutcome| outcome.cause.as_ref().is_some_and(|cause| cause.code == OPEN);
    let open = outcomes.iter().find(|outcome| code(outcome));
    let of = |verdict: Verdict| {
        outcomes.iter().find(|outcome| outcome.verdict == verdict && outcome.cause.is_some())
    };
    let first = open.or_else(|| of(Verdict::Failed)).or_else(|| of(Verdict::Warned))?;
    let (check, title) = (first.check.id.clone(), first.check.title.clone());
    Some(FirstCause { check, title, cause: first.cause.clone()? })
}

/// How the device is, by the checks that were made.
pub fn level(checks: &[Box<dyn Check>], outcomes: &[CheckOutcome]) -> Level {
    let vital = |outcome: &CheckOutcome| {
        checks.iter().any(|check| check.traits().vital && check.planned().id == outcome.check.id)
    };
    let mut level = Level::Ok;
    for outcome in outcomes {
        level = level.max(match outcome.verdict {
            Verdict::Failed if vital(outcome) => Level::Down,
            Verdict::Failed | Verdict::Warned => Level::Degraded,
            Verdict::Passed | Verdict::NotRun => Level::Ok,
        });
    }
    level
}
