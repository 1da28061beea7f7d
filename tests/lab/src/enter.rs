//! Into namespaces of our own, before anything else happens.
//!
//! Three processes, each the same program started again:
//!
//! ```text
//! outer ── unshares mount, network and process ids (with a user namespace where it isn't root)
//!   └─ init ── process 1 of the new namespace: mounts /proc and /run, reaps orphans
//!        └─ worker ── goes on with main()
//! ```
//! The kernel ends every process of the lab when init ends, and init when outer ends: Ctrl-C, `kill -9` and a
//! crash leave no process, and so no namespace, mount or interface, behind.
//!
//! Root takes no user namespace: one less thing to differ from a real box, files of other users stay
//! readable, and machines that forbid user namespaces still work.

use std::{
    env,
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener},
    os::{
        fd::AsRawFd as _,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus, exit},
};

use anyhow::{Context, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        prctl::set_pdeathsig,
        signal::Signal,
        wait::{WaitStatus, waitpid},
    },
    unistd::{Pid, Uid, getpid},
};

use crate::site;

/// Which of the three processes this one is; absent in the outer one.
pub(crate) const STAGE: &str = "SEKISHO_LAB_STAGE";
/// The outer process as init sees it before `/proc` is its own.
const OUTER: &str = "SEKISHO_LAB_OUTER";

/// The descriptor and the port of the door, where one was left open.
const DOOR: &str = "SEKISHO_LAB_DOOR";
/// Where the door is looked for first; another port where somebody has this one.
const DOOR_PORT: u16 = 8443;

/// Where programs are that no package installs, below the target folder.
const TOOLS: [&str; 4] = [
    "tools/bind9/usr/sbin",
    "tools/chrony/usr/sbin",
    "tools/snmpd/usr/sbin",
    "tools/vsftpd/usr/sbin",
];

/// Programs that the lab calls, and the Debian package of each.
const PROGRAMS: [(&str, &str); 5] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("curl", "curl"),
    ("tcpdump", "tcpdump"),
    ("unshare", "util-linux"),
];

/// Returns in a process that has namespaces of its own and no other thread; ends every other process.
///
/// Call it first in `main`: a process with threads can't change its user namespace. Where the machine allows
/// no namespaces to ordinary users, it says so and starts the program again through `sudo`.
pub fn enter() {
    enter_by(|| Ok(None));
}

/// The same, with a way in from the machine outside: a port of its loopback, listened to before the lab's own network
/// begins.
pub fn enter_with_door() -> anyhow::Result<Door> {
    enter_by(|| {
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = bind(DOOR_PORT).or_else(|_| bind(0)).context("no port on the loopback")?;
        fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(Some(listener))
    });
    let door = env::var(DOOR).unwrap_or_default();
    let numbers = door.split_once(':').and_then(|(descriptor, port)| {
        Some(Door { descriptor: descriptor.parse().ok()?, port: port.parse().ok()? })
    });
    numbers.context("the lab was entered without a door")
}

/// A listening socket of the machine outside, for a program of the lab.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Door {
    /// Its descriptor, which programs inherit.
    pub(crate) descriptor: i32,
    /// Its port on the loopback outside.
    pub port: u16,
}

fn enter_by(door: impl FnOnce() -> anyhow::Result<Option<TcpListener>>) {
    let result = match env::var(STAGE).as_deref() {
        Ok("worker") => return,
        Ok(_) => init(),
        Err(_) => outer(door),
    };
    match result {
        Ok(status) => exit(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))),
        Err(error) => {
            eprintln!("sekisho-lab: {error:#}");
            exit(1);
        }
    }
}

fn outer(door: impl FnOnce() -> anyhow::Result<Option<TcpListener>>) -> anyhow::Result<ExitStatus> {
    missing_programs()?;
    if let Some(reason) = needs_root()? {
        eprintln!("sekisho-lab: {reason}; starting again with sudo");
        return Err(through_sudo()).context("can't start sudo; run this as root");
    }
    let door = door()?;
    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    let flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID;
    if !user.is_root() || unshare(flags) == Err(Errno::EPERM) {
        unshare(flags | CloneFlags::CLONE_NEWUSER).context("no new namespaces")?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    }
    let mut init = again("init");
    if let Some(door) = &door {
        init.env(DOOR, format!("{}:{}", door.as_raw_fd(), door.local_addr()?.port()));
    }
    Ok(init.env(OUTER, getpid().to_string()).status()?)
}

fn init() -> anyhow::Result<ExitStatus> {
    set_pdeathsig(Signal::SIGKILL)?;
    let outer = env::var(OUTER).context("the lab's stage is its own business; unset it")?;
    ensure!(Path::new("/proc").join(outer).exists(), "the outer process is gone");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("proc"), "/proc", Some("proc"), plain, None::<&str>).context("mount /proc")?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), plain, Some("mode=0755")).context("mount /run")?;

    let worker = again("worker").env_remove(OUTER).spawn()?;
    let worker = Pid::from_raw(worker.id().cast_signed());
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == worker => {
                return Ok(ExitStatus::from_raw(code << 8));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == worker => {
                return Ok(ExitStatus::from_raw(signal as i32));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => bail!(error),
        }
    }
}

/// This program with the same arguments, as the next of the three processes.
fn again(stage: &str) -> Command {
    let mut arguments = env::args_os();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(arguments.next().unwrap_or_default()).args(arguments).env(STAGE, stage);
    command
}

/// Why an ordinary user can't have a lab here, if so.
fn needs_root() -> anyhow::Result<Option<&'static str>> {
    let tun = File::options().read(true).write(true).open("/dev/net/tun");
    match tun.map_err(|error| error.kind()) {
        Ok(_) => {}
        Err(io::ErrorKind::NotFound) => bail!("/dev/net/tun is missing: as root, `modprobe tun`"),
        Err(_) if Uid::current().is_root() => bail!("root may not open /dev/net/tun here"),
        Err(_) => return Ok(Some("/dev/net/tun is not open to ordinary users on this machine")),
    }
    if Uid::current().is_root() {
        return Ok(None);
    }
    // Tried in another process: a user namespace that turns out powerless can't be left again.
    let trial =
        Command::new("unshare").args(["-Urnm", "ip", "link", "set", "lo", "up"]).output()?;
    Ok((!trial.status.success())
        .then_some("unprivileged user namespaces are restricted on this machine"))
}

/// Becomes `sudo` with this program; returns only where there is none.
fn through_sudo() -> anyhow::Error {
    let assignment = |name: &str| {
        let value = env::var_os(name)?;
        let mut text = std::ffi::OsString::from(name);
        text.push("=");
        text.push(value);
        Some(text)
    };
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error.into(),
    };
    Command::new("sudo")
        .arg("env")
        .args(["PATH", "SEKISHO_BIN"].into_iter().filter_map(assignment))
        .arg(program)
        .args(env::args_os().skip(1))
        .exec()
        .into()
}

fn missing_programs() -> anyhow::Result<()> {
    let missing: Vec<_> =
        PROGRAMS.into_iter().filter(|(program, _)| find_program(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    bail!("missing: {}\n  sudo apt-get install -y {}", names.join(", "), packages.join(" "))
}

/// Ordinary users often lack the sbin folders in their PATH; the lab's own processes get them.
pub(crate) fn search_path() -> String {
    let mut path = env::var("PATH").unwrap_or_default();
    // What `tests/setup.sh` has unpacked beside the project's own programs.
    let target = site::binary_folder().ok().and_then(|folder| Some(folder.parent()?.to_owned()));
    for folder in target.iter().flat_map(|target| TOOLS.map(|folder| target.join(folder))) {
        path = format!("{path}:{}", folder.display());
    }
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}

pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(name)).find(|path| path.is_file())
}
