//! What people and programs see.

use std::fmt::Write as _;

use sekisho_control::{Applied, Failure, Phase, Plan, Status};
use sekisho_design::{Language, Report};
use serde::Serialize;

use super::CommandError;

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| format!("\"can't be shown: {error}\""))
}

pub(super) fn error(error: &CommandError, language: Language) -> String {
    let mut text = problems(error.problems(), language);
    let _ = write!(text, "sekisho: {error}");
    if let Some(way_out) = error.way_out() {
        let _ = write!(text, "\n  {way_out}");
    }
    text
}

pub(super) fn accepted(warnings: &[Report], language: Language) -> String {
    let verdict = match language {
        Language::Japanese => "設計に誤りはありません。",
        Language::English => "The design keeps every rule.",
    };
    problems(warnings, language) + verdict
}

pub(super) fn plan(plan: &Plan, language: Language) -> String {
    let mut text = problems(&plan.warnings, language);
    if plan.sentences.is_empty() {
        text += match language {
            Language::Japanese => "変更はありません。",
            Language::English => "Nothing would change.",
        };
    }
    for sentence in &plan.sentences {
        let _ = writeln!(text, "{sentence}");
    }
    text
}

pub(super) fn applied(applied: &Applied, language: Language) -> String {
    let Applied { steps, milliseconds, warnings } = applied;
    let text = match language {
        Language::Japanese => {
            format!("設定を反映しました（{steps} 手順、{milliseconds} ミリ秒）。")
        }
        Language::English => format!("In force: {steps} steps, {milliseconds} ms."),
    };
    problems(warnings, language) + &text
}

pub(super) fn status(status: &Status, language: Language) -> String {
    let mut text = format!("sekisho {}\n", status.version);
    let phase = match &status.phase {
        Phase::Closed => "closed: no design was ever applied, nothing is forwarded".to_owned(),
        Phase::InForce => "in force".to_owned(),
        Phase::Faulty { fault } => format!("FAULTY: {}", whole(fault)),
        Phase::RollbackFailed { fault } => format!("ROLL-BACK FAILED: {}", whole(fault)),
    };
    let _ = writeln!(text, "design    {phase}");
    if let Phase::Faulty { fault } | Phase::RollbackFailed { fault } = &status.phase {
        text += &problems(&fault.problems, language);
    }
    if let Some(site) = &status.site {
        let _ = writeln!(
            text,
            "site      {} ({}), placement {}, {} servers, {} rows of terminals, profile {}",
            site.name,
            site.organisation,
            site.placement.number(),
            site.servers,
            site.terminals,
            site.profile.serial
        );
    }
    if let Some(tunnel) = &status.tunnel {
        let carrier = tunnel.carrier.as_ref().map_or("none", |name| name.as_str());
        let cut_off = if tunnel.cut_off { ", new connections are refused at once" } else { "" };
        let _ = writeln!(text, "carrier   {carrier}{cut_off}");
        for centre in &tunnel.centres {
            let alive = if centre.alive { "answers" } else { "silent" };
            let trip = centre
                .round_trip_us
                .map_or(String::new(), |us| format!(", {}.{:03} ms", us / 1000, us % 1000));
            let age =
                centre.handshake_age_s.map_or(String::new(), |s| format!(", handshake {s} s ago"));
            let _ = writeln!(
                text,
                "  {:<8}{} {alive}{trip}{age}, received {} B, sent {} B, rejected {}",
                centre.name.as_str(),
                centre.endpoint,
                centre.received,
                centre.sent,
                centre.rejected
            );
        }
    }
    if let Some(fault) = &status.fault {
        let _ = writeln!(text, "refused   UNKNOWN: {}", whole(fault));
    }
    for (rule, refused) in &status.refused {
        let _ = writeln!(
            text,
            "refused   {rule:<40} {} packets, {} bytes",
            refused.packets, refused.bytes
        );
    }
    text
}

/// A failure with the way out.
fn whole(fault: &Failure) -> String {
    let way_out = fault.way_out.iter().map(|way_out| format!("\n  {way_out}"));
    [fault.message.clone()].into_iter().chain(way_out).collect()
}

/// Two lines a problem: place, code and sentence, then the way out.
fn problems(problems: &[Report], language: Language) -> String {
    problems.iter().fold(String::new(), |text, problem| text + &problem.display(language) + "\n")
}
