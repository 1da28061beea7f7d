//! A report on a terminal: a tree by stage, what to mend first, and how many checks ended how.

use std::fmt::Write as _;

use sekisho_control::{Cause, CheckOutcome, FirstCause, SelfTestReport, Stage, Verdict};
use sekisho_design::{Both, Language};
use unicode_width::UnicodeWidthStr as _;

use super::words::{self, Counts, plain};

/// The report; with `explain`, all that is known of every check.
pub(super) fn text(report: &SelfTestReport, explain: bool, language: Language) -> String {
    let mut text = language.pick("接続確認の結果\n", "Self-test\n").to_owned();
    let about = words::about(report, language);
    let width = about.iter().map(|(heading, _)| heading.width()).max().unwrap_or_default();
    for (heading, said) in about {
        let _ = writeln!(text, "  {heading}{}  {said}", " ".repeat(width - heading.width()));
    }
    for stage in Stage::ALL {
        let outcomes: Vec<_> =
            report.outcomes.iter().filter(|outcome| outcome.check.stage == stage).collect();
        if outcomes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{}", words::stage(stage, language));
        for (number, outcome) in outcomes.iter().enumerate() {
            check(&mut text, outcome, number + 1 == outcomes.len(), explain, language);
        }
    }
    text.push('\n');
    text += &end(report, language);
    text
}

/// What to mend first, and the counts.
fn end(report: &SelfTestReport, language: Language) -> String {
    let mut text = String::new();
    if let Some(first) = &report.first_cause {
        text += &first_cause(first, language);
    }
    let colon = language.pick("：", ": ");
    let verdict = words::verdict(report.verdict, language);
    let counts = Counts::of(&report.outcomes).sentence(language);
    let _ = writeln!(text, "{}{colon}{verdict}", language.pick("判定", "Verdict"));
    let _ = writeln!(text, "{}{colon}{counts}", language.pick("内訳", "Checks"));
    text
}

/// What to mend first, with its next step.
pub(super) fn first_cause(first: &FirstCause, language: Language) -> String {
    let FirstCause { check, title, cause } = first;
    let say = |ja, en| language.pick(ja, en);
    let mut text = format!(
        "{}{} [{}]\n",
        say("まず直すところ：", "To mend first: "),
        plain(title.get(language)),
        plain(check),
    );
    let code = format!("{}{}", say("原因（", "cause ("), plain(&cause.code));
    let label = format!("{code}{}", say("）：", "): "));
    facts(&mut text, "  ", &label, &cause.why, language);
    facts(&mut text, "  ", say("次にすること：", "next step: "), &cause.next_step, language);
    text
}

fn check(text: &mut String, outcome: &CheckOutcome, last: bool, explain: bool, language: Language) {
    let (branch, below) = language.pick(
        if last { ("└", "　") } else { ("├", "│") },
        if last { ("`", " ") } else { ("|", "|") },
    );
    let say = |ja, en| language.pick(ja, en);
    let CheckOutcome { check, verdict, result, measured, limit, cause, milliseconds } = outcome;
    let mark = words::mark(*verdict, language);
    let title = plain(check.title.get(language)).replace('\n', " ");
    let found = match (measured, explain) {
        (Some(measured), false) => plain(measured).replace('\n', " "),
        (None, false) => plain(result.get(language)).replace('\n', " "),
        (_, true) => format!("[{}] {}", plain(&check.id), words::seconds(*milliseconds, language)),
    };
    let _ = writeln!(text, "{branch} {mark} {title}  {found}");
    let indent = format!("{below}      ");
    let bad = matches!(verdict, Verdict::Failed | Verdict::Warned);
    if explain {
        facts(text, &indent, say("試したこと：", "tried: "), &check.tried, language);
    }
    if explain || (bad && measured.is_some()) {
        facts(text, &indent, say("結果：", "result: "), result, language);
    }
    if explain {
        for (label, value) in [
            (say("測定値：", "measured: "), measured.as_deref()),
            (say("基準：", "limit: "), limit.as_deref()),
        ] {
            if let Some(value) = value {
                let _ = writeln!(text, "{indent}{label}{}", plain(value).replace('\n', " "));
            }
        }
    }
    if let Some(Cause { code: _, why, told_by, next_step }) = cause {
        facts(text, &indent, say("原因：", "cause: "), why, language);
        if explain {
            facts(text, &indent, say("判断の根拠：", "told by: "), told_by, language);
        }
        facts(text, &indent, say("次にすること：", "next step: "), next_step, language);
    }
    if explain && !check.requirements.is_empty() {
        let requirements = plain(&check.requirements.join(" "));
        let _ = writeln!(text, "{indent}{}{requirements}", say("要件：", "requirement: "));
    }
}

/// A sentence behind its label; further lines of it stand below.
fn facts(text: &mut String, indent: &str, label: &str, said: &Both, language: Language) {
    for (number, line) in plain(said.get(language)).lines().enumerate() {
        let label = if number == 0 { label } else { "  " };
        let _ = writeln!(text, "{indent}{label}{line}");
    }
}
