//! Why users aren't changed, in words.

use std::path::PathBuf;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sekisho_host::HostError;

use super::{hash, rules::Weakness};
use crate::{
    answer::{Refusal, RefusalKind},
    session::NoRandom,
};

/// Why a change of users isn't made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The name isn't one.
    #[error("a name has lower-case letters, digits, '.', '_' and '-', a letter first, 32 at most")]
    Name,
    /// There is one of this name.
    #[error("there is a user of this name already")]
    Exists,
    /// There is none.
    #[error("there is no user of this name")]
    Unknown,
    /// There is no room.
    #[error("there are 64 users already")]
    TooMany,
    /// Nobody could look after users any more.
    #[error("this is the last administrator")]
    LastAdministrator,
    /// One's own user.
    #[error("nobody changes the role of, deletes or resets the user that he is signed in as")]
    Oneself,
    /// An engineer needs an end, a day ahead at most.
    #[error("an engineer has an end (until), in the future and 24 hours ahead at most")]
    Visit,
    /// The others have none.
    #[error("only an engineer has an end (until)")]
    NoVisit,
    /// The visit is over.
    #[error("the user's right to sign in has ended")]
    Ended,
    /// Somebody else changed the password meanwhile.
    #[error("the password has been changed meanwhile")]
    Changed,
    /// The new password breaks a rule.
    #[error("the password breaks a rule")]
    Weak(Weakness),
    /// No secret awaits a code.
    #[error("no second factor has been begun, or it was begun too long ago")]
    NotBegun,
    /// The second factor is in force already.
    #[error("there is a second factor already; remove it first")]
    HasSecondFactor,
    /// The file of the first password has no hash.
    #[error(
        "{} has no argon2id hash that this page compares with (64 MiB, 10 passes, 1 lane at most)",
        .0.display()
    )]
    NoHash(PathBuf),
    /// What a backup holds are no users of this page.
    #[error("these are no users of this page: {0}")]
    NoUsers(String),
    /// Users from a backup are in force, and their file can't be removed.
    #[error("can't remove {}: {source}", path.display())]
    Left {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Others are before.
    #[error("too many passwords are looked at already")]
    Busy,
    /// The disk refuses.
    #[error(transparent)]
    Disk(#[from] HostError),
    /// The kernel gives no random numbers.
    #[error("the device couldn't do it")]
    Device,
}

impl From<NoRandom> for Refused {
    fn from(NoRandom: NoRandom) -> Self {
        Self::Device
    }
}

impl From<hash::Fault> for Refused {
    fn from(fault: hash::Fault) -> Self {
        match fault {
            hash::Fault::Busy => Self::Busy,
            hash::Fault::Crypto => Self::Device,
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let (status, kind, ja) = match &refused {
            Refused::Weak(weakness) => {
                let both = weakness.sentence();
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Self::new(status, RefusalKind::WeakPassword, &both.ja, &both.en);
            }
            Refused::Disk(fault) => {
                let way_out =
                    "make room on the disk, or see to its health; what was there is unchanged";
                return Self::device("users can't be written", fault).way_out(way_out);
            }
            Refused::Device | Refused::NoHash(_) | Refused::Left { .. } => {
                return Self::device("a user can't be changed", &refused);
            }
            Refused::Busy => {
                let ja = "ほかのパスワードを確認中です。少し待ってからもう一度お試しください。";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Self::new(status, RefusalKind::Busy, ja, &refused.to_string())
                    .retry_after(5);
            }
            Refused::NoUsers(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                RefusalKind::Malformed,
                "控えの利用者を読み取れません。ほかの控えを使うか、利用者を登録し直してください。",
            ),
            Refused::Name => (
                StatusCode::UNPROCESSABLE_ENTITY,
                RefusalKind::Name,
                "利用者名は英小文字で始め、英小文字・数字・「.」「_」「-」で32文字以内にしてください。",
            ),
            Refused::Exists => {
                (StatusCode::CONFLICT, RefusalKind::Exists, "同じ名前の利用者がすでにいます。")
            }
            Refused::Unknown => {
                (StatusCode::NOT_FOUND, RefusalKind::Unknown, "その名前の利用者はいません。")
            }
            Refused::TooMany => (
                StatusCode::CONFLICT,
                RefusalKind::TooMany,
                "利用者は64人までです。使っていない利用者を削除してください。",
            ),
            Refused::LastAdministrator => (
                StatusCode::CONFLICT,
                RefusalKind::LastAdministrator,
                "最後の管理者です。先に別の管理者を登録してください。",
            ),
            Refused::Oneself => (
                StatusCode::CONFLICT,
                RefusalKind::Oneself,
                "ログイン中の自分自身の役割の変更・削除・再発行はできません。別の管理者に依頼してください。",
            ),
            Refused::Visit => (
                StatusCode::UNPROCESSABLE_ENTITY,
                RefusalKind::Until,
                "技術者には24時間以内の期限が必要です。",
            ),
            Refused::NoVisit => (
                StatusCode::UNPROCESSABLE_ENTITY,
                RefusalKind::Until,
                "期限を付けられるのは技術者だけです。",
            ),
            Refused::Ended => (
                StatusCode::UNAUTHORIZED,
                RefusalKind::Ended,
                "この利用者の期限は過ぎています。管理者に延長を依頼してください。",
            ),
            Refused::Changed => (
                StatusCode::CONFLICT,
                RefusalKind::Conflict,
                "パスワードは別の操作ですでに変更されています。もう一度お試しください。",
            ),
            Refused::NotBegun => (
                StatusCode::CONFLICT,
                RefusalKind::NotBegun,
                "二要素認証の登録が始まっていないか、時間が経ちすぎています。最初からやり直してください。",
            ),
            Refused::HasSecondFactor => (
                StatusCode::CONFLICT,
                RefusalKind::Exists,
                "二要素認証はすでに有効です。変更するには先に解除してください。",
            ),
        };
        Self::new(status, kind, ja, &refused.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        Refusal::from(self).into_response()
    }
}
