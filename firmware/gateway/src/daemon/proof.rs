//! Who may confirm a change that touches the way that its user came by: whoever shows its one-time token at the device's
//! new address, and root on the box itself, who doesn't need the way.
//!
//! The token is told once, to whoever asked for the change. Here is only what it is measured by, and nothing is written
//! down: a daemon that starts anew takes the change back in any case.

use std::net::Ipv4Addr;

use ring::{
    error::Unspecified,
    hmac::{self, HMAC_SHA256},
    rand::{SecureRandom as _, SystemRandom},
};
use sekisho_control::{Failure, FailureKind, Proof, ProofAwaited, Token};

/// How often something may be shown that is no proof. Nobody types a token; whoever guesses is no user.
const TRIES: u8 = 5;

/// The user who needs no way: root of the box.
const ROOT: u32 = 0;

/// What a token is measured by.
#[derive(Debug)]
pub(super) struct Measure {
    awaited: ProofAwaited,
    key: hmac::Key,
    tag: hmac::Tag,
}

/// Why a change isn't confirmed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Unproven {
    /// Nothing was shown.
    #[error("the change touches the way that its user came by: it takes the token, shown at {0}")]
    NothingShown(Ipv4Addr),
    /// The token, or the place where it was shown, is another one.
    #[error("that is no proof that the device is reached at {0}")]
    Wrong(Ipv4Addr),
    /// It was tried too often.
    #[error("what is no proof was shown {TRIES} times: the token isn't taken any more")]
    UsedUp,
}

impl Measure {
    /// A new token to be shown at an address, and what it is measured by.
    pub(super) fn new(at: Ipv4Addr) -> Result<(Proof, Self), Unspecified> {
        let random = SystemRandom::new();
        let key = hmac::Key::generate(HMAC_SHA256, &random)?;
        let mut bits = [0; 16];
        random.fill(&mut bits)?;
        let token = Token::of_bits(bits);
        let tag = hmac::sign(&key, token.as_str().as_bytes());
        let awaited = ProofAwaited { at, tries_left: TRIES };
        Ok((Proof { token, at }, Self { awaited, key, tag }))
    }

    pub(super) fn awaited(&self) -> ProofAwaited {
        self.awaited
    }

    /// Judges what a user shows. `hmac::verify` takes the same time for every guess.
    pub(super) fn judge(&mut self, uid: u32, shown: Option<&Proof>) -> Result<(), Unproven> {
        let ProofAwaited { at, tries_left } = &mut self.awaited;
        let Some(shown) = shown else {
            return if uid == ROOT { Ok(()) } else { Err(Unproven::NothingShown(*at)) };
        };
        if *tries_left == 0 {
            return Err(Unproven::UsedUp);
        }
        let token = shown.token.as_str().as_bytes();
        let right = hmac::verify(&self.key, token, self.tag.as_ref()).is_ok();
        if right && shown.at == *at {
            return Ok(());
        }
        *tries_left -= 1;
        Err(Unproven::Wrong(*at))
    }
}

impl From<Unproven> for Failure {
    fn from(fault: Unproven) -> Self {
        let way_out = match fault {
            Unproven::NothingShown(at) => {
                format!(
                    "open the device's page at {at} and confirm there, or confirm on the box itself as root"
                )
            }
            Unproven::Wrong(at) => format!(
                "go on from the page that made the change, to {at}, or confirm on the box itself as root"
            ),
            Unproven::UsedUp => {
                "wait until the change is taken back, or confirm on the box itself as root"
                    .to_owned()
            }
        };
        unproven(fault.to_string(), way_out)
    }
}

/// Nobody has shown, or could show, that the device is still reached.
pub(super) fn unproven(message: String, way_out: String) -> Failure {
    let way_out = Some(way_out);
    Failure { kind: FailureKind::Unproven, message, way_out, both: None, problems: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Ipv4Addr = Ipv4Addr::new(192, 168, 254, 9);
    const OLD: Ipv4Addr = Ipv4Addr::new(192, 168, 254, 1);
    const WEB: u32 = 990;

    #[test]
    fn the_token_counts_where_it_belongs_and_root_needs_none() {
        let (told, mut measure) = Measure::new(NEW).unwrap();
        let proof = |token: &str, at| Some(Proof { token: Token::shown(token), at });
        let token = told.token.as_str().to_owned();
        let flipped = token.replace(|digit: char| digit.is_ascii_digit(), "f");
        let cases = [
            (WEB, None, Err(Unproven::NothingShown(NEW)), 5),
            (ROOT, None, Ok(()), 5),
            (WEB, proof(&token, NEW), Ok(()), 5),
            (WEB, proof(&token, OLD), Err(Unproven::Wrong(NEW)), 4),
            (WEB, proof(&flipped, NEW), Err(Unproven::Wrong(NEW)), 3),
            (WEB, proof(&token[1..], NEW), Err(Unproven::Wrong(NEW)), 2),
            (WEB, proof("", NEW), Err(Unproven::Wrong(NEW)), 1),
            (WEB, proof(&token, NEW), Ok(()), 1),
            // Who shows something is measured by it, whoever he is.
            (ROOT, proof("x", NEW), Err(Unproven::Wrong(NEW)), 0),
            (WEB, proof(&token, NEW), Err(Unproven::UsedUp), 0),
            (WEB, None, Err(Unproven::NothingShown(NEW)), 0),
            (ROOT, proof(&token, NEW), Err(Unproven::UsedUp), 0),
            (ROOT, None, Ok(()), 0),
        ];
        for (number, (uid, shown, wanted, left)) in cases.into_iter().enumerate() {
            assert_eq!(measure.judge(uid, shown.as_ref()), wanted, "case {number}");
            assert_eq!(measure.awaited(), ProofAwaited { at: NEW, tries_left: left });
        }
    }

    #[test]
    fn tokens_are_new_each_time_and_nothing_tells_them() {
        let (one, measure) = Measure::new(NEW).unwrap();
        let (other, _) = Measure::new(NEW).unwrap();
        assert_eq!(one.token.as_str().len(), 32);
        assert_ne!(one.token.as_str(), other.token.as_str());
        assert!(!format!("{one:?} {measure:?}").contains(one.token.as_str()));
        for fault in [Unproven::NothingShown(NEW), Unproven::Wrong(NEW), Unproven::UsedUp] {
            let failure = Failure::from(fault);
            assert!(!failure.message.contains(one.token.as_str()));
            assert!(failure.way_out.is_some_and(|way_out| way_out.contains("on the box itself")));
        }
    }
}
