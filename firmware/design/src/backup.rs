//! The backup that a box makes by itself each night.

use std::{fmt, str::FromStr};

use bech32::{FromBase32 as _, Variant};
use serde::Serialize;

/// What each night's backup is sealed for. Without one there is none.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NightlyBackup {
    /// Whoever has the secret key to it opens the backups: the organisation, or its operator.
    pub recipient: BackupRecipient,
}

/// A public key of the age format (X25519), as `age-keygen` shows it: `age1` and 58 letters and digits.
#[derive(Clone, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct BackupRecipient(String);

/// The text is no recipient's public key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MalformedRecipient {
    /// It isn't one, or a letter of it is wrong.
    #[error("a recipient is age1 and 58 letters and digits")]
    Form,
    /// It is the secret key, which must be where nobody else reads it.
    #[error("this is a secret key")]
    Secret,
}

impl FromStr for BackupRecipient {
    type Err = MalformedRecipient;

    fn from_str(text: &str) -> Result<Self, MalformedRecipient> {
        if text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
            return Err(MalformedRecipient::Secret);
        }
        let (kind, data, variant) = bech32::decode(text).map_err(|_| MalformedRecipient::Form)?;
        let key = Vec::from_base32(&data).map_err(|_| MalformedRecipient::Form)?;
        if (&*kind, key.len(), variant) == ("age", 32, Variant::Bech32) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(MalformedRecipient::Form)
        }
    }
}

impl fmt::Display for BackupRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BackupRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pair of keys in the age library's own documentation.
    const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    const SECRET: &str =
        "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

    #[test]
    fn a_recipient_is_read_and_a_wrong_letter_found() {
        assert_eq!(RECIPIENT.parse::<BackupRecipient>().unwrap().to_string(), RECIPIENT);
        let upper = RECIPIENT.to_uppercase();
        assert_eq!(upper.parse::<BackupRecipient>().unwrap().to_string(), RECIPIENT);
        for at in 4..RECIPIENT.len() {
            let mut wrong = RECIPIENT.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'q' { b'p' } else { b'q' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(wrong.parse::<BackupRecipient>(), Err(MalformedRecipient::Form), "{wrong}");
        }
    }

    #[test]
    fn what_is_none_is_told_apart_from_a_secret() {
        // A WireGuard key, an SSH key, a Bitcoin address of BIP 173, nothing.
        for none in [
            "",
            "age1",
            "esfCpGUPcRrmYpu/wK8Gl7D8RmPbtfno8XJVriBr/R0=",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGTeKpgAQPRcfE+jZaZ4uQ8",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            &RECIPIENT[..RECIPIENT.len() - 1],
            &format!("{RECIPIENT} "),
        ] {
            assert_eq!(none.parse::<BackupRecipient>(), Err(MalformedRecipient::Form), "{none}");
        }
        for secret in [SECRET, &SECRET.to_lowercase(), &format!("# key\n{SECRET}\n")] {
            assert_eq!(secret.parse::<BackupRecipient>(), Err(MalformedRecipient::Secret));
        }
    }
}
