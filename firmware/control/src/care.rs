//! Care of the box: its restart, and backups of what is in force.

use std::fmt;

use jiff::Timestamp;
use sekisho_design::{Language, OrganisationCode, PublicKey};
use serde::{Deserialize, Serialize};

use crate::Principal;

/// A wish that the box restarts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Restart {
    /// The page's user who wishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// The box goes down in a moment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Restarting {
    /// The generation that it comes up with; 0 for none.
    pub generation: u64,
}

/// A text that no log shows.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Hidden(String);

/// A backup that somebody wants of what is in force. It has one lock: a passphrase or a recipient.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BackupWish {
    /// The passphrase; without one, and without a recipient, the device makes one of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Hidden>,
    /// The public key of whoever may open it, `age1…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Whether the tunnel's key and the authority of the page's certificate go in: for the replacement of the device.
    #[serde(default)]
    pub with_identity: bool,
    /// The page's users, the text of the page's own file; the page and root alone have it to give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Hidden>,
    /// The page's user who wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// A backup: a capsule in the age format.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Backup {
    /// A name for its file.
    pub name: String,
    /// The file, in base64.
    pub capsule: String,
    /// The passphrase, where the device made it: it is told this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Hidden>,
}

/// A capsule that somebody wants to open, with one of the two that open it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unlocking {
    /// The file, in base64.
    pub capsule: String,
    /// Its passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Hidden>,
    /// Its recipient's secret key, as `age-keygen` wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Hidden>,
    /// The page's user who wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// What a capsule holds. Its secrets stay in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Opened {
    /// When it was made, by the clock of the device that made it.
    pub made_at: Timestamp,
    /// The firmware that made it.
    pub version: String,
    /// The device that made it.
    pub serial: String,
    /// Whose it is.
    pub organisation: OrganisationCode,
    /// The site design's text.
    pub site: String,
    /// The platform profile's text.
    pub profile: String,
    /// The tunnel's public key, where its key is in the capsule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
    /// The page's users, by name; none where the capsule holds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserInBackup>>,
}

/// One of the page's users in a capsule.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserInBackup {
    /// The name.
    pub name: String,
    /// As what, in the page's word.
    pub role: String,
    /// Whether a second factor is in force.
    pub second_factor: bool,
}

/// The page's users out of a capsule, for whoever writes them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BackupUsers {
    /// The text of the page's own file.
    pub file: Hidden,
}

/// The backup that the device makes each night onto a stick.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Nightly {
    /// Whom it is sealed for, `age1…`, by the design in force; none where there is no nightly backup.
    pub recipient: Option<String>,
    /// How the names of its files begin, before the day: no other file is the device's to remove.
    pub stem: String,
}

/// What came of the backup of a night.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NightlyOutcome {
    /// Why there is none; none where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<NightlyFault>,
    /// More about that, for whoever looks into it.
    #[serde(default)]
    pub detail: String,
}

/// Why a night has no backup.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NightlyFault {
    /// No stick is in the box.
    NoStick,
    /// The stick has no file system that the box reads.
    NoFileSystem,
    /// The stick is full.
    NoRoom,
    /// The stick can't be read or written: it is damaged, protected against writing, or was pulled out.
    NotWritten,
    /// No backup could be made.
    NotMade,
}

impl Opened {
    /// A line for each part, for whoever decides about it.
    pub fn text(&self, language: Language) -> String {
        let Self { made_at, version, serial, organisation, site, profile, public_key, users } =
            self;
        let none = || language.pick("入っていません", "not in it").to_owned();
        let (site, profile) = (site.lines().count(), profile.lines().count());
        let users = users.as_ref().map_or_else(none, |users| {
            let users: Vec<_> = users.iter().map(|user| user.text(language)).collect();
            users.join(language.pick("、", ", "))
        });
        let key = public_key.as_ref().map_or_else(none, |key| {
            let ja = format!("入っています（公開鍵 {key}）");
            language.pick(ja, format!("in it (public key {key})"))
        });
        let ja = format!(
            "作った日時: {made_at:.0}\n作った装置: {serial}（版 {version}）\n団体: {organisation}\n設計: {site}行\n接続情報: {profile}行\n利用者: {users}\n装置の鍵: {key}"
        );
        let en = format!(
            "Made: {made_at:.0}\nBy: {serial} (version {version})\nOrganisation: {organisation}\nSite design: {site} lines\nPlatform profile: {profile} lines\nUsers: {users}\nIdentity: {key}"
        );
        // They are a file's words, which a terminal must not obey.
        let plain = |letter: char| !letter.is_control() || letter == '\n';
        language.pick(ja, en).chars().filter(|letter| plain(*letter)).collect()
    }
}

impl UserInBackup {
    fn text(&self, language: Language) -> String {
        let Self { name, role, second_factor } = self;
        let factor = match second_factor {
            true => language.pick("、確認コードあり", ", second factor"),
            false => "",
        };
        let ja = match role.as_str() {
            "administrator" => "管理者",
            "operator" => "機構",
            "engineer" => "保守員",
            "viewer" => "閲覧者",
            other => other,
        };
        language.pick(format!("{name}（{ja}{factor}）"), format!("{name} ({role}{factor})"))
    }
}

impl Hidden {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_backup_is_said_in_both_languages() {
        let user = |name: &str, role: &str, second_factor| UserInBackup {
            name: name.to_owned(),
            role: role.to_owned(),
            second_factor,
        };
        let mut opened = Opened {
            made_at: Timestamp::UNIX_EPOCH,
            version: "0.1.0".to_owned(),
            serial: "01\u{1b}[2J".to_owned(),
            organisation: "011002".parse().unwrap(),
            site: "a\nb\n".to_owned(),
            profile: String::new(),
            public_key: None,
            users: Some(vec![user("admin", "administrator", true), user("hana", "later", false)]),
        };
        let en = opened.text(Language::English);
        assert!(en.contains("Users: admin (administrator, second factor), hana (later)\n"), "{en}");
        assert!(en.contains("Site design: 2 lines") && !en.contains('\u{1b}'), "{en}");
        opened.users = None;
        let ja = opened.text(Language::Japanese);
        assert!(ja.contains("利用者: 入っていません\n装置の鍵: 入っていません"), "{ja}");
    }

    #[test]
    fn a_hidden_text_travels_and_is_never_logged() {
        let wish =
            BackupWish { passphrase: Some(Hidden::new("open sesame")), ..BackupWish::default() };
        assert!(!format!("{wish:?}").contains("sesame"));
        let text = serde_json::to_string(&wish).unwrap();
        assert_eq!(text, r#"{"passphrase":"open sesame","with_identity":false}"#);
        assert_eq!(serde_json::from_str::<BackupWish>(&text).unwrap(), wish);
    }
}
