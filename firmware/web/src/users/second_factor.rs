//! The second factor of users: begun, confirmed by a first code, asked for, taken away.

use std::{collections::BTreeMap, time::Duration};

use tracing::warn;

use super::{Refused, SecondFactor, Users, totp};

/// How long a new secret awaits its first code.
const AWAITS: Duration = Duration::from_mins(15);

/// Secrets that await their first code.
pub(super) type Pending = BTreeMap<String, (String, Duration)>;

/// What became of a code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// The user has no second factor.
    NotAsked,
    /// The user has one, and there is no code.
    Missing,
    /// The code is right and is used up.
    Right,
    /// It is wrong, too old, or was used before.
    Wrong,
}

impl Users {
    /// Makes a secret, which awaits its first code.
    ///
    /// # Errors
    /// [`Refused::HasSecondFactor`], [`Refused::Device`].
    pub fn begin_second_factor(&self, name: &str, now: Duration) -> Result<String, Refused> {
        let user = self.find(name).ok_or(Refused::Unknown)?;
        if user.second_factor.is_some() {
            return Err(Refused::HasSecondFactor);
        }
        let secret = totp::new_secret()?;
        let mut pending = self.pending();
        pending.retain(|_, (_, begun)| now < *begun + AWAITS);
        pending.insert(name.to_owned(), (secret.clone(), now));
        Ok(secret)
    }

    /// Puts the secret in force if the code is its own; the recovery codes. None where the code is wrong.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn confirm_second_factor(
        &self,
        name: &str,
        code: &str,
        unix_time: u64,
        now: Duration,
    ) -> Result<Option<Vec<String>>, Refused> {
        let held = self.pending().get(name).filter(|(_, begun)| now < *begun + AWAITS).cloned();
        let (secret, _) = held.ok_or(Refused::NotBegun)?;
        let Some(last_step) = totp::step_of(&secret, code, unix_time, 0) else { return Ok(None) };
        let codes = totp::recovery_codes()?;
        let recovery = codes.iter().map(|code| totp::recovery_hash(code)).collect();
        self.change(|book| {
            let user = book.users.get_mut(name).ok_or(Refused::Unknown)?;
            user.second_factor = Some(SecondFactor { secret, last_step, recovery });
            Ok(())
        })?;
        self.pending().remove(name);
        Ok(Some(codes))
    }

    /// Takes the second factor away.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn remove_second_factor(&self, name: &str) -> Result<(), Refused> {
        self.change(|book| {
            book.users.get_mut(name).ok_or(Refused::Unknown)?.second_factor = None;
            Ok(())
        })
    }

    /// Looks at a code, and uses it up: no code counts twice, also after a restart. On a disk that refuses, a code by time is used up
    /// in memory, so that somebody can come and look.
    ///
    /// # Errors
    /// [`Refused::Disk`] where it can't be written that a recovery code is used; it doesn't count then.
    pub fn check_code(
        &self,
        name: &str,
        code: Option<&str>,
        unix_time: u64,
    ) -> Result<Code, Refused> {
        let user = self.find(name).ok_or(Refused::Unknown)?;
        if user.second_factor.is_none() {
            return Ok(Code::NotAsked);
        }
        let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
            return Ok(Code::Missing);
        };
        let outcome = self.change(|book| {
            let user = book.users.get_mut(name).ok_or(Refused::Unknown)?;
            let factor = user.second_factor.as_mut().ok_or(Refused::Changed)?;
            use_up(factor, code, unix_time).then_some(()).ok_or(Refused::Changed)
        });
        match outcome {
            Ok(()) => Ok(Code::Right),
            Err(Refused::Changed) => Ok(Code::Wrong),
            Err(Refused::Disk(fault)) if !totp::is_recovery(code) => {
                warn!(%fault, "that a code was used is in memory only");
                let mut book = self.book();
                let user = book.users.get_mut(name).ok_or(Refused::Unknown)?;
                let right = user
                    .second_factor
                    .as_mut()
                    .is_some_and(|factor| use_up(factor, code, unix_time));
                Ok(if right { Code::Right } else { Code::Wrong })
            }
            Err(other) => Err(other),
        }
    }
}

fn use_up(factor: &mut SecondFactor, code: &str, unix_time: u64) -> bool {
    if totp::is_recovery(code) {
        let hash = totp::recovery_hash(code);
        let before = factor.recovery.len();
        factor.recovery.retain(|left| *left != hash);
        return factor.recovery.len() < before;
    }
    match totp::step_of(&factor.secret, code, unix_time, factor.last_step) {
        Some(step) => {
            factor.last_step = step;
            true
        }
        None => false,
    }
}
