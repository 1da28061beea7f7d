//! Roll-outs of firmware: the device asks the operator's server where its organisation lets it, and nobody there otherwise.
//!
//! The updater itself runs on a box alone; curl stands in for it here, with what the daemon tells the updater.

#[path = "common/mod.rs"]
mod common;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_lab::{Extent, Lab, PLATFORM_WEB, PROFILE, RolloutServer, sample, text, wait_until};

/// What the daemon tells the updater.
const TOLD: &str = "/run/sekisho/rollout/updater.conf";
const AUTHORITY: &str = "/run/sekisho/rollout/authority.pem";
/// For the daemon to write it.
const WRITTEN: Duration = Duration::from_secs(10);
/// How long nothing must come; a SYN is repeated after one second.
const SILENCE: &str = "1.5";

fn main() {
    common::run(&[
        ("unless_the_design_says_so_the_device_asks_nobody", nobody),
        ("the_device_asks_the_operators_server_as_its_target", its_target),
    ]);
}

fn nobody() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let server = lab.start_rollout_server("sekisho-011002", "00")?;
    ensure!(fs::read(TOLD)?.is_empty() && fs::read(AUTHORITY)?.is_empty(), "the updater is told");
    let said = lab.sekisho(&["--lang", "en", "update", "rollout"])?;
    ensure!(text(&said.stdout).contains("No roll-outs are followed"), "{said:?}");
    unasked(&lab, &server)
}

fn its_target() -> anyhow::Result<()> {
    let lab = Lab::up(&site("true")?, Extent::Applied)?;
    let mut told = BTreeMap::new();
    ensure!(
        wait_until(WRITTEN, || {
            told = read().unwrap_or_default();
            !told.is_empty()
        }),
        "nothing is told"
    );
    let (address, port) = (PLATFORM_WEB.to_string(), "9443");
    ensure!(told["hawkbit_server"] == format!("{address}:{port}"), "{told:?}");
    ensure!(told["ssl"] == "true" && told["ssl_verify"] == "true", "{told:?}");
    ensure!(told["organisation"] == lab.design().site.organisation.to_string(), "{told:?}");
    let mode = fs::metadata(TOLD)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "others read the token: {mode:o}");
    // Root on the box is told what the operator registers.
    let said = lab.sekisho(&["--lang", "en", "update", "rollout"])?;
    let said = text(&said.stdout);
    ensure!(said.contains(&told["auth_token"]) && said.contains(&told["target_name"]), "{said}");

    let server = lab.start_rollout_server(&told["target_name"], &told["auth_token"])?;
    let (status, _) = ask(&lab, &told, &told["auth_token"])?;
    ensure!(status == "200", "{status}");
    let poll = server.wait_for(WRITTEN, |event| event["poll"] == true)?;
    let own = lab.design().profile.device_address.to_string();
    ensure!(poll["source"] == own, "the platform sees {} instead of {own}", poll["source"]);
    let (status, _) = ask(&lab, &told, "0123456789abcdef0123456789abcdef")?;
    ensure!(status == "401", "{status}");
    // The way leads to this server's port alone, and for the device's own address alone.
    let others = [(PLATFORM_WEB.to_string(), 443), ("100.72.1.11".to_owned(), 9443)];
    for (host, port) in others {
        silent(&lab, &format!("https://{host}:{port}/"))?;
    }
    // The organisation doesn't want it any more.
    lab.apply(&site("false")?)?;
    ensure!(wait_until(WRITTEN, || fs::read(TOLD).is_ok_and(|text| text.is_empty())), "still told");
    unasked(&lab, &server)
}

/// What curl says of the target's resource: the status and the rest.
fn ask(
    lab: &Lab,
    told: &BTreeMap<String, String>,
    token: &str,
) -> anyhow::Result<(String, String)> {
    let url = format!(
        "https://{}/{}/controller/v1/{}",
        told["hawkbit_server"], told["tenant_id"], told["target_name"]
    );
    let token = format!("Authorization: TargetToken {token}");
    let words = ["curl", "-sS", "--cacert", AUTHORITY, "-H", &token, "-w", "\n%{http_code}", &url];
    let said = lab.host("gateway").must(&words)?;
    let (rest, status) = said.rsplit_once('\n').context("no status")?;
    Ok((status.to_owned(), rest.to_owned()))
}

/// The server gets nothing from the device, and the device counts what it refuses itself.
fn unasked(lab: &Lab, server: &RolloutServer) -> anyhow::Result<()> {
    let before = server.events()?.len();
    silent(lab, &format!("https://{PLATFORM_WEB}:9443/DEFAULT/controller/v1/sekisho-011002"))?;
    ensure!(server.events()?.len() == before, "the server is asked: {:?}", server.events()?);
    Ok(())
}

fn silent(lab: &Lab, url: &str) -> anyhow::Result<()> {
    let refused = || {
        let status = lab.status()?;
        anyhow::Ok(status.refused.get("device/egress").map_or(0, |count| count.packets))
    };
    let before = refused()?;
    let met = lab.host("gateway").run(&["curl", "-sSk", "--max-time", SILENCE, url])?;
    ensure!(!met.status.success(), "{url} answers: {}", text(&met.stdout));
    ensure!(refused()? > before, "{url}: not counted");
    Ok(())
}

/// The daemon's word to the updater.
fn read() -> anyhow::Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(TOLD)?;
    let lines = text.lines().filter_map(|line| line.split_once(" = "));
    Ok(lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// A sample that follows roll-outs, or says that it doesn't.
fn site(enabled: &str) -> anyhow::Result<PathBuf> {
    let (from, folder) = (sample("1-office"), Path::new("/run/site-rollout").join(enabled));
    fs::create_dir_all(&folder)?;
    let text = fs::read_to_string(from.join("site.toml"))?;
    fs::write(folder.join("site.toml"), format!("{text}\n[rollout]\nenabled = {enabled}\n"))?;
    fs::copy(from.join(PROFILE), folder.join(PROFILE))?;
    Ok(folder)
}
