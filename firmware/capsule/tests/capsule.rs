//! Capsules from outside: what goes in comes out, and whatever is wrong has its name.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sekisho_capsule::{
    Contents, Fault, Identity, Key, LARGEST, Lock, Passphrase, Recipient, SCHEMA, Secret, Unlock,
    open, seal,
};

/// The pair of keys in the age library's own documentation.
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const KEY: &str = "# created: 2026-04-01\n\
                   AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33\n";

const WORDS: &str = "kashitsu-jokaki-kukeko-sashisu-sesota";

fn contents() -> Contents {
    Contents {
        made_at: "2026-04-01T09:00:00Z".parse().unwrap(),
        version: "0.1.0".to_owned(),
        serial: "0123456789abcdef".to_owned(),
        organisation: "011002".parse().unwrap(),
        site: "schema = 1\n".to_owned(),
        profile: "schema = 1\n# 署名つき\n".to_owned(),
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
    for secret in ["tunnel_key", "AQEBAQ", "0123456789abcdef"] {
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
