//! The device's own key.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use sekisho_design::PublicKey;
use x25519_dalek::StaticSecret;

/// A Curve25519 secret key (RFC 7748), wiped from memory when dropped. No log and no `Debug` output shows it.
#[derive(Clone)]
pub struct SecretKey(StaticSecret);

/// The text is not the base64 form of 32 bytes. The text itself is not repeated.
#[derive(Debug, thiserror::Error)]
#[error("a secret key is 32 bytes in base64, 44 characters ending in '='")]
pub struct MalformedSecret;

impl SecretKey {
    /// A new key from the kernel's random source.
    pub fn generate() -> Self {
        Self(StaticSecret::random())
    }

    /// The key that the other end is given.
    pub fn public(&self) -> PublicKey {
        PublicKey::from_bytes(x25519_dalek::PublicKey::from(&self.0).to_bytes())
    }

    /// The key in base64, for the file that keeps it and for secrets that are made of it, and for nothing else.
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.0.as_bytes())
    }

    pub(crate) fn secret(&self) -> StaticSecret {
        self.0.clone()
    }
}

impl FromStr for SecretKey {
    type Err = MalformedSecret;

    /// Reads the base64 form; space around it, such as a file's last line end, is ignored.
    fn from_str(text: &str) -> Result<Self, MalformedSecret> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| MalformedSecret)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| MalformedSecret)?;
        Ok(Self(StaticSecret::from(bytes)))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_survives_a_round_trip_and_debug_shows_nothing() {
        let key = SecretKey::generate();
        let text = key.to_base64();
        let again: SecretKey = format!("{text}\n").parse().unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(format!("{key:?}"), "SecretKey(..)");
    }

    #[test]
    fn public_key_follows_rfc_7748() {
        // Alice's pair of RFC 7748, clause 6.1.
        let secret: SecretKey = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=".parse().unwrap();
        assert_eq!(secret.public().to_string(), "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
    }

    #[test]
    fn keys_differ() {
        assert_ne!(SecretKey::generate().public(), SecretKey::generate().public());
    }

    #[test]
    fn malformed_text_is_refused_without_repeating_it() {
        for text in ["", "AAAA", "geheim", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCoA", "鍵"] {
            let error = text.parse::<SecretKey>().unwrap_err();
            assert!(text.is_empty() || !format!("{error} {error:?}").contains(text));
        }
    }
}
