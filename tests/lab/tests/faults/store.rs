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
        mount(Some("tmpfs"), folder, Some("tmpfs"), nothing, Some("size=96k,mode=0700"))?;
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
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

pub(crate) fn the_disk_is_full() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let key = fs::read(lab.logs().join("state/tunnel.key"))?;
    ensure!(lab.stop_daemon()?.success());
    let disk = Disk::over(&lab.logs().join("state"))?;
    sekisho_key(&lab, &key)?;
    lab.start_daemon()?;
    lab.apply(lab.site())?;
    lab.wait_for_carrier(None, CARRIER)?;

    let filler = disk.fill()?;
    let (before, kept) = (Snapshot::take(&lab)?, stored(&lab)?);
    let another = Site::another(&lab)?;
    Expected::rolled_back("can't keep the design", "free or replace the disk")
        .apply(&lab, &another)?;
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

fn sekisho_key(lab: &Lab, key: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = lab.logs().join("state/tunnel.key");
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(key)?)
}

/// What happens to the stored design.
type Damage<'a> = &'a dyn Fn() -> io::Result<()>;

/// Each damage to the stored design: the daemon starts, says what is wrong, opens nothing, and a good design mends it.
pub(crate) fn a_damaged_store_is_told_and_mended() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let state = lab.logs().join("state");
    let link = state.join("in-force");
    let (site, profile) = (link.join("site.toml"), link.join("profile.toml"));
    let cases: [(&str, FailureKind, &str, Damage<'_>); 5] = [
        ("garbage", FailureKind::Refused, "FILE-03", &|| fs::write(&site, "\0\u{1}]]")),
        ("cut short", FailureKind::Refused, "FORM-04", &|| {
            let text = fs::read_to_string(&site)?;
            fs::write(&site, text.split("[interface.lgwan]").next().unwrap_or_default())
        }),
        ("an unsigned profile", FailureKind::Refused, "SIGN-01", &|| {
            let text = fs::read_to_string(&profile)?;
            fs::write(&profile, text.split("[signature]").next().unwrap_or_default())
        }),
        ("a missing file", FailureKind::Device, "site.toml", &|| fs::remove_file(&site)),
        ("a link to nowhere", FailureKind::Device, "in-force", &|| {
            fs::remove_file(&link)?;
            symlink("generation-900", &link)
        }),
    ];
    for (name, kind, says, damage) in cases {
        ensure!(lab.stop_daemon()?.success());
        let before = Snapshot::take(&lab)?;
        damage()?;
        lab.start_daemon().with_context(|| name.to_owned())?;
        before.ensure_same(&lab, name)?;
        let status = lab.status()?;
        let Phase::Faulty { fault } = &status.phase else { bail!("{name}: {:?}", status.phase) };
        ensure!(fault.kind == kind, "{name}: {fault:?}");
        let problem = fault.problems.iter().any(|problem| problem.code == says);
        ensure!(problem || fault.message.contains(says), "{name}: {fault:?}");
        ensure!(status.site.is_none() && status.tunnel.is_none(), "{name}: {status:?}");
        let shown = describe(&lab.sekisho(&["status"])?);
        ensure!(shown.contains("FAULTY") && shown.contains(says), "{name}: {shown}");

        lab.apply(lab.site()).with_context(|| name.to_owned())?;
        lab.wait_for_carrier(None, CARRIER).with_context(|| name.to_owned())?;
        ensure_works(&lab).with_context(|| name.to_owned())?;
    }
    Ok(())
}
