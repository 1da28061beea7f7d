//! The note that somebody approved what LGWAN doesn't let pass by itself.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// Who approved services that aren't web, when, under which number (R32, R58). 1 to 200 characters, one of them to be
/// seen, none a control character; the first is none that a spreadsheet takes a formula by: `=`, `+`, `-`, `@`, nor these
/// at full width.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Approval(String);

/// The text breaks the rule that [`Approval`]'s documentation states.
#[derive(Debug, thiserror::Error)]
#[error("the text can't be the note of an approval")]
pub struct MalformedApproval;

impl Approval {
    /// The note as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Approval {
    type Err = MalformedApproval;

    fn from_str(text: &str) -> Result<Self, MalformedApproval> {
        let valid = !text.trim().is_empty()
            && text.chars().count() <= 200
            && !text.chars().any(char::is_control)
            && !text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
        valid.then(|| Self(text.to_owned())).ok_or(MalformedApproval)
    }
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_kept_as_it_is_written() {
        let most = "あ".repeat(200);
        for text in ["情政第12号（令和8年3月2日）", " x = 1", &most] {
            assert_eq!(text.parse::<Approval>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_says_nothing_or_could_do_something_is_refused() {
        let long = "a".repeat(201);
        for text in ["", " ", "\u{3000}", "a\nb", "\ta", "=1+1", "+1", "-1", "@a", "＝1", &long] {
            assert!(text.parse::<Approval>().is_err(), "{text}");
        }
    }
}
