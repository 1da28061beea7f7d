//! What people and programs see.

use std::fmt::Write as _;

use sekisho_control::{Applied, Failure, Generation, Outcome, Plan, Proof, Restarting, Settled};
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

/// What changes in the design; what it takes in the kernel, in few words or step by step.
pub(super) fn plan(plan: &Plan, steps: bool, language: Language) -> String {
    let mut text = problems(&plan.warnings, language);
    let say = |ja, en| language.pick(ja, en);
    match &plan.changes {
        None => {
            text += say(
                "まだ設計が反映されていません。この設計の全体が新しく働きます。\n",
                "No design is in force yet: all of this one is new.\n",
            );
        }
        Some(changes) if changes.is_empty() && plan.steps.is_empty() => {
            return text
                + say(
                    "変更はありません。この設計はすでに働いています。",
                    "Nothing would change: this design is in force already.",
                );
        }
        Some(changes) if changes.is_empty() => {
            text += say(
                "設計は変わりませんが、カーネルが設計と違います。apply で設計どおりに直ります。\n",
                "The design doesn't change, but the kernel doesn't hold what it says; applying puts that right.\n",
            );
        }
        Some(changes) => {
            for change in changes {
                let _ = writeln!(text, "{}", change.sentence.get(language));
            }
        }
    }
    let count = plan.steps.len();
    if steps {
        let title = language
            .pick(format!("カーネルの手順（{count}）:"), format!("Kernel steps ({count}):"));
        let _ = writeln!(text, "{title}");
        for step in &plan.steps {
            let _ = writeln!(text, "  {}", step.sentence.get(language));
        }
    } else {
        text += &language.pick(
            format!("カーネルの手順は {count} です（--steps で表示します）。"),
            format!("Kernel steps: {count} (--steps shows them)."),
        );
    }
    text
}

pub(super) fn applied(applied: &Applied, language: Language) -> String {
    let Applied { generation, steps, milliseconds, ended_connections, .. } = applied;
    let mut text = match language {
        Language::Japanese => format!(
            "世代{generation}を反映しました（{steps} 手順、{milliseconds} ミリ秒、打ち切った通信 {ended_connections} 件）。"
        ),
        Language::English => format!(
            "Generation {generation} is in force: {steps} steps, {milliseconds} ms, {ended_connections} connections ended."
        ),
    };
    if let Some(seconds) = applied.confirm_within_s {
        let _ = match language {
            Language::Japanese => write!(
                text,
                "\n{seconds} 秒以内に確定してください：sekisho confirm {generation}\n確定しないと元の設定に戻ります。"
            ),
            Language::English => write!(
                text,
                "\nConfirm it within {seconds} seconds: sekisho confirm {generation}\nIt is taken back otherwise."
            ),
        };
    }
    if let Some(Proof { token, at }) = &applied.carry {
        let command = format!("sekisho confirm {generation} --token {} --at {at}", token.as_str());
        text += &language.pick(
            format!(
                "\n来た経路に触れる変更です。{at} で届くことを示して確定してください：{command}"
            ),
            format!("\nIt touches the way that you came by. Show that you reach {at}: {command}"),
        );
    }
    problems(&applied.warnings, language) + &text
}

pub(super) fn confirmed(settled: Settled, language: Language) -> String {
    let generation = settled.generation;
    match language {
        Language::Japanese => format!("世代{generation}を確定しました。"),
        Language::English => format!("Generation {generation} is kept."),
    }
}

pub(super) fn restarting(Restarting { generation }: Restarting, language: Language) -> String {
    match language {
        Language::Japanese => format!("再起動します。世代{generation}で立ち上がります。"),
        Language::English => {
            format!("The box restarts, and comes up with generation {generation}.")
        }
    }
}

pub(super) fn rolled_back(settled: Settled, language: Language) -> String {
    match (settled.generation, language) {
        (0, Language::Japanese) => "元に戻しました。有効な設計はありません。".to_owned(),
        (0, Language::English) => "Taken back; no design is in force.".to_owned(),
        (number, Language::Japanese) => format!("元に戻しました。世代{number}が有効です。"),
        (number, Language::English) => format!("Taken back; generation {number} is in force."),
    }
}

/// A line a generation: number, time, who, what became of it, the start of the site's checksum, and why.
pub(super) fn history(generations: &[Generation], language: Language) -> String {
    if generations.is_empty() {
        return match language {
            Language::Japanese => "まだ何も反映されていません。".to_owned(),
            Language::English => "Nothing was ever applied.".to_owned(),
        };
    }
    let mut text = String::new();
    for generation in generations {
        let outcome = match (generation.outcome, language) {
            (Outcome::Pending, Language::Japanese) => "確定待ち",
            (Outcome::Pending, Language::English) => "awaiting",
            (Outcome::Committed, Language::Japanese) => "確定",
            (Outcome::Committed, Language::English) => "kept",
            (Outcome::RolledBack, Language::Japanese) => "取り消し",
            (Outcome::RolledBack, Language::English) => "taken back",
        };
        let Generation { number, author, at, site_sha256, .. } = generation;
        let sum = site_sha256.get(..12).unwrap_or(site_sha256);
        let reason = generation.reason.as_deref().unwrap_or_default();
        let line = format!("{number:>5}  {at:.0}  {author}  {outcome}  {sum}  {reason}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// A failure with the way out.
pub(super) fn whole(fault: &Failure) -> String {
    let way_out = fault.way_out.iter().map(|way_out| format!("\n  {way_out}"));
    [fault.message.clone()].into_iter().chain(way_out).collect()
}

/// Two lines a problem: place, code and sentence, then the way out.
pub(super) fn problems(problems: &[Report], language: Language) -> String {
    problems.iter().fold(String::new(), |text, problem| text + &problem.display(language) + "\n")
}

#[cfg(test)]
mod tests {
    use sekisho_control::PlannedStep;
    use sekisho_design::{Both, Difference};
    use sekisho_plan::{Change, Step};

    use super::*;

    fn a_plan(changes: Option<usize>, steps: usize) -> Plan {
        let difference = |number| Difference {
            path: format!("server.s{number}.global"),
            sentence: Both { ja: format!("サーバ{number}。"), en: format!("Server {number}.") },
        };
        let step = || {
            let change = Change::new("0".to_owned(), "1".to_owned());
            let step = Step::Setting { path: "net/ipv4/ip_forward".to_owned(), change };
            PlannedStep { sentence: step.sentences(), step }
        };
        Plan {
            changes: changes.map(|count| (0..count).map(difference).collect()),
            steps: (0..steps).map(|_| step()).collect(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_plan_speaks_of_the_design_and_of_steps_only_when_asked() {
        let cases = [
            (
                (None, 1),
                false,
                "まだ設計が反映されていません。この設計の全体が新しく働きます。\nカーネルの手順は 1 です（--steps で表示します）。",
                "No design is in force yet: all of this one is new.\nKernel steps: 1 (--steps shows them).",
            ),
            (
                (Some(0), 0),
                false,
                "変更はありません。この設計はすでに働いています。",
                "Nothing would change: this design is in force already.",
            ),
            (
                (Some(0), 0),
                true,
                "変更はありません。この設計はすでに働いています。",
                "Nothing would change: this design is in force already.",
            ),
            (
                (Some(0), 1),
                false,
                "設計は変わりませんが、カーネルが設計と違います。apply で設計どおりに直ります。\nカーネルの手順は 1 です（--steps で表示します）。",
                "The design doesn't change, but the kernel doesn't hold what it says; applying puts that right.\nKernel steps: 1 (--steps shows them).",
            ),
            (
                (Some(2), 0),
                false,
                "サーバ0。\nサーバ1。\nカーネルの手順は 0 です（--steps で表示します）。",
                "Server 0.\nServer 1.\nKernel steps: 0 (--steps shows them).",
            ),
            (
                (Some(1), 1),
                true,
                "サーバ0。\nカーネルの手順（1）:\n  カーネルの設定 net.ipv4.ip_forward を 1 にします。\n",
                "Server 0.\nKernel steps (1):\n  set net.ipv4.ip_forward to 1\n",
            ),
        ];
        for ((changes, count), steps, ja, en) in cases {
            let shown = a_plan(changes, count);
            assert_eq!(plan(&shown, steps, Language::Japanese), ja);
            assert_eq!(plan(&shown, steps, Language::English), en);
        }
    }
}
