//! The disk is full, or what it holds is damaged.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sekisho_control::{FailureKind, Phase};
use sekisho_lab::{Extent, Lab, describe, sample};

use crate::{
    confirm::apply,
    expect::{Expected, ensure_works, stored},
    files::Site,
    snapshot::Snapshot,
};

const CARRIER: Duration = Duration::from_mins(1);

/// A small disk over a folder, gone with the value.
struct Disk(PathBuf);

impl Disk {
    fn over(folder: &Path) -> anyhow::Result<Self> {
        let nothing = MsFlags::empty();
        mount(Some("tmpfs"), folder, Some("tmpfs"), nothing, Some("size=2m,mode=0700"))?;
        Ok(Self(folder.to_owned()))
    }

    /// Takes all the space that is left.
    fn fill(&self) -> anyhow::Result<PathBuf> {
        let path = self.0.join("filler");
        let mut file = File::create(&path)?;
        loop {
            match file.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(path),
                Err(error) => bail!(error),
            }
        }
    }

    /// Lets nothing be written any more, or again.
    fn read_only(&self, yes: bool) -> anyhow::Result<()> {
        let read_only = if yes { MsFlags::MS_RDONLY } else { MsFlags::empty() };
        let flags = MsFlags::MS_REMOUNT | read_only;
        Ok(mount(None::<&str>, &self.0, None::<&str>, flags, None::<&str>)?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// A device at work whose state is on a disk that can be filled and made read-only.
fn state_on_a_disk_of_its_own() -> anyhow::Result<(Lab, Disk)> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let key = fs::read(lab.logs().join("state/tunnel.key"))?;
    ensure!(lab.stop_daemon()?.success());
    let disk = Disk::over(&lab.logs().join("state"))?;
    sekisho_key(&lab, &key)?;
    lab.start_daemon()?;
    lab.apply(lab.site())?;
    lab.wait_for_carrier(None, CARRIER)?;
    Ok((lab, disk))
}

pub(crate) fn the_disk_is_full() -> anyhow::Result<()> {
    let (mut lab, disk) = state_on_a_disk_of_its_own()?;

    let filler = disk.fill()?;
    let (before, kept) = (Snapshot::take(&lab)?, stored(&lab)?);
    let another = Site::another(&lab)?;
    Expected::device("can't keep the design", "free or replace the disk").apply(&lab, &another)?;
    before.ensure_same(&lab, "a full disk")?;
    ensure!(stored(&lab)? == kept, "another design was kept");
    ensure_works(&lab)?;

    lab.kill_daemon()?;
    lab.start_daemon().context("a full disk is no reason not to start")?;
    lab.wait_for_carrier(None, CARRIER)?;
    before.ensure_same(&lab, "a restart with a full disk")?;
    ensure_works(&lab)?;

    fs::remove_file(filler)?;
    lab.apply(another.folder())?;
    ensure!(stored(&lab)?[0] == fs::read(another.path("site.toml"))?);
    Ok(())
}

/// A disk that fails is remounted so by the kernel; a worn one may be so from the start.
pub(crate) fn the_disk_is_read_only() -> anyhow::Result<()> {
    let (mut lab, disk) = state_on_a_disk_of_its_own()?;
    let (before, kept) = (Snapshot::take(&lab)?, stored(&lab)?);
    let another = Site::another(&lab)?;
    // Files that are open for writing keep a disk from being made read-only; the daemon's lock is one.
    for awaiting in [false, true] {
        if awaiting {
            apply(&lab, &another, &["--confirm-within", "5m"])?;
        }
        lab.kill_daemon()?;
        disk.read_only(true)?;
        lab.start_daemon().context("a disk that can only be read is no reason not to start")?;
        let status = lab.status()?;
        ensure!(status.phase == Phase::InForce, "{status:?}");
        let fault = status.storage.context("nobody noticed")?;
        ensure!(fault.message.contains("Read-only file system"), "{fault:?}");
        ensure!(fault.way_out.is_some_and(|way_out| way_out.contains("for writing")));
        before.ensure_same(&lab, "a start with a read-only disk")?;
        Expected::device("can't keep the design", "free or replace the disk")
            .apply(&lab, &another)?;
        before.ensure_same(&lab, "an apply with a read-only disk")?;
        ensure!(stored(&lab)? == kept);
        lab.wait_for_carrier(None, CARRIER)?;
        ensure_works(&lab)?;

        lab.kill_daemon()?;
        disk.read_only(false)?;
        lab.start_daemon()?;
        ensure!(lab.status()?.storage.is_none());
        before.ensure_same(&lab, "a disk that can be written again")?;
    }
    lab.apply(another.folder())?;
    Ok(())
}

fn sekisho_key(lab: &Lab, key: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = lab.logs().join("state/tunnel.key");
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(key)?)
}

/// Each damage to the only design on the disk: the daemon starts, says what is wrong, opens nothing, and a good design
/// mends it.
pub(crate) fn a_damaged_store_is_told_and_mended() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let state = lab.logs().join("state");
    for (name, says, damage) in damages(&state) {
        forget_others(&state)?;
        ensure!(lab.stop_daemon()?.success());
        let before = Snapshot::take(&lab)?;
        damage()?;
        lab.start_daemon().with_context(|| name.to_owned())?;
        before.ensure_same(&lab, name)?;
        let status = lab.status()?;
        let Phase::Faulty { fault } = &status.phase else { bail!("{name}: {:?}", status.phase) };
        ensure!(fault.kind == FailureKind::Device, "{name}: {fault:?}");
        ensure!(fault.message.contains(says), "{name}: {fault:?}");
        ensure!(status.site.is_none() && status.tunnel.is_none(), "{name}: {status:?}");
        let shown = describe(&lab.sekisho(&["status"])?);
        ensure!(shown.contains("FAULTY") && shown.contains(says), "{name}: {shown}");

        lab.apply(lab.site()).with_context(|| name.to_owned())?;
        ensure!(lab.status()?.storage.is_none(), "{name}");
        lab.wait_for_carrier(None, CARRIER).with_context(|| name.to_owned())?;
        ensure_works(&lab).with_context(|| name.to_owned())?;
    }
    Ok(())
}

/// The same damages with an earlier design on the disk: that one is in force, and the fault is told.
pub(crate) fn a_damaged_store_falls_back() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let state = lab.logs().join("state");
    let another = Site::another(&lab)?;
    for (name, says, damage) in damages(&state) {
        lab.apply(lab.site())?;
        let good = Snapshot::take(&lab)?;
        forget_others(&state)?;
        lab.apply(another.folder())?;
        lab.kill_daemon()?;
        damage()?;
        lab.start_daemon().with_context(|| name.to_owned())?;
        let status = lab.status()?;
        ensure!(status.phase == Phase::InForce, "{name}: {:?}", status.phase);
        let fault = status.storage.with_context(|| format!("{name}: nobody noticed"))?;
        ensure!(fault.message.contains(says), "{name}: {fault:?}");
        let shown = describe(&lab.sekisho(&["status"])?);
        ensure!(shown.contains("storage   FAULTY"), "{name}: {shown}");
        good.ensure_same(&lab, name)?;
        lab.wait_for_carrier(None, CARRIER).with_context(|| name.to_owned())?;
        ensure_works(&lab).with_context(|| name.to_owned())?;
    }
    // A link can be lost while what it led to is whole.
    lab.apply(another.folder())?;
    let good = Snapshot::take(&lab)?;
    for target in [Some("generation-900"), None] {
        lab.kill_daemon()?;
        fs::remove_file(state.join("in-force"))?;
        if let Some(target) = target {
            symlink(target, state.join("in-force"))?;
        }
        lab.start_daemon()?;
        let status = lab.status()?;
        ensure!(status.phase == Phase::InForce && status.storage.is_some(), "{status:?}");
        good.ensure_same(&lab, "a link that leads nowhere")?;
    }
    lab.apply(another.folder())?;
    ensure!(lab.status()?.storage.is_none());
    Ok(())
}

/// What happens to the stored design: a name for it, what the device says, the damage.
type Damage = (&'static str, &'static str, Box<dyn Fn() -> io::Result<()>>);

fn damages(state: &Path) -> [Damage; 5] {
    let file = |name: &str| state.join("in-force").join(name);
    let (site, profile, record) = (file("site.toml"), file("profile.toml"), file("record"));
    let (cut, gone) = (site.clone(), site.clone());
    [
        ("garbage", "site.toml is damaged", Box::new(move || fs::write(&site, "\0\u{1}]]"))),
        (
            "cut short",
            "site.toml is damaged",
            Box::new(move || {
                let text = fs::read_to_string(&cut)?;
                fs::write(&cut, text.split("[interface.lgwan]").next().unwrap_or_default())
            }),
        ),
        (
            "an unsigned profile",
            "profile.toml is damaged",
            Box::new(move || {
                let text = fs::read_to_string(&profile)?;
                fs::write(&profile, text.split("[signature]").next().unwrap_or_default())
            }),
        ),
        ("a scrambled record", "record is damaged", Box::new(move || fs::write(&record, "{}\n"))),
        ("a missing file", "site.toml", Box::new(move || fs::remove_file(&gone))),
    ]
}

/// Removes all generations but the one that is kept.
fn forget_others(state: &Path) -> anyhow::Result<()> {
    let kept = fs::read_link(state.join("in-force"))?;
    for entry in fs::read_dir(state)? {
        let name = entry?.file_name();
        let generation = name.to_str().is_some_and(|name| name.starts_with("generation-"));
        if generation && Path::new(&name) != kept {
            fs::remove_dir_all(state.join(&name))?;
        }
    }
    Ok(())
}
