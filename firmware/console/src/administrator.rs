//! The administrator's password: made with the box's first start, kept as a hash, changed by its owner, and reset by who
//! stands before the box.
//!
//! ```text
//! KEPT/administrator      argon2id, as a PHC string
//! KEPT/initial-password   in clear, until it is used for the first time: the console shows it
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{PasswordHash, SaltString},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use sekisho_host::{HostError, files};

/// Letters and digits that nobody takes for another.
const LETTERS: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Groups of a password that the box makes, and letters in each: 79 bits.
const GROUPS: usize = 4;
const LETTERS_EACH: usize = 4;

/// The shortest password that somebody may choose.
pub(crate) const SHORTEST: usize = 12;

/// Wrong passwords until the door stays shut for a while, and how long; each further one doubles it, up to the last.
const PATIENCE: u32 = 5;
const SHUT: Duration = Duration::from_mins(1);
const SHUT_LONGEST: Duration = Duration::from_mins(16);

/// Argon2id's costs: OWASP's second choice. The local page compares with this hash too, and has little memory.
const MEMORY_KIB: u32 = 12 << 10;
const PASSES: u32 = 3;

/// The longest file that is read.
const LONGEST: u64 = 1_024;

/// Why a password can't be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The disk refuses.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The kernel gives no random numbers, or the hash can't be made.
    #[error("the password can't be made")]
    Crypto,
}

/// How a try to get in ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Entry {
    /// Right.
    Open,
    /// Wrong.
    Wrong,
    /// Too many were wrong; nothing was looked at. How long it stays so.
    Shut(Duration),
}

/// The administrator's password.
#[derive(Debug)]
pub struct Administrator {
    folder: PathBuf,
    wrong: u32,
    shut_until: Option<Instant>,
}

impl Administrator {
    /// The one whose password lies in this folder.
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), wrong: 0, shut_until: None }
    }

    /// Makes a first password where there is none.
    ///
    /// # Errors
    /// [`Fault`]; the box has no password then, and nobody gets in.
    pub fn first(&self) -> Result<(), Fault> {
        if self.hash_file().exists() { Ok(()) } else { self.reset().map(drop) }
    }

    /// The password that the box made, while nobody has used it yet.
    pub fn initial(&self) -> Option<String> {
        let bytes = files::read(&self.initial_file(), LONGEST).ok()?;
        String::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
    }

    /// Makes a new one, in place of any other, and says it.
    ///
    /// # Errors
    /// [`Fault`]; the one before stays.
    pub fn reset(&self) -> Result<String, Fault> {
        let password = generate()?;
        // The clear text first: a cut between the two leaves a password that is shown and doesn't open, and a new reset.
        files::write(&self.initial_file(), password.as_bytes(), 0o600)?;
        self.keep(&password)?;
        Ok(password)
    }

    /// Takes a password of its owner's own.
    ///
    /// # Errors
    /// [`Fault`]; the one before stays.
    pub fn change(&self, password: &str) -> Result<(), Fault> {
        self.keep(password)?;
        self.forget_initial();
        Ok(())
    }

    /// Compares. Too many wrong ones shut the door for a while, longer each time.
    pub fn enter(&mut self, password: &str, now: Instant) -> Entry {
        if let Some(left) = self.shut_until.map(|until| until.saturating_duration_since(now))
            && left > Duration::ZERO
        {
            return Entry::Shut(left);
        }
        if self.is_right(password) {
            (self.wrong, self.shut_until) = (0, None);
            self.forget_initial();
            return Entry::Open;
        }
        self.wrong += 1;
        if let Some(over) = self.wrong.checked_sub(PATIENCE) {
            let shut = SHUT.saturating_mul(1 << over.min(10)).min(SHUT_LONGEST);
            self.shut_until = Some(now + shut);
            return Entry::Shut(shut);
        }
        Entry::Wrong
    }

    fn is_right(&self, password: &str) -> bool {
        let Ok(bytes) = files::read_secret(&self.hash_file(), LONGEST) else { return false };
        let Ok(text) = String::from_utf8(bytes) else { return false };
        PasswordHash::new(text.trim())
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }

    fn keep(&self, password: &str) -> Result<(), Fault> {
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).map_err(|_| Fault::Crypto)?;
        let salt = SaltString::encode_b64(&salt).map_err(|_| Fault::Crypto)?;
        let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| Fault::Crypto)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::default(), params);
        let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(|_| Fault::Crypto)?;
        Ok(files::write(&self.hash_file(), format!("{hash}\n").as_bytes(), 0o600)?)
    }

    fn forget_initial(&self) {
        // Where the disk refuses, the console goes on showing a password that the disk also keeps in force.
        let _ = fs::remove_file(self.initial_file());
    }

    fn hash_file(&self) -> PathBuf {
        self.folder.join("administrator")
    }

    fn initial_file(&self) -> PathBuf {
        self.folder.join("initial-password")
    }
}

/// A password of the box's own making, in groups.
fn generate() -> Result<String, Fault> {
    let mut letters = Vec::new();
    while letters.len() < GROUPS * LETTERS_EACH {
        let mut bytes = [0_u8; 64];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::Crypto)?;
        // Each letter for as many bytes as every other.
        let fair = bytes.into_iter().map(usize::from).filter(|byte| *byte < 8 * LETTERS.len());
        letters.extend(fair.map(|byte| char::from(LETTERS[byte % LETTERS.len()])));
    }
    letters.truncate(GROUPS * LETTERS_EACH);
    let groups: Vec<String> =
        letters.chunks(LETTERS_EACH).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn letters_are_all_different() {
        assert_eq!(LETTERS.iter().collect::<BTreeSet<_>>().len(), LETTERS.len());
    }

    #[test]
    fn the_first_password_is_shown_until_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let mut administrator = Administrator::of(folder.path());
        assert_eq!(administrator.initial(), None);
        assert_eq!(administrator.enter("", Instant::now()), Entry::Wrong, "there is none yet");
        administrator.first().unwrap();
        let password = administrator.initial().unwrap();
        assert_eq!(password.len(), 19, "{password}");
        administrator.first().unwrap();
        assert_eq!(
            administrator.initial().as_ref(),
            Some(&password),
            "a second start changes nothing"
        );
        assert_eq!(administrator.enter("wrong", Instant::now()), Entry::Wrong);
        assert!(administrator.initial().is_some());
        assert_eq!(administrator.enter(&password, Instant::now()), Entry::Open);
        assert_eq!(administrator.initial(), None);
        assert_eq!(administrator.enter(&password, Instant::now()), Entry::Open);
        let kept = fs::read_to_string(folder.path().join("administrator")).unwrap();
        assert!(kept.starts_with("$argon2id$") && !kept.contains(&password));
    }

    #[test]
    fn a_changed_password_takes_the_others_place_and_a_reset_its() {
        let folder = tempfile::tempdir().unwrap();
        let mut administrator = Administrator::of(folder.path());
        let first = administrator.reset().unwrap();
        administrator.change("ひらけごま、ひらけごま").unwrap();
        assert_eq!(administrator.enter(&first, Instant::now()), Entry::Wrong);
        assert_eq!(administrator.enter("ひらけごま、ひらけごま", Instant::now()), Entry::Open);
        let second = administrator.reset().unwrap();
        assert_ne!(first, second);
        assert_eq!(administrator.enter(&second, Instant::now()), Entry::Open);
    }

    #[test]
    fn wrong_passwords_shut_the_door_longer_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut administrator = Administrator::of(folder.path());
        let right = administrator.reset().unwrap();
        let start = Instant::now();
        for _ in 1..PATIENCE {
            assert_eq!(administrator.enter("guess", start), Entry::Wrong);
        }
        assert_eq!(administrator.enter("guess", start), Entry::Shut(SHUT));
        assert!(matches!(administrator.enter(&right, start), Entry::Shut(_)), "shut for everybody");
        let later = start + SHUT;
        assert_eq!(administrator.enter("guess", later), Entry::Shut(2 * SHUT));
        let later = later + 2 * SHUT;
        assert_eq!(administrator.enter(&right, later), Entry::Open);
        assert_eq!(administrator.enter("guess", later), Entry::Wrong, "counted anew");
    }

    #[test]
    fn a_damaged_hash_lets_nobody_in_and_can_be_reset() {
        let folder = tempfile::tempdir().unwrap();
        let mut administrator = Administrator::of(folder.path());
        files::write(&folder.path().join("administrator"), b"\xff$argon2", 0o600).unwrap();
        assert_eq!(administrator.enter("", Instant::now()), Entry::Wrong);
        let password = administrator.reset().unwrap();
        assert_eq!(administrator.enter(&password, Instant::now()), Entry::Open);
    }
}
