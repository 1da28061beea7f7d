//! Files where the file system itself says no.

use std::{fs, path::Path};

use libtest_mimic::Trial;
use nix::mount::{MsFlags, mount};
use sekisho_host::{HostError, files};

use crate::{
    aids::{mount_tmpfs, own_mounts},
    namespace::trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("full_disk_keeps_the_old_file", full_disk),
        trial("read_only_folder_keeps_the_old_file", read_only),
        trial("lock_goes_with_its_process", lock_of_the_dead),
    ]
}

async fn full_disk() {
    own_mounts();
    let folder = tempfile::tempdir().expect("a folder");
    mount_tmpfs(folder.path(), "size=64k");
    let path = folder.path().join("site.toml");
    files::write(&path, b"old", 0o600).expect("room for this");
    for result in [
        files::write(&path, &vec![b'x'; 1 << 20], 0o600),
        files::create_secret(&folder.path().join("tunnel.key"), &vec![b'x'; 1 << 20]),
    ] {
        let error = result.expect_err("no room");
        assert_eq!(error.way_out(), Some("Free space on the disk."), "{error}");
    }
    assert_eq!(files::read(&path, 100).expect("the old file"), b"old");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside");
}

async fn read_only() {
    own_mounts();
    let folder = tempfile::tempdir().expect("a folder");
    mount_tmpfs(folder.path(), "size=64k");
    let path = folder.path().join("site.toml");
    files::write(&path, b"old", 0o600).expect("written");
    let lock = folder.path().join("earlier-lock");
    assert!(files::Lock::take(&lock).expect("taken").read_only().is_none());
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, folder.path(), None::<&str>, flags, None::<&str>).expect("read only");
    let error = files::write(&path, b"new", 0o600).expect_err("read only");
    assert!(matches!(error, HostError::File { tried: "write", .. }), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("for writing")), "{error}");
    let error = files::Lock::take(&folder.path().join("lock")).expect_err("read only");
    assert!(matches!(error, HostError::File { tried: "lock", .. }), "{error}");
    let held = files::Lock::take(&lock).expect("a lock that is there can be taken");
    let reason = held.read_only().expect("nothing can be written");
    assert!(reason.way_out().is_some_and(|hint| hint.contains("for writing")), "{reason}");
    assert!(matches!(files::Lock::take(&lock), Err(HostError::Locked { .. })));
    assert_eq!(files::read(&path, 100).expect("the old file"), b"old");
}

async fn lock_of_the_dead() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lock");
    let mut other = tokio::process::Command::new("flock")
        .args([Path::new("--no-fork"), &path, Path::new("sleep"), Path::new("1000")])
        .kill_on_drop(true)
        .spawn()
        .expect("flock");
    let error = loop {
        match files::Lock::take(&path) {
            Err(error) => break error,
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    assert!(matches!(error, HostError::Locked { .. }), "{error}");
    other.kill().await.expect("killed");
    files::Lock::take(&path).expect("free again");
}
