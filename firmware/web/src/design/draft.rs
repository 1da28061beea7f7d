//! Who edits, one at a time: pure, told the time.
//!
//! ```text
//! nobody ──take──> held ──take by the holder──> held, for as long again
//!    ^              │ └───take over────────────> held by another one
//!    └──────────────┘ given back, its session ended, or silent for half an hour
//! ```

use std::time::Duration;

use jiff::Timestamp;

use crate::session;

/// How long somebody holds the draft without a word.
pub(super) const SILENCE: Duration = Duration::from_mins(30);

/// Who holds the draft.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Holder {
    /// The user.
    pub(super) user: String,
    /// Since when.
    pub(super) since: Timestamp,
    pub(super) session: session::Id,
    heard: Duration,
}

/// The lock of the draft.
#[derive(Clone, Debug, Default)]
pub(super) struct Lock(Option<Holder>);

impl Lock {
    /// Who holds it; a session that has ended holds nothing.
    pub(super) fn holder(
        &self,
        now: Duration,
        stands: impl Fn(session::Id) -> bool,
    ) -> Option<&Holder> {
        let holder = self.0.as_ref()?;
        (now < holder.heard + SILENCE && stands(holder.session)).then_some(holder)
    }

    /// Takes it, or holds it for longer; over another one's head only where that is wished.
    ///
    /// # Errors
    /// Who holds it.
    pub(super) fn take(
        &mut self,
        (user, session): (&str, session::Id),
        over: bool,
        (now, at): (Duration, Timestamp),
        stands: impl Fn(session::Id) -> bool,
    ) -> Result<(), Holder> {
        let since = match self.holder(now, stands) {
            Some(holder) if holder.session == session => holder.since,
            Some(holder) if !over => return Err(holder.clone()),
            _ => at,
        };
        self.0 = Some(Holder { user: user.to_owned(), since, session, heard: now });
        Ok(())
    }

    /// Gives it back.
    pub(super) fn give_back(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_hours(5);

    fn id(text: &str) -> session::Id {
        session::Id::of(text)
    }

    #[test]
    fn one_edits_at_a_time() {
        let (mut lock, at) = (Lock::default(), Timestamp::UNIX_EPOCH);
        let all = |_| true;
        assert_eq!(lock.holder(NOW, all), None);
        lock.take(("hana", id("a")), false, (NOW, at), all).unwrap();
        let later = NOW + SILENCE.mul_f64(0.9);
        let held = lock.take(("taro", id("b")), false, (later, Timestamp::MAX), all).unwrap_err();
        assert_eq!((held.user.as_str(), held.since), ("hana", at));
        // The same user elsewhere is another editor.
        lock.take(("hana", id("c")), false, (later, at), all).unwrap_err();
        lock.take(("hana", id("a")), false, (later, Timestamp::MAX), all).unwrap();
        assert_eq!(lock.holder(later + SILENCE.mul_f64(0.9), all).unwrap().since, at);
        lock.take(("taro", id("b")), true, (later, Timestamp::MAX), all).unwrap();
        assert_eq!(lock.holder(later, all).unwrap().user, "taro");
        lock.take(("hana", id("a")), false, (later, at), all).unwrap_err();
        lock.give_back();
        assert_eq!(lock.holder(later, all), None);
    }

    #[test]
    fn it_ends_with_its_session_and_in_silence() {
        let (mut lock, at) = (Lock::default(), Timestamp::UNIX_EPOCH);
        lock.take(("hana", id("a")), false, (NOW, at), |_| true).unwrap();
        assert!(lock.holder(NOW + SILENCE, |_| true).is_none());
        assert!(lock.holder(NOW, |session| session != id("a")).is_none());
        lock.take(("taro", id("b")), false, (NOW + SILENCE, at), |_| true).unwrap();
        assert_eq!(lock.holder(NOW + SILENCE, |_| true).unwrap().user, "taro");
    }
}
