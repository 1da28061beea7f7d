use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn write_replaces_and_leaves_nothing_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    write(&path, b"first, and longer", 0o666).unwrap();
    assert_eq!(mode(&path), 0o666, "the umask has no say");
    write(&path, b"second", 0o640).unwrap();
    assert_eq!(read(&path, 100).unwrap(), b"second");
    assert_eq!((mode(&path), names(folder.path())), (0o640, vec!["site.toml".to_owned()]));
}

#[test]
fn reader_of_the_old_file_keeps_the_old_contents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    write(&path, b"old", 0o600).unwrap();
    let mut open = File::open(&path).unwrap();
    write(&path, b"new", 0o600).unwrap();
    let mut seen = String::new();
    open.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "old");
}

#[test]
fn leavings_of_a_crash_are_swept_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tunnel.key");
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "kept").unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.path().join(".tunnel.key.new")).unwrap();
    create_secret(&path, b"key").unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"kept", "a planted link is not followed");
    assert_eq!(read_secret(&path, 100).unwrap(), b"key");
}

#[test]
fn failed_write_keeps_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    fs::create_dir_all(path.join("full")).unwrap();
    let error = write(&path, b"new", 0o600).unwrap_err();
    assert!(matches!(error, HostError::File { tried: "write", .. }), "{error}");
    assert!(path.join("full").exists());
    assert_eq!(names(folder.path()), ["site.toml"], "nothing is left beside");
    let error = write(&folder.path().join("missing/site.toml"), b"new", 0o600).unwrap_err();
    assert!(matches!(error, HostError::File { tried: "write", .. }), "{error}");
    assert!(write(Path::new("/"), b"new", 0o600).is_err());
}

#[test]
fn read_stops_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    write(&path, b"12345", 0o600).unwrap();
    assert_eq!(read(&path, 5).unwrap(), b"12345");
    assert!(matches!(read(&path, 4), Err(HostError::TooLarge { limit: 4, .. })));
    assert!(matches!(read(Path::new("/dev/zero"), 1 << 20), Err(HostError::TooLarge { .. })));
    assert!(matches!(read(folder.path(), 5), Err(HostError::File { tried: "read", .. })));
    assert!(matches!(read(&folder.path().join("none"), 5), Err(HostError::File { .. })));
}

#[test]
fn secret_is_private_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tunnel.key");
    create_secret(&path, b"first").unwrap();
    assert_eq!(mode(&path), 0o600);
    let error = create_secret(&path, b"second").unwrap_err();
    assert!(matches!(error, HostError::SecretExists { .. }), "{error}");
    assert_eq!(read_secret(&path, 100).unwrap(), b"first");
    assert_eq!(names(folder.path()), ["tunnel.key"]);
}

#[test]
fn exposed_secret_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tunnel.key");
    for exposed in [0o640, 0o604, 0o620, 0o601] {
        write(&path, b"key", exposed).unwrap();
        let error = read_secret(&path, 100).unwrap_err();
        assert!(matches!(&error, HostError::SecretExposed { mode, .. } if *mode == exposed));
        assert!(error.way_out().is_some());
    }
}

#[test]
fn lock_names_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    fs::write(&path, "4194304999\nleft by a longer text").unwrap();
    let held = Lock::take(&path).unwrap();
    let error = Lock::take(&path).unwrap_err();
    assert!(
        matches!(&error, HostError::Locked { holder: Some(pid), .. } if *pid == process::id()),
        "{error}"
    );
    assert!(error.to_string().ends_with(&format!("process {}", process::id())));
    drop(held);
    Lock::take(&path).unwrap();
}

#[test]
fn a_file_system_says_how_much_room_it_has() {
    let folder = tempfile::tempdir().unwrap();
    assert!(room(folder.path()).unwrap() > 0);
    assert!(room(&folder.path().join("none")).is_err());
}

#[test]
fn what_is_erased_is_gone_by_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("tunnel.key"), folder.path().join("other"));
    create_secret(&path, b"secret").unwrap();
    fs::hard_link(&path, &other).unwrap();
    erase(&path).unwrap();
    assert!(!path.exists());
    assert_eq!(fs::read(&other).unwrap(), [0; 6]);
    erase(&path).unwrap();
    assert!(matches!(erase(folder.path()), Err(HostError::File { tried: "erase", .. })));
}

#[test]
fn a_secret_takes_anothers_place_and_the_other_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let [own, by, aside, other] =
        ["own", "by", "aside", "other"].map(|name| folder.path().join(name));
    create_secret(&own, b"old").unwrap();
    create_secret(&by, b"new").unwrap();
    fs::hard_link(&own, &other).unwrap();
    // Left by an earlier one that was cut short.
    create_secret(&aside, b"older").unwrap();
    replace_secret(&own, &by, &aside).unwrap();
    assert_eq!(read_secret(&own, 10).unwrap(), b"new");
    assert_eq!(fs::read(&other).unwrap(), [0; 3]);
    assert!(!by.exists() && !aside.exists());
    // Without the one that is to come everything stays.
    assert!(replace_secret(&own, &by, &aside).is_err());
    finish_replacing(&own, &aside).unwrap();
    assert_eq!(read_secret(&own, 10).unwrap(), b"new");
    assert!(!aside.exists());
}
