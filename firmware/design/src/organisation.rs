//! The organisation code.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A local government's code: two digits of prefecture (JIS X 0401), three of municipality (JIS X 0402), one check digit.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct OrganisationCode([u8; 6]);

/// Why a text is no organisation code.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum MalformedOrganisation {
    /// It isn't six digits.
    #[error("an organisation code is six digits")]
    Shape,
    /// The sixth digit doesn't follow from the other five.
    #[error("the check digit should be {expected}")]
    CheckDigit {
        /// The digit that the first five call for.
        expected: u8,
    },
}

impl FromStr for OrganisationCode {
    type Err = MalformedOrganisation;

    fn from_str(text: &str) -> Result<Self, MalformedOrganisation> {
        let digits: [u8; 6] =
            text.as_bytes().try_into().map_err(|_| MalformedOrganisation::Shape)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(MalformedOrganisation::Shape);
        }
        // Weights 6 to 2 over the first five digits; the check digit is 11 less the remainder, its last digit kept.
        let sum: u32 =
            digits.iter().zip([6, 5, 4, 3, 2]).map(|(d, w)| u32::from(d - b'0') * w).sum();
        let expected = if sum < 11 { 11 - sum } else { 11 - sum % 11 } % 10;
        if u32::from(digits[5] - b'0') == expected {
            Ok(Self(digits))
        } else {
            Err(MalformedOrganisation::CheckDigit { expected: u8::try_from(expected).unwrap_or(0) })
        }
    }
}

impl TryFrom<String> for OrganisationCode {
    type Error = MalformedOrganisation;

    fn try_from(text: String) -> Result<Self, MalformedOrganisation> {
        text.parse()
    }
}

impl From<OrganisationCode> for String {
    fn from(code: OrganisationCode) -> Self {
        code.to_string()
    }
}

impl fmt::Display for OrganisationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_codes_are_codes() {
        // 北海道 (a sum below eleven), 札幌市, 青森県, 東京都, 大阪府, 沖縄県.
        for code in ["010006", "011002", "020001", "130001", "270008", "470007"] {
            assert_eq!(code.parse::<OrganisationCode>().unwrap().to_string(), code);
        }
    }

    #[test]
    fn every_other_check_digit_is_refused_with_the_right_one() {
        for digit in (0..=9).filter(|digit| *digit != 2) {
            let code: Result<OrganisationCode, _> = format!("01100{digit}").parse();
            assert_eq!(code, Err(MalformedOrganisation::CheckDigit { expected: 2 }));
        }
    }

    #[test]
    fn only_six_ascii_digits_are_a_code() {
        for text in ["", "01100", "0110022", "01100a", "０１１００２", "-11002"] {
            assert_eq!(
                text.parse::<OrganisationCode>(),
                Err(MalformedOrganisation::Shape),
                "{text}"
            );
        }
    }
}
