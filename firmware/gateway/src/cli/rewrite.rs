//! Files that are written anew: whole or not at all, and with the rights that they had.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
};

use sekisho_host::{HostError, files};

/// The mode of a file that wasn't there before.
const NEW: u32 = 0o644;

/// Replaces a file's contents, behind a symbolic link too. A file that may not be written is left alone, although its
/// folder would let it be replaced.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), HostError> {
    let failed = |source| HostError::File { tried: "write", path: path.to_owned(), source };
    let path = fs::canonicalize(path).map_err(failed)?;
    let file = fs::OpenOptions::new().write(true).open(&path).map_err(failed)?;
    let before = file.metadata().map_err(failed)?;
    files::write(&path, contents, before.permissions().mode() & 0o7777)?;
    let after = fs::metadata(&path).map_err(failed)?;
    if (after.uid(), after.gid()) != (before.uid(), before.gid()) {
        // Only root can give it back to whom it belonged; for others it is theirs, as every file that they write.
        drop(chown(&path, Some(before.uid()), Some(before.gid())));
    }
    Ok(())
}

/// Writes a file that may be there already.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<(), HostError> {
    write_as(path, contents, NEW)
}

/// Writes a file that may be there already; where it isn't, it gets this mode.
pub(super) fn write_as(path: &Path, contents: &[u8], new: u32) -> Result<(), HostError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => files::write(path, contents, new),
        _ => replace(path, contents),
    }
}
