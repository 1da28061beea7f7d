//! Namespaces for the tests of this room and of others, and a shell inside them.

use std::{fs, future::Future, process::Command, thread, time::Duration};

use libtest_mimic::{Failed, Trial};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};

/// No test takes a second; this is for one that hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// Moves this process into fresh user, mount and network namespaces. Root keeps its own user namespace where the
/// machine forbids new ones.
pub(crate) fn enter() -> Result<(), String> {
    let (uid, gid) = (geteuid(), getegid());
    let inner = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    match unshare(CloneFlags::CLONE_NEWUSER | inner) {
        Ok(()) => {
            let map = |file: &str, text: String| {
                let hint = "unprivileged user namespaces are restricted here; run as root";
                fs::write(file, text).map_err(|error| format!("write {file}: {error} ({hint})"))
            };
            map("/proc/self/setgroups", "deny".to_owned())?;
            map("/proc/self/uid_map", format!("0 {uid} 1"))?;
            map("/proc/self/gid_map", format!("0 {gid} 1"))?;
        }
        Err(_) if uid.is_root() => unshare(inner).map_err(|error| error.to_string())?,
        Err(error) => {
            return Err(format!("{error} (unprivileged user namespaces are off; run as root)"));
        }
    }
    make_mounts_private().map_err(|error| format!("{error} (no rights in the user namespace)"))
}

/// A test in a thread, a network namespace and a runtime of its own.
pub(crate) fn trial<F, R>(name: &'static str, body: F) -> Trial
where
    F: FnOnce() -> R + Send + 'static,
    R: Future<Output = ()>,
{
    Trial::test(name, move || {
        let run = move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                tokio::time::timeout(LIMIT, body()).await.expect("ends in time");
            });
        };
        thread::spawn(run).join().map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Failed::from(text.or(panic.downcast_ref().copied()).unwrap_or("panicked").to_owned())
        })
    })
}

/// Runs a line of shell in the calling thread's namespaces and returns what it printed.
pub(crate) fn shell(line: &str) -> String {
    let output = Command::new("/bin/sh")
        .args(["-ec", line])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .expect("a shell");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn make_mounts_private() -> nix::Result<()> {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
}
