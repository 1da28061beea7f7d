//! `sekisho self-test merge`: the device's report and the far end's half of it, joined under one test number.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::SocketAddrV4,
    path::{Path, PathBuf},
};

use clap::Args;
use sekisho_control::{CallOutcome, FarCall, FarHalf, SelfTestReport, TestNumber};
use sekisho_design::{Both, Language};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::words::{self, plain};

/// Clocks that differ by less say the same; both sides follow time servers.
const CLOCKS_AGREE_S: i64 = 5;

#[derive(Args, Debug)]
pub(super) struct Merge {
    /// The device's report, as 'sekisho self-test --report DEVICE.json' wrote it
    #[arg(value_name = "DEVICE.json")]
    pub(super) device: PathBuf,
    /// The far end's half
    #[arg(value_name = "FAR.json")]
    pub(super) far: PathBuf,
    /// Write the joined report to this file as well: .json or .html
    #[arg(long, value_name = "FILE", value_parser = super::report_file)]
    pub(super) report: Option<super::ReportFile>,
}

/// Both halves, and what they say differently.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Merged {
    /// The number of both.
    pub(super) test_number: TestNumber,
    /// By how many seconds the far end's clock is ahead of the device's at the least, behind where it is negative.
    pub(super) clock_ahead_s: i64,
    /// Every call that one side knows of.
    pub(super) calls: Vec<MergedCall>,
    /// What both sides say differently, and calls that went otherwise than the design says.
    pub(super) disagreements: Vec<Both>,
    /// The device's half.
    pub(super) device: SelfTestReport,
    /// The far end's.
    pub(super) far: FarHalf,
}

/// A call as both sides know it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct MergedCall {
    /// Where to.
    pub(super) to: SocketAddrV4,
    /// As the device was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<FarCall>,
    /// As the far end wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) far: Option<FarCall>,
}

/// Why two files can't be joined.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum CantMerge {
    /// The file isn't JSON.
    #[error("{} isn't JSON: {source}", path.display())]
    NotJson {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    /// The file is something else.
    #[error("{} is {found}, not {wanted}", path.display())]
    WrongKind { path: PathBuf, found: &'static str, wanted: &'static str },
    /// The file has the right form, and something in it is wrong.
    #[error("{} is {wanted}, but can't be read: {source}", path.display())]
    Malformed {
        path: PathBuf,
        wanted: &'static str,
        #[source]
        source: serde_json::Error,
    },
    /// The device's report bears no number.
    #[error("{} bears no test number; {} bears {far}", device_path.display(), far_path.display())]
    NoNumber { device_path: PathBuf, far_path: PathBuf, far: TestNumber },
    /// They are of two tests.
    #[error("{} is of test {device}, {} of test {far}", device_path.display(), far_path.display())]
    OtherNumber { device_path: PathBuf, far_path: PathBuf, device: TestNumber, far: TestNumber },
}

const DEVICE: &str = "a device's report";
const FAR: &str = "a far end's half";

impl CantMerge {
    /// What to do about it.
    pub(in crate::cli) fn way_out(&self) -> String {
        match self {
            Self::WrongKind { found, .. } if [DEVICE, FAR].contains(found) => {
                "name the device's report first, then the far end's half".to_owned()
            }
            Self::WrongKind { wanted: FAR, .. } | Self::Malformed { wanted: FAR, .. } => {
                "take the file that sekisho-far-end wrote for this test".to_owned()
            }
            Self::NotJson { .. } | Self::WrongKind { .. } | Self::Malformed { .. } => {
                "take the file as it was written: sekisho self-test --last --report DEVICE.json"
                    .to_owned()
            }
            Self::NoNumber { far, .. } => {
                format!("test again with the number: sekisho self-test --test-number {far}")
            }
            Self::OtherNumber { .. } => {
                "take the two files that bear the same test number".to_owned()
            }
        }
    }
}

/// Joins two files.
pub(super) fn join(device: (&Path, &[u8]), far: (&Path, &[u8])) -> Result<Merged, CantMerge> {
    let report: SelfTestReport = parse(device, DEVICE)?;
    let half: FarHalf = parse(far, FAR)?;
    let (device_path, far_path) = (device.0.to_owned(), far.0.to_owned());
    match report.test_number.clone() {
        None => Err(CantMerge::NoNumber { device_path, far_path, far: half.test_number }),
        Some(number) if number != half.test_number => Err(CantMerge::OtherNumber {
            device_path,
            far_path,
            device: number,
            far: half.test_number,
        }),
        Some(number) => Ok(Merged::of(number, report, half)),
    }
}

fn parse<T: for<'a> Deserialize<'a>>(
    (path, bytes): (&Path, &[u8]),
    wanted: &'static str,
) -> Result<T, CantMerge> {
    let path = || path.to_owned();
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|source| CantMerge::NotJson { path: path(), source })?;
    let has = |keys: [&str; 2]| keys.iter().all(|key| value.get(key).is_some());
    let found = if has(["outcomes", "firmware"]) {
        DEVICE
    } else if has(["device", "disagreements"]) {
        "a report that was joined already"
    } else if has(["calls", "from"]) {
        FAR
    } else {
        "another file"
    };
    if found != wanted {
        return Err(CantMerge::WrongKind { path: path(), found, wanted });
    }
    serde_json::from_value(value).map_err(|source| CantMerge::Malformed {
        path: path(),
        wanted,
        source,
    })
}

impl Merged {
    fn of(test_number: TestNumber, device: SelfTestReport, far: FarHalf) -> Self {
        let mut calls: BTreeMap<SocketAddrV4, MergedCall> = BTreeMap::new();
        let told = device.far_half.iter().flat_map(|half| &half.calls);
        let of = |to| MergedCall { to, device: None, far: None };
        for call in told {
            calls.entry(call.to).or_insert_with(|| of(call.to)).device = Some(call.clone());
        }
        for call in &far.calls {
            calls.entry(call.to).or_insert_with(|| of(call.to)).far = Some(call.clone());
        }
        let calls: Vec<_> = calls.into_values().collect();
        // The calls fall between the begin and the end of the test, by the device's clock.
        let (begun, ended, at) =
            (device.begun.as_second(), device.ended.as_second(), far.at.as_second());
        let clock_ahead_s = at - at.clamp(begun, ended.max(begun));
        let mut disagreements: Vec<_> = calls.iter().filter_map(MergedCall::disagreement).collect();
        if let Some(told) = &device.far_half {
            if told.from != far.from {
                disagreements.push(Both {
                    ja: format!(
                        "折返し元は、装置では {}、相手側では {} です。",
                        told.from, far.from
                    ),
                    en: format!(
                        "The device was called from {}, the far end says {}.",
                        told.from, far.from
                    ),
                });
            }
        } else {
            disagreements.push(Both {
                ja: "装置の報告には折返し接続がありません。段階 dial-back を含めて試験し直してください。"
                    .to_owned(),
                en: "The device's report knows of no dial-back: test again with the stage dial-back."
                    .to_owned(),
            });
        }
        if clock_ahead_s.abs() > CLOCKS_AGREE_S {
            disagreements.push(clock(clock_ahead_s));
        }
        Self { test_number, clock_ahead_s, calls, disagreements, device, far }
    }

    pub(super) fn clock_sentence(&self, language: Language) -> String {
        clock(self.clock_ahead_s).get(language).to_owned()
    }

    pub(super) fn columns(language: Language) -> [&'static str; 5] {
        language.pick(
            ["接続先", "設計", "装置の報告", "相手側の報告", "突合せ"],
            ["To", "Design", "Device", "Far end", "Compared"],
        )
    }

    /// Every call as a row of a table.
    pub(super) fn rows(&self, language: Language) -> Vec<[String; 5]> {
        let side = |call: &Option<FarCall>| match call {
            None => language.pick("記録なし", "knows of none").to_owned(),
            Some(call) => {
                format!("{} ({} ms)", words::call(call.outcome, language), call.milliseconds)
            }
        };
        let rows = self.calls.iter().map(|call| {
            let declared = match call.either().map(|call| call.declared) {
                Some(true) => language.pick("許可", "let in"),
                Some(false) => language.pick("拒否", "refuse"),
                None => "",
            };
            let same = match call.disagreement() {
                None => language.pick("○ 一致", "agree"),
                Some(_) => language.pick("× 食い違い", "DISAGREE"),
            };
            [
                call.to.to_string(),
                declared.to_owned(),
                side(&call.device),
                side(&call.far),
                same.to_owned(),
            ]
        });
        rows.collect()
    }

    /// Both halves for a terminal.
    pub(super) fn text(&self, language: Language) -> String {
        let say = |ja, en| language.pick(ja, en);
        let mut text = say("双方の突合せ\n", "Both sides compared\n").to_owned();
        for (heading, said) in words::about(&self.device, language) {
            let _ = writeln!(text, "  {heading}{}{said}", say("：", ": "));
        }
        let verdict = words::verdict(self.device.verdict, language);
        let _ = writeln!(text, "  {}{verdict}", say("装置の判定：", "Device's verdict: "));
        let _ = writeln!(text, "  {}\n", self.clock_sentence(language));
        let rows = self.rows(language);
        let head = Self::columns(language).map(str::to_owned);
        let table = || std::iter::once(&head).chain(&rows);
        let widths: [usize; 5] = std::array::from_fn(|column| {
            table().map(|row| row[column].width()).max().unwrap_or_default()
        });
        for row in table() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                let _ = write!(line, "{cell}{}", " ".repeat(width - cell.width() + 2));
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push('\n');
        if self.disagreements.is_empty() {
            let _ = writeln!(text, "{}", say("食い違いはありません。", "Both sides agree."));
        }
        for disagreement in &self.disagreements {
            let label = say("食い違い：", "DISAGREE: ");
            let _ = writeln!(text, "{label}{}", plain(disagreement.get(language)));
        }
        text
    }
}

impl MergedCall {
    fn either(&self) -> Option<&FarCall> {
        self.far.as_ref().or(self.device.as_ref())
    }

    /// What is wrong with it: both sides say different things, or both say what the design doesn't.
    fn disagreement(&self) -> Option<Both> {
        let Self { to, device, far } = self;
        match (device, far) {
            (None, None) => None,
            (Some(_), None) => Some(Both {
                ja: format!("{to} への接続は装置の報告だけにあります。"),
                en: format!("Only the device's report knows of the call to {to}."),
            }),
            (None, Some(_)) => Some(Both {
                ja: format!("{to} への接続は相手側の報告だけにあります。"),
                en: format!("Only the far end's half knows of the call to {to}."),
            }),
            (Some(device), Some(far)) if device.declared != far.declared => Some(Both {
                ja: format!("{to} を設計が許すかどうかが、双方で違います。"),
                en: format!("Both sides differ in whether the design lets {to} in."),
            }),
            (Some(device), Some(far)) if device.outcome != far.outcome => Some(Both {
                ja: format!(
                    "{to}：相手側では「{}」、装置の報告では「{}」です。",
                    words::call(far.outcome, Language::Japanese),
                    words::call(device.outcome, Language::Japanese)
                ),
                en: format!(
                    "{to}: the far end says '{}', the device's report says '{}'.",
                    words::call(far.outcome, Language::English),
                    words::call(device.outcome, Language::English)
                ),
            }),
            (Some(_), Some(far)) => (far.declared != (far.outcome == CallOutcome::Connected))
                .then(|| against_design(far)),
        }
    }
}

/// Both sides say the same, and the design says otherwise.
fn against_design(call: &FarCall) -> Both {
    let FarCall { to, declared, outcome, .. } = call;
    let (ja, en) =
        (words::call(*outcome, Language::Japanese), words::call(*outcome, Language::English));
    let (may_ja, may_en) =
        if *declared { ("通す", "lets it in") } else { ("通さない", "refuses it") };
    Both {
        ja: format!("{to}：設計は{may_ja}はずですが、結果は「{ja}」です。"),
        en: format!("{to}: the design {may_en}, and it was '{en}'."),
    }
}

fn clock(ahead_s: i64) -> Both {
    let by = ahead_s.unsigned_abs();
    match ahead_s {
        0 => Both {
            ja: "時計：相手側の接続の時刻は、装置の試験の間に収まっています。".to_owned(),
            en: "Clocks: the far end's calls fall within the device's test.".to_owned(),
        },
        1.. => Both {
            ja: format!("時計：相手側が装置より {by} 秒以上進んでいます。"),
            en: format!("Clocks: the far end's is ahead of the device's by {by} s at least."),
        },
        _ => Both {
            ja: format!("時計：相手側が装置より {by} 秒以上遅れています。"),
            en: format!("Clocks: the far end's is behind the device's by {by} s at least."),
        },
    }
}
