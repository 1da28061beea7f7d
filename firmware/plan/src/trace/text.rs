//! A trace for people, in Japanese and English.

use std::fmt::Write as _;

use sekisho_design::Language;

use super::{
    Admitted, Back, Effect, Found, Outcome, RuleOutcome, RuleStep, Side, Step, Told, Trace, route,
};
use crate::state::Route;

impl Trace {
    /// The trace as text.
    pub fn text(&self, language: Language) -> String {
        let say = |ja, en| language.pick(ja, en);
        let question = &self.question;
        let mut text = format!(
            "{} ({}) -> {} {}\n\n",
            question.from,
            question.side.as_str(),
            question.to,
            question.opening
        );
        steps(&mut text, &self.there, language);
        let _ = writeln!(text, "\n{}{}", say("結果: ", "Result: "), self.outcome.text(language));
        if let Some(admitted) = &self.admitted {
            let _ = writeln!(text, "{}", admitted.text(language));
        }
        if let Some(Back { steps: back, outcome, arrives }) = &self.back {
            let _ = writeln!(text, "\n{}", say("応答の経路:", "The way of the answer:"));
            steps(&mut text, back, language);
            let result = say("応答の結果: ", "Result for the answer: ");
            let _ = writeln!(text, "\n{result}{}", outcome.text(language));
            if !arrives {
                let sentence =
                    say("尋ねた側には届きません。", "It doesn't reach the one who asked.");
                let _ = writeln!(text, "{sentence}");
            }
        }
        if let Some(advice) = &self.advice {
            let sentence = language.pick(&*advice.sentence.ja, &*advice.sentence.en);
            let _ = writeln!(text, "\n{}{sentence}", say("通すには: ", "To let it pass: "));
            for line in advice.toml.iter().flat_map(|toml| toml.lines()) {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }
}

/// The steps that matter to a person: rules that did something, and those that could have.
fn steps(text: &mut String, steps: &[Step], language: Language) {
    let mut section = "";
    for step in steps {
        let Some((title, line)) = titled(step, language) else { continue };
        if title != section {
            let _ = writeln!(text, "{:<22}{}", title, heading(title, language));
            section = title;
        }
        let _ = writeln!(text, "  {line}");
    }
}

/// One step by itself, with the chain that it stands in; also where it matters to nobody.
pub(super) fn step(step: &Step, language: Language) -> String {
    match (titled(step, language), step) {
        (Some((title, line)), _) => format!("{title} {line}"),
        (None, Step::Rule(rule)) => format!("{} - {}", rule.base, rule.rule),
        (None, _) => String::new(),
    }
}

/// A step under the chain or the stage that it belongs to; none for a rule that is of other sides.
fn titled(step: &Step, language: Language) -> Option<(&str, String)> {
    Some(match step {
        Step::Rule(rule) => (&*rule.base, rule_line(rule, language)?),
        Step::Policy { chain, accepted: true } => (&**chain, say_nothing(language)),
        Step::Policy { chain, accepted: false } => (
            &**chain,
            language.pick("どの規則も通さない: 破棄", "no rule admits it: dropped").into(),
        ),
        Step::Connection { zone, known } => ("conntrack", connection(*zone, *known, language)),
        Step::Restored { source, destination } => {
            ("conntrack", format!("{source} -> {destination}"))
        }
        Step::ForgedSource { source } => {
            let ja = format!("送信元 {source} は端末のアドレスではない: 破棄");
            let en = format!("{source} is no host's address: dropped");
            ("route", language.pick(ja, en))
        }
        Step::LinkDown { link } => {
            let ja = format!("{link} が閉じているか、ない: 何も届かない");
            ("link", language.pick(ja, format!("{link} is down or missing: nothing comes in")))
        }
        Step::NotForwarding => {
            let ja = "カーネルが中継しない設定（ip_forward）: 破棄";
            let en = "the kernel is set to forward nothing (ip_forward): dropped";
            ("route", language.pick(ja, en).into())
        }
        Step::Route { mark, to, found } => ("route", way(*mark, *to, found, language)),
    })
}

fn say_nothing(language: Language) -> String {
    language.pick("ほかに該当なし: 次へ", "nothing more applies: goes on").into()
}

/// What a chain is for. Chains that have no name of ours stay without.
fn heading(chain: &str, language: Language) -> &'static str {
    match chain {
        "classify" => language.pick("LANの判定と詐称の検査", "which LAN, and forged sources"),
        "classify-own" => {
            language.pick("この装置が出すもののLANの判定", "which LAN, for the device's own")
        }
        "conntrack" => language.pick("接続の照合", "which connection"),
        "state" => language.pick("接続に属さないものの検査", "what belongs to no connection"),
        "translate-destination" => language.pick("宛先の変換", "translation of the destination"),
        "destination" => language.pick("宛先の検査", "whether it leads anywhere"),
        "link" => language.pick("ポート", "port"),
        "route" => language.pick("経路", "route"),
        "input" => language.pick("この装置あて", "to the device itself"),
        "output" => language.pick("この装置から", "from the device itself"),
        "forward" => language.pick("中継の可否", "whether it may pass"),
        "translate-source" => language.pick("送信元の変換", "translation of the source"),
        "account" => language.pick("計数と優先度", "counts and class of traffic"),
        "leaving" => language.pick("送出前の検査", "what may enter the tunnel"),
        _ => "",
    }
}

fn connection(zone: u32, known: bool, language: Language) -> String {
    if known {
        let ja = format!("ゾーン {zone} の既存の接続への応答");
        language.pick(ja, format!("an answer in a connection of zone {zone}"))
    } else {
        let ja = format!("ゾーン {zone} の新しい接続");
        language.pick(ja, format!("a new connection in zone {zone}"))
    }
}

fn way(mark: u32, to: std::net::Ipv4Addr, found: &Found, language: Language) -> String {
    let found = match found {
        Found::Device => language.pick("この装置自身のアドレス", "the device's own address").into(),
        Found::Route(route) => known_route(route, language),
        Found::Nowhere => language.pick("経路なし", "no route").into(),
    };
    language.pick(format!("{to}（マーク {mark}）: {found}"), format!("{to}, mark {mark}: {found}"))
}

fn known_route(route: &Route, language: Language) -> String {
    let Route { table, to, .. } = route;
    let ja = format!("テーブル {table} の {to}");
    let en = format!("{to} in table {table}");
    match route::out(route) {
        Some((link, None)) => {
            language.pick(format!("{ja}、{link} から"), format!("{en}, out of {link}"))
        }
        Some((link, Some(via))) => language
            .pick(format!("{ja}、{link} から {via} へ"), format!("{en}, out of {link} to {via}")),
        None => language.pick(format!("{ja}、到達不能"), format!("{en}, unreachable")),
    }
}

/// A line for a rule; none where its first condition already failed in a base chain: those are rules of other sides.
fn rule_line(step: &RuleStep, language: Language) -> Option<String> {
    let RuleStep { chain, base, rule, outcome } = step;
    match outcome {
        RuleOutcome::PassedOver(condition) => {
            let first = rule.starts_with(condition.as_str());
            (chain != base || !first).then(|| {
                let not = language.pick("該当せず", "no");
                format!("- {rule}  [{not}: {condition}]")
            })
        }
        RuleOutcome::Applied(effects) => {
            let effects: Vec<_> = effects.iter().map(|effect| effect.text(language)).collect();
            Some(format!("+ {rule}  => {}", effects.join(language.pick("、", ", "))))
        }
    }
}

impl Admitted {
    fn text(&self, language: Language) -> String {
        let Self { row, policy, environment, class } = self;
        let environment = language.environment(*environment);
        let by = match policy {
            Some(policy) => language.pick(
                format!("'{row}' の通信許可 '{policy}'"),
                format!("policy '{policy}' for '{row}'"),
            ),
            None => language.pick(format!("'{row}' の行"), format!("the row '{row}'")),
        };
        language.pick(
            format!("許可: {by}、環境は{environment}、優先度は {class}。"),
            format!("Admitted by {by}; environment {environment}, class {class}."),
        )
    }
}

impl Effect {
    fn text(self, language: Language) -> String {
        match self {
            Self::Mark(mark) => language.pick(format!("マーク {mark}"), format!("mark {mark}")),
            Self::Zone(zone) => language.pick(format!("ゾーン {zone}"), format!("zone {zone}")),
            Self::LargestSegment(bytes) => {
                language.pick(format!("MSS は最大 {bytes}"), format!("MSS at most {bytes}"))
            }
            Self::Untracked => language.pick("接続として扱わない", "not tracked").into(),
            Self::Helped => {
                language.pick("FTPのデータ接続を通す", "its data connections pass").into()
            }
            Self::Account(number) => {
                language.pick(format!("計数の番号 {number}"), format!("account {number}"))
            }
            Self::CountedFor => language.pick("行・端末ごとに計数", "counted for its row").into(),
            Self::Class(class) => {
                language.pick(format!("優先度 {class}"), format!("class {class}"))
            }
            Self::Codepoint => language.pick("DSCPを付ける", "DSCP of its class").into(),
            Self::Counted => language.pick("計数", "counted").into(),
            Self::Logged => language.pick("記録", "logged").into(),
            Self::Destination(to) => {
                language.pick(format!("宛先は {to} に"), format!("destination becomes {to}"))
            }
            Self::Source(from) => {
                language.pick(format!("送信元は {from} に"), format!("source becomes {from}"))
            }
            Self::Goto => language.pick("その規則へ", "on to those rules").into(),
            Self::Accepted => language.pick("次へ", "goes on").into(),
            Self::Refused(told) => {
                let told = told.text(language);
                language.pick(format!("拒否（{told}）"), format!("refused, {told}"))
            }
        }
    }
}

impl Outcome {
    pub(super) fn text(&self, language: Language) -> String {
        match self {
            Self::Delivered { side, via, source, destination } => {
                let via = via.map_or(String::new(), |via| {
                    language.pick(format!("（次の機器 {via}）"), format!(" by {via}"))
                });
                let side = side.text(language);
                language.pick(format!(
                        "届きます: {side}の {destination}{via}。相手から見た送信元は {source}。"
                    ),
                    format!(
                        "delivered to {destination} on {side}{via}, which sees {source} as the source."
                    ),
                )
            }
            Self::Device => language
                .pick("この装置自身が受けます。".into(), "the device itself takes it.".into()),
            Self::Refused { rule, told } => {
                let told = told.text(language);
                match rule {
                    Some(rule) => language.pick(
                        format!("拒否します: {rule}（送信元には{told}）。"),
                        format!("refused by {rule}; the sender is {told}."),
                    ),
                    None => language.pick(
                        format!("届きません（送信元には{told}）。"),
                        format!("it goes nowhere; the sender is {told}."),
                    ),
                }
            }
        }
    }
}

impl Told {
    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Nothing => language.pick("何も知らせない", "told nothing"),
            Self::Prohibited => language
                .pick("ICMPで禁止を知らせる", "told at once that it is prohibited (ICMP 3/13)"),
            Self::HostUnreachable => language.pick(
                "ICMPで到達不能を知らせる",
                "told at once that the host is unreachable (ICMP 3/1)",
            ),
            Self::NetUnreachable => language.pick(
                "ICMPで到達不能を知らせる",
                "told at once that the network is unreachable (ICMP 3/0)",
            ),
        }
    }
}

impl Side {
    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Lan(sekisho_design::Lan::HeadOffice) => {
                language.pick("首長部局業務系LAN", "the head-office LAN")
            }
            Self::Lan(sekisho_design::Lan::EducationBoard) => {
                language.pick("教育委員会業務系LAN", "the education-board LAN")
            }
            Self::Platform => language.pick("プラットフォーム", "the platform"),
            Self::Lgwan => language.pick("LGWAN側", "the LGWAN side"),
            Self::Maintenance => language.pick("保守ポート", "the maintenance port"),
        }
    }
}
