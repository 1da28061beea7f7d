//! Files that survive a loss of power: written beside, synced, renamed, and the folder synced.
//!
//! At every moment a reader finds the old contents whole or the new contents whole. One writer at a time per file;
//! [`Lock`] sees to that for a folder.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    process,
};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::HostError;

/// Replaces a file's contents. `mode` has the permission bits, whatever the umask.
///
/// # Errors
/// [`HostError::File`]; the old contents are then untouched.
pub fn write(path: &Path, contents: &[u8], mode: u32) -> Result<(), HostError> {
    let wrote =
        with_file_beside(path, contents, (Some(mode), None), |beside| fs::rename(beside, path));
    wrote.map_err(|source| file_error("write", path, source))
}

/// Replaces a file's contents where rights may not be known: on a stick. Whatever bears the name, a link too, makes way.
///
/// # Errors
/// [`HostError::File`]; the old contents are then untouched.
pub fn write_on_stick(path: &Path, contents: &[u8]) -> Result<(), HostError> {
    let wrote = with_file_beside(path, contents, (None, None), |beside| fs::rename(beside, path));
    wrote.map_err(|source| file_error("write", path, source))
}

/// Replaces a file's contents for whoever owns the folder, who alone can reach it then (mode 0600).
///
/// # Errors
/// [`HostError::File`]; the old contents are then untouched.
pub fn hand_over(path: &Path, contents: &[u8]) -> Result<(), HostError> {
    let given = fs::metadata(folder(path)).and_then(|folder| {
        let owner = Some((folder.uid(), folder.gid()));
        with_file_beside(path, contents, (Some(0o600), owner), |beside| fs::rename(beside, path))
    });
    given.map_err(|source| file_error("write", path, source))
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`HostError::File`], [`HostError::TooLarge`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, HostError> {
    let file = File::open(path).map_err(|source| file_error("read", path, source))?;
    read_open(file, path, limit)
}

/// Makes a file that only its owner can reach (mode 0600). Never overwrites: a secret that is lost can't be had again.
///
/// # Errors
/// [`HostError::SecretExists`], [`HostError::File`]; the file is then not there.
pub fn create_secret(path: &Path, contents: &[u8]) -> Result<(), HostError> {
    // Unlike a rename, a link fails where the name is taken.
    let created = with_file_beside(path, contents, (Some(0o600), None), |beside| {
        fs::hard_link(beside, path)?;
        fs::remove_file(beside)
    });
    created.map_err(|source| {
        if source.kind() == io::ErrorKind::AlreadyExists {
            HostError::SecretExists { path: path.to_owned() }
        } else {
            file_error("write", path, source)
        }
    })
}

/// Reads a secret of at most `limit` bytes.
///
/// # Errors
/// [`HostError::SecretExposed`] where group or others have any right to it, [`HostError::File`],
/// [`HostError::TooLarge`].
pub fn read_secret(path: &Path, limit: u64) -> Result<Vec<u8>, HostError> {
    let file = File::open(path).map_err(|source| file_error("read", path, source))?;
    let metadata = file.metadata().map_err(|source| file_error("read", path, source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(HostError::SecretExposed { path: path.to_owned(), mode });
    }
    read_open(file, path, limit)
}

/// Makes a file of secrets unreadable and removes it: its bytes are written over where they lie, and synced, before the
/// name goes. What a disk keeps of what it has moved elsewhere by itself, no file system reaches. Where there is no
/// such file, nothing is done.
///
/// # Errors
/// [`HostError::File`].
pub fn erase(path: &Path) -> Result<(), HostError> {
    let erase = || {
        let mut file = match OpenOptions::new().write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        io::copy(&mut io::repeat(0).take(length), &mut file)?;
        file.sync_all()?;
        fs::remove_file(path)?;
        File::open(folder(path))?.sync_all()
    };
    erase().map_err(|source| file_error("erase", path, source))
}

/// Puts one secret in another's place and erases the other: at every moment one of the two is there whole. `aside` is a
/// name in the same folder for the old one meanwhile; what a cut leaves there [`finish_replacing`] clears.
///
/// # Errors
/// [`HostError::File`]. Which of the two is there then, [`read_secret`] tells.
pub fn replace_secret(path: &Path, by: &Path, aside: &Path) -> Result<(), HostError> {
    let replace = || {
        fs::hard_link(path, aside)?;
        File::open(folder(path))?.sync_all()?;
        fs::rename(by, path)?;
        File::open(folder(path))?.sync_all()
    };
    finish_replacing(path, aside)?;
    replace().map_err(|source| file_error("replace", path, source))?;
    finish_replacing(path, aside)
}

/// Finishes what a cut left of [`replace_secret`]: the old secret is erased where the new one has its place, and just
/// loses its second name where it still has it.
///
/// # Errors
/// [`HostError::File`].
pub fn finish_replacing(path: &Path, aside: &Path) -> Result<(), HostError> {
    let told = |source| file_error("look at", aside, source);
    let number = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(told(error)),
    };
    let Some(left) = number(aside)? else { return Ok(()) };
    if number(path)? != Some(left) {
        return erase(aside);
    }
    fs::remove_file(aside)
        .and_then(|()| File::open(folder(aside))?.sync_all())
        .map_err(|source| file_error("remove", aside, source))
}

/// Keeps a folder to one process. The kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    read_only: Option<HostError>,
}

impl Lock {
    /// Takes the lock and writes this process's number into the lock file. The file stays when the lock goes. On a disk
    /// that can only be read, a lock file that is there is taken as it is.
    ///
    /// # Errors
    /// [`HostError::Locked`] at once where another process holds it, [`HostError::File`].
    pub fn take(path: &Path) -> Result<Self, HostError> {
        let failed = |source| file_error("lock", path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o644);
        let (mut file, read_only) = match options.open(path) {
            Ok(file) => (file, None),
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                let Ok(file) = File::open(path) else { return Err(failed(error)) };
                (file, Some(failed(error)))
            }
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = read_open(file, path, 32)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .and_then(|text| text.trim().parse().ok());
                return Err(HostError::Locked { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        if read_only.is_none() {
            file.set_len(0).map_err(failed)?;
            writeln!(file, "{}", process::id()).map_err(failed)?;
        }
        Ok(Self { _file: file, read_only })
    }

    /// Why nothing can be written to the folder, where that was found out.
    pub fn read_only(&self) -> Option<&HostError> {
        self.read_only.as_ref()
    }
}

/// Reads a file that was synced, from the disk itself and not from what the kernel has in memory, where the file system can.
///
/// # Errors
/// As [`read`].
pub fn read_anew(path: &Path, limit: u64) -> Result<Vec<u8>, HostError> {
    let file = File::open(path).map_err(|source| file_error("read", path, source))?;
    // A file system without a disk has nothing but memory.
    let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    read_open(file, path, limit)
}

/// Bytes that may still be written to the file system of a file or folder.
///
/// # Errors
/// [`HostError::File`].
pub fn room(path: &Path) -> Result<u64, HostError> {
    let found = nix::sys::statvfs::statvfs(path);
    let found = found.map_err(|source| file_error("look at", path, source.into()))?;
    Ok(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// A file's permission bits, where they have to be exactly those, and its user and group, where they aren't the process's.
type Rights = (Option<u32>, Option<(u32, u32)>);

fn with_file_beside(
    path: &Path,
    contents: &[u8],
    rights: Rights,
    put_in_place: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let beside = beside(path)?;
    // What a crash left there; its name is always the same, so that crashes don't fill the disk.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_synced(&beside, contents, rights).and_then(|()| put_in_place(&beside));
    if written.is_err() {
        // The first error is the one to report.
        drop(fs::remove_file(&beside));
    }
    written?;
    File::open(folder(path))?.sync_all()
}

fn write_synced(path: &Path, contents: &[u8], (mode, owner): Rights) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some(mode) = mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    if let Some((user, group)) = owner {
        fchown(&file, Some(user), Some(group))?;
    }
    file.write_all(contents)?;
    file.sync_all()
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    Ok(path.with_file_name(hidden))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn read_open(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, HostError> {
    let mut contents = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut contents)
        .map_err(|source| file_error("read", path, source))?;
    if contents.len() as u64 > limit {
        return Err(HostError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(contents)
}

fn file_error(tried: &'static str, path: &Path, source: io::Error) -> HostError {
    HostError::File { tried, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
