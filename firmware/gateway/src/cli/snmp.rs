//! `snmp`: whether questions are answered, and new passphrases for the user that asks.

use std::{fmt::Write as _, path::Path};

use clap::Subcommand;
use sekisho_control::{SNMP, SNMP_USER, Snmp, SnmpPassphrases, SnmpRenewal, SnmpUser};
use sekisho_design::Language;

use super::{
    client::{self, ClientError},
    show,
};

/// SNMP: one user that may read, by version 3 with both passphrases.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum SnmpOf {
    /// Show whether questions are answered, and whose
    Show,
    /// Make new passphrases for the user, and show them this once
    ///
    /// The ones before are of no more use at once. The device keeps keys made of them, which no backup holds.
    User,
}

pub(super) async fn run(
    socket: &Path,
    what: SnmpOf,
    json: bool,
    language: Language,
) -> Result<String, ClientError> {
    Ok(match what {
        SnmpOf::Show => {
            let told: Snmp = client::get(socket, SNMP).await?;
            if json { show::json(&told) } else { state(&told, language) }
        }
        SnmpOf::User => {
            let made: SnmpPassphrases =
                client::post(socket, SNMP_USER, &SnmpRenewal::default()).await?;
            if json { show::json(&made) } else { passphrases(&made, language) }
        }
    })
}

fn state(told: &Snmp, language: Language) -> String {
    let Snmp { wanted, user, fault } = told;
    let mut text = match (wanted, user.is_some()) {
        (true, true) => language.pick("SNMPで答えています。", "Questions are answered."),
        (true, false) => language.pick(
            "SNMPでは、まだ答えません。利用者の合言葉を作ってください：sekisho snmp user",
            "Nobody is answered yet: make the user's passphrases with `sekisho snmp user`.",
        ),
        (false, _) => language.pick(
            "SNMPでは答えません。設計に [snmp] がありません。",
            "Nobody is answered: the design has no [snmp].",
        ),
    }
    .to_owned();
    text.push('\n');
    if let Some(user) = user {
        text += &whose(user, language);
    }
    if let Some(fault) = fault {
        let what = language.pick("snmpdに伝えられません", "snmpd can't be told");
        let _ = writeln!(text, "{what}: {fault}");
    }
    text
}

fn passphrases(made: &SnmpPassphrases, language: Language) -> String {
    let SnmpPassphrases { user, authentication, privacy, wanted } = made;
    let [first, second, once] = match language {
        Language::Japanese => [
            "認証の合言葉（SHA-256）",
            "暗号の合言葉（AES-128）",
            "もう一度は表示できません。監視サーバに設定してください。前の合言葉は使えなくなりました。",
        ],
        Language::English => [
            "Authentication (SHA-256)",
            "Privacy (AES-128)",
            "They aren't shown again: give them to the collector now. The ones before are of no more use.",
        ],
    };
    let mut text = whose(user, language);
    let _ = writeln!(text, "{first}: {}", authentication.expose());
    let _ = writeln!(text, "{second}: {}", privacy.expose());
    let _ = writeln!(text, "\n{once}");
    if !wanted {
        text += language.pick(
            "答えるのは、設計に [snmp] を書いてからです。\n",
            "Nobody is answered before the design has [snmp].\n",
        );
    }
    text
}

fn whose(user: &SnmpUser, language: Language) -> String {
    let SnmpUser { name, engine, made } = user;
    let [user, number, since] = match language {
        Language::Japanese => ["利用者", "エンジンID", "合言葉を作った時刻"],
        Language::English => ["User", "Engine", "Passphrases made"],
    };
    format!("{user}: {name}\n{number}: {engine}\n{since}: {made}\n")
}

#[cfg(test)]
mod tests {
    use sekisho_control::Hidden;

    use super::*;

    fn user() -> SnmpUser {
        let made = "2026-04-01T00:00:00Z".parse().unwrap();
        SnmpUser { name: "monitor".to_owned(), engine: "80007ed905".to_owned(), made }
    }

    #[test]
    fn what_is_missing_is_said() {
        let said = |wanted, user| state(&Snmp { wanted, user, fault: None }, Language::English);
        assert!(said(false, None).contains("no [snmp]"));
        assert!(said(true, None).contains("`sekisho snmp user`"));
        let answered = said(true, Some(user()));
        assert_eq!(
            answered,
            "Questions are answered.\nUser: monitor\nEngine: 80007ed905\nPassphrases made: 2026-04-01T00:00:00Z\n"
        );
        let told = Snmp { wanted: true, user: Some(user()), fault: Some("no room".to_owned()) };
        assert!(state(&told, Language::English).ends_with("snmpd can't be told: no room\n"));
    }

    #[test]
    fn passphrases_are_shown_with_what_they_are_for() {
        let made = |wanted| SnmpPassphrases {
            user: user(),
            authentication: Hidden::new("kasa-one"),
            privacy: Hidden::new("kasa-two"),
            wanted,
        };
        let text = passphrases(&made(true), Language::English);
        assert!(text.contains("Authentication (SHA-256): kasa-one\nPrivacy (AES-128): kasa-two\n"));
        assert!(!text.contains("[snmp]"), "{text}");
        assert!(
            passphrases(&made(false), Language::English).contains("before the design has [snmp]")
        );
    }
}
