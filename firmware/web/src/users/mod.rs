//! Users: who may sign in, as what, with which password and second factor.
//!
//! ```text
//! users.json           all of them, written whole and crash-safe; hashes of passwords, never passwords
//! users-to-take.json   a backup's, which take their place
//! ```
//!
//! What is in memory is what is on the disk: a change that can't be written isn't made. Wrong tries ([`delay`]), secrets that await
//! their first code, and the last code that was used are in memory too.

mod book;
pub mod delay;
mod first;
mod hash;
mod moved;
mod refused;
pub(crate) mod routes;
pub mod rules;
mod second_factor;
pub mod totp;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use sekisho_host::{HostError, files};

pub use self::{
    book::{Book, SecondFactor, User},
    first::ADMIN,
    hash::{Desk, Fault as DeskFault, invent, is_hash},
    moved::Taken,
    refused::Refused,
    second_factor::Code,
};
use self::{
    delay::{Delays, Wait},
    second_factor::Pending,
};

/// The largest file that is read.
const LARGEST: u64 = 1 << 20;

/// Why there are no users.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The disk refuses.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The file isn't what this page writes.
    #[error(
        "{} can't be understood: {reason}. Put a good one back, or remove it: a password that is then set on the \
         console opens the page, and the other users have to be made again",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// All users.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    book: Mutex<Book>,
    delays: Mutex<Delays>,
    pending: Mutex<Pending>,
}

impl Users {
    /// Reads those of a folder; none where there is no file.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn open(state: &Path) -> Result<Self, Fault> {
        let path = state.join("users.json");
        let book = if path.exists() {
            let bytes = files::read_secret(&path, LARGEST)?;
            Book::read(&bytes).map_err(|reason| Fault::Damaged { path: path.clone(), reason })?
        } else {
            Book::default()
        };
        Ok(Self {
            path,
            book: Mutex::new(book),
            delays: Mutex::default(),
            pending: Mutex::default(),
        })
    }

    /// One of them.
    pub fn find(&self, name: &str) -> Option<User> {
        self.book().users.get(name).cloned()
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<String, User> {
        self.book().users.clone()
    }

    /// Changes the book, and the file with it.
    ///
    /// # Errors
    /// [`Refused`]; everything is as it was.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let mut held = self.book();
        let mut book = held.clone();
        let done = change(&mut book)?;
        files::write(&self.path, book.text()?.as_bytes(), 0o600)?;
        *held = book;
        Ok(done)
    }

    /// Puts a password in the place of the one whose hash the asker has seen.
    ///
    /// # Errors
    /// [`Refused`]; also where the password has become another one meanwhile.
    pub fn set_password(
        &self,
        name: &str,
        seen: &str,
        hash: String,
        must_change: bool,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.change(|book| {
            let user = book.users.get_mut(name).ok_or(Refused::Unknown)?;
            if user.hash != seen {
                return Err(Refused::Changed);
            }
            user.put_password(hash, must_change, now);
            Ok(())
        })
    }

    /// A try to sign in begins.
    ///
    /// # Errors
    /// [`Wait`].
    pub fn attempt(&self, name: &str, from: IpAddr, now: Duration) -> Result<(), Wait> {
        self.delays().attempt(name, from, now)
    }

    /// The try was right.
    pub fn succeeded(&self, name: &str, from: IpAddr) {
        self.delays().succeeded(name, from);
    }

    /// A user's wrong tries are forgotten.
    pub fn unlock(&self, name: &str) {
        self.delays().unlock(name);
    }

    /// How long a user has to wait for the next try.
    pub fn locked(&self, name: &str, now: Duration) -> Option<Duration> {
        self.delays().locked(name, now)
    }

    // What is behind these locks is changed in one go, so whoever panicked left it whole.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delays(&self) -> MutexGuard<'_, Delays> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
