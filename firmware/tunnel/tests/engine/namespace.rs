//! Network namespaces for tests, without root: the test binary runs itself again inside a user namespace.

use std::{
    env,
    fs::{self, File},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::sched::{CloneFlags, setns, unshare};

/// The device's name in every namespace.
pub(crate) const DEVICE: &str = "tunnel";

const INSIDE: &str = "SEKISHO_TEST_INSIDE";
const LIMIT: Duration = Duration::from_mins(2);

/// Runs a test's body in a network of its own. `name` is the test's own name with its module, for the inner run.
pub(crate) fn alone(name: &str, body: fn()) {
    alone_within(LIMIT, name, body);
}

/// As [`alone`], for a body that takes longer.
pub(crate) fn alone_within(limit: Duration, name: &str, body: fn()) {
    if env::var_os(INSIDE).is_some() {
        ip("link set lo up");
        return body();
    }
    let mut inner = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount", "--kill-child", "--"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--include-ignored", "--nocapture"])
        .env(INSIDE, "1")
        .spawn()
        .expect("unshare of util-linux");
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = inner.try_wait().unwrap() {
            assert!(status.success(), "{name} failed inside its namespace (see above)");
            return;
        }
        if Instant::now() > end {
            inner.kill().unwrap();
            panic!("{name} took longer than {limit:?}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Another network namespace.
pub(crate) struct Namespace(File);

impl Namespace {
    pub(crate) fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            Self(File::open("/proc/thread-self/ns/net").unwrap())
        };
        thread::spawn(make).join().unwrap()
    }

    /// Does something inside. Sockets and devices that it opens stay there.
    pub(crate) fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
            act()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }
}

/// Runs `ip` in the namespace of the calling thread.
pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip of iproute2");
    assert!(status.success(), "ip {arguments}");
}

/// Makes a persistent tunnel device with an address and a route.
pub(crate) fn make_device(address: &str, route: &str) {
    ip(&format!("tuntap add dev {DEVICE} mode tun"));
    // No IPv6 address, so no router solicitations among the packets that a test counts.
    ip(&format!("link set {DEVICE} addrgenmode none"));
    ip(&format!("address add {address}/32 dev {DEVICE}"));
    ip(&format!("link set {DEVICE} mtu 1420 up"));
    ip(&format!("route add {route} dev {DEVICE}"));
}

/// How many packets the kernel has handed to the device; a superpacket counts once.
pub(crate) fn packets_out() -> u64 {
    let table = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let line = table.lines().find_map(|line| line.trim().strip_prefix("tunnel:")).unwrap();
    line.split_whitespace().nth(9).unwrap().parse().unwrap()
}
