//! Why the daemon gives no answer, as the page tells it.

use std::io;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tracing::warn;

use crate::answer::{Refusal, RefusalKind};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Nobody is at the socket: nothing was asked.
    #[error("the daemon can't be reached: {0}")]
    Unreachable(#[from] io::Error),
    /// It took too long; what was asked for may happen yet.
    #[error("the daemon doesn't answer in time")]
    Silent,
    /// The connection broke, or what came isn't an answer of the control API.
    #[error("the daemon's answer can't be understood: {0}")]
    Garbled(Box<dyn std::error::Error + Send + Sync>),
    /// Too many of the page's own questions wait: nothing was asked.
    #[error("too many questions to the daemon wait already")]
    Busy,
}

impl Fault {
    pub(crate) fn garbled(fault: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Garbled(fault.into())
    }

    /// The same for who asked.
    pub fn refusal(&self) -> Refusal {
        let away = |ja, en, way_out| {
            Refusal::new(StatusCode::BAD_GATEWAY, RefusalKind::DaemonAway, ja, en).way_out(way_out)
        };
        match self {
            Self::Unreachable(_) => away(
                "装置の中心プログラム（sekishod）に接続できません。1分待っても戻らない場合は、装置のコンソールで状態を確認し、装置を再起動してください。通信は最後の設定のまま続いています。",
                "The daemon (sekishod) can't be reached. If it isn't back within a minute, look at the device's console and restart the device. Traffic goes on by the design in force.",
                "wait a minute; then see `systemctl status sekishod` on the console, or restart the device",
            ),
            Self::Silent | Self::Garbled(_) => away(
                "装置の中心プログラム（sekishod）から正しい応答がありません。操作が実行された可能性があります。状態の画面で確認してから、もう一度お試しください。",
                "The daemon (sekishod) gave no answer that can be used. What was asked for may have been carried out: look at the status before asking again.",
                "look at the status first, then ask again",
            ),
            Self::Busy => Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                RefusalKind::Busy,
                "混み合っています。少し待ってからもう一度お試しください。",
                "Too many questions to the daemon wait already; ask again in a moment.",
            )
            .retry_after(5),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        warn!(%fault, "a request got no answer of the daemon");
        fault.refusal()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        Refusal::from(self).into_response()
    }
}
