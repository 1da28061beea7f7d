//! `sekisho health`: how the device is, in one word and in an exit code that scripts go by.

use std::fmt::Write as _;

use sekisho_control::{Health, HealthChange, Level};
use sekisho_design::Language;

use super::{
    tree,
    words::{self, plain},
};

/// The exit code of a level.
pub(super) fn exit_code(level: Level) -> u8 {
    match level {
        Level::Ok => 0,
        Level::Degraded => 8,
        Level::Down => 9,
    }
}

pub(super) fn text(health: &Health, language: Language) -> String {
    let Health { level, at, first_cause, troubles, history } = health;
    let say = |ja, en| language.pick(ja, en);
    let word = words::level(*level, language);
    let mut text = format!("{}{word}  ({})\n", say("状態：", "Health: "), words::time(*at));
    if let Some(first) = first_cause {
        text += &tree::first_cause(first, language);
    }
    if !troubles.is_empty() {
        let _ = writeln!(text, "\n{}", say("合格でない確認：", "Checks that didn't pass:"));
        for outcome in troubles {
            let mark = words::mark(outcome.verdict, language);
            let title = plain(outcome.check.title.get(language));
            let result = plain(outcome.result.get(language)).replace('\n', " ");
            let _ = writeln!(text, "  {mark} {title}  {result}");
        }
    }
    if !history.is_empty() {
        let _ = writeln!(text, "\n{}", say("これまでの変化：", "Changes, the latest first:"));
        for HealthChange { at, level, cause } in history {
            let cause = cause.as_deref().map(|code| format!("  [{}]", plain(code)));
            let level = words::level(*level, language);
            let _ = writeln!(text, "  {}  {level}{}", words::time(*at), cause.unwrap_or_default());
        }
    }
    text
}
