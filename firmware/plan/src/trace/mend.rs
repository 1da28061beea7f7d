//! Advice for people, in Japanese and English, and what to write into the site design.

use ipnet::Ipv4Net;
use sekisho_design::{Both, Environment, Service};

use super::{Change, Opening, Reason, Row};

/// A change as a sentence.
pub(super) fn sentence(change: &Change) -> Both {
    let both = |ja: String, en: String| Both { ja, en };
    match change {
        Change::Service { row, opening } => {
            let (table, name) = match row {
                Row::Server(name) => ("[[server]]", name),
                Row::Terminals(name) => ("[[terminals]]", name),
            };
            let (approve, and_approve) = if needs_approval(*opening) {
                ("承認の記録 approval も要ります。", " It takes an `approval`.")
            } else {
                ("", "")
            };
            both(
                format!("{table} の行 '{name}' の services に \"{opening}\" を加えます。{approve}"),
                format!(
                    "add \"{opening}\" to `services` of the {table} row '{name}'.{and_approve}"
                ),
            )
        }
        Change::Terminals { from, environment, .. } => {
            let environment = environment_word(*environment);
            both(
                format!(
                    "{from} を、environment が {environment} の [[terminals]] の行に載せます。例:"
                ),
                format!(
                    "declare {from} in a [[terminals]] row whose environment is {environment}, like:"
                ),
            )
        }
        Change::Allowance { server, .. } => both(
            format!("[[server]] の行 '{server}' の allow-from-platform に次を加えます。"),
            format!("add to `allow-from-platform` of the [[server]] row '{server}':"),
        ),
        Change::Server { global, .. } => both(
            format!("{global} を持つサーバの [[server]] の行を加えます。例:"),
            format!("declare the server behind {global} in a [[server]] row, like:"),
        ),
        Change::Route { lan, to } => both(
            format!(
                "{to} が {lan} のルータの先にあるなら、[interface.{lan}] の routes に次を加えます。"
            ),
            format!("if {to} is behind a router of {lan}, add to `routes` of [interface.{lan}]:"),
        ),
        Change::Page { from } => both(
            format!(
                "{from} が装置の画面を使う担当者の端末なら、[page] の head-office に加えます。例:"
            ),
            format!(
                "if {from} is a terminal whose user works with the page, add it to `head-office` of [page], like:"
            ),
        ),
        Change::Nothing(reason) => reason.sentence(),
    }
}

/// What to write into the site design. Names, addresses and notes that only the office knows are left empty.
pub(super) fn toml(change: &Change) -> Option<String> {
    match change {
        Change::Service { .. } | Change::Nothing(_) => None,
        Change::Terminals { lan, from, global, environment, opening } => {
            let global = global.map(|global| global.to_string()).unwrap_or_default();
            let environment = environment_word(*environment);
            let approval = if needs_approval(*opening) { "approval = \"\"\n" } else { "" };
            Some(format!(
                "[[terminals]]\nname = \"\"\ninterface = \"{lan}\"\nfrom = [\"{from}\"]\n\
                 global = \"{global}\"\nenvironment = \"{environment}\"\nservices = [\"{opening}\"]\n{approval}"
            ))
        }
        Change::Allowance { from, opening, .. } => {
            Some(format!("{},\n", allowance(*from, *opening)))
        }
        Change::Server { global, from, opening } => Some(format!(
            "[[server]]\nname = \"\"\ninterface = \"\"\nprivate = \"\"\nglobal = \"{global}\"\n\
             allow-from-platform = [{}]\n",
            allowance(*from, *opening)
        )),
        Change::Page { from } => Some(format!("[page]\nhead-office = [\"{from}\"]\n")),
        Change::Route { to, .. } => Some(format!("{{ to = \"{to}\", via = \"\" }},\n")),
    }
}

fn allowance(from: Ipv4Net, opening: Opening) -> String {
    let approval = if needs_approval(opening) { ", approval = \"\"" } else { "" };
    format!("{{ from = \"{from}\", services = [\"{opening}\"]{approval} }}")
}

/// Whether a row that declares it must say who approved it.
fn needs_approval(opening: Opening) -> bool {
    opening.service().is_some_and(Service::needs_approval)
}

fn environment_word(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "production",
        Environment::Test => "test",
    }
}

impl Reason {
    fn sentence(&self) -> Both {
        let (ja, en) = match self {
            Self::LansApart => (
                "設計では通せません。二つのLANは互いに通信しません。",
                "no design can: the two LANs never talk to each other.",
            ),
            Self::OneWay => (
                "設計では通せません。片方向通信端末のアドレスへは接続を始められません。双方向にするなら [[server]] にします。",
                "no row can: nobody starts a connection to one-way terminals. A host that shall be reached is a [[server]].",
            ),
            Self::SameLan => (
                "設計では通せません。同じLANの機器へは、この装置を通さずに届きます。",
                "no row can: hosts of the same LAN reach each other without the device.",
            ),
            Self::NotThePlatform => (
                "設計では通せません。宛先はプラットフォームのアドレスではありません。ネットワークは機構が接続情報で定めます。",
                "no row can: the destination is not on the platform. Its networks are the operator's to name, in the profile.",
            ),
            Self::NotFromThePlatform => (
                "設計では通せません。送信元はプラットフォームのアドレスではありません。ネットワークは機構が接続情報で定めます。",
                "no row can: the source is not on the platform. Its networks are the operator's to name, in the profile.",
            ),
            Self::NotInThePool => (
                "設計では通せません。宛先はこの団体に割り当てられたアドレスではありません。",
                "no row can: the destination is not among this organisation's global addresses.",
            ),
            Self::OtherEnvironment(row) => {
                return Both {
                    ja: format!(
                        "本番と検証は互いに通信しません。'{row}' の environment を確かめてください。期間を限って通すには、相手側の environment と期限 until のある [[policy]] を書きます。"
                    ),
                    en: format!(
                        "production and test don't talk to each other. Check `environment` of '{row}'; for a limited time a [[policy]] with the far side's `environment` and with `until` lets it pass."
                    ),
                };
            }
            Self::Limit => (
                "この送信元の接続が、設計の [limits] の数を超えました。正しい使い方なら connections か new-per-second を大きくしてください。",
                "this source has or opens more connections than `[limits]` of the design lets it; if that is as it should be, raise `connections` or `new-per-second`.",
            ),
            Self::PageLimit => (
                "この送信元が、装置の画面への接続を短い時間に開きすぎました。しばらく待ってください。続くなら、その端末を調べてください。",
                "this source opens connections to the page faster than a browser does: wait a moment, and look at the terminal if it goes on.",
            ),
            Self::Device => (
                "設計では通せません。この装置は、尋ねた側の自分のアドレスで、ping、時刻（NTP）、設計にあれば名前（DNS）と装置の画面にだけ答えます。",
                "no row can: at its address on the side that asks, the device answers ping, the time (NTP) and, where the design says so, names and its page, and nothing else.",
            ),
            Self::Source => (
                "設計では通せません。この送信元は、そのLANの機器のアドレスではありません。",
                "no row can: the source is no host's address on this LAN.",
            ),
            Self::Service => (
                "設計では通せません。ポート0は宣言できません。",
                "no row can: port 0 can't be declared.",
            ),
            Self::NoCentre => (
                "設計を変える必要はありません。どの拠点も応答していないので、新しい通信を断っています。`sekisho status` で拠点を見てください。",
                "the design need not change. No centre answers, so new connections are refused; look at the centres with `sekisho status`.",
            ),
        };
        Both { ja: ja.to_owned(), en: en.to_owned() }
    }
}
