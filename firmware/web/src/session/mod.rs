//! Sessions: who is signed in. They live in memory only, so the page's restart ends them all.
//!
//! A session ends after [`IDLE`] without a request by its user, after [`LONGEST`] in any case, when its user's right ends, and when
//! password, role or user change. [`Sessions`] reads no clock; `now` is the time since some fixed moment.

pub(crate) mod cookie;
pub(crate) mod routes;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use data_encoding::HEXLOWER;
use ring::{
    digest::{SHA256, digest},
    hmac,
    rand::{SecureRandom, SystemRandom},
};

use crate::access::Role;

/// Without a request by the user.
pub const IDLE: Duration = Duration::from_mins(15);

/// In any case.
pub const LONGEST: Duration = Duration::from_hours(8);

/// Sessions at one time; where one more comes, the one that was idle longest ends.
pub const MOST: usize = 32;

/// A session's secret: 256 bits.
const SECRET: usize = 32;

/// The kernel gives no random numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the kernel gives no random numbers")]
pub struct NoRandom;

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// Which session; of no use to who wants to be in it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Id([u8; 32]);

impl Id {
    /// The session of a cookie's text.
    pub fn of(secret: &str) -> Self {
        let mut id = [0; 32];
        id.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(id)
    }
}

/// What a session is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// Who.
    pub user: String,
    /// As what.
    pub role: Role,
    /// Whether nothing but another password may be asked for.
    pub must_change: bool,
    /// What changes have to carry.
    pub csrf: String,
    /// Seconds until it ends if its user does nothing.
    pub expires_in_s: u64,
}

/// A session that was just opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What the cookie holds.
    pub secret: String,
    /// The session.
    pub session: Session,
}

#[derive(Debug)]
struct Held {
    user: String,
    role: Role,
    must_change: bool,
    secret: String,
    ends: Duration,
    idle_since: Duration,
}

impl Held {
    fn ends(&self) -> Duration {
        self.ends.min(self.idle_since + IDLE)
    }

    fn show(&self, now: Duration) -> Session {
        Session {
            user: self.user.clone(),
            role: self.role,
            must_change: self.must_change,
            csrf: csrf(&self.secret),
            expires_in_s: self.ends().saturating_sub(now).as_secs(),
        }
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<Id, Held>>);

impl Sessions {
    /// Opens one. `right` is for how long the user has a right to one.
    ///
    /// # Errors
    /// [`NoRandom`].
    pub fn open(
        &self,
        user: &str,
        role: Role,
        must_change: bool,
        right: Option<Duration>,
        now: Duration,
    ) -> Result<Opened, NoRandom> {
        let secret = HEXLOWER.encode(&random::<SECRET>()?);
        let ends = now + right.unwrap_or(LONGEST).min(LONGEST);
        let user = user.to_owned();
        let held = Held { user, role, must_change, secret: secret.clone(), ends, idle_since: now };
        let session = held.show(now);
        let mut all = self.lock();
        all.retain(|_, held| now < held.ends());
        if all.len() >= MOST
            && let Some(idlest) =
                all.iter().min_by_key(|(_, held)| held.idle_since).map(|(id, _)| *id)
        {
            all.remove(&idlest);
        }
        all.insert(Id::of(&secret), held);
        Ok(Opened { secret, session })
    }

    /// The session, if it stands. It lives on for a request of its user, not for one that the page makes by itself.
    pub fn find(&self, id: Id, by_user: bool, now: Duration) -> Option<Session> {
        let mut all = self.lock();
        let held = all.get_mut(&id)?;
        if now >= held.ends() {
            all.remove(&id);
            return None;
        }
        if by_user {
            held.idle_since = now;
        }
        Some(held.show(now))
    }

    /// Whether a session stands. Whoever holds an answer open asks again and again.
    pub fn stands(&self, id: Id, now: Duration) -> bool {
        self.lock().get(&id).is_some_and(|held| now < held.ends())
    }

    /// Ends one.
    pub fn end(&self, id: Id) {
        self.lock().remove(&id);
    }

    /// Ends all of a user, but for one where it is given.
    pub fn end_all_of(&self, user: &str, but: Option<Id>) {
        self.lock().retain(|id, held| held.user != user || Some(*id) == but);
    }

    /// How many a user has.
    pub fn count(&self, user: &str, now: Duration) -> usize {
        self.lock().values().filter(|held| held.user == user && now < held.ends()).count()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Held>> {
        // Each change is one call on the map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What changes have to carry in a session: only who can read an answer of the page knows it.
fn csrf(secret: &str) -> String {
    HEXLOWER.encode(hmac::sign(&csrf_key(secret), CSRF).as_ref())
}

/// Whether a text is the session's token; takes as long for any.
pub(crate) fn is_csrf(secret: &str, given: &str) -> bool {
    HEXLOWER
        .decode(given.as_bytes())
        .is_ok_and(|given| hmac::verify(&csrf_key(secret), CSRF, &given).is_ok())
}

const CSRF: &[u8] = b"sekisho csrf";

fn csrf_key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn open(sessions: &Sessions, user: &str, now: Duration) -> (Id, Opened) {
        let opened = sessions.open(user, Role::Viewer, false, None, now).unwrap();
        (Id::of(&opened.secret), opened)
    }

    #[test]
    fn an_idle_session_ends() {
        let sessions = Sessions::default();
        let (id, opened) = open(&sessions, "hana", START);
        assert_eq!(opened.session.expires_in_s, IDLE.as_secs());
        let later = START + IDLE / 2;
        let left = sessions.find(id, false, later).unwrap().expires_in_s;
        assert_eq!(left, (IDLE / 2).as_secs());
        assert!(sessions.find(id, true, later).is_some());
        assert!(sessions.stands(id, later + IDLE.mul_f64(0.99)));
        assert!(!sessions.stands(id, later + IDLE));
        assert_eq!(sessions.find(id, true, later + IDLE), None);
    }

    #[test]
    fn a_busy_session_ends_all_the_same() {
        let sessions = Sessions::default();
        let (id, _) = open(&sessions, "hana", START);
        let mut now = START;
        while sessions.find(id, true, now).is_some() {
            now += Duration::from_mins(10);
        }
        assert_eq!(now, START + LONGEST);
        let right = Some(Duration::from_mins(3));
        let opened = sessions.open("ken", Role::Engineer, false, right, START).unwrap();
        assert_eq!(opened.session.expires_in_s, 180);
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let sessions = Sessions::default();
        let ids: Vec<Id> = (0..=MOST)
            .map(|n| open(&sessions, "hana", START + Duration::from_secs(n as u64)).0)
            .collect();
        let now = START + Duration::from_mins(1);
        assert!(!sessions.stands(ids[0], now), "the one that was idle longest");
        assert_eq!(sessions.count("hana", now), MOST);
    }

    #[test]
    fn they_end_by_user_but_for_ones_own() {
        let sessions = Sessions::default();
        let ids = ["hana", "hana", "ken"].map(|user| open(&sessions, user, START).0);
        sessions.end_all_of("hana", Some(ids[1]));
        assert_eq!(ids.map(|id| sessions.stands(id, START)), [false, true, true]);
        sessions.end(ids[1]);
        assert_eq!(sessions.count("hana", START), 0);
    }

    #[test]
    fn the_token_is_the_sessions_own() {
        let sessions = Sessions::default();
        let (_, one) = open(&sessions, "hana", START);
        let (_, other) = open(&sessions, "hana", START);
        assert_ne!(one.secret, other.secret);
        assert!(is_csrf(&one.secret, &one.session.csrf));
        for wrong in [other.session.csrf.as_str(), "", "xyz", &one.secret] {
            assert!(!is_csrf(&one.secret, wrong));
        }
        assert_eq!(one.secret.len(), 64);
    }
}
