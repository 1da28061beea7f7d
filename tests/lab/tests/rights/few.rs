//! Another user with `CAP_NET_ADMIN`, `CAP_NET_RAW` and `CAP_NET_BIND_SERVICE`, and no way to more.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context, ensure};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    unistd::{Gid, Uid, chown},
};
use sekisho_lab::{Extent, Lab, PLATFORM_WEB, Process, sample, wait_until};

const CARRIER: Duration = Duration::from_mins(1);
/// A user and group that no machine has.
const USER: u32 = 4_711;
const TUN: &str = "/dev/net/tun";
const DEVICES: &str = "devices";
const CAPABILITIES: [&str; 3] = ["net_admin", "net_raw", "net_bind_service"];
/// The same as bits (capability.h): 12, 13 and 10.
const BITS: u64 = 1 << 12 | 1 << 13 | 1 << 10;

pub(crate) fn three_capabilities_are_enough_from_the_first_apply_to_a_restart() -> anyhow::Result<()>
{
    let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    ensure!(lab.stop_daemon()?.success());
    // The user may not have the way to where the programs were built.
    let programs = lab.logs().join("programs");
    fs::create_dir(&programs)?;
    let sekishod = lab.binary("sekishod")?;
    let built = Path::new(&sekishod).parent().context("a program in no folder")?;
    mount(Some(built), &programs, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    let done = with_few_rights(&lab, &programs.join("sekishod"));
    umount2(&programs, MntFlags::MNT_DETACH)?;
    for place in [TUN.into(), lab.logs().join(DEVICES)] {
        // Where the machine's own device was good enough, nothing is mounted.
        let _ = umount2(&place, MntFlags::MNT_DETACH);
    }
    done
}

/// Gives everybody the device that makes tunnels, as udev does on Debian, where this machine keeps it to root. The lab's
/// mounts are its own.
fn open_tun(lab: &Lab) -> anyhow::Result<()> {
    if fs::metadata(TUN)?.permissions().mode() & 0o006 == 0o006 {
        return Ok(());
    }
    let devices = lab.logs().join(DEVICES);
    fs::create_dir(&devices)?;
    mount(Some("tmpfs"), &devices, Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
    let device = devices.join("tun");
    // Its number is the kernel's for ever (Documentation/admin-guide/devices.txt).
    let words = ["mknod", "-m", "666", &device.to_string_lossy(), "c", "10", "200"];
    lab.host("gateway").must(&words)?;
    mount(Some(&device), TUN, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    Ok(())
}

fn with_few_rights(lab: &Lab, program: &Path) -> anyhow::Result<()> {
    // In a user namespace of one user there is no other; then all other capabilities of that one are taken away.
    let other = given(lab, USER).is_ok();
    if other {
        open_tun(lab)?;
    }
    let user = if other { USER } else { Uid::current().as_raw() };
    for start in ["the first start", "a restart"] {
        let daemon = start_daemon(lab, program, user, other)?;
        if start == "the first start" {
            lab.apply(lab.site()).with_context(|| daemon.output())?;
        }
        lab.wait_for_carrier(None, CARRIER)
            .with_context(|| format!("{start}\n{}", daemon.output()))?;
        ensure_few(&daemon, user)?;
        let url = format!("http://{PLATFORM_WEB}/source");
        lab.host("terminal").must(&["curl", "-sS", "--max-time", "5", &url])?;
        let gateway = lab.host("gateway");
        ensure!(gateway.must(&["ss", "-Hlun", "sport", "=", ":53"])?.contains("port2"), "no names");
        ensure!(gateway.must(&["ss", "-Hlun", "sport", "=", ":123"])?.contains("port2"), "no time");
        let forward = gateway.must(&["cat", "/proc/sys/net/ipv4/ip_forward"])?;
        ensure!(forward.trim() == "1", "ip_forward is {forward}");
        let socket = fs::metadata(lab.socket())?;
        ensure!((socket.uid(), socket.gid()) == (user, user), "{socket:?}");
        ensure!(socket.permissions().mode() & 0o777 == 0o660, "{socket:?}");
        // It may change what it has, and repairs what somebody breaks.
        let status = lab.status()?;
        ensure!(status.storage.is_none() && status.fault.is_none(), "{status:?}");
        gateway.must(&["nft", "delete", "table", "inet", "sekisho"])?;
        let back = || gateway.must(&["nft", "list", "table", "inet", "sekisho"]).is_ok();
        ensure!(wait_until(CARRIER, back), "not repaired\n{}", daemon.output());
        let log = daemon.output();
        ensure!(!log.contains("ermission") && !log.contains("not permitted"), "{log}");
        ensure!(daemon.stop()?.success());
    }
    Ok(())
}

/// Gives another user what the daemon of the lab has made and what it reads.
fn given(lab: &Lab, user: u32) -> anyhow::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(user)));
    let run = lab.socket().parent().context("a socket in no folder")?.to_owned();
    let mut left = vec![lab.logs().join("state"), run, lab.logs().join("operator.pub")];
    while let Some(path) = left.pop() {
        chown(&path, uid, gid)?;
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                left.push(entry?.path());
            }
        }
    }
    Ok(())
}

fn start_daemon(lab: &Lab, program: &Path, user: u32, other: bool) -> anyhow::Result<Process> {
    let path = |name: &str| lab.logs().join(name).to_string_lossy().into_owned();
    let (state, key) = (path("state"), path("operator.pub"));
    let (socket, program) = (lab.socket(), program.to_string_lossy());
    let run = socket.parent().context("a socket in no folder")?.to_string_lossy();
    let few = CAPABILITIES.map(|name| format!("+{name}")).join(",");
    let sets = ["inh-caps", "ambient-caps", "bounding-set"];
    let sets = sets.map(|set| format!("--{set}=-all,{few}"));
    let (uid, gid) = (format!("--reuid={user}"), format!("--regid={user}"));
    let mut words = vec!["setpriv", "--no-new-privs"];
    words.extend(sets.iter().map(String::as_str));
    if other {
        words.extend([&*uid, &gid, "--clear-groups"]);
    } else {
        // The one user is root, to whom exec gives all that is in the bounding set.
        words.push("--securebits=+noroot");
    }
    words.extend([&*program, "--state", &state, "--run", &run, "--operator-key", &key]);
    let daemon = lab.host("gateway").spawn("sekishod", &words)?;
    ensure!(wait_until(CARRIER, || lab.status().is_ok()), "{}", daemon.output());
    Ok(daemon)
}

/// It really is that user, with these rights and no way to more.
fn ensure_few(daemon: &Process, user: u32) -> anyhow::Result<()> {
    let told = fs::read_to_string(format!("/proc/{}/status", daemon.id()))?;
    let value =
        |key: &str| told.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("").trim();
    let few = format!("{BITS:016x}");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        ensure!(value(set) == few, "{set} {} and not {few}", value(set));
    }
    ensure!(value("NoNewPrivs:") == "1", "{told}");
    let uids: Vec<_> = value("Uid:").split_whitespace().collect();
    ensure!(uids == vec![user.to_string(); 4], "{uids:?}");
    Ok(())
}
