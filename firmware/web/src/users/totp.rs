//! The second factor: codes by time (RFC 6238 with SHA-1, 30 s, six digits, as authenticators make them), and recovery codes.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ring::{
    digest::{SHA256, digest},
    hmac,
};

use crate::session::{NoRandom, random};

/// RFC 4226 asks for 160 bits.
const SECRET: usize = 20;

/// Seconds of a step.
pub const STEP: u64 = 30;

/// Steps before and after the present one that count: RFC 6238 section 5.2 asks for one at most for the way, and an authenticator's
/// clock may be off.
const SLACK: u64 = 1;

/// Recovery codes that a user gets, and letters of each: 50 bits.
pub const RECOVERY_CODES: usize = 10;
const RECOVERY_LETTERS: usize = 10;

/// A new secret, in the base32 that authenticators read.
///
/// # Errors
/// [`NoRandom`].
pub fn new_secret() -> Result<String, NoRandom> {
    Ok(BASE32_NOPAD.encode(&random::<SECRET>()?))
}

/// The address of a secret that authenticators read as a QR code. Names are of letters that need no escape.
pub fn uri(user: &str, secret: &str) -> String {
    format!("otpauth://totp/Sekisho:{user}?secret={secret}&issuer=Sekisho")
}

/// The step whose code this is, if it is the present one or the one beside it and later than `last`: a code counts once
/// (RFC 6238 section 5.2).
pub fn step_of(secret: &str, code: &str, unix_time: u64, last: u64) -> Option<u64> {
    let now = unix_time / STEP;
    let steps = now.saturating_sub(SLACK)..=now.saturating_add(SLACK);
    steps.filter(|step| *step > last).find(|step| code_of(secret, *step).as_deref() == Some(code))
}

/// The code of a step (RFC 4226 section 5.3), unless the secret is none.
pub fn code_of(secret: &str, step: u64) -> Option<String> {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes[bytes.len() - 1] & 0xf);
    let cut = [bytes[offset] & 0x7f, bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]];
    Some(format!("{:06}", u32::from_be_bytes(cut) % 1_000_000))
}

/// New recovery codes, as their user gets them.
///
/// # Errors
/// [`NoRandom`].
pub fn recovery_codes() -> Result<Vec<String>, NoRandom> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let letters = BASE32_NOPAD.encode(&random::<7>()?).to_lowercase();
            let (one, other) = letters[..RECOVERY_LETTERS].split_at(RECOVERY_LETTERS / 2);
            Ok(format!("{one}-{other}"))
        })
        .collect()
}

/// What is kept of a recovery code. It has too many bits to be guessed from this.
pub fn recovery_hash(code: &str) -> String {
    let letters: String =
        code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    HEXLOWER.encode(digest(&SHA256, letters.as_bytes()).as_ref())
}

/// Whether a text is meant as a recovery code.
pub fn is_recovery(code: &str) -> bool {
    code.chars().filter(char::is_ascii_alphanumeric).count() == RECOVERY_LETTERS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1, of its eight digits the last six.
    const KNOWN: [(u64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn secret() -> String {
        BASE32_NOPAD.encode(b"12345678901234567890")
    }

    #[test]
    fn codes_are_the_standards() {
        for (time, code) in KNOWN {
            assert_eq!(step_of(&secret(), code, time, 0), Some(time / STEP), "{time}");
        }
    }

    #[test]
    fn a_code_counts_once_and_for_a_while() {
        let (time, code) = KNOWN[1];
        let step = time / STEP;
        for (at, counts) in [(time - STEP, true), (time + STEP, true), (time + 2 * STEP, false)] {
            assert_eq!(step_of(&secret(), code, at, 0), counts.then_some(step), "{at}");
        }
        assert_eq!(step_of(&secret(), code, time, step), None, "a replay");
        for wrong in ["", "81804", "081805", "０８１８０４"] {
            assert_eq!(step_of(&secret(), wrong, time, 0), None, "{wrong}");
        }
        assert_eq!(step_of("!", code, time, 0), None);
    }

    #[test]
    fn recovery_codes_are_read_however_they_are_typed() {
        let codes = recovery_codes().unwrap();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let code = &codes[0];
        assert_eq!(code.len(), 11, "{code}");
        let typed = code.to_uppercase().replace('-', " ");
        assert_eq!(recovery_hash(&typed), recovery_hash(code));
        assert!(is_recovery(&typed) && !is_recovery("123456"));
        assert_ne!(codes[0], codes[1]);
    }

    #[test]
    fn a_secret_is_what_authenticators_read() {
        let secret = new_secret().unwrap();
        assert_eq!(secret.len(), 32);
        assert!(uri("hana", &secret).contains(&secret));
    }
}
