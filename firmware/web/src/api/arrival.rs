//! Arriving at the device's new address: a change of the way that its user came by is confirmed there, where he has no session.
//!
//! What he brings is the proof that the daemon gave for the change, in a link, or six digits that he types. The digits stand for the
//! proof here only: for one change, until its end, and for [`TRIES`] tries. The machine reads no clock; `now` is the time since some
//! fixed moment.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ring::hmac::{self, HMAC_SHA256};
use sekisho_control::Token;

use crate::session::{NoRandom, random};

/// How often six digits may be tried. Whoever tries them out for somebody else leaves him the link, whose proof can't be guessed.
pub(crate) const TRIES: u8 = 5;

/// The change whose user is awaited. There is one at most, as there is one change at most that awaits confirmation.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(Mutex<Option<Awaited>>);

struct Awaited {
    generation: u64,
    user: String,
    token: Token,
    until: Duration,
    tries: u8,
    /// Both are compared by this key's tags, which tells nothing by its time.
    key: hmac::Key,
    code: hmac::Tag,
}

/// Who arrived, and what the daemon has to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// The user who made the change.
    pub(crate) user: String,
    /// The daemon's proof.
    pub(crate) token: Token,
}

/// Why somebody didn't arrive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stranger {
    /// No such change awaits anybody, or not any more.
    Nobody,
    /// It isn't what was given out.
    Wrong,
    /// The digits were tried too often.
    TriedOut,
}

impl Arrivals {
    /// A change awaits its user; the one before doesn't any more. The six digits are told once.
    pub(crate) fn expect(
        &self,
        generation: u64,
        user: &str,
        token: Token,
        until: Duration,
    ) -> Result<String, NoRandom> {
        let code = digits(u64::from_be_bytes(random()?));
        let key = hmac::Key::new(HMAC_SHA256, &random::<32>()?);
        let tag = hmac::sign(&key, code.as_bytes());
        let user = user.to_owned();
        let awaited = Awaited { generation, user, token, until, tries: TRIES, key, code: tag };
        *self.lock() = Some(awaited);
        Ok(code)
    }

    /// Somebody brings the six digits.
    pub(crate) fn by_code(
        &self,
        generation: u64,
        code: &str,
        now: Duration,
    ) -> Result<Arrived, Stranger> {
        let mut held = self.lock();
        let awaited = find(&mut held, generation, now)?;
        awaited.tries = awaited.tries.checked_sub(1).ok_or(Stranger::TriedOut)?;
        hmac::verify(&awaited.key, code.as_bytes(), awaited.code.as_ref())
            .map_err(|_| Stranger::Wrong)?;
        Ok(awaited.arrived())
    }

    /// Somebody brings the proof itself.
    pub(crate) fn by_token(
        &self,
        generation: u64,
        token: &str,
        now: Duration,
    ) -> Result<Arrived, Stranger> {
        let mut held = self.lock();
        let awaited = find(&mut held, generation, now)?;
        let right = hmac::sign(&awaited.key, awaited.token.as_str().as_bytes());
        hmac::verify(&awaited.key, token.as_bytes(), right.as_ref())
            .map_err(|_| Stranger::Wrong)?;
        Ok(awaited.arrived())
    }

    /// The change awaits nobody any more.
    pub(crate) fn settled(&self, generation: u64) {
        self.lock().take_if(|awaited| awaited.generation == generation);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Awaited>> {
        // Each change is whole by itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    fn arrived(&self) -> Arrived {
        Arrived { user: self.user.clone(), token: self.token.clone() }
    }
}

impl fmt::Debug for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, user, until, tries, .. } = self;
        f.debug_struct("Awaited")
            .field("generation", generation)
            .field("user", user)
            .field("until", until)
            .field("tries", tries)
            .finish_non_exhaustive()
    }
}

fn find(
    held: &mut Option<Awaited>,
    generation: u64,
    now: Duration,
) -> Result<&mut Awaited, Stranger> {
    held.take_if(|awaited| now >= awaited.until);
    held.as_mut().filter(|awaited| awaited.generation == generation).ok_or(Stranger::Nobody)
}

/// Six digits of 64 random bits; that some come up more often by 2⁻⁴⁴ helps nobody.
fn digits(random: u64) -> String {
    format!("{:06}", random % 1_000_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const END: Duration = Duration::from_secs(100);
    const BEFORE: Duration = Duration::from_secs(99);

    fn token() -> Token {
        Token::of_bits([7; 16])
    }

    fn awaiting() -> (Arrivals, String) {
        let arrivals = Arrivals::default();
        let code = arrivals.expect(3, "hana", token(), END).unwrap();
        (arrivals, code)
    }

    fn another(code: &str) -> String {
        digits(code.parse::<u64>().unwrap() + 1)
    }

    #[test]
    fn its_user_arrives_by_digits_or_link_until_the_end() {
        let (arrivals, code) = awaiting();
        for _ in 0..2 {
            let arrived = arrivals.by_code(3, &code, BEFORE).unwrap();
            assert_eq!((arrived.user.as_str(), arrived.token.as_str()), ("hana", token().as_str()));
            assert_eq!(arrivals.by_token(3, token().as_str(), BEFORE).unwrap().user, "hana");
        }
        assert_eq!(arrivals.by_code(4, &code, BEFORE).unwrap_err(), Stranger::Nobody);
        assert_eq!(arrivals.by_code(3, &code, END).unwrap_err(), Stranger::Nobody);
        assert_eq!(arrivals.by_code(3, &code, BEFORE).unwrap_err(), Stranger::Nobody, "gone");
    }

    #[test]
    fn digits_are_tried_out_and_the_link_stays() {
        let (arrivals, code) = awaiting();
        for _ in 0..TRIES {
            assert_eq!(arrivals.by_code(3, &another(&code), BEFORE).unwrap_err(), Stranger::Wrong);
            assert_eq!(arrivals.by_token(3, "0707", BEFORE).unwrap_err(), Stranger::Wrong);
        }
        assert_eq!(arrivals.by_code(3, &code, BEFORE).unwrap_err(), Stranger::TriedOut);
        assert!(arrivals.by_token(3, token().as_str(), BEFORE).is_ok());
    }

    #[test]
    fn a_settled_change_awaits_nobody() {
        let (arrivals, code) = awaiting();
        arrivals.settled(2);
        assert!(arrivals.by_code(3, &code, BEFORE).is_ok());
        arrivals.settled(3);
        assert_eq!(arrivals.by_code(3, &code, BEFORE).unwrap_err(), Stranger::Nobody);
    }

    #[test]
    fn the_next_change_has_other_digits() {
        let (arrivals, before) = awaiting();
        arrivals.expect(4, "ken", token(), END).unwrap();
        assert_eq!(arrivals.by_code(3, &before, BEFORE).unwrap_err(), Stranger::Nobody);
        assert_eq!(arrivals.by_token(4, token().as_str(), BEFORE).unwrap().user, "ken");
        let logged = format!("{arrivals:?}");
        assert!(!logged.contains("0707") && logged.contains("ken"), "{logged}");
    }

    proptest! {
        #[test]
        fn digits_are_six(random in any::<u64>()) {
            let code = digits(random);
            prop_assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()));
        }

        /// Whatever is tried, right digits count within the first five tries and never after.
        #[test]
        fn five_tries_and_no_more(tries in proptest::collection::vec(any::<bool>(), 0..12)) {
            let (arrivals, code) = awaiting();
            for (so_far, right) in tries.into_iter().enumerate() {
                let given = if right { code.clone() } else { another(&code) };
                let got = arrivals.by_code(3, &given, BEFORE).map(|arrived| arrived.user);
                let want = match (so_far < usize::from(TRIES), right) {
                    (true, true) => Ok("hana".to_owned()),
                    (true, false) => Err(Stranger::Wrong),
                    (false, _) => Err(Stranger::TriedOut),
                };
                prop_assert_eq!(got, want);
            }
        }
    }
}
