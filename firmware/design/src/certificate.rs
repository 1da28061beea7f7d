//! Certificates as a design holds them: whole, as text, so that a design needs no other file.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;
use serde::Serialize;

/// One certificate or more, each in its form on the wire (DER); written as PEM (RFC 7468, clause 5). Whether one says what
/// X.509 wants of it is for those to judge who trust it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(into = "String")]
pub struct Certificates(Vec<Vec<u8>>);

/// The text is no list of certificates.
#[derive(Debug, thiserror::Error)]
#[error("not a certificate in PEM, or more than one after another")]
pub struct MalformedCertificates;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Characters in a line of PEM (RFC 7468, clause 2).
const LINE: usize = 64;

/// More authorities than anybody's collector has; each is asked at every connection.
const MOST: usize = 8;

impl Certificates {
    /// Each as bytes (DER).
    pub fn der(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// What each is known by: the start of its SHA-256, as tools print it.
    pub fn fingerprints(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|der| {
            let digest = digest::digest(&digest::SHA256, der);
            let bytes: Vec<_> =
                digest.as_ref().iter().take(8).map(|byte| format!("{byte:02X}")).collect();
            bytes.join(":")
        })
    }
}

impl FromStr for Certificates {
    type Err = MalformedCertificates;

    fn from_str(text: &str) -> Result<Self, MalformedCertificates> {
        let mut found = Vec::new();
        let mut body: Option<String> = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match (line, &mut body) {
                (BEGIN, None) => body = Some(String::new()),
                (END, Some(whole)) => {
                    let der = STANDARD.decode(whole).map_err(|_| MalformedCertificates)?;
                    found.push(
                        Some(der).filter(|der| is_sequence(der)).ok_or(MalformedCertificates)?,
                    );
                    body = None;
                }
                (line, Some(whole)) => whole.push_str(line),
                (_, None) => return Err(MalformedCertificates),
            }
        }
        if body.is_some() || found.is_empty() || found.len() > MOST {
            return Err(MalformedCertificates);
        }
        Ok(Self(found))
    }
}

/// Whether this is one SEQUENCE of DER and nothing else (X.690, clause 8.1), as every certificate is.
fn is_sequence(der: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = der else { return false };
    let (length, content) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let Some((length, content)) = rest.split_at_checked(usize::from(first - 0x80)) else {
                return false;
            };
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), content)
        }
        _ => return false,
    };
    length > 0 && content.len() == length
}

impl fmt::Display for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for der in &self.0 {
            writeln!(f, "{BEGIN}")?;
            // Base64 is ASCII, so that any byte of it ends a character.
            let text = STANDARD.encode(der);
            for start in (0..text.len()).step_by(LINE) {
                writeln!(f, "{}", &text[start..text.len().min(start + LINE)])?;
            }
            writeln!(f, "{END}")?;
        }
        Ok(())
    }
}

impl From<Certificates> for String {
    fn from(certificates: Certificates) -> Self {
        certificates.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(der: &[u8]) -> String {
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der))
    }

    #[test]
    fn certificates_read_as_they_print() {
        let long = [&[0x30, 0x81, 0xc8][..], &[7; 200]].concat();
        let text = pem(&long) + "\n" + &pem(&[0x30, 1, 0]);
        let read: Certificates = text.parse().unwrap();
        assert_eq!(read.der().collect::<Vec<_>>(), [&long[..], &[0x30, 1, 0]]);
        let printed = read.to_string();
        assert!(printed.lines().all(|line| line.len() <= LINE), "{printed}");
        assert_eq!(printed.parse::<Certificates>().unwrap(), read);
        let prints: Vec<_> = read.fingerprints().collect();
        assert_eq!(prints.len(), 2);
        assert!(prints.iter().all(|print| print.len() == 8 * 3 - 1), "{prints:?}");
    }

    #[test]
    fn whatever_else_is_refused() {
        let good = pem(&[0x30, 1, 0]);
        let key = good.replace("CERTIFICATE", "PRIVATE KEY");
        for text in [
            "",
            "no certificate",
            BEGIN,
            &good.replace(END, ""),
            &good.replace("MAEA", "MAE*"),
            &key,
            &format!("{good}{key}"),
            &pem(&[]),
            &pem(&[0x30, 0]),
            &pem(&[0x30, 2, 0]),
            &pem(&[0x30, 1, 0, 0]),
            &pem(&[0x30, 0x82, 1]),
            &pem(&[0x31, 1, 0]),
            &good.repeat(MOST + 1),
        ] {
            assert!(text.parse::<Certificates>().is_err(), "{text}");
        }
    }
}
