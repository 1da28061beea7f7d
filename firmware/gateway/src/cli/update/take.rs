//! What a process without rights has left, taken to a place of root's own.
//!
//! Neither the folder nor the file is trusted: no link is followed, on the whole way; only an ordinary file of a bounded size
//! is read; and what is looked at and installed is a copy that nobody else can write.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use sekisho_control::{LARGEST_BUNDLE, SPARE_ROOM};
use sekisho_host::{HostError, files};

use super::{UpdateError, unreadable};

/// A copy, which goes when it is dropped.
#[derive(Debug)]
pub(super) struct Copy(PathBuf);

impl Copy {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // The next one takes its place, where it can't be removed.
        drop(fs::remove_file(&self.0));
    }
}

/// Copies a bundle.
pub(super) fn bundle(from: &Path, to: &Path) -> Result<Copy, UpdateError> {
    let (file, bytes) = open(from, LARGEST_BUNDLE)?;
    let failed = |source| HostError::File { tried: "write", path: to.to_owned(), source };
    match fs::remove_file(to) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(failed(fault).into()),
        _ => {}
    }
    let (needed, free) = (bytes + SPARE_ROOM, files::room(to.parent().unwrap_or(Path::new("/")))?);
    if free < needed {
        return Err(UpdateError::NoRoom { needed, free });
    }
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut new = new.map_err(failed)?;
    let copy = Copy(to.to_owned());
    // It may grow meanwhile.
    let copied = io::copy(&mut file.take(LARGEST_BUNDLE + 1), &mut new).map_err(failed)?;
    if copied > LARGEST_BUNDLE {
        return Err(UpdateError::Odd(from.to_owned()));
    }
    Ok(copy)
}

/// Reads a small file.
pub(super) fn text(from: &Path, largest: u64) -> Result<String, UpdateError> {
    let (file, _) = open(from, largest)?;
    let mut text = String::new();
    file.take(largest).read_to_string(&mut text).map_err(|source| unreadable(from, source))?;
    Ok(text)
}

fn open(path: &Path, largest: u64) -> Result<(File, u64), UpdateError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    let file = File::from(file.map_err(|source| unreadable(path, source.into()))?);
    let found = file.metadata().map_err(|source| unreadable(path, source))?;
    if !found.is_file() || found.len() > largest {
        return Err(UpdateError::Odd(path.to_owned()));
    }
    Ok((file, found.len()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_copy_is_roots_own_and_goes_with_its_use() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("sent"), folder.path().join("own"));
        fs::write(&from, "bundle").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o666)).unwrap();
        // What a cut has left.
        fs::write(&to, "half of an earlier one").unwrap();
        let copy = bundle(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(copy.path()).unwrap(), "bundle");
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        drop(copy);
        assert!(!to.exists() && from.exists());
    }

    #[test]
    fn no_link_leads_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::create_dir(place("real")).unwrap();
        fs::write(place("real/bundle"), "bundle").unwrap();
        symlink(place("real/bundle"), place("link")).unwrap();
        symlink(place("real"), place("folder")).unwrap();
        for path in [place("link"), place("folder/bundle")] {
            let fault = bundle(&path, &place("own")).unwrap_err();
            assert!(matches!(fault, UpdateError::Read { .. }), "{fault}");
            assert!(text(&path, 100).is_err());
        }
        // Nor does one where the copy goes.
        symlink(place("elsewhere"), place("own")).unwrap();
        drop(bundle(&place("real/bundle"), &place("own")).unwrap());
        assert!(!place("elsewhere").exists());
    }

    #[test]
    fn only_ordinary_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let giant = File::create(place("giant")).unwrap();
        giant.set_len(LARGEST_BUNDLE + 1).unwrap();
        fs::create_dir(place("folder")).unwrap();
        rustix::fs::mknodat(CWD, place("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        for name in ["giant", "folder", "pipe"] {
            let fault = bundle(&place(name), &place("own")).unwrap_err();
            assert!(matches!(fault, UpdateError::Odd(_)), "{name}: {fault}");
        }
        assert!(matches!(text(&place("giant"), 10), Err(UpdateError::Odd(_))));
        let fault = bundle(&place("none"), &place("own")).unwrap_err();
        assert!(matches!(fault, UpdateError::Read { .. }), "{fault}");
        assert!(!place("own").exists());
    }
}
