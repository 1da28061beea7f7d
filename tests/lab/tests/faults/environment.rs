//! The machine lacks something, or something on it refuses.

use std::{fs, net::SocketAddrV4, os::unix::net::UnixStream, time::Duration};

use anyhow::{Context, ensure};
use sekisho_control::{FailureKind, Phase};
use sekisho_lab::{Extent, Lab, Process, TUNNEL_PORT, sample, wait_until};
use socket2::{Domain, Socket, Type};

use crate::{
    expect::{Expected, ensure_works, stored},
    files::Site,
    snapshot::Snapshot,
};

const READY: Duration = Duration::from_mins(1);
const CARRIER: Duration = Duration::from_mins(1);
/// How long the daemon may take until it has tried a stored design again.
const AGAIN: Duration = Duration::from_secs(30);

/// A lab without its daemon: nothing was ever applied, or the sample was.
fn prepared(extent: Extent) -> anyhow::Result<Lab> {
    let mut lab = Lab::up(&sample("1-office"), extent)?;
    ensure!(lab.stop_daemon()?.success());
    Ok(lab)
}

/// Starts the daemon as the lab does, after commands that change what it sees of the machine. Their mounts are its own:
/// `ip netns exec` gives every program a mount namespace.
pub(crate) fn start(lab: &Lab, label: &str, commands: &str) -> anyhow::Result<Process> {
    let (state, key) = (lab.logs().join("state"), lab.logs().join("operator.pub"));
    let (state, key) = (state.to_string_lossy(), key.to_string_lossy());
    let (socket, program) = (lab.socket(), lab.binary("sekishod")?);
    let run = socket.parent().context("a socket in no folder")?.to_string_lossy();
    let script = format!("set -e\n{commands}\nexec \"$@\"");
    let words = ["sh", "-c", &script, "sh", &program];
    let places = ["--state", &state, "--run", &run, "--operator-key", &key];
    let mut daemon = lab.host("gateway").spawn(label, &[&words[..], &places].concat())?;
    let ready = || UnixStream::connect(&socket).is_ok();
    wait_until(READY, || !daemon.is_running() || ready());
    ensure!(daemon.is_running() && ready(), "{}", daemon.output());
    Ok(daemon)
}

/// Ends a daemon of [`start`] as a service manager does.
fn stop(daemon: Process) -> anyhow::Result<()> {
    ensure!(daemon.stop()?.success(), "the daemon failed at its end");
    Ok(())
}

pub(crate) fn nft_missing() -> anyhow::Result<()> {
    let hidden = "mount -t tmpfs none \"$(dirname \"$(command -v nft)\")\"";
    let wanted = Expected::device("can't find the program", "Install the package nftables");
    for extent in [Extent::Daemon, Extent::Applied] {
        let mut lab = prepared(extent)?;
        let before = Snapshot::take(&lab)?;
        let daemon = start(&lab, "without-nft", hidden)?;
        wanted.apply(&lab, &Site::another(&lab)?)?;
        let fault = lab.status()?.fault.context("status doesn't say that it lacks the counters")?;
        ensure!(fault.message.contains(wanted.says), "{fault}");
        before.ensure_same(&lab, "no nft")?;
        stop(daemon)?;
        before.ensure_same(&lab, "the end of a daemon without nft")?;
        lab.start_daemon()?;
        lab.apply(lab.site())?;
        lab.wait_for_carrier(None, CARRIER)?;
        ensure_works(&lab)?;
    }
    Ok(())
}

/// Stands in for `nft` and does what a file in the folder FOLDER says.
const SCRIPT: &str = r#"#!/bin/sh
mode=$(cat FOLDER/nft.mode)
case "$*" in *"-f -") what=load ;; *) what=list ;; esac
refuse() { cat >/dev/null; echo "Error: Could not process rule: Cannot allocate memory" >&2; exit 1; }
case "$mode $what" in
"refuse load" | "dead "*) refuse ;;
"hang load") exec sleep 60 ;;
"crash load") FOLDER/nft.real "$@"; echo honest >FOLDER/nft.mode; kill -9 $$ ;;
"lie load") cat >/dev/null; exit 0 ;;
"blind load") FOLDER/nft.real "$@" || exit; echo blinded >FOLDER/nft.mode; exit ;;
"blinded list") refuse ;;
"die load") FOLDER/nft.real "$@" || exit; echo dead >FOLDER/nft.mode; exit ;;
esac
exec FOLDER/nft.real "$@"
"#;

/// The stand-in's hand.
struct Filter<'a>(&'a Lab);

impl Filter<'_> {
    fn mode(&self, mode: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.0.logs().join("nft.mode"), mode)?)
    }

    fn start(&self) -> anyhow::Result<Process> {
        self.start_as("honest")
    }

    fn start_as(&self, mode: &str) -> anyhow::Result<Process> {
        let folder = self.0.logs().to_string_lossy();
        self.mode(mode)?;
        fs::write(self.0.logs().join("nft.script"), SCRIPT.replace("FOLDER", &folder))?;
        let commands = format!(
            "cp \"$(command -v nft)\" {folder}/nft.real\nchmod 755 {folder}/nft.script\n\
             mount --bind {folder}/nft.script \"$(command -v nft)\""
        );
        start(self.0, "with-other-nft", &commands)
    }
}

/// Each way in which the packet filter can fail, before anything is in force and after.
pub(crate) fn nft_refuses() -> anyhow::Result<()> {
    let cases = [
        ("refuse", FailureKind::RolledBack, "the packet filter refused", ""),
        ("hang", FailureKind::RolledBack, "didn't end within 5 s", "Apply again"),
        ("crash", FailureKind::RolledBack, "killed by signal 9", "Apply again"),
        ("lie", FailureKind::RolledBack, "doesn't hold what it was told", "apply again"),
        ("blind", FailureKind::RolledBack, "the packet filter refused", ""),
        ("dead", FailureKind::Device, "the packet filter refused", ""),
    ];
    let lab = prepared(Extent::Daemon)?;
    let filter = Filter(&lab);
    let daemon = filter.start()?;
    let another = Site::another(&lab)?;
    for in_force in [false, true] {
        if in_force {
            filter.mode("honest")?;
            lab.apply(lab.site())?;
            lab.wait_for_carrier(None, CARRIER)?;
        }
        let before = Snapshot::take(&lab)?;
        let kept = stored(&lab).ok();
        for (mode, kind, says, way_out) in cases {
            let when = format!("nft '{mode}', in force: {in_force}");
            filter.mode(mode)?;
            let words = ["apply", "--site", &another.path("site.toml")];
            let profile = ["--profile", &another.path("platform-profile.toml")];
            let words = [&words[..], &profile].concat();
            let expected = Expected { code: 4, kind, says, way_out };
            expected.json(&lab, &words).with_context(|| when.clone())?;
            before.ensure_same(&lab, &when)?;
        }
        filter.mode("honest")?;
        ensure!(stored(&lab).ok() == kept, "a design that isn't in force was kept");
        if in_force {
            ensure_works(&lab)?;
        }
    }
    stop(daemon)
}

pub(crate) fn nft_refuses_the_way_back() -> anyhow::Result<()> {
    let lab = prepared(Extent::Applied)?;
    let filter = Filter(&lab);
    let daemon = filter.start()?;
    lab.wait_for_carrier(None, CARRIER)?;
    let before = Snapshot::take(&lab)?;
    filter.mode("die")?;
    let another = Site::another(&lab)?;
    let expected = Expected {
        code: 5,
        kind: FailureKind::RollbackFailed,
        says: "the way back failed",
        way_out: "restart the device",
    };
    let words = ["apply", "--site", &another.path("site.toml")];
    expected.json(&lab, &words)?;
    filter.mode("honest")?;
    let phase = lab.status()?.phase;
    let Phase::RollbackFailed { fault } = &phase else { anyhow::bail!("{phase:?}") };
    ensure!(fault.way_out.is_some(), "{fault:?}");
    lab.apply(lab.site())?;
    before.ensure_same(&lab, "a failed roll-back and a good apply")?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)?;
    stop(daemon)
}

/// What stood in a start's way may be gone before anybody comes.
pub(crate) fn a_start_that_failed_is_tried_again() -> anyhow::Result<()> {
    for (mode, kind) in [("dead", FailureKind::Device), ("refuse", FailureKind::RolledBack)] {
        let lab = prepared(Extent::Applied)?;
        lab.host("gateway").must(&["nft", "delete", "table", "inet", "sekisho"])?;
        let filter = Filter(&lab);
        let daemon = filter.start_as(mode)?;
        let phase = lab.status()?.phase;
        let Phase::Faulty { fault } = &phase else { anyhow::bail!("{mode}: {phase:?}") };
        ensure!(fault.kind == kind, "{mode}: {fault:?}");
        ensure!(lab.carrier()?.is_none(), "{mode}: nothing may be carried");
        filter.mode("honest")?;
        let well = || lab.status().is_ok_and(|status| status.phase == Phase::InForce);
        ensure!(wait_until(AGAIN, well), "{mode}: {:?}", lab.status()?);
        lab.wait_for_carrier(None, CARRIER)?;
        ensure_works(&lab)?;
        stop(daemon)?;
    }
    Ok(())
}

pub(crate) fn no_tun_device() -> anyhow::Result<()> {
    let hidden = "mount -t tmpfs -o ro none /dev/net";
    let lab = prepared(Extent::Daemon)?;
    let closed = Snapshot::take(&lab)?;
    let daemon = start(&lab, "without-tun", hidden)?;
    let expected = Expected::rolled_back("can't make the tunnel device", "modprobe tun");
    expected.apply(&lab, &Site::another(&lab)?)?;
    closed.ensure_same(&lab, "no /dev/net/tun")?;
    ensure!(lab.status()?.phase == Phase::Closed);
    stop(daemon)?;
    drop(lab);

    // With a device in the kernel that nobody can attach to.
    let mut lab = prepared(Extent::Applied)?;
    let before = Snapshot::take(&lab)?;
    let daemon = start(&lab, "without-tun", hidden)?;
    let phase = lab.status()?.phase;
    let Phase::Faulty { fault } = &phase else { anyhow::bail!("{phase:?}") };
    ensure!(fault.kind == FailureKind::RolledBack && fault.way_out.is_some(), "{fault:?}");
    let expected = Expected::rolled_back("tunnel", "");
    expected.apply(&lab, &Site::another(&lab)?)?;
    before.ensure_same(&lab, "no /dev/net/tun after a restart")?;
    stop(daemon)?;
    lab.start_daemon()?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)
}

pub(crate) fn the_tunnel_port_is_taken() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let closed = Snapshot::take(&lab)?;
    let everywhere = SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, TUNNEL_PORT);
    let taken = take_port(&lab, everywhere)?;
    let expected = Expected::rolled_back("can't bind UDP", "Another program uses the port");
    expected.apply(&lab, &Site::another(&lab)?)?;
    closed.ensure_same(&lab, "the port is taken everywhere")?;
    drop(taken);

    lab.apply(lab.site())?;
    lab.wait_for_carrier(None, CARRIER)?;
    let in_force = Snapshot::take(&lab)?;
    let next = "198.18.1.3";
    let moved = Site::another(&lab)?.edit("site.toml", &[("198.18.1.2/24", "198.18.1.3/24")])?;
    let _taken = take_port(&lab, SocketAddrV4::new(next.parse()?, TUNNEL_PORT))?;
    expected.apply(&lab, &moved)?;
    // The tunnel that was there has to come up again.
    lab.wait_for_carrier(None, CARRIER)?;
    in_force.ensure_same(&lab, "the port is taken at the next address")?;
    ensure_works(&lab)
}

/// Binds a UDP port of the device, at an address that it may not have yet.
fn take_port(lab: &Lab, address: SocketAddrV4) -> anyhow::Result<Socket> {
    lab.host("gateway").inside(|| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        socket.set_freebind_v4(true)?;
        socket.bind(&address.into())?;
        Ok(socket)
    })?
}
