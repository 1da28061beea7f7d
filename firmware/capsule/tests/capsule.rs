//! Capsules from outside: what goes in comes out, and whatever is wrong has its name.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sekisho_capsule::{
    Contents, Fault, Identity, Key, LARGEST, Lock, Passphrase, Recipient, SCHEMA, Secret, Unlock,
    has_passphrase, open, seal,
};

/// The pair of keys in the age library's own documentation.
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const KEY: &str = "# created: 2026-04-01\n\
                   AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33\n";

const WORDS: &str = "kashitsu-jokaki-kukeko-sashisu-sesota";

/// The page's file, with what a preview doesn't look at.
const USERS: &str = r#"{"schema":1,"adopted":"ab","users":{
    "admin":{"role":"administrator","hash":"$argon2id$secret","changed_at":"2026-04-01T09:00:00Z","must_change":false,
        "second_factor":{"secret":"JBSWY3DP","last_step":0,"recovery":[]}},
    "hana":{"role":"viewer","hash":"$argon2id$other","changed_at":"2026-04-01T09:00:00Z","must_change":true}}}"#;

fn contents() -> Contents {
    Contents {
        made_at: "2026-04-01T09:00:00Z".parse().unwrap(),
        version: "0.1.0".to_owned(),
        serial: "0123456789abcdef".to_owned(),
        organisation: "011002".parse().unwrap(),
        site: "schema = 1\n".to_owned(),
        profile: "schema = 1\n# 署名つき\n".to_owned(),
        users: Some(Secret::new(USERS)),
        identity: Some(Identity {
            tunnel_key: Secret::new("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
            page_authority: None,
        }),
    }
}

fn words() -> Passphrase {
    Passphrase::given(WORDS)
}

fn sealed() -> Vec<u8> {
    seal(&contents(), &Lock::Passphrase(words())).unwrap()
}

#[test]
fn a_passphrase_opens_what_it_sealed() {
    let sealed = sealed();
    assert!(sealed.starts_with(b"age-encryption.org/v1\n-> scrypt "));
    assert!(has_passphrase(&sealed));
    for secret in ["tunnel_key", "AQEBAQ", "0123456789abcdef", "argon2id", "JBSWY3DP"] {
        assert!(!sealed.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
    }
    let typed = Passphrase::given(" KASHITSU jokaki kukeko sashisu sesota\n");
    assert_eq!(open(&sealed, &Unlock::Passphrase(typed)).unwrap(), contents());
    let other = Passphrase::given("another passphrase");
    assert_eq!(open(&sealed, &Unlock::Passphrase(other)).unwrap_err(), Fault::WrongPassphrase);
    let key = Unlock::Key(KEY.parse().unwrap());
    assert_eq!(open(&sealed, &key).unwrap_err(), Fault::NeedsPassphrase);
}

#[test]
fn a_key_opens_what_is_sealed_for_it() {
    let recipient: Recipient = RECIPIENT.parse().unwrap();
    let sealed = seal(&contents(), &Lock::Recipient(recipient)).unwrap();
    assert!(!has_passphrase(&sealed));
    let key: Key = KEY.parse().unwrap();
    assert_eq!(open(&sealed, &Unlock::Key(key)).unwrap(), contents());
    let words = Unlock::Passphrase(words());
    assert_eq!(open(&sealed, &words).unwrap_err(), Fault::NeedsKey);
    assert_eq!("age1nobody".parse::<Recipient>().unwrap_err(), Fault::NoRecipient);
    for none in ["", RECIPIENT, &format!("{KEY}{KEY}")] {
        assert_eq!(none.parse::<Key>().unwrap_err(), Fault::NoKey, "{none}");
    }
}

#[test]
fn what_is_no_whole_capsule_is_said_to_be_none() {
    let (sealed, unlock) = (sealed(), Unlock::Passphrase(words()));
    for none in [&b""[..], b"schema = 1", &sealed[..10]] {
        assert_eq!(open(none, &unlock).unwrap_err(), Fault::NotACapsule);
    }
    assert_eq!(open(&sealed[..sealed.len() - 1], &unlock).unwrap_err(), Fault::Damaged);
    assert_eq!(open(&sealed[..40], &unlock).unwrap_err(), Fault::Damaged);
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(open(&flipped, &unlock).unwrap_err(), Fault::Damaged);
    let huge = [&sealed[..], &vec![0; LARGEST]].concat();
    assert_eq!(open(&huge, &unlock).unwrap_err(), Fault::TooLarge);
    let much = Contents { site: "#".repeat(LARGEST), ..contents() };
    assert_eq!(seal(&much, &Lock::Passphrase(words())).unwrap_err(), Fault::TooLarge);
}

#[test]
fn another_sites_capsule_is_named() {
    let contents = contents();
    let ours = "012025".parse().unwrap();
    assert_eq!(contents.fits(None), Ok(()));
    assert_eq!(contents.fits(Some(contents.organisation)), Ok(()));
    let fault = contents.fits(Some(ours)).unwrap_err();
    assert_eq!(fault, Fault::AnotherSite { theirs: contents.organisation, ours });
    let report = fault.report("capsule.age");
    assert!(report.sentence.ja.contains("011002") && report.sentence.en.contains("012025"));
}

/// What a later or a foreign program puts inside of the same encryption.
fn with_inside(inside: &serde_json::Value) -> Vec<u8> {
    let recipient: age::x25519::Recipient = RECIPIENT.parse().unwrap();
    age::encrypt(&recipient, inside.to_string().as_bytes()).unwrap()
}

#[test]
fn a_later_schema_and_other_contents_are_told_apart() {
    let key = Unlock::Key(KEY.parse().unwrap());
    let of = |inside: serde_json::Value| open(&with_inside(&inside), &key).unwrap_err();
    let later = serde_json::json!({ "format": "sekisho-capsule", "schema": SCHEMA + 1, "new": 1 });
    assert_eq!(of(later), Fault::Newer { found: SCHEMA + 1 });
    let less = serde_json::json!({ "format": "sekisho-capsule", "schema": SCHEMA });
    assert_eq!(of(less), Fault::Damaged);
    assert_eq!(of(serde_json::json!({ "format": "photos", "schema": 1 })), Fault::NotACapsule);
    assert_eq!(of(serde_json::json!([1])), Fault::NotACapsule);
}

/// A capsule of schema 1, as the firmware before wrote it.
fn earlier() -> serde_json::Value {
    serde_json::json!({
        "format": "sekisho-capsule",
        "schema": 1,
        "made_at": "2026-04-01T09:00:00Z",
        "version": "0.1.0",
        "serial": "0123456789abcdef",
        "organisation": "011002",
        "site": "schema = 1\n",
        "profile": "schema = 1\n# 署名つき\n",
        "identity": { "tunnel_key": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=" },
    })
}

#[test]
fn an_earlier_capsule_is_one_without_users() {
    let key = Unlock::Key(KEY.parse().unwrap());
    let opened = open(&with_inside(&earlier()), &key).unwrap();
    assert_eq!(opened, Contents { users: None, ..contents() });
    assert_eq!(opened.users(), Ok(None));
    // It had no such field: whoever put one in isn't the firmware before.
    let mut forged = earlier();
    forged["users"] = USERS.into();
    assert_eq!(open(&with_inside(&forged), &key).unwrap_err(), Fault::Damaged);
}

#[test]
fn users_are_listed_without_their_secrets() {
    let users = contents().users().unwrap().unwrap();
    let told: Vec<_> =
        users.iter().map(|user| (&*user.name, &*user.role, user.second_factor)).collect();
    assert_eq!(told, [("admin", "administrator", true), ("hana", "viewer", false)]);
    let key = Unlock::Key(KEY.parse().unwrap());
    for none in ["", "[]", "{}", r#"{"users":{"hana":{}}}"#, r#"{"users":{"hana":{"role":7}}}"#] {
        let mut broken = earlier();
        (broken["schema"], broken["users"]) = (SCHEMA.into(), none.into());
        assert_eq!(open(&with_inside(&broken), &key).unwrap_err(), Fault::Damaged, "{none}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let recipient: Recipient = RECIPIENT.parse().unwrap();
        let mut sealed = seal(&contents(), &Lock::Recipient(recipient)).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        let key = Unlock::Key(KEY.parse().unwrap());
        prop_assert!(open(&sealed, &key).is_err());
    }
}
