//! Changes of the way that their user came by: the web page asks for them as another user than root.

use std::{fs, net::Ipv4Addr, process::Output, time::Duration};

use anyhow::{Context, ensure};
use sekisho_control::{Applied, Failure, FailureKind, ProofAwaited};
use sekisho_lab::{Extent, Lab, describe, sample, text};

use crate::{
    confirm::apply,
    expect::{Expected, ensure_works, stored},
    files::Site,
    snapshot::Snapshot,
};

const CARRIER: Duration = Duration::from_mins(1);
/// The device on the maintenance port, before and after.
const OLD: &str = "192.168.254.1";
const NEW: &str = "192.168.254.9";
/// A user in the socket's group, as the web page's is.
const WEB: [&str; 4] = ["setpriv", "--reuid=64001", "--regid=0", "--clear-groups"];

fn unproven<'a>(says: &'a str, way_out: &'a str) -> Expected<'a> {
    Expected { code: 7, kind: FailureKind::Unproven, says, way_out }
}

/// Runs `sekisho` as the web page's user.
fn as_web(lab: &Lab, words: &[&str]) -> anyhow::Result<Output> {
    let (program, socket) = (lab.binary("sekisho")?, lab.socket());
    let socket = socket.to_string_lossy();
    let own = [&program, "--socket", &socket, "--format", "json"];
    lab.host("gateway").run(&[&WEB[..], &own, words].concat())
}

fn refused_to_web(lab: &Lab, words: &[&str], says: &str) -> anyhow::Result<()> {
    let output = as_web(lab, words)?;
    let failure: Failure =
        serde_json::from_slice(&output.stdout).with_context(|| describe(&output))?;
    ensure!(output.status.code() == Some(7), "{}", describe(&output));
    ensure!(failure.kind == FailureKind::Unproven && failure.message.contains(says), "{failure:?}");
    ensure!(failure.way_out.is_some(), "{failure:?}");
    Ok(())
}

/// Applies a change of the way, and takes the token that it is answered with.
fn change_the_way(lab: &Lab, site: &Site) -> anyhow::Result<(Applied, String)> {
    let applied = apply(lab, site, &["--came-by", OLD, "--confirm-within", "5m"])?;
    let proof = applied.carry.clone().context("no token")?;
    ensure!(proof.at == NEW.parse::<Ipv4Addr>()? && proof.token.as_str().len() == 32, "{proof:?}");
    let awaiting = lab.status()?.awaiting.context("nothing awaits")?;
    ensure!(awaiting.proof == Some(ProofAwaited { at: proof.at, tries_left: 5 }), "{awaiting:?}");
    let shown = text(&lab.sekisho(&["status", "--lang", "en"])?.stdout);
    ensure!(shown.contains(&format!("shown at {NEW}")) && !shown.contains(proof.token.as_str()));
    Ok((applied, proof.token.as_str().to_owned()))
}

fn ensure_unsaid(lab: &Lab, token: &str) -> anyhow::Result<()> {
    let found = lab.host("gateway").run(&["grep", "-rlF", token, "/run/sekisho-lab"])?;
    ensure!(found.status.code() == Some(1), "the token stands in {}", describe(&found));
    Ok(())
}

pub(crate) fn a_change_of_the_way_is_confirmed_by_who_reaches_the_device() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let (before, kept) = (Snapshot::take(&lab)?, stored(&lab)?);
    let moved = Site::copy(&lab, "moved")?.edit("site.toml", &[(OLD, NEW)])?;
    let interface = format!("[interface.maintenance]\nport = \"port4\"\naddress = \"{OLD}/24\"\n");
    let gone = Site::copy(&lab, "gone")?.edit("site.toml", &[(&interface, "")])?;
    let [moved_site, gone_site] = [&moved, &gone].map(|site| site.path("site.toml"));
    let within = ["--confirm-within", "5m"];

    // What can't be meant, or can't be shown.
    let unfit = |says, way_out| Expected { code: 2, kind: FailureKind::Malformed, says, way_out };
    let words = ["apply", "--site", &moved_site, "--came-by", OLD];
    unfit("has to be confirmed", "--confirm-within").of(&lab, &words)?;
    for nobodys in ["192.168.1.10", "198.18.1.2", "127.0.0.1"] {
        let words = [&["apply", "--site", &moved_site, "--came-by", nobodys], &within[..]].concat();
        unfit("is no address of the device", "on the box itself").of(&lab, &words)?;
    }
    let words = [&["apply", "--site", &gone_site, "--came-by", OLD], &within[..]].concat();
    unproven("takes the way that you came by", "a port that stays").of(&lab, &words)?;
    before.ensure_same(&lab, "refused changes of the way")?;
    ensure!(stored(&lab)? == kept);

    // Whoever shows something is measured by it, root too; and root needs nothing.
    let (_, token) = change_the_way(&lab, &moved)?;
    unproven("no proof", NEW).json(&lab, &["confirm", "--token", &token, "--at", OLD])?;
    unproven("no proof", NEW).json(&lab, &["confirm", "--token", &token[1..], "--at", NEW])?;
    ensure!(lab.status()?.generation == 1);
    let output = lab.sekisho(&["confirm", "--token", &token, "--at", NEW])?;
    ensure!(output.status.success(), "{}", describe(&output));
    ensure_unsaid(&lab, &token)?;
    lab.apply(lab.site())?;
    let (_, token) = change_the_way(&lab, &moved)?;
    let output = lab.sekisho(&["confirm"])?;
    ensure!(output.status.success(), "{}", describe(&output));
    ensure_unsaid(&lab, &token)?;

    // By the way that stays nothing has to be shown.
    let applied = apply(&lab, &gone, &["--came-by", "192.168.1.1", "--confirm-within", "5m"])?;
    ensure!(applied.carry.is_none() && applied.confirm_within_s == Some(300), "{applied:?}");
    ensure!(lab.status()?.awaiting.context("nothing awaits")?.proof.is_none());
    ensure!(lab.sekisho(&["confirm"])?.status.success());
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)
}

pub(crate) fn the_web_pages_user_has_to_show_the_token() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let able = lab.host("gateway").run(&[&WEB[..], &["true"]].concat())?;
    if !able.status.success() {
        println!("SKIPPED: there is no second user here; run the tests as root to have one");
        return Ok(());
    }
    let moved = Site::copy(&lab, "moved")?.edit("site.toml", &[(OLD, NEW)])?;
    let (applied, token) = change_the_way(&lab, &moved)?;
    let number = applied.generation.to_string();
    refused_to_web(&lab, &["confirm", &number], "takes the token")?;
    let flipped = token.replace(|digit: char| digit.is_ascii_digit(), "f");
    for (shown, at) in [(&*flipped, NEW), (&token, OLD), ("", NEW)] {
        refused_to_web(&lab, &["confirm", &number, "--token", shown, "--at", at], "no proof")?;
    }
    let output = as_web(&lab, &["confirm", &number, "--token", &token, "--at", NEW])?;
    ensure!(output.status.success(), "{}", describe(&output));
    ensure!(lab.status()?.generation == applied.generation);
    ensure_unsaid(&lab, &token)?;

    // After five wrong ones not even the right one counts; root still confirms.
    lab.apply(lab.site())?;
    let (applied, token) = change_the_way(&lab, &moved)?;
    let right = ["confirm", "--token", &token, "--at", NEW];
    for _ in 0..5 {
        refused_to_web(&lab, &["confirm", "--token", &flipped, "--at", NEW], "no proof")?;
    }
    refused_to_web(&lab, &right, "any more")?;
    let shown = text(&lab.sekisho(&["status", "--lang", "en"])?.stdout);
    ensure!(shown.contains("only root on the box itself confirms"), "{shown}");
    let log = fs::read_to_string(lab.logs().join("gateway-sekishod.log"))?;
    ensure!(log.matches("not confirmed").count() == 10, "{log}");
    ensure!(lab.sekisho(&["confirm"])?.status.success());
    ensure!(lab.status()?.generation == applied.generation);

    // A change that touches no way is anybody's to confirm.
    let another = Site::copy(&lab, "another")?
        .edit("site.toml", &[(OLD, NEW), ("100.64.10.11", "100.64.10.13")])?;
    apply(&lab, &another, &["--came-by", NEW, "--confirm-within", "5m"])?;
    let output = as_web(&lab, &["confirm"])?;
    ensure!(output.status.success(), "{}", describe(&output));
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)
}
