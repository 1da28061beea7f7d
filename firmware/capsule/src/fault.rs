//! Why a capsule can't be made or opened.

use std::fmt;

use sekisho_design::{Both, Language, OrganisationCode, Report, Severity};

use crate::{LARGEST, LONGEST, MOST_WORK, SCHEMA, SHORTEST};

/// Why a capsule can't be made, opened or restored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It isn't in the age format, or holds something else.
    NotACapsule,
    /// Another passphrase was used.
    WrongPassphrase,
    /// It is sealed for another key.
    WrongKey,
    /// A passphrase came, and it is sealed for a key.
    NeedsKey,
    /// A key came, and it is sealed with a passphrase.
    NeedsPassphrase,
    /// Bytes of it changed or are missing.
    Damaged,
    /// A later firmware made it.
    Newer {
        /// Its schema.
        found: u32,
    },
    /// It is another organisation's.
    AnotherSite {
        /// Whose it is.
        theirs: OrganisationCode,
        /// Whose box this is.
        ours: OrganisationCode,
    },
    /// It is larger than any capsule.
    TooLarge,
    /// Trying its passphrase would take more work than the box takes on.
    TooMuchWork,
    /// A chosen passphrase is too short, or too long.
    WeakPassphrase,
    /// A text is no recipient's public key.
    NoRecipient,
    /// A text is no recipient's secret key.
    NoKey,
    /// The identity was asked for, and it isn't inside.
    NoIdentity,
    /// The page's users were asked for, and they aren't inside.
    NoUsers,
    /// Passphrases were wrong too often; the next one isn't looked at yet.
    TooSoon {
        /// Seconds until it is.
        seconds: u64,
    },
}

impl Fault {
    /// Its name; it never changes its meaning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotACapsule => "capsule-none",
            Self::WrongPassphrase => "capsule-wrong-passphrase",
            Self::WrongKey => "capsule-wrong-key",
            Self::NeedsKey => "capsule-needs-key",
            Self::NeedsPassphrase => "capsule-needs-passphrase",
            Self::Damaged => "capsule-damaged",
            Self::Newer { .. } => "capsule-newer",
            Self::AnotherSite { .. } => "capsule-another-site",
            Self::TooLarge => "capsule-too-large",
            Self::TooMuchWork => "capsule-too-much-work",
            Self::WeakPassphrase => "capsule-weak-passphrase",
            Self::NoRecipient => "capsule-no-recipient",
            Self::NoKey => "capsule-no-key",
            Self::NoIdentity => "capsule-no-identity",
            Self::NoUsers => "capsule-no-users",
            Self::TooSoon { .. } => "capsule-too-soon",
        }
    }

    /// What is wrong.
    pub fn sentence(&self) -> Both {
        match self {
            Self::NotACapsule => {
                both("バックアップ（カプセル）のファイルではありません。", "This is no capsule.")
            }
            Self::WrongPassphrase => {
                both("合言葉が違います。", "That is not the capsule's passphrase.")
            }
            Self::WrongKey => both(
                "このカプセルは、別の鍵あてに暗号化されています。",
                "The capsule is sealed for another key.",
            ),
            Self::NeedsKey => both(
                "このカプセルは合言葉ではなく、受取人の鍵で暗号化されています。",
                "The capsule is sealed for a recipient's key, not with a passphrase.",
            ),
            Self::NeedsPassphrase => both(
                "このカプセルは受取人の鍵ではなく、合言葉で暗号化されています。",
                "The capsule is sealed with a passphrase, not for a recipient's key.",
            ),
            Self::Damaged => both(
                "カプセルが壊れているか、途中で切れています。",
                "The capsule is damaged, or a part of it is missing.",
            ),
            Self::Newer { found } => both(
                format!(
                    "カプセルは新しいファームウェアで作られています（形式{found}、この装置は{SCHEMA}まで）。"
                ),
                format!(
                    "The capsule was made by a later firmware: schema {found}, and this one reads up to {SCHEMA}."
                ),
            ),
            Self::AnotherSite { theirs, ours } => both(
                format!("別の団体（{theirs}）のカプセルです。この装置は団体{ours}のものです。"),
                format!(
                    "The capsule is that of organisation {theirs}, and this box is that of {ours}."
                ),
            ),
            Self::TooLarge => both(
                format!("大きすぎます（{LARGEST}バイトまで）。"),
                format!("It is larger than {LARGEST} bytes, as no capsule is."),
            ),
            Self::TooMuchWork => both(
                format!("合言葉の確認に手間がかかりすぎるカプセルです（2の{MOST_WORK}乗まで）。"),
                format!("Trying its passphrase takes more than 2^{MOST_WORK} units of work."),
            ),
            Self::WeakPassphrase => both(
                format!("合言葉は{SHORTEST}文字以上、{LONGEST}バイト以下にしてください。"),
                format!(
                    "A passphrase has {SHORTEST} letters at least and {LONGEST} bytes at most."
                ),
            ),
            Self::NoRecipient => both(
                "受取人の公開鍵（age1…）ではありません。",
                "This is no recipient's public key (age1…).",
            ),
            Self::NoKey => both(
                "受取人の秘密鍵（AGE-SECRET-KEY-1…）のファイルではありません。",
                "This is no file with one recipient's secret key (AGE-SECRET-KEY-1…).",
            ),
            Self::NoIdentity => both(
                "このカプセルにトンネルの鍵は入っていません。",
                "The capsule doesn't hold the tunnel's identity.",
            ),
            Self::NoUsers => both(
                "このカプセルに画面の利用者は入っていません。",
                "The capsule doesn't hold the page's users.",
            ),
            Self::TooSoon { seconds } => both(
                format!("合言葉の間違いが続いたため、あと{seconds}秒は受け付けません。"),
                format!(
                    "Too many passphrases were wrong; none is looked at for {seconds} seconds."
                ),
            ),
        }
    }

    /// What to do about it.
    pub fn mend(&self) -> Both {
        match self {
            Self::NotACapsule | Self::TooLarge => both(
                "sekisho backup make で作ったファイル（.age）を選んでください。",
                "Take a file that 'sekisho backup make' made (.age).",
            ),
            Self::WrongPassphrase => both(
                "作ったときに控えた合言葉を入れてください。空白と大文字・小文字の違いは、5語の合言葉では問いません。",
                "Type the one that was written down when it was made. Between its five words any space will do, and capitals don't matter.",
            ),
            Self::WrongKey => both(
                "カプセルを作ったときの公開鍵と対になる秘密鍵を使ってください。",
                "Take the secret key that belongs to the public key that it was made for.",
            ),
            Self::NeedsKey => both(
                "受取人の秘密鍵のファイルを渡してください：--key-file FILE",
                "Give the file of the recipient's secret key: --key-file FILE",
            ),
            Self::NeedsPassphrase => both(
                "鍵のファイルの代わりに合言葉を入れてください。",
                "Give the passphrase in place of a key's file.",
            ),
            Self::Damaged => both(
                "別の控えを使ってください。USBメモリを読み直しても同じなら、そのファイルは使えません。",
                "Take another copy. If reading it once more doesn't help, this file is lost.",
            ),
            Self::Newer { .. } => both(
                "この装置を更新してから、もう一度復元してください。",
                "Update this box, then restore again.",
            ),
            Self::AnotherSite { .. } => both(
                "この団体のカプセルを選んでください。装置を別の団体で使うなら、先に出荷時の状態に戻してください。",
                "Take this organisation's capsule. If the box changes hands, reset it to its factory state first.",
            ),
            Self::TooMuchWork => both(
                "sekisho backup make で作ったままのファイルを使ってください。",
                "Take the file as 'sekisho backup make' made it.",
            ),
            Self::WeakPassphrase => both(
                "長い文にするか、何も指定せずに装置に作らせてください。",
                "Take a long phrase, or give none and let the box make one.",
            ),
            Self::NoRecipient => both(
                "age-keygen が表示した公開鍵を、そのまま入れてください。",
                "Give the public key as age-keygen shows it.",
            ),
            Self::NoKey => both(
                "age-keygen が作ったファイルを渡してください。",
                "Give the file that age-keygen made.",
            ),
            Self::NoIdentity => both(
                "鍵なしで復元して新しい公開鍵を登録してもらうか、鍵を含むカプセルを使ってください。",
                "Restore without it and have the new public key registered, or take a capsule that holds it.",
            ),
            Self::NoUsers => both(
                "利用者なしで復元し、画面で登録し直すか、利用者を含むカプセルを使ってください。",
                "Restore without them and make them anew on the page, or take a capsule that holds them.",
            ),
            Self::TooSoon { .. } => both(
                "時間を置いて、控えを確かめてから入れてください。",
                "Wait, and look at what was written down.",
            ),
        }
    }

    /// The same as design problems are told, about a file as a whole.
    pub fn report(&self, file: &str) -> Report {
        Report {
            code: self.code().to_owned(),
            severity: Severity::Error,
            file: file.to_owned(),
            line: 0,
            column: 0,
            path: String::new(),
            sentence: self.sentence(),
            mend: self.mend(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence().get(Language::English))
    }
}

impl std::error::Error for Fault {}

fn both(ja: impl Into<String>, en: impl Into<String>) -> Both {
    Both { ja: ja.into(), en: en.into() }
}
