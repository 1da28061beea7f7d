//! Keys of `SNMPv3`'s user-based security model, made of passphrases for one engine (RFC 3414, A.2; RFC 7860; RFC 3826).

use std::fmt;

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use sekisho_capsule::Passphrase;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How much of a passphrase that is repeated again and again the key is made of, in bytes (RFC 3414, A.2).
const REPEATED: usize = 1 << 20;

/// The key of AES-128, in bytes (RFC 3826, 1.2): the first of what the hash gives.
const PRIVACY: usize = 16;

/// Bytes of an engine's number that are its own.
const OWN: usize = 8;

/// What stands before them (RFC 3411, `SnmpEngineID`): 32473, IANA's enterprise number for documentation, and 5 for bytes of
/// its own choice.
const HEAD: [u8; 5] = [0x80, 0x00, 0x7e, 0xd9, 5];

/// The number of an SNMP engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Engine([u8; HEAD.len() + OWN]);

/// The keys of a user, for one engine.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Keys {
    authentication: [u8; SHA256_OUTPUT_LEN],
    privacy: [u8; PRIVACY],
}

impl Engine {
    /// An engine that nobody else has.
    pub(super) fn new(random: [u8; OWN]) -> Self {
        let mut number = [0; HEAD.len() + OWN];
        number[..HEAD.len()].copy_from_slice(&HEAD);
        number[HEAD.len()..].copy_from_slice(&random);
        Self(number)
    }
}

impl Keys {
    /// The keys that two passphrases make for an engine.
    pub(super) fn of(authentication: &Passphrase, privacy: &Passphrase, engine: Engine) -> Self {
        let mut short = [0; PRIVACY];
        short.copy_from_slice(&localised(privacy.expose(), engine)[..PRIVACY]);
        Self { authentication: localised(authentication.expose(), engine), privacy: short }
    }

    /// The key of authentication, hexadecimal.
    pub(super) fn authentication(&self) -> String {
        HEXLOWER.encode(&self.authentication)
    }

    /// The key of privacy, hexadecimal.
    pub(super) fn privacy(&self) -> String {
        HEXLOWER.encode(&self.privacy)
    }
}

fn localised(passphrase: &str, Engine(engine): Engine) -> [u8; SHA256_OUTPUT_LEN] {
    let mut context = Context::new(&SHA256);
    let mut left = REPEATED;
    while left > 0 {
        let part = passphrase.len().min(left);
        context.update(&passphrase.as_bytes()[..part]);
        left -= part;
    }
    let everywhere = context.finish();
    let mut context = Context::new(&SHA256);
    for part in [everywhere.as_ref(), &engine, everywhere.as_ref()] {
        context.update(part);
    }
    let mut key = [0; SHA256_OUTPUT_LEN];
    key.copy_from_slice(context.finish().as_ref());
    key
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl Serialize for Engine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Engine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes(&String::deserialize(deserializer)?).map(Self)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.authentication(), self.privacy()].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [authentication, privacy] = <[String; 2]>::deserialize(deserializer)?;
        Ok(Self { authentication: bytes(&authentication)?, privacy: bytes(&privacy)? })
    }
}

fn bytes<const N: usize, E: de::Error>(text: &str) -> Result<[u8; N], E> {
    let decoded = HEXLOWER.decode(text.as_bytes()).map_err(E::custom)?;
    decoded.try_into().map_err(|_| E::custom(format!("{N} bytes are needed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by another program: hashlib's SHA-256, by RFC 3414, A.2.2.
    #[test]
    fn keys_are_those_of_the_standard() {
        let engine = Engine::new([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(engine.to_string(), "80007ed9050102030405060708");
        let passphrase = |text| Passphrase::given(text);
        let keys =
            Keys::of(&passphrase("authpass-authpass"), &passphrase("privpass-privpass"), engine);
        assert_eq!(
            keys.authentication(),
            "a0f07b6e7fddf77c91d9b9fc6bc8e7d33d2953eeb192fc92891e8acc80dadb68"
        );
        assert_eq!(keys.privacy(), "c09b993c6f682b7cef598c7224298117");
    }

    #[test]
    fn keys_are_for_one_engine_and_no_log_shows_them() {
        let passphrase = Passphrase::given("kashitsu-jokaki-kukeko-sashisu-sesota");
        let keys =
            [[0; OWN], [1; OWN]].map(|own| Keys::of(&passphrase, &passphrase, Engine::new(own)));
        assert_ne!(keys[0], keys[1]);
        assert_eq!(format!("{:?}", keys[0]), "Keys(…)");
        assert!(keys[0].authentication().starts_with(&keys[0].privacy()));
    }
}
