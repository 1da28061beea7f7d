//! Passphrases: made of words that anybody in Japan can read out, write down and type, or chosen by a person.

use std::fmt;

use age::secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use crate::Fault;

/// The shortest passphrase that a person may choose, in letters.
pub const SHORTEST: usize = 12;

/// The longest, in bytes.
pub const LONGEST: usize = 256;

/// Random bytes that a passphrase of words is made of; six bits of each count, 90 in all.
pub const WORD_BITS: usize = WORDS * SYLLABLES_EACH;

const WORDS: usize = 5;
const SYLLABLES_EACH: usize = 3;

/// Syllables of Japanese in the spelling of passports (Hepburn); each ends with its only vowel, so that a word is read in one
/// way. Those of one letter are left out, and so are those that have the sound of another one.
const SYLLABLES: [&str; 64] = [
    "ka", "ki", "ku", "ke", "ko", "sa", "shi", "su", "se", "so", "ta", "chi", "tsu", "te", "to",
    "na", "ni", "nu", "ne", "no", "ha", "hi", "fu", "he", "ho", "ma", "mi", "mu", "me", "mo", "ya",
    "yu", "yo", "ra", "ri", "ru", "re", "ro", "wa", "ga", "gi", "gu", "ge", "go", "za", "ji", "zu",
    "ze", "zo", "da", "de", "do", "ba", "bi", "bu", "be", "bo", "pa", "pi", "pu", "pe", "po", "ja",
    "jo",
];

/// A passphrase. No log and no `Debug` output shows it.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Makes one of five words, as `sakuno-tegami-horuze-bidoka-numeri`.
    pub fn of_words(random: [u8; WORD_BITS]) -> Self {
        let syllable = |byte: &u8| SYLLABLES[usize::from(byte % 64)];
        let words = random.chunks(SYLLABLES_EACH).map(|word| word.iter().map(syllable).collect());
        Self(words.collect::<Vec<String>>().join("-").into())
    }

    /// Takes the one that a person chose for a new capsule.
    ///
    /// # Errors
    /// [`Fault::WeakPassphrase`].
    pub fn chosen(text: &str) -> Result<Self, Fault> {
        let chosen = Self::given(text);
        let words = chosen.expose();
        if words.chars().count() < SHORTEST || words.len() > LONGEST {
            return Err(Fault::WeakPassphrase);
        }
        Ok(chosen)
    }

    /// Takes the one that a person types to open a capsule: wide letters count as narrow ones, space around it as nothing; in
    /// a passphrase of words, neither capitals nor what stands between the words count.
    pub fn given(text: &str) -> Self {
        let text: String = text.nfkc().collect();
        let text = text.trim();
        Self(of_words(text).unwrap_or_else(|| text.to_owned()).into())
    }

    /// Its letters, for whoever has to keep them.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn secret(&self) -> SecretString {
        self.0.clone()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// A passphrase of words in the form that it was made in; none where the text isn't one.
fn of_words(text: &str) -> Option<String> {
    let between = |letter: char| !letter.is_ascii_alphabetic();
    let words: Vec<_> = text.split(between).filter(|word| !word.is_empty()).collect();
    if words.len() != WORDS {
        return None;
    }
    let words: Vec<_> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let all = words.iter().all(|word| {
        let parts: Vec<_> = word.split_inclusive(['a', 'i', 'u', 'e', 'o']).collect();
        parts.len() == SYLLABLES_EACH && parts.iter().all(|part| SYLLABLES.contains(part))
    });
    all.then(|| words.join("-"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn random() -> impl Strategy<Value = [u8; WORD_BITS]> {
        proptest::array::uniform15(any::<u8>())
    }

    #[test]
    fn every_syllable_is_another_one_and_ends_with_its_only_vowel() {
        let different: std::collections::BTreeSet<_> = SYLLABLES.into_iter().collect();
        assert_eq!(different.len(), SYLLABLES.len());
        for syllable in SYLLABLES {
            let vowels = syllable.matches(['a', 'i', 'u', 'e', 'o']).count();
            assert!(vowels == 1 && syllable.ends_with(['a', 'i', 'u', 'e', 'o']), "{syllable}");
        }
    }

    #[test]
    fn words_are_plain() {
        let words = Passphrase::of_words([0, 6, 12, 255, 64, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(words.expose(), "kashitsu-jokaki-kukeko-sashisu-sesota");
        assert_eq!(format!("{words:?}"), "Passphrase(..)");
    }

    #[test]
    fn words_are_known_however_they_are_typed() {
        let wanted = "kashitsu-jokaki-kukeko-sashisu-sesota";
        for typed in [
            wanted,
            " kashitsu jokaki kukeko sashisu sesota\n",
            "KASHITSU-JOKAKI-KUKEKO-SASHISU-SESOTA",
            "ｋａｓｈｉｔｓｕー ｊｏｋａｋｉ－ｋｕｋｅｋｏ　ｓａｓｈｉｓｕ  ｓｅｓｏｔａ",
        ] {
            assert_eq!(Passphrase::given(typed).expose(), wanted, "{typed}");
        }
        for other in ["Kashitsu jokaki kukeko sashisu", "Kashitsu jokaki kukeko sashisu sesotan"] {
            assert_eq!(Passphrase::given(other).expose(), other, "not one of ours");
        }
    }

    #[test]
    fn a_chosen_one_is_neither_short_nor_endless() {
        assert_eq!(Passphrase::chosen("  関所の門をくぐる旅人は改 ").unwrap().expose().len(), 36);
        for weak in ["", "elevenchars", "            a            ", &"x".repeat(LONGEST + 1)] {
            assert_eq!(Passphrase::chosen(weak).unwrap_err(), Fault::WeakPassphrase, "{weak}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_is_read_as_it_is(random in random()) {
            let made = Passphrase::of_words(random);
            let given = Passphrase::given(made.expose());
            prop_assert_eq!(given.expose(), made.expose());
            prop_assert!(Passphrase::chosen(made.expose()).is_ok());
            let spaced = made.expose().replace('-', "  ").to_uppercase();
            let given = Passphrase::given(&spaced);
            prop_assert_eq!(given.expose(), made.expose());
        }

        #[test]
        fn reading_is_steady(text in "\\PC{0,80}") {
            let once = Passphrase::given(&text);
            let twice = Passphrase::given(once.expose());
            prop_assert_eq!(twice.expose(), once.expose());
        }
    }
}
