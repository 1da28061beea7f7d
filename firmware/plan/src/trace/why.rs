//! Why a rule refuses, in plain words.

use sekisho_design::{Both, Design};

use super::{Advice, Question, advice};

/// What would let a packet pass that the rule `SIDE/RULE` refused, or why nothing can.
pub fn advise(design: &Design, question: &Question, rule: &str) -> Advice {
    advice::advice(design, question, Some(rule))
}

/// Why a rule refuses. A rule that isn't known here is told by its name.
pub fn why(side: &str, rule: &str) -> Both {
    let (ja, en) = match (side, rule) {
        ("platform", "spoofed-source") => (
            "送信元がプラットフォームのネットワークにありません（詐称）。",
            "its source is in no network of the platform: it is forged.",
        ),
        (_, "spoofed-source") => (
            "送信元がこのLANのネットワークにないか、この装置のアドレスです（詐称）。",
            "its source is in no network of this LAN, or is the device's own: it is forged.",
        ),
        (_, "invalid") => (
            "どの接続にも属さないか、形が正しくありません。",
            "it belongs to no connection, or its form is wrong.",
        ),
        (_, "undeclared-source") => {
            ("送信元がどの行にもありません。", "no row declares its source (R55).")
        }
        (_, "undeclared-destination") => (
            "宛先がプラットフォームでも、このLANのサーバでもありません。",
            "its destination is neither the platform nor a server of this LAN (R57).",
        ),
        ("platform", "undeclared-service") => (
            "このサーバは、この送信元からこのサービスを受けません。",
            "the server doesn't take this service from this source (R13).",
        ),
        (_, "undeclared-service") => (
            "この送信元の行や通信許可に、この宛先とサービスがありません。",
            "neither its row nor a policy declares this destination and service.",
        ),
        (_, "crossing") => {
            ("本番と検証の間の通信です。", "it crosses from production to test or back (R89).")
        }
        (_, "too-many-connections") => (
            "送信元の同時接続数が上限を超えました。",
            "its source has more connections than it may.",
        ),
        (_, "too-many-openings") => (
            "送信元が短い時間に接続を開きすぎました。",
            "its source opens connections faster than it may.",
        ),
        (_, "tunnel-down") => (
            "どの拠点も応答しないので、新しい通信を断っています。",
            "no centre answers, so nothing new is let in.",
        ),
        ("platform", "one-way") => (
            "片方向通信端末へ、プラットフォームから通信を始めることはできません。",
            "the platform never starts anything towards one-way terminals (R14 R74).",
        ),
        ("platform", "undeclared-address") => (
            "宛先のグローバルアドレスは、どの行にも割り当てられていません。",
            "no row has the global address that it is for.",
        ),
        ("platform", "untranslated") => (
            "グローバルアドレスに変換されないまま、トンネルに入ろうとしました。",
            "it was about to enter the tunnel without a global address.",
        ),
        ("lgwan", "unexpected") => (
            "LGWAN側では、トンネルのほかに何も受けません。",
            "on the LGWAN side the device takes the tunnel and nothing else (R4).",
        ),
        (_, "egress") => (
            "この装置が、設計にない相手に送ろうとしました。",
            "the device was about to send to somebody whom the design doesn't name (R4).",
        ),
        (_, "device") => (
            "この装置あての、受けていない通信です。",
            "it is for the device itself, which doesn't take it.",
        ),
        (_, "forward") => {
            ("どの側にも属さない通信です。", "it comes from no side that is designed.")
        }
        _ => ("装置の規則が断りました。", "a rule of the device refuses it."),
    };
    Both { ja: ja.to_owned(), en: en.to_owned() }
}
