//! The log's disk is full: traffic goes on, losses are counted, and the log goes on by itself.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use anyhow::{Context, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sekisho_control::FlowLogStatus;
use sekisho_lab::{Extent, Lab, PLATFORM_RESOLVER, PLATFORM_WEB, wait_until};

use crate::office::{close, site};

/// More flows than wait for a disk that refuses.
const FLOWS: u32 = 3_000;

pub(crate) fn a_full_disk_costs_flows_and_no_traffic() -> anyhow::Result<()> {
    let mut lab = Lab::up(&site(|_| ())?, Extent::Daemon)?;
    // The daemon sees what is mounted before its start.
    ensure!(lab.stop_daemon()?.success());
    let folder = lab.logs().join("state/flows");
    fs::create_dir_all(&folder)?;
    mount(Some("tmpfs"), &folder, Some("tmpfs"), MsFlags::empty(), Some("size=8m,mode=0700"))?;
    let told = on_a_full_disk(&mut lab, &folder.join("filler"));
    umount2(&folder, MntFlags::MNT_DETACH)?;
    told
}

fn on_a_full_disk(lab: &mut Lab, filler: &Path) -> anyhow::Result<()> {
    lab.start_daemon()?;
    lab.apply(lab.site())?;
    lab.wait_for_carrier(None, Duration::from_mins(1))?;
    nix::fcntl::posix_fallocate(File::create(filler)?, 0, 6 << 20)?;
    open_and_end_flows(lab)?;
    let full = wait_for(lab, |log| log.lost > 0 && log.fault.is_some())?;
    ensure!(full.written == 0 && full.overruns == 0, "{full:?}");
    let fault = full.fault.context("a fault")?;
    ensure!(fault.message.contains("flows can't be logged"), "{fault}");
    ensure!(fault.way_out.is_some(), "{fault}");
    // The site is open again, and traffic passes beside a full disk.
    lab.apply(&site(|_| ())?)?;
    let url = format!("http://{PLATFORM_WEB}/source");
    lab.host("terminal").must(&["curl", "-sS", "--max-time", "5", &url])?;
    fs::remove_file(filler)?;
    let written = wait_for(lab, |log| log.fault.is_none() && log.written > 0)?;
    // Flows that ended later were lost as well, until there was room again.
    ensure!(written.lost >= full.lost, "{written:?}");
    // A port may have been drawn twice.
    ensure!(written.written + written.lost > u64::from(FLOWS) / 2, "{written:?}");
    Ok(())
}

/// Each datagram has a socket of its own, and so a flow.
fn open_and_end_flows(lab: &Lab) -> anyhow::Result<()> {
    let script = format!(
        "for ((n = 0; n < {FLOWS}; n++)); do echo q >/dev/udp/{PLATFORM_RESOLVER}/53; done"
    );
    lab.host("terminal").must(&["bash", "-c", &script])?;
    lab.apply(&site(close)?).map(drop)
}

fn wait_for(
    lab: &Lab,
    condition: impl Fn(&FlowLogStatus) -> bool,
) -> anyhow::Result<FlowLogStatus> {
    let mut last = None;
    let done = wait_until(Duration::from_secs(15), || {
        last = lab.status().ok().and_then(|status| status.flow_log);
        last.as_ref().is_some_and(&condition)
    });
    let last = last.context("no flow log")?;
    ensure!(done, "{last:?}");
    Ok(last)
}
