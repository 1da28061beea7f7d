//! A change that would shut people out, and a daemon that dies.

use std::{fs, thread, time::Duration};

use anyhow::{Context, ensure};
use sekisho_lab::{Lab, PLATFORM_WEB, PROFILE, describe, wait_until};

use super::{
    Story,
    traffic::{Download, source_seen},
};

/// How long a change waits for its confirmation; the shortest time there is.
const WAIT: &str = "5s";
/// How long what has a time of its own may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn play(story: &mut Story, lab: &mut Lab) {
    story.act("a change that shuts the terminal out is taken back by itself", || shut_out(lab));
    story.act("the daemon is killed in the middle of a transfer, and started again", || {
        let mut download = Download::start(lab, 40_000_000)?;
        thread::sleep(Duration::from_secs(1));
        download.ensure_running()?;
        lab.kill_daemon()?;
        lab.start_daemon()?;
        let hash = download.arrives()?;
        Ok(format!("no connection was lost; the hash is right, {hash}…"))
    });
}

fn shut_out(lab: &Lab) -> anyhow::Result<String> {
    let terminal = lab.addresses().host("terminal")?.address.to_string();
    let good = fs::read_to_string(lab.site().join("site.toml"))?;
    // A slip of the finger in the row of terminals.
    let bad = good.replace(&format!("\"{terminal}\""), "\"192.168.1.199\"");
    ensure!(bad != good, "the sample writes the terminal in a way that the demo doesn't know");
    let folder = lab.logs().join("shut-out");
    fs::create_dir_all(&folder)?;
    let (site, profile) = (folder.join("site.toml"), lab.site().join(PROFILE));
    fs::write(&site, bad)?;
    let (site, profile) = (site.to_string_lossy(), profile.to_string_lossy());
    let terms = ["--confirm-within", WAIT, "--reason", "a slip of the finger"];
    let words = [&["apply", "--site", &*site, "--profile", &*profile][..], &terms].concat();
    let applied = lab.sekisho(&words)?;
    ensure!(applied.status.success(), "{}", describe(&applied));
    let reaches = || source_seen(lab, "terminal", PLATFORM_WEB, 80);
    ensure!(reaches().is_err(), "the terminal still reaches the platform");
    ensure!(wait_until(PATIENCE, || reaches().is_ok()), "nobody let the terminal in again");
    let returned = lab.status()?.returned.context("the device doesn't say that it took it back")?;
    Ok(format!(
        "shut out; nobody confirmed within {WAIT}; generation {} is gone and the terminal reaches the platform",
        returned.generation
    ))
}
