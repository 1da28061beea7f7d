//! What a password and a name may be.

use sekisho_design::Both;

use crate::answer::both;

/// The shortest password, in letters.
pub const SHORTEST: usize = 12;

/// The longest, in bytes: no more is hashed.
pub const LONGEST: usize = 256;

/// Passwords before the present one that may not come back, with it.
pub const HISTORY: usize = 5;

/// After so many days the page reminds its user of the password's age; it forces nobody (NIST SP 800-63B).
pub const OLD_DAYS: i64 = 365;

/// The longest name.
pub const LONGEST_NAME: usize = 32;

/// Why a password can't be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weakness {
    /// Fewer letters than [`SHORTEST`].
    Short,
    /// More bytes than [`LONGEST`].
    Long,
    /// The user's name is in it.
    Name,
    /// It is one letter, or a few, over and over.
    Monotone,
    /// It was the user's before.
    Used,
}

impl Weakness {
    /// The sentence for people.
    pub fn sentence(self) -> Both {
        match self {
            Self::Short => both(
                "パスワードは12文字以上にしてください。",
                "A password has 12 letters at least.",
            ),
            Self::Long => both(
                "パスワードが長すぎます（256バイトまで）。",
                "The password is longer than 256 bytes.",
            ),
            Self::Name => both(
                "パスワードに利用者名を含めないでください。",
                "The password must not hold the user's name.",
            ),
            Self::Monotone => both(
                "同じ文字の繰り返しでは推測されます。5種類以上の文字を使ってください。",
                "The password repeats the same letters; use five different ones at least.",
            ),
            Self::Used => both(
                "最近の5回で使ったパスワードは使えません。",
                "The password is one of the last five.",
            ),
        }
    }
}

/// Different letters of a password.
const DIFFERENT: usize = 5;

/// Looks at everything but the history, which takes hashing.
///
/// # Errors
/// The first [`Weakness`].
pub fn check(password: &str, name: &str) -> Result<(), Weakness> {
    if password.len() > LONGEST {
        return Err(Weakness::Long);
    }
    if password.chars().count() < SHORTEST {
        return Err(Weakness::Short);
    }
    if password.to_lowercase().contains(&name.to_lowercase()) {
        return Err(Weakness::Name);
    }
    let different: std::collections::BTreeSet<char> = password.chars().collect();
    if different.len() < DIFFERENT {
        return Err(Weakness::Monotone);
    }
    Ok(())
}

/// Whether a text may be a user's name: lower-case letters, digits, `.`, `_`, `-`, a letter first.
pub fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"._-".contains(&letter)
        })
        && text.len() <= LONGEST_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_looked_at() {
        for (password, found) in [
            ("correct horse", Ok(())),
            ("関所の門をくぐる旅人は改", Ok(())),
            ("short enough", Ok(())),
            ("elevenchars", Err(Weakness::Short)),
            ("関所関所関所関所関所関所", Err(Weakness::Monotone)),
            ("aaaaaaaaaaaaaaaa", Err(Weakness::Monotone)),
            ("my-Hana-password", Err(Weakness::Name)),
        ] {
            assert_eq!(check(password, "hana"), found, "{password}");
        }
        assert_eq!(check(&"long word ".repeat(30), "hana"), Err(Weakness::Long));
    }

    #[test]
    fn names_are_plain() {
        for good in ["admin", "h", "t.tanaka-2_x"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "Admin", "1st", "-x", "田中", "a b", "a/b", &"x".repeat(33)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
