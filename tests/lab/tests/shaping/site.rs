//! The site that the line is filled from, and which of its traffic is what.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use sekisho_design::Class;
use sekisho_lab::{Centre, Extent, Lab, sample};
use sekisho_plan::shaping::class_handle;

/// The line's rate in bits a second.
pub(crate) const RATE: u64 = 10_000_000;
/// TCP ports of the platform, by class. The sample lets terminals use the first two; the edit adds the last.
pub(crate) const ONLINE: u16 = 443;
pub(crate) const BULK_DOWN: u16 = 80;
pub(crate) const BULK_UP: u16 = 9;
/// How long the first carrier may take after a start.
pub(crate) const CARRIER: Duration = Duration::from_mins(1);
/// How long bulk is held back, in seconds.
pub(crate) const HOLD_BACK: u64 = 2;

/// The sample with all servers in the office behind a line of 10 Mbit/s, applied, its traffic classed.
pub(crate) fn lab() -> anyhow::Result<Lab> {
    let lab = Lab::up(&site()?, Extent::Applied)?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    classify(&lab)?;
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
        ("\"tcp/7\"", "\"tcp/7\", \"tcp/9\"".to_owned()),
    ] {
        ensure!(site.contains(before), "the sample has no {before}");
        site = site.replacen(before, &after, 1);
    }
    let traffic = format!("[traffic]\nhold-back = {HOLD_BACK}\n\n");
    let at = site.find("[[server]]").context("the sample has no server")?;
    site.insert_str(at, &traffic);
    fs::write(folder.join("site.toml"), site)?;
    Ok(folder)
}

/// Says what is online and what is bulk, by port, in a table of its own beside the device's. The one place that knows how
/// traffic comes by its class.
fn classify(lab: &Lab) -> anyhow::Result<()> {
    let rules: String = [(ONLINE, Class::Online), (BULK_DOWN, Class::Bulk), (BULK_UP, Class::Bulk)]
        .into_iter()
        .flat_map(|(port, class)| {
            let (major, minor) = class_handle(class);
            let dscp = class.dscp();
            ["sport", "dport"].map(|end| {
                format!(
                    "tcp {end} {port} meta priority set {major:x}:{minor:x} ip dscp set {dscp}\n"
                )
            })
        })
        .collect();
    let table = format!(
        "table ip test-classes {{ chain forward {{ type filter hook forward priority 300;\n{rules}}}\n}}"
    );
    lab.host("gateway").must(&["nft", &table]).map(drop)
}
