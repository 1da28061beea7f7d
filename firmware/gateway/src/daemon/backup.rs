//! Backups: capsules made of what is in force, and opened. Locks take memory and time, so one is worked on at a time, beside
//! the loop; whoever guesses at passphrases waits ever longer.

use std::{
    sync::{Arc, Mutex, TryLockError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::rand::{SecureRandom as _, SystemRandom};
use sekisho_capsule::{Contents, Fault, Lock, Passphrase, Unlock, User, WORD_BITS, open, seal};
use sekisho_control::{
    Backup, BackupUsers, BackupWish, Failure, FailureKind, Hidden, Opened, Unlocking, UserInBackup,
};
use sekisho_design::OrganisationCode;
use sekisho_tunnel::SecretKey;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::fault::{conflict, device_failure, malformed};

/// Wrong passphrases that cost nothing.
const FREE: u32 = 3;

/// The longest wait after a wrong passphrase.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// What is worked on, and who guessed.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Tries>>);

/// Wrong passphrases in a row, and the end of the wait for the last one.
#[derive(Debug, Default)]
struct Tries {
    wrong: u32,
    until: Duration,
}

impl Desk {
    /// Makes a capsule.
    pub(super) async fn make(
        self,
        contents: Contents,
        wish: BackupWish,
    ) -> Result<Backup, Failure> {
        let (lock, made) = lock(&wish)?;
        // Users that nobody could restore would be found out too late.
        contents.users().map_err(failure)?;
        let day = contents.made_at.strftime("%Y%m%d");
        let name = format!("sekisho-{}-{day}.age", contents.organisation);
        let sealed = self.work(move |_| seal(&contents, &lock)).await?;
        Ok(Backup { name, capsule: BASE64_STANDARD.encode(sealed), passphrase: made })
    }

    /// Opens a capsule of this organisation, or of any where the device has none.
    pub(super) async fn open(
        self,
        opening: Unlocking,
        ours: Option<OrganisationCode>,
        now: Duration,
    ) -> Result<Contents, Failure> {
        let unlock = unlock(&opening)?;
        let sealed = BASE64_STANDARD.decode(opening.capsule).map_err(|fault| {
            malformed(format!("the capsule isn't in base64: {fault}"), resend())
        })?;
        self.work(move |tries| {
            tries.may(now)?;
            let opened = open(&sealed, &unlock);
            tries.note(opened.as_ref().err(), now);
            let contents = opened?;
            contents.fits(ours)?;
            Ok(contents)
        })
        .await
    }

    /// Works beside the loop, on one capsule at a time.
    async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Tries) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Failure> {
        let worked = spawn_blocking(move || match self.0.try_lock() {
            Ok(mut tries) => work(&mut tries).map_err(failure),
            Err(TryLockError::Poisoned(poisoned)) => {
                work(&mut poisoned.into_inner()).map_err(failure)
            }
            Err(TryLockError::WouldBlock) => Err(conflict(
                "another backup is being made or opened".to_owned(),
                "wait for some seconds, then try again",
            )),
        });
        worked
            .await
            .map_err(|fault| device_failure(format!("the work broke off: {fault}"), None))?
    }
}

impl Tries {
    fn may(&self, now: Duration) -> Result<(), Fault> {
        match self.until.checked_sub(now) {
            Some(left) if !left.is_zero() => Err(Fault::TooSoon { seconds: left.as_secs() + 1 }),
            _ => Ok(()),
        }
    }

    fn note(&mut self, fault: Option<&Fault>, now: Duration) {
        match fault {
            None => *self = Self::default(),
            Some(Fault::WrongPassphrase) => {
                self.wrong = self.wrong.saturating_add(1);
                let doubled = self.wrong.checked_sub(FREE).map(|more| 1u64 << more.min(16));
                let wait = doubled.map_or(Duration::ZERO, Duration::from_secs).min(LONGEST_WAIT);
                self.until = now + wait;
                warn!(wrong = self.wrong, "a wrong passphrase for a backup");
            }
            Some(_) => {}
        }
    }
}

/// What a capsule is sealed with, and the passphrase where it was made here.
fn lock(wish: &BackupWish) -> Result<(Lock, Option<Hidden>), Failure> {
    match (&wish.passphrase, &wish.recipient) {
        (Some(_), Some(_)) => Err(malformed(
            "a backup has one lock, a passphrase or a recipient".to_owned(),
            "leave one of them out".to_owned(),
        )),
        (Some(chosen), None) => {
            let chosen = Passphrase::chosen(chosen.expose()).map_err(failure)?;
            Ok((Lock::Passphrase(chosen), None))
        }
        (None, Some(recipient)) if !wish.with_identity => {
            Ok((Lock::Recipient(recipient.parse().map_err(failure)?), None))
        }
        (None, Some(_)) => Err(malformed(
            "the identity goes under a passphrase alone".to_owned(),
            "leave the identity out, or the recipient".to_owned(),
        )),
        (None, None) => {
            let mut random = [0; WORD_BITS];
            SystemRandom::new()
                .fill(&mut random)
                .map_err(|fault| device_failure(format!("no random numbers: {fault}"), None))?;
            let made = Passphrase::of_words(random);
            let told = Hidden::new(made.expose());
            Ok((Lock::Passphrase(made), Some(told)))
        }
    }
}

fn unlock(opening: &Unlocking) -> Result<Unlock, Failure> {
    match (&opening.passphrase, &opening.key) {
        (Some(given), None) => Ok(Unlock::Passphrase(Passphrase::given(given.expose()))),
        (None, Some(key)) => Ok(Unlock::Key(key.expose().parse().map_err(failure)?)),
        (None, None) | (Some(_), Some(_)) => Err(malformed(
            "a capsule is opened with its passphrase or its recipient's key".to_owned(),
            "give one of them".to_owned(),
        )),
    }
}

fn resend() -> String {
    "send the file as it is".to_owned()
}

fn failure(fault: Fault) -> Failure {
    let too_soon = matches!(fault, Fault::TooSoon { .. });
    let kind = if too_soon { FailureKind::Conflict } else { FailureKind::Refused };
    let (message, problems) = (fault.to_string(), vec![fault.report("capsule")]);
    Failure { kind, message, way_out: None, both: None, problems }
}

/// What a capsule holds, without its secrets.
pub(super) fn told(contents: Contents) -> Result<Opened, Failure> {
    let public_key = key_in(&contents).ok().map(|key| key.public());
    let user = |User { name, role, second_factor }| UserInBackup { name, role, second_factor };
    let users = contents.users().map_err(failure)?;
    let users = users.map(|users| users.into_iter().map(user).collect());
    let Contents { made_at, version, serial, organisation, site, profile, .. } = contents;
    Ok(Opened { made_at, version, serial, organisation, site, profile, public_key, users })
}

/// The page's users in a capsule.
pub(super) fn users_in(contents: &Contents) -> Result<BackupUsers, Failure> {
    let users = contents.users.as_ref().ok_or_else(|| failure(Fault::NoUsers))?;
    Ok(BackupUsers { file: Hidden::new(users.expose()) })
}

/// The tunnel's key in a capsule.
pub(super) fn key_in(contents: &Contents) -> Result<SecretKey, Failure> {
    let identity = contents.identity.as_ref().ok_or_else(|| failure(Fault::NoIdentity))?;
    identity.tunnel_key.expose().trim().parse().map_err(|_| failure(Fault::Damaged))
}
