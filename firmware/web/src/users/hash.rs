//! Passwords as hashes: argon2id with m = 12 MiB, t = 3, p = 1 (OWASP's second choice), one at a time.
//!
//! Each takes 12 MiB while it is made, so the [`Desk`] serves one after the other, and whoever finds too long a queue is sent away.
//! They are given back to the machine at once: the C library would keep them for the next one.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{PasswordHash, SaltString},
};
use data_encoding::BASE32_NOPAD;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::rules::LONGEST;
use crate::session::random;

const MEMORY_KIB: u32 = 12 << 10;
const PASSES: u32 = 3;

/// The most that a hash from elsewhere may ask for: the page has to be able to compare it.
const MOST_MEMORY_KIB: u32 = 64 << 10;
const MOST_PASSES: u32 = 10;

/// How long somebody waits in the queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// Letters of a salt: 130 bits.
const SALT: usize = 16;

/// Why a password can't be looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Others are before it.
    #[error("too many passwords are looked at already")]
    Busy,
    /// The kernel gives no random numbers or no memory.
    #[error("a password can't be hashed")]
    Crypto,
}

/// Where passwords are looked at, one at a time.
#[derive(Debug)]
pub struct Desk(Arc<Semaphore>);

impl Default for Desk {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Desk {
    /// Compares with each hash; which one it is.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn find(
        &self,
        password: String,
        hashes: Vec<String>,
    ) -> Result<Option<usize>, Fault> {
        self.work(move || Ok(hashes.iter().position(|hash| is(&password, hash)))).await
    }

    /// Compares with nobody's, for as long as with somebody's.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn compare_with_nobody(&self, password: String) -> Result<(), Fault> {
        self.work(move || make(&password).map(drop)).await
    }

    /// Makes a hash.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn hash(&self, password: String) -> Result<String, Fault> {
        self.work(move || make(&password)).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(Fault::Busy) };
        // Whoever asked may be gone before it is done: the place is free when the memory is.
        let work = move || {
            let _place = place;
            let done = work();
            sekisho_host::give_back();
            done
        };
        spawn_blocking(work).await.map_err(|_| Fault::Crypto)?
    }
}

/// Whether a text is a hash that this page compares with.
pub fn is_hash(text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(text) else { return false };
    let Ok(params) = Params::try_from(&hash) else { return false };
    hash.algorithm == argon2::ARGON2ID_IDENT
        && hash.hash.is_some()
        && params.m_cost() <= MOST_MEMORY_KIB
        && params.t_cost() <= MOST_PASSES
        && params.p_cost() == 1
}

fn is(password: &str, hash: &str) -> bool {
    password.len() <= LONGEST
        && is_hash(hash)
        && PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

fn make(password: &str) -> Result<String, Fault> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None);
    let argon =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(|_| Fault::Crypto)?);
    let salt = SaltString::encode_b64(&random::<SALT>().map_err(|_| Fault::Crypto)?);
    let salt = salt.map_err(|_| Fault::Crypto)?;
    let cut = &password.as_bytes()[..password.len().min(LONGEST)];
    argon.hash_password(cut, &salt).map(|hash| hash.to_string()).map_err(|_| Fault::Crypto)
}

/// Letters of a group, so that a password can be read out; there are four groups, 80 bits.
const GROUP: usize = 4;

/// A new password for somebody else.
///
/// # Errors
/// [`Fault::Crypto`].
pub fn invent() -> Result<String, Fault> {
    let letters = BASE32_NOPAD.encode(&random::<10>().map_err(|_| Fault::Crypto)?).to_lowercase();
    let groups: Vec<&str> =
        (0..letters.len()).step_by(GROUP).map(|at| &letters[at..at + GROUP]).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_found_among_its_hashes() {
        let desk = Desk::default();
        let hash = desk.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=12288,t=3,p=1$") && is_hash(&hash), "{hash}");
        let hashes = vec!["damaged".to_owned(), hash];
        let found = desk.find("correct horse".to_owned(), hashes.clone()).await;
        assert_eq!(found, Ok(Some(1)));
        assert_eq!(desk.find("wrong horse".to_owned(), hashes.clone()).await, Ok(None));
        assert_eq!(desk.find("x".repeat(LONGEST + 1), hashes).await, Ok(None));
        assert_eq!(desk.compare_with_nobody("anything".to_owned()).await, Ok(()));
    }

    #[test]
    fn hashes_from_elsewhere_are_bounded() {
        let hash = |params: &str| {
            format!(
                "$argon2id$v=19${params}$c29tZXNhbHRzb21l$PJkcGUDMWjkx2WHGCkdVJ2wd0k2ZJrvXBBZJbZYbZYY"
            )
        };
        assert!(is_hash(&hash("m=19456,t=2,p=1")));
        for bad in ["m=1048576,t=2,p=1", "m=19456,t=99,p=1", "m=19456,t=2,p=4"] {
            assert!(!is_hash(&hash(bad)), "{bad}");
        }
        assert!(!is_hash("") && !is_hash("$argon2id$v=19$m=19456,t=2,p=1"));
        assert!(!is_hash(&hash("m=19456,t=2,p=1").replace("argon2id", "argon2d")));
    }

    #[test]
    fn invented_passwords_keep_the_rules() {
        let one = invent().unwrap();
        assert_eq!(one.len(), 19, "{one}");
        assert_ne!(one, invent().unwrap());
        assert_eq!(super::super::rules::check(&one, "hana"), Ok(()));
    }
}
