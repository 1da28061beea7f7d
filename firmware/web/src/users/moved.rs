//! Users that come from a backup, in place of those that are there.
//!
//! This page alone writes its users, so that what is in memory stays what is on the disk: `sekisho backup restore --with-users`
//! leaves them in a file beside, which is taken at the next look.

use std::{fs, mem, path::Path};

use sekisho_host::files;

use super::{Book, LARGEST, Refused, SecondFactor, User, Users, book, hash, rules};
use crate::access::Role;

/// The file of users to take, in the page's folder.
const TO_TAKE: &str = "users-to-take.json";

/// What came of users that were taken.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Taken {
    /// Who is a user now.
    pub users: Vec<String>,
    /// Who isn't what he was, so that his sessions end.
    pub others: Vec<String>,
}

impl Users {
    /// The users as a backup holds them.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn for_backup(&self) -> Result<String, Refused> {
        // Which first password was taken is this box's matter.
        let mut book = self.book().clone();
        book.adopted = None;
        book.text()
    }

    /// Takes a backup's users in place of those that are here.
    ///
    /// # Errors
    /// [`Refused`]; everything is as it was.
    pub fn take(&self, text: &str) -> Result<Taken, Refused> {
        let mut brought = Book::read(text.as_bytes()).map_err(Refused::NoUsers)?;
        brought.is_sound()?;
        self.change(|book| {
            for (name, user) in &mut brought.users {
                let here = book.users.get(name).and_then(|user| user.second_factor.as_ref());
                if let (Some(factor), Some(here)) = (&mut user.second_factor, here) {
                    factor.keep_used(here);
                }
            }
            let before = mem::replace(&mut book.users, brought.users);
            let same = |name: &String, user: &User| {
                book.users.get(name).is_some_and(|now| {
                    (&now.hash, now.role, now.until) == (&user.hash, user.role, user.until)
                })
            };
            let others = before.iter().filter(|(name, user)| !same(name, user));
            let others = others.map(|(name, _)| name.clone()).collect();
            Ok(Taken { users: book.users.keys().cloned().collect(), others })
        })
    }

    /// Takes the users that somebody has left in the page's folder; none where nobody has. What is no file of users is removed,
    /// and said to be none.
    ///
    /// # Errors
    /// [`Refused`]; everything is as it was, and where the disk refuses, so is the file.
    pub fn take_left(&self, state: &Path) -> Result<Option<Taken>, Refused> {
        let path = state.join(TO_TAKE);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = files::read_secret(&path, LARGEST)?;
        let taken = self.take(&String::from_utf8_lossy(&bytes));
        if !matches!(taken, Err(Refused::Disk(_)))
            && let Err(source) = fs::remove_file(&path)
        {
            return Err(Refused::Left { path, source });
        }
        taken.map(Some)
    }
}

impl Book {
    /// Whether this page could have written it: each name, each password that is compared with, and somebody to look after it.
    fn is_sound(&self) -> Result<(), Refused> {
        let bad = |what: &str| Err(Refused::NoUsers(what.to_owned()));
        if self.users.len() > book::MOST {
            return Err(Refused::TooMany);
        }
        for (name, user) in &self.users {
            if !rules::is_name(name) {
                return bad("a name isn't one");
            }
            if !user.hashes().iter().all(|hash| hash::is_hash(hash)) {
                return bad("a password's hash isn't one that this page compares with");
            }
            if (user.role == Role::Engineer) != user.until.is_some() {
                return bad("an engineer has an end, and nobody else has");
            }
        }
        if !self.users.values().any(|user| user.role == Role::Administrator) {
            return bad("nobody in them is an administrator");
        }
        Ok(())
    }
}

impl SecondFactor {
    /// Codes that were used here stay used.
    fn keep_used(&mut self, here: &Self) {
        if self.secret == here.secret {
            self.last_step = self.last_step.max(here.last_step);
            self.recovery.retain(|code| here.recovery.contains(code));
        }
    }
}
