//! The daemon's state while new firmware is on trial.
//!
//! The new firmware may bring what it finds into a form that the old one can't read. So the state is kept beside as it was,
//! before the new daemon starts, and put back in one step where the old firmware comes back. Files are shared, not copied:
//! the daemon replaces a file whole, so that its other name keeps the old one; logs, which are only appended to, go on.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, chown, lchown, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use sekisho_host::HostError;

/// In the state that firmware on trial works on.
const MARK: &str = "on-trial";

/// Must never go back, whatever firmware runs: the last handshake's stamp, the latest time that was seen, and the tunnel's
/// keys, since a centre forgets a key that was renewed.
const FORWARD_ONLY: [&str; 4] = ["handshake-stamp", "time-seen", "tunnel.key", COMING_KEY];

/// Is gone for good once it has become the tunnel's own, or isn't wanted any more.
const COMING_KEY: &str = "tunnel-coming.key";

/// Logs, whose later files are kept too.
const LOGS: [&str; 2] = ["flows", "queries"];

/// Keeps the state as it is; once, however often the new firmware starts.
pub(super) fn keep(state: &Path) -> Result<(), HostError> {
    if !state.exists() || state.join(MARK).exists() {
        return Ok(());
    }
    let keep = || {
        let (kept, new) = (beside(state, "before"), beside(state, "before.new"));
        remove(&new)?;
        link_tree(state, &new)?;
        remove(&kept)?;
        fs::rename(&new, &kept)?;
        fs::File::create(state.join(MARK))?;
        sync(state)
    };
    keep().map_err(|source| failed("keep", state, source))
}

/// Puts back what was kept, if firmware on trial has had the state. In one step, so that a cut leaves one or the other.
pub(super) fn put_back(state: &Path) -> Result<(), HostError> {
    let kept = beside(state, "before");
    if !state.join(MARK).exists() || !kept.exists() {
        return Ok(());
    }
    let put_back = || {
        for name in FORWARD_ONLY {
            let (later, earlier) = (state.join(name), kept.join(name));
            if later.exists() {
                remove_file(&earlier)?;
                fs::hard_link(later, earlier)?;
            } else if name == COMING_KEY {
                remove_file(&earlier)?;
            }
        }
        for log in LOGS.map(|name| (state.join(name), kept.join(name))) {
            share_later_files(&log.0, &log.1)?;
        }
        renameat_with(CWD, &kept, CWD, state, RenameFlags::EXCHANGE)?;
        sync(state)?;
        remove(&kept)
    };
    put_back().map_err(|source| failed("put back", state, source))
}

/// The new firmware stays: nothing is kept for the old one.
pub(super) fn let_go(state: &Path) -> Result<(), HostError> {
    let let_go = || {
        remove_file(&state.join(MARK))?;
        remove(&beside(state, "before"))
    };
    let_go().map_err(|source| failed("clean up beside", state, source))
}

fn share_later_files(later: &Path, earlier: &Path) -> io::Result<()> {
    if !(later.is_dir() && earlier.is_dir()) {
        return Ok(());
    }
    for entry in fs::read_dir(later)?.flatten() {
        let (path, name) = (entry.path(), earlier.join(entry.file_name()));
        if path.is_file() && !name.exists() {
            fs::hard_link(path, name)?;
        }
    }
    Ok(())
}

/// A folder with the same files under the same names, owners and rights.
fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = from.metadata()?;
    fs::create_dir(to)?;
    chown(to, Some(metadata.uid()), Some(metadata.gid()))?;
    fs::set_permissions(to, metadata.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            link_tree(&path, &target)?;
        } else if kind.is_symlink() {
            let metadata = entry.metadata()?;
            symlink(fs::read_link(&path)?, &target)?;
            lchown(&target, Some(metadata.uid()), Some(metadata.gid()))?;
        } else {
            fs::hard_link(path, target)?;
        }
    }
    Ok(())
}

fn beside(state: &Path, what: &str) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push("-");
    name.push(what);
    name.into()
}

fn remove(folder: &Path) -> io::Result<()> {
    or_absent(fs::remove_dir_all(folder))
}

fn remove_file(path: &Path) -> io::Result<()> {
    or_absent(fs::remove_file(path))
}

/// What isn't there needn't be removed.
fn or_absent(removed: io::Result<()>) -> io::Result<()> {
    removed
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// All of the file system, since names in many folders have changed.
fn sync(state: &Path) -> io::Result<()> {
    rustix::fs::syncfs(fs::File::open(state)?)?;
    Ok(())
}

fn failed(tried: &'static str, path: &Path, source: io::Error) -> HostError {
    HostError::File { tried, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use sekisho_host::files;

    use super::*;

    /// A state with a generation, a stamp and a log.
    fn state() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("sekisho");
        fs::create_dir_all(state.join("generation-1")).unwrap();
        fs::create_dir(state.join("flows")).unwrap();
        symlink("generation-1", state.join("in-force")).unwrap();
        for (name, text) in [
            ("generation-1/site.toml", "schema = 1"),
            ("handshake-stamp", "1"),
            ("flows/1.csv", "a"),
        ] {
            fs::write(state.join(name), text).unwrap();
        }
        (folder, state)
    }

    fn text(state: &Path, name: &str) -> String {
        fs::read_to_string(state.join(name)).unwrap()
    }

    /// What new firmware does: another form of what it finds, a later stamp, more of the log.
    fn migrate(state: &Path) {
        files::write(&state.join("generation-1/site.toml"), b"schema = 2", 0o600).unwrap();
        files::write(&state.join("handshake-stamp"), b"2", 0o600).unwrap();
        fs::write(state.join("flows/2.csv"), "b").unwrap();
        fs::create_dir(state.join("generation-2")).unwrap();
        fs::remove_file(state.join("in-force")).unwrap();
        symlink("generation-2", state.join("in-force")).unwrap();
    }

    #[test]
    fn the_old_firmware_finds_its_own_design_and_no_older_stamp() {
        let (_folder, state) = state();
        keep(&state).unwrap();
        migrate(&state);
        // It starts once more.
        keep(&state).unwrap();
        put_back(&state).unwrap();
        assert_eq!(text(&state, "in-force/site.toml"), "schema = 1");
        assert_eq!(text(&state, "handshake-stamp"), "2");
        assert_eq!(
            (text(&state, "flows/1.csv"), text(&state, "flows/2.csv")),
            ("a".into(), "b".into())
        );
        assert!(!state.join("generation-2").exists() && !beside(&state, "before").exists());
        // A cut after the step: it isn't taken again.
        put_back(&state).unwrap();
        assert_eq!(text(&state, "in-force/site.toml"), "schema = 1");
    }

    #[test]
    fn keys_that_were_renewed_meanwhile_stay_renewed() {
        // What the state holds before and after: the own key, the coming one.
        let cases = [
            (("old", None), ("old", Some("new"))),
            (("old", Some("new")), ("new", None)),
            (("old", Some("new")), ("old", None)),
        ];
        for (before, after) in cases {
            let (_folder, state) = state();
            let write = |(own, coming): (&str, Option<&str>)| {
                files::write(&state.join("tunnel.key"), own.as_bytes(), 0o600).unwrap();
                match coming {
                    Some(key) => {
                        files::write(&state.join(COMING_KEY), key.as_bytes(), 0o600).unwrap();
                    }
                    None => files::erase(&state.join(COMING_KEY)).unwrap(),
                }
            };
            write(before);
            keep(&state).unwrap();
            write(after);
            put_back(&state).unwrap();
            assert_eq!(text(&state, "tunnel.key"), after.0);
            assert_eq!(fs::read_to_string(state.join(COMING_KEY)).ok().as_deref(), after.1);
        }
    }

    #[test]
    fn firmware_that_stays_keeps_what_it_made() {
        let (_folder, state) = state();
        keep(&state).unwrap();
        migrate(&state);
        let_go(&state).unwrap();
        put_back(&state).unwrap();
        assert_eq!(text(&state, "generation-1/site.toml"), "schema = 2");
        assert!(!beside(&state, "before").exists());
    }

    #[test]
    fn a_cut_while_keeping_begins_again() {
        let (_folder, state) = state();
        fs::create_dir(beside(&state, "before.new")).unwrap();
        fs::create_dir(beside(&state, "before")).unwrap();
        keep(&state).unwrap();
        migrate(&state);
        put_back(&state).unwrap();
        assert_eq!(text(&state, "in-force/site.toml"), "schema = 1");
    }
}
