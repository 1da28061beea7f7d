//! 問合せ票: what the office writes to the operator, filled in as far as the device knows.

use std::fmt::Write as _;

use jiff::Timestamp;
use sekisho_control::{FirstCause, Status};
use sekisho_design::Language;

use super::super::words::{self, plain};

/// What the device knows.
pub(super) struct Facts<'a> {
    pub(super) at: Timestamp,
    pub(super) status: Option<&'a Status>,
    pub(super) first_cause: Option<&'a FirstCause>,
    /// The files of the bundle.
    pub(super) files: &'a [String],
    /// What isn't in it, and why.
    pub(super) absent: &'a [(String, String)],
}

/// The form, in Japanese with English beneath.
pub(super) fn form(facts: &Facts<'_>) -> String {
    let japanese = in_language(facts, Language::Japanese);
    let english = in_language(facts, Language::English);
    format!("{japanese}\n{}\n\n{english}", "-".repeat(60))
}

fn in_language(facts: &Facts<'_>, language: Language) -> String {
    let say = |ja, en| language.pick(ja, en);
    let unknown = || say("（不明）", "(unknown)").to_owned();
    let colon = say("：", ": ");
    let site = facts.status.and_then(|status| status.site.as_ref());
    let mut text = say("問合せ票\n\n", "Enquiry\n\n").to_owned();
    let known = [
        (
            say("団体コード", "Organisation"),
            site.map_or_else(unknown, |site| site.organisation.to_string()),
        ),
        (say("団体名", "Site"), site.map_or_else(unknown, |site| site.name.clone())),
        (say("作成日時", "Date"), words::time(facts.at)),
        (
            say("ファームウェア", "Firmware"),
            facts.status.map_or_else(unknown, |status| match &status.release {
                Some(release) => {
                    format!("{} ({} {})", status.version, say("イメージ", "image"), release.version)
                }
                None => status.version.clone(),
            }),
        ),
        (
            say("設計の世代", "Design generation"),
            facts.status.map_or_else(unknown, |status| status.generation.to_string()),
        ),
    ];
    for (heading, said) in known {
        let _ = writeln!(text, "{heading}{colon}{}", plain(&said).replace('\n', " "));
    }
    for heading in language.pick(
        [
            "担当者の所属と氏名",
            "電話番号とメールアドレス",
            "いつから",
            "どの端末・サーバの、どの業務で",
        ],
        ["Name and department", "Telephone and mail", "Since when", "Which host, which work"],
    ) {
        let _ = writeln!(text, "{heading}{colon}");
    }
    let _ = writeln!(
        text,
        "\n{}",
        say(
            "症状（起きたこと、画面の文言、試したこと）",
            "Symptom (what happened, messages, what was tried)"
        )
    );
    text += "  1.\n  2.\n  3.\n";
    let heading = say("装置が見つけた原因", "Cause that the device found");
    match facts.first_cause {
        None => {
            let _ = writeln!(text, "\n{heading}{colon}{}", say("なし", "none"));
        }
        Some(FirstCause { check, title, cause }) => {
            let _ = writeln!(text, "\n{heading}{colon}{} ({})", plain(&cause.code), plain(check));
            for (label, said) in [
                (say("確認", "Check"), title),
                (say("原因", "Why"), &cause.why),
                (say("判断の根拠", "Told by"), &cause.told_by),
                (say("次にすること", "Next step"), &cause.next_step),
            ] {
                let said = plain(said.get(language)).replace('\n', " ");
                let _ = writeln!(text, "  {label}{colon}{said}");
            }
        }
    }
    let _ = writeln!(text, "\n{}", say("添付", "Files"));
    for file in facts.files {
        let _ = writeln!(text, "  {file}");
    }
    for (file, why) in facts.absent {
        let why = plain(why).replace('\n', " ");
        let _ = writeln!(text, "  {file}{}{why}", say(" なし：", ": absent, "));
    }
    let _ = writeln!(
        text,
        "\n{}",
        say(
            "鍵とパスワードは除いてあります。アドレスと団体の名は入っています。",
            "Keys and passwords are removed. Addresses and the organisation's name are in it."
        )
    );
    text
}
