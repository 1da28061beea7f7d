//! The operator's signature under a platform profile.
//!
//! The file ends with a `[signature]` table. What is signed is every byte before the last line that reads exactly
//! `[signature]`; the signature is Ed25519 (RFC 8032) over those bytes, in base64.

use std::str::FromStr;

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

use crate::PublicKey;

/// An Ed25519 signature.
#[derive(Clone, Copy)]
pub(crate) struct Signature([u8; 64]);

/// Why a profile was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The text has a signature already.
    #[error("the profile already ends with a [signature] table")]
    AlreadySigned,
    /// The key is no Ed25519 key pair.
    #[error("the operator's key is not an Ed25519 key pair in PKCS#8 version 2: {0}")]
    Key(ring::error::KeyRejected),
}

const HEADER: &str = "[signature]";

/// The text with the operator's signature under it. `pkcs8` is a PKCS#8 version 2 document, not base64.
///
/// What the profile says is not looked at; [`crate::check()`] does that together with a site.
pub fn sign(profile_without_signature: &str, pkcs8: &[u8]) -> Result<String, SignError> {
    if header_offset(profile_without_signature).is_some() {
        return Err(SignError::AlreadySigned);
    }
    let keys = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(SignError::Key)?;
    let signed = format!("{}\n\n", profile_without_signature.trim_end());
    let signature = BASE64_STANDARD.encode(keys.sign(signed.as_bytes()));
    Ok(format!("{signed}{HEADER}\ned25519 = \"{signature}\"\n"))
}

/// A profile's text without its signature, so that it can be changed and signed again.
pub fn without_signature(profile: &str) -> &str {
    split(profile).0
}

/// The signed text of a file, where the operator's signature is under it and nothing else.
pub fn signed_by<'a>(text: &'a str, operator: &PublicKey) -> Option<&'a str> {
    let (signed, signature) = split(text);
    let value = signature?.strip_prefix(HEADER)?.trim().strip_prefix("ed25519")?.trim_start();
    let value = value.strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')?;
    let signature: Signature = value.parse().ok()?;
    signature.is_over(signed, operator).then_some(signed)
}

/// The signed text, and the signature's part where there is one.
pub(crate) fn split(profile: &str) -> (&str, Option<&str>) {
    match header_offset(profile) {
        Some(offset) => (&profile[..offset], Some(&profile[offset..])),
        None => (profile, None),
    }
}

fn header_offset(profile: &str) -> Option<usize> {
    let mut end = profile.len();
    for line in profile.split_inclusive('\n').rev() {
        end -= line.len();
        if line.trim_end_matches(['\r', '\n']) == HEADER {
            return Some(end);
        }
    }
    None
}

impl Signature {
    /// Whether the operator made it over this text.
    pub(crate) fn is_over(&self, signed: &str, operator: &PublicKey) -> bool {
        UnparsedPublicKey::new(&ED25519, operator.as_bytes())
            .verify(signed.as_bytes(), &self.0)
            .is_ok()
    }
}

impl FromStr for Signature {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| ())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use ring::{rand::SystemRandom, signature::KeyPair};

    use super::*;

    fn keys() -> (Vec<u8>, PublicKey) {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let public = PublicKey::from_bytes(pair.public_key().as_ref().try_into().unwrap());
        (pkcs8.as_ref().to_vec(), public)
    }

    fn signature(profile: &str) -> Signature {
        let line = profile.lines().find_map(|line| line.strip_prefix("ed25519 = \"")).unwrap();
        line.trim_end_matches('"').parse().unwrap()
    }

    #[test]
    fn a_signed_text_verifies_and_a_changed_one_does_not() {
        let (pkcs8, operator) = keys();
        let profile = sign("schema = 1", &pkcs8).unwrap();
        let (signed, tail) = split(&profile);
        assert_eq!(signed, "schema = 1\n\n");
        assert!(tail.unwrap().starts_with("[signature]\n"));
        assert!(signature(&profile).is_over(signed, &operator));
        assert!(!signature(&profile).is_over("schema = 2\n\n", &operator));
        assert!(!signature(&profile).is_over(signed, &keys().1));
    }

    #[test]
    fn a_text_is_the_operators_where_nothing_but_his_signature_follows() {
        let (pkcs8, operator) = keys();
        let text = sign("allow = 1", &pkcs8).unwrap();
        assert_eq!(signed_by(&text, &operator), Some("allow = 1\n\n"));
        for other in [
            text.replace("allow = 1", "allow = 2"),
            text.clone() + "more = 1\n",
            text.replace("ed25519", "ed448"),
            "allow = 1".to_owned(),
            "[signature]".to_owned(),
        ] {
            assert_eq!(signed_by(&other, &operator), None, "{other}");
        }
        assert_eq!(signed_by(&text, &keys().1), None);
    }

    #[test]
    fn signing_again_after_taking_the_signature_off_changes_nothing() {
        let (pkcs8, _) = keys();
        let profile = sign("schema = 1", &pkcs8).unwrap();
        assert_eq!(sign(without_signature(&profile), &pkcs8).unwrap(), profile);
        assert!(matches!(sign(&profile, &pkcs8), Err(SignError::AlreadySigned)));
    }

    #[test]
    fn the_last_header_line_counts_and_only_a_whole_line() {
        assert_eq!(split("a\n[signature]\nb\n[signature]\nc").0, "a\n[signature]\nb\n");
        assert_eq!(split("x = \"[signature]\"\n # [signature]\n").1, None);
        assert_eq!(split("a\r\n[signature]\r\nb").0, "a\r\n");
        assert_eq!(split("").1, None);
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        assert!(matches!(sign("schema = 1", b"no key"), Err(SignError::Key(_))));
    }
}
