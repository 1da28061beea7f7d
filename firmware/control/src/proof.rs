//! The proof that somebody reaches the device after a change of the way that he came by.

use std::{fmt, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::Principal;

/// A one-time token: 128 random bits in hexadecimal digits. It isn't compared here, which would tell by its time how much
/// of a guess is right, and no log can show it.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Token(String);

/// A token, and the device's address where it is shown: whoever got it over the old way brings it there over the new one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proof {
    /// The token.
    pub token: Token,
    /// The address of the device that the request with it arrives at.
    pub at: Ipv4Addr,
}

/// The confirmation of a change. Where the change touches the way that its user came by, everybody but root on the box
/// itself has to show a proof.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Confirmation {
    /// The change's generation, so that nobody confirms another change than the one he has seen.
    pub generation: u64,
    /// What is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Proof>,
    /// The page's user who confirms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// The proof that a change awaits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProofAwaited {
    /// The address where the token has to be shown.
    pub at: Ipv4Addr,
    /// How often it may still be shown; with 0 only root on the box itself confirms.
    pub tries_left: u8,
}

impl Token {
    /// The token of these bits.
    pub fn of_bits(bits: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bits)))
    }

    /// The token as somebody shows it, whether it is one or not.
    pub fn shown(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_travels_and_is_never_logged() {
        let token = Token::of_bits([7; 16]);
        assert_eq!(token.as_str(), "07070707070707070707070707070707");
        let proof = Proof { token, at: Ipv4Addr::LOCALHOST };
        let logged = format!("{proof:?}");
        assert!(!logged.contains("0707") && logged.contains("127.0.0.1"), "{logged}");
        let text = serde_json::to_string(&proof).unwrap();
        assert_eq!(text, r#"{"token":"07070707070707070707070707070707","at":"127.0.0.1"}"#);
        let read: Proof = serde_json::from_str(&text).unwrap();
        assert_eq!(read.token.as_str(), proof.token.as_str());
    }
}
