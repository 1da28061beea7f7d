//! Namespaces for the tests, and the usual tools inside them.

use std::{fs, future::Future, path::Path, process::Command, thread, time::Duration};

use libtest_mimic::{Failed, Trial};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use sekisho_design::PortName;
use sekisho_host::{Kernel, Scope};
use sekisho_plan::{KernelState, Step};

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

/// Runs something in a thread of its own that has given up all its rights, in the calling thread's namespaces.
pub(crate) fn without_rights<F, R>(body: F) -> R::Output
where
    F: FnOnce() -> R + Send + 'static,
    R: Future<Output: Send + 'static>,
{
    let run = move || {
        let none = CapabilitySet::empty();
        let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
        set_capabilities(None, sets).expect("rights can be given up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(body())
    };
    thread::spawn(run).join().expect("no panic")
}

/// Gives the calling thread mounts of its own.
pub(crate) fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    make_mounts_private().expect("private mounts");
}

/// Lays an empty file system over a folder, for the calling thread's mount namespace.
pub(crate) fn mount_tmpfs(over: &Path, options: &str) {
    mount(Some("tmpfs"), over, Some("tmpfs"), MsFlags::empty(), Some(options)).expect("a tmpfs");
}

fn make_mounts_private() -> nix::Result<()> {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
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

/// Two pairs of virtual cables: `port1`–`far1` and `port2`–`far2`, the near ends down, the far ends up.
pub(crate) fn plug() {
    for n in [1, 2] {
        shell(&format!(
            "ip link add port{n} type veth peer name far{n}; ip link set far{n} up; ip link set lo up"
        ));
    }
}

pub(crate) fn port(name: &str) -> PortName {
    name.parse().expect("a port's name")
}

pub(crate) fn scope() -> Scope {
    Scope {
        links: ["port1", "port2", "tunnel"].map(port).into(),
        settings: ["net/ipv4/ip_forward", "net/ipv4/conf/port1/rp_filter"].map(Into::into).into(),
    }
}

pub(crate) async fn observe(kernel: &Kernel) -> KernelState {
    kernel.observe(&scope()).await.expect("observed")
}

pub(crate) async fn perform(kernel: &Kernel, step: &Step) {
    kernel.perform(step).await.unwrap_or_else(|error| panic!("{step:?}: {error}"));
}

/// Carries the steps out in order, shows the outcome to `check`, takes them back in reverse order, and expects the
/// state of before.
pub(crate) async fn there_and_back(
    kernel: &Kernel,
    steps: &[Step],
    check: impl FnOnce(&KernelState),
) {
    let before = observe(kernel).await;
    for step in steps {
        perform(kernel, step).await;
    }
    check(&observe(kernel).await);
    for step in steps.iter().rev() {
        perform(kernel, &step.clone().undo()).await;
    }
    assert_eq!(observe(kernel).await, before);
}
