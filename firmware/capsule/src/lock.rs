//! Sealing and opening.

use std::{
    fmt,
    io::{Read as _, Write as _},
    iter,
    str::FromStr,
};

use age::{DecryptError, Decryptor, Encryptor, scrypt, secrecy::zeroize::Zeroizing, x25519};

use crate::{Contents, Fault, Passphrase};

/// The largest capsule, in bytes: two files of the largest size that the design room reads, and the users. What is inside is
/// no larger either.
pub const LARGEST: usize = 4 << 20;

/// The work that a passphrase takes to be tried, as a power of two: 64 MB of memory and some tenths of a second on the
/// smallest box. It is fixed, so that capsules don't depend on the machine that makes them.
pub const WORK: u8 = 16;

/// The most work that opening takes on, as a power of two: 256 MB. It is what the program `age` asks for where somebody
/// encrypted a capsule anew with it.
pub const MOST_WORK: u8 = 18;

/// How every file in the age format begins.
const MAGIC: &[u8] = b"age-encryption.org/";

/// How one begins that a passphrase opens: such a file has this one way in.
const SCRYPT: &[u8] = b"age-encryption.org/v1\n-> scrypt ";

/// What a capsule is sealed with.
#[derive(Clone, Debug)]
pub enum Lock {
    /// Whoever knows this opens it.
    Passphrase(Passphrase),
    /// Whoever has its secret key opens it.
    Recipient(Recipient),
}

/// What a capsule is opened with.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// A passphrase.
    Passphrase(Passphrase),
    /// A recipient's secret key.
    Key(Key),
}

/// A public key that capsules are sealed for: `age1…`, as `age-keygen` shows it.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

/// A recipient's secret key: `AGE-SECRET-KEY-1…`. No log and no `Debug` output shows it.
#[derive(Clone)]
pub struct Key(x25519::Identity);

/// Makes a capsule.
///
/// # Errors
/// [`Fault::TooLarge`].
pub fn seal(contents: &Contents, lock: &Lock) -> Result<Vec<u8>, Fault> {
    let plain = contents.write();
    let recipient: Box<dyn age::Recipient> = match lock {
        Lock::Passphrase(passphrase) => {
            let mut recipient = scrypt::Recipient::new(passphrase.secret());
            recipient.set_work_factor(WORK);
            Box::new(recipient)
        }
        Lock::Recipient(Recipient(recipient)) => Box::new(recipient.clone()),
    };
    let encryptor = Encryptor::with_recipients(iter::once(&*recipient)).expect("one recipient");
    let mut sealed = Vec::with_capacity(plain.len() + (plain.len() >> 8) + 1024);
    let mut writer = encryptor.wrap_output(&mut sealed).expect("a writer in memory");
    writer.write_all(&plain).expect("a writer in memory");
    writer.finish().expect("a writer in memory");
    if sealed.len() > LARGEST {
        return Err(Fault::TooLarge);
    }
    Ok(sealed)
}

/// Whether a file is one that a passphrase opens, by its first bytes.
pub fn has_passphrase(sealed: &[u8]) -> bool {
    sealed.starts_with(SCRYPT)
}

/// Opens a capsule.
///
/// # Errors
/// The [`Fault`] by its name.
pub fn open(sealed: &[u8], unlock: &Unlock) -> Result<Contents, Fault> {
    if !sealed.starts_with(MAGIC) {
        return Err(Fault::NotACapsule);
    }
    if sealed.len() > LARGEST {
        return Err(Fault::TooLarge);
    }
    let decryptor = Decryptor::new_buffered(sealed).map_err(|fault| named(&fault, unlock))?;
    let identity: Box<dyn age::Identity> = match (unlock, decryptor.is_scrypt()) {
        (Unlock::Passphrase(passphrase), true) => {
            let mut identity = scrypt::Identity::new(passphrase.secret());
            identity.set_max_work_factor(MOST_WORK);
            Box::new(identity)
        }
        (Unlock::Key(Key(key)), false) => Box::new(key.clone()),
        (Unlock::Passphrase(_), false) => return Err(Fault::NeedsKey),
        (Unlock::Key(_), true) => return Err(Fault::NeedsPassphrase),
    };
    let reader =
        decryptor.decrypt(iter::once(&*identity)).map_err(|fault| named(&fault, unlock))?;
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.take(LARGEST as u64).read_to_end(&mut plain).map_err(|_| Fault::Damaged)?;
    Contents::read(&plain)
}

/// The library's words in ours.
fn named(fault: &DecryptError, unlock: &Unlock) -> Fault {
    match (fault, unlock) {
        (DecryptError::ExcessiveWork { .. }, _) => Fault::TooMuchWork,
        (DecryptError::UnknownFormat, _) => Fault::NotACapsule,
        (
            DecryptError::NoMatchingKeys
            | DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed,
            Unlock::Passphrase(_),
        ) => Fault::WrongPassphrase,
        (
            DecryptError::NoMatchingKeys
            | DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed,
            Unlock::Key(_),
        ) => Fault::WrongKey,
        (DecryptError::InvalidHeader | DecryptError::InvalidMac | DecryptError::Io(_), _) => {
            Fault::Damaged
        }
    }
}

impl FromStr for Recipient {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        text.trim().parse().map(Self).map_err(|_| Fault::NoRecipient)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Key {
    type Err = Fault;

    /// Reads a file of `age-keygen`: one key, and lines that begin with `#`.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let lines = text.lines().map(str::trim);
        let mut keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        match (keys.next(), keys.next()) {
            (Some(key), None) => key.parse().map(Self).map_err(|_| Fault::NoKey),
            _ => Err(Fault::NoKey),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
