//! Words that a report says on a terminal and on paper alike.

use jiff::{Timestamp, Unit, tz};
use sekisho_control::{
    CallOutcome, CheckOutcome, FarHalf, Level, SelfTestReport, SiteSummary, Stage, Verdict,
};
use sekisho_design::Language;

/// How many checks ended in which way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) warned: usize,
    pub(super) failed: usize,
    pub(super) not_run: usize,
}

impl Counts {
    pub(super) fn of(outcomes: &[CheckOutcome]) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *match outcome.verdict {
                Verdict::Passed => &mut counts.passed,
                Verdict::Warned => &mut counts.warned,
                Verdict::Failed => &mut counts.failed,
                Verdict::NotRun => &mut counts.not_run,
            } += 1;
        }
        counts
    }

    pub(super) fn sentence(self, language: Language) -> String {
        let Self { passed, warned, failed, not_run } = self;
        language.pick(
            format!("合格 {passed}、注意 {warned}、不合格 {failed}、未実施 {not_run}"),
            format!("{passed} passed, {warned} warned, {failed} failed, {not_run} not run"),
        )
    }
}

pub(super) fn stage(stage: Stage, language: Language) -> &'static str {
    let (ja, en) = match stage {
        Stage::Standalone => ("単体動作確認", "The box alone"),
        Stage::Office => ("庁内LAN", "Office LANs"),
        Stage::Lgwan => ("LGWAN", "LGWAN"),
        Stage::Tunnel => ("トンネル", "Tunnel"),
        Stage::Platform => ("プラットフォーム", "Platform"),
        Stage::DialBack => ("折返し接続", "Dial-back"),
        Stage::Load => ("負荷", "Load"),
    };
    language.pick(ja, en)
}

/// The mark in front of a check: a sign of Japanese forms, or a word that every terminal shows.
pub(super) fn mark(verdict: Verdict, language: Language) -> &'static str {
    let (ja, en) = match verdict {
        Verdict::Passed => ("○", "OK  "),
        Verdict::Warned => ("△", "WARN"),
        Verdict::Failed => ("×", "FAIL"),
        Verdict::NotRun => ("－", "SKIP"),
    };
    language.pick(ja, en)
}

pub(super) fn verdict(verdict: Verdict, language: Language) -> &'static str {
    let (ja, en) = match verdict {
        Verdict::Passed => ("合格", "passed"),
        Verdict::Warned => ("注意", "warned"),
        Verdict::Failed => ("不合格", "failed"),
        Verdict::NotRun => ("未実施", "not run"),
    };
    language.pick(ja, en)
}

pub(super) fn level(level: Level, language: Language) -> &'static str {
    let (ja, en) = match level {
        Level::Ok => ("正常", "ok"),
        Level::Degraded => ("要注意（働いているが、直すところがある）", "degraded"),
        Level::Down => ("停止（働いていない）", "down"),
    };
    language.pick(ja, en)
}

pub(super) fn call(outcome: CallOutcome, language: Language) -> &'static str {
    let (ja, en) = match outcome {
        CallOutcome::Connected => ("接続した", "connected"),
        CallOutcome::Refused => ("拒否された", "refused"),
        CallOutcome::TimedOut => ("応答なし", "timed out"),
        CallOutcome::Unreachable => ("到達不能", "unreachable"),
    };
    language.pick(ja, en)
}

/// A time as clocks in Japan show it.
pub(super) fn time(time: Timestamp) -> String {
    let there = time.to_zoned(tz::offset(9).to_time_zone());
    there.strftime("%Y-%m-%d %H:%M:%S JST").to_string()
}

/// Seconds with one decimal.
pub(super) fn seconds(milliseconds: u64, language: Language) -> String {
    let text = format!("{}.{}", milliseconds / 1000, milliseconds % 1000 / 100);
    language.pick(format!("{text} 秒"), format!("{text} s"))
}

/// What a report is about, a heading and its text a row.
pub(super) fn about(report: &SelfTestReport, language: Language) -> Vec<(&'static str, String)> {
    let say = |ja, en| language.pick(ja, en);
    let none = || say("（なし）", "(none)").to_owned();
    let (name, organisation, profile) = match &report.site {
        Some(SiteSummary { name, organisation, profile, .. }) => (
            name.clone(),
            organisation.to_string(),
            language.pick(
                format!("第{}号、{} 発行", profile.serial, time(profile.issued)),
                format!("serial {}, issued {}", profile.serial, time(profile.issued)),
            ),
        ),
        None => (none(), none(), none()),
    };
    let generation = match report.generation {
        0 => none(),
        generation => generation.to_string(),
    };
    let took = report.ended.since((Unit::Millisecond, report.begun));
    let took = took.map_or(0, |span| span.get_milliseconds());
    let clock = if report.clock_synchronised {
        say("時刻サーバに同期している", "led by a time server")
    } else {
        say(
            "時刻サーバに同期していない（この報告の時刻は確かでない）",
            "not led by a time server: the times of this report are not certain",
        )
    };
    let mut about = vec![
        (say("団体", "Site"), name),
        (say("団体コード", "Organisation"), organisation),
        (
            say("試験番号", "Test number"),
            report.test_number.as_ref().map_or_else(none, ToString::to_string),
        ),
        (say("開始", "Begun"), time(report.begun)),
        (
            say("終了", "Ended"),
            format!("{} ({})", time(report.ended), seconds(took.unsigned_abs(), language)),
        ),
        (say("時計", "Clock"), clock.to_owned()),
        (say("設計の世代", "Design generation"), generation),
        (
            say("設計のハッシュ", "Design hash"),
            report.design_hash.clone().map_or_else(none, |hash| format!("SHA-256 {hash}")),
        ),
        (say("接続情報", "Platform profile"), profile),
        (say("ファームウェア", "Firmware"), report.firmware.clone()),
    ];
    if let Some(FarHalf { at, from, .. }) = &report.far_half {
        about.push((say("折返し元", "Called back from"), format!("{from} ({})", time(*at))));
    }
    for (_, text) in &mut about {
        *text = plain(text);
    }
    about
}

/// A text without what would steer a terminal or turn the order of what is read: banners and certificates of other hosts
/// get into reports. Line ends stay.
pub(super) fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{FFFD}' } else { c }).collect()
}
