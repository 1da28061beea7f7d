//! The first password: a hash that the box's console leaves in a file. It opens the page once, to set another.

use std::path::Path;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use sekisho_host::files;

use super::{Refused, User, Users, is_hash};
use crate::access::Role;

/// The user that the first password is for.
pub const ADMIN: &str = "admin";

/// The largest file that is read.
const LARGEST: u64 = 1024;

impl Users {
    /// Takes the hash in a file, where it isn't the one that was taken last: then `admin` is an administrator with this password,
    /// which has to be changed, and without a second factor. Whoever can write that file stands before the box. Whether
    /// it was taken.
    ///
    /// # Errors
    /// [`Refused`] where the file or the users can't be read or written.
    pub fn adopt(&self, file: &Path, now: Timestamp) -> Result<bool, Refused> {
        if !file.exists() {
            return Ok(false);
        }
        let bytes = files::read(file, LARGEST)?;
        let Some(hash) =
            std::str::from_utf8(&bytes).ok().map(str::trim).filter(|hash| is_hash(hash))
        else {
            return Err(Refused::NoHash(file.to_owned()));
        };
        let mark = HEXLOWER.encode(digest(&SHA256, hash.as_bytes()).as_ref());
        if self.book().adopted.as_ref() == Some(&mark) {
            return Ok(false);
        }
        self.change(|book| {
            let mut admin = User {
                role: Role::Administrator,
                hash: hash.to_owned(),
                history: Vec::new(),
                changed_at: now,
                must_change: true,
                until: None,
                second_factor: None,
            };
            if let Some(before) = book.users.get(ADMIN) {
                admin.hash.clone_from(&before.hash);
                admin.history.clone_from(&before.history);
                admin.put_password(hash.to_owned(), true, now);
            }
            book.users.insert(ADMIN.to_owned(), admin);
            book.adopted = Some(mark);
            Ok(())
        })?;
        self.unlock(ADMIN);
        Ok(true)
    }
}
