//! The site that the line is filled from, and which of its traffic is what.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use sekisho_lab::{Centre, Extent, Lab, PLATFORM_WEB, sample};

/// The line's rate in bits a second.
pub(crate) const RATE: u64 = 10_000_000;
/// TCP ports of the platform, by class: terminals are online, but for what the policy says.
pub(crate) const ONLINE: u16 = 443;
pub(crate) const BULK_DOWN: u16 = 80;
pub(crate) const BULK_UP: u16 = 9;
/// How long the first carrier may take after a start.
pub(crate) const CARRIER: Duration = Duration::from_mins(1);
/// How long bulk is held back, in seconds.
pub(crate) const HOLD_BACK: u64 = 2;

/// The sample with all servers in the office behind a line of 10 Mbit/s, applied, its traffic classed by the design.
pub(crate) fn lab() -> anyhow::Result<Lab> {
    let lab = Lab::up(&site()?, Extent::Applied)?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    Ok(lab)
}

fn site() -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from("/run/shaping-site");
    fs::create_dir_all(&folder)?;
    let from = sample("1-office");
    fs::copy(from.join("platform-profile.toml"), folder.join("platform-profile.toml"))?;
    let mut site = fs::read_to_string(from.join("site.toml"))?;
    for (before, after) in [
        ("line-rate = \"100M\"", "line-rate = \"10M\"".to_owned()),
        ("address = \"192.168.1.1/24\"", "address = \"192.168.1.1/24\"\nshare = 90".to_owned()),
        ("name = \"counter\"", "name = \"counter\"\nclass = \"online\"".to_owned()),
    ] {
        ensure!(site.contains(before), "the sample has no {before}");
        site = site.replacen(before, &after, 1);
    }
    let traffic = format!("[traffic]\nhold-back = {HOLD_BACK}\n\n");
    let at = site.find("[[server]]").context("the sample has no server")?;
    site.insert_str(at, &traffic);
    let policy = format!(
        "\n[[policy]]\nname = \"bulk\"\nfrom = [\"counter\"]\nto = [\"{PLATFORM_WEB}\"]\n\
         services = [\"tcp/{BULK_DOWN}\", \"tcp/{BULK_UP}\"]\nclass = \"bulk\"\napproval = \"a trial\"\n"
    );
    site.push_str(&policy);
    fs::write(folder.join("site.toml"), site)?;
    Ok(folder)
}
