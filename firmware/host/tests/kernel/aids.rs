//! Rights, mounts, cables and the plan's steps inside the namespaces.

use std::{future::Future, path::Path, thread};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use sekisho_design::PortName;
use sekisho_host::{Kernel, Scope};
use sekisho_plan::{KernelState, Step};

use crate::namespace::{make_mounts_private, shell};

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
