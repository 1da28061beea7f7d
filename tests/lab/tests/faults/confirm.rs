//! Changes that are to be confirmed: confirmed, taken back, forgotten, cut short.

use std::{fs, net::Ipv4Addr, thread, time::Duration};

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use sekisho_control::{
    APPLY, Applied, Apply, FailureKind, File, Generation, Outcome, Phase, Principal, Proposal,
};
use sekisho_lab::{Extent, Lab, PROFILE, describe, sample, text, wait_until};

use crate::{
    expect::{Expected, ensure_works, stored},
    files::Site,
    input::request,
    snapshot::Snapshot,
};

const CARRIER: Duration = Duration::from_mins(1);
/// How long what has a time of its own may take on a busy machine, beyond that time.
const PATIENCE: Duration = Duration::from_mins(1);

/// Applies a site on terms, and takes what `sekisho` says.
pub(crate) fn apply(lab: &Lab, site: &Site, terms: &[&str]) -> anyhow::Result<Applied> {
    let (design, profile) = (site.path("site.toml"), site.path(PROFILE));
    let words = ["apply", "--format", "json", "--site", &design, "--profile", &profile];
    let words = [&words[..], terms].concat();
    let output = lab.sekisho(&words)?;
    ensure!(output.status.success(), "{}", describe(&output));
    serde_json::from_slice(&output.stdout).with_context(|| describe(&output))
}

fn must(lab: &Lab, words: &[&str]) -> anyhow::Result<String> {
    let output = lab.sekisho(words)?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(text(&output.stdout))
}

fn history(lab: &Lab) -> anyhow::Result<Vec<Generation>> {
    Ok(serde_json::from_str(&must(lab, &["history", "--format", "json"])?)?)
}

fn conflict<'a>(says: &'a str, way_out: &'a str) -> Expected<'a> {
    Expected { code: 6, kind: FailureKind::Conflict, says, way_out }
}

pub(crate) fn a_change_is_kept_once_it_is_confirmed() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let another = Site::another(&lab)?;
    let applied = apply(&lab, &another, &["--confirm-within", "5m", "--reason", "その他の変更"])?;
    ensure!(applied.generation == 2 && applied.confirm_within_s == Some(300), "{applied:?}");
    let status = lab.status()?;
    ensure!(status.phase == Phase::InForce && status.generation == 1, "{status:?}");
    let awaiting = status.awaiting.context("nothing awaits confirmation")?;
    ensure!(awaiting.generation == 2 && awaiting.seconds_left <= 300, "{awaiting:?}");
    let shown = must(&lab, &["status"])?;
    ensure!(shown.contains("sekisho confirm 2"), "{shown}");
    let changed = Snapshot::take(&lab)?;

    // One at a time, and nobody decides about what he hasn't seen.
    let first = lab.site().join("site.toml");
    let first = first.to_string_lossy();
    let waits = conflict("generation 2 awaits confirmation", "take it back");
    waits.of(&lab, &["apply", "--site", &first])?;
    conflict("awaits confirmation and not 7", "sekisho status").of(&lab, &["confirm", "7"])?;
    conflict("awaits confirmation and not 1", "sekisho status").of(&lab, &["rollback", "1"])?;
    changed.ensure_same(&lab, "refused requests")?;

    ensure!(must(&lab, &["confirm", "--lang", "en"])?.contains("Generation 2 is kept"));
    conflict("no change awaits", "sekisho status").of(&lab, &["confirm"])?;
    conflict("no change awaits", "sekisho status").of(&lab, &["rollback"])?;
    let stale = conflict("generation 2 is in force and not 1", "look at it");
    stale.of(&lab, &["apply", "--seen", "1", "--site", &first])?;
    ensure!(stored(&lab)?[0] == fs::read(another.path("site.toml"))?);

    let kept = history(&lab)?;
    let numbers: Vec<_> = kept.iter().map(|row| (row.number, row.outcome)).collect();
    ensure!(numbers == [(2, Outcome::Committed), (1, Outcome::Committed)], "{kept:?}");
    ensure!(kept[0].reason.as_deref() == Some("その他の変更"), "{kept:?}");
    ensure!(kept[0].author.uid == 0 && kept[0].author.name.as_deref() == Some("root"), "{kept:?}");
    let sum = lab.host("gateway").must(&["sha256sum", &another.path("site.toml")])?;
    ensure!(sum.starts_with(&kept[0].site_sha256), "{sum} {kept:?}");

    lab.kill_daemon()?;
    lab.start_daemon()?;
    lab.wait_for_carrier(None, CARRIER)?;
    changed.ensure_same(&lab, "a crash after the confirmation")?;
    differences_and_restore(&lab)
}

pub(crate) fn a_change_bears_the_pages_user() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let [site, profile] = ["site.toml", PROFILE].map(|name| {
        let text = fs::read_to_string(lab.site().join(name))?;
        anyhow::Ok(File { name: name.to_owned(), text })
    });
    let who = Principal {
        user: "hana".to_owned(),
        role: "administrator".to_owned(),
        from: Ipv4Addr::new(192, 168, 1, 77).into(),
    };
    let wanted = Apply {
        proposal: Proposal { site: site?, profile: Some(profile?) },
        seen: 0,
        confirm_within_s: None,
        reason: None,
        came_by: None,
        answer_first: false,
        on_behalf: Some(who.clone()),
    };
    let (code, answer) = request(&lab, "POST", APPLY, &serde_json::to_vec(&wanted)?)?;
    ensure!(code == "200", "{code} {answer}");
    let kept = history(&lab)?;
    ensure!(kept[0].author.principal.as_ref() == Some(&who), "{kept:?}");
    let shown = must(&lab, &["history"])?;
    ensure!(shown.contains("hana (administrator, 192.168.1.77) by root"), "{shown}");
    Ok(())
}

/// Generation 1 comes back as number 3; the device tells what is different.
fn differences_and_restore(lab: &Lab) -> anyhow::Result<()> {
    let key = lab.logs().join("operator.pub");
    let key = key.to_string_lossy();
    let different = must(lab, &["diff", "1", "2", "--operator-key", &key, "--lang", "en"])?;
    ensure!(different.contains("100.64.10.13"), "{different}");
    must(lab, &["restore", "1"])?;
    let same = must(lab, &["diff", "1", "3", "--operator-key", &key, "--lang", "en"])?;
    ensure!(same.contains("no difference"), "{same}");
    let newest = history(lab)?.into_iter().next().context("no history")?;
    ensure!(newest.number == 3, "{newest:?}");
    ensure!(newest.reason.as_deref() == Some("generation 1"), "{newest:?}");
    let says = "no generation 9";
    let unknown = Expected { code: 2, kind: FailureKind::Malformed, says, way_out: "history" };
    unknown.of(lab, &["restore", "9"])?;
    let unfit =
        Expected { code: 2, kind: FailureKind::Malformed, says: "time", way_out: "seconds" };
    unfit.of(lab, &["restore", "1", "--confirm-within", "1s"])?;
    let says = "no line of text";
    let unfit = Expected { code: 2, kind: FailureKind::Malformed, says, way_out: "one line" };
    unfit.of(lab, &["restore", "1", "--reason", "two\nlines"])?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(lab)
}

/// How an unconfirmed change ends.
type End<'a> = &'a dyn Fn(&mut Lab) -> anyhow::Result<()>;

pub(crate) fn what_nobody_confirms_is_taken_back() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let (before, kept) = (Snapshot::take(&lab)?, stored(&lab)?);
    let another = Site::another(&lab)?;
    let restart = |lab: &mut Lab| {
        lab.start_daemon()?;
        Ok(())
    };
    let ends: [(&str, &str, End<'_>); 4] = [
        ("5s", "nobody confirmed", &|_| Ok(())),
        ("5m", "somebody asked", &|lab| must(lab, &["rollback"]).map(drop)),
        ("5m", "ended before it was kept", &|lab| {
            lab.kill_daemon()?;
            restart(lab)
        }),
        ("5m", "ended before it was kept", &|lab| {
            ensure!(lab.stop_daemon()?.success());
            restart(lab)
        }),
    ];
    for (number, (time, why, end)) in ends.into_iter().enumerate() {
        let applied = apply(&lab, &another, &["--confirm-within", time])?;
        ensure!(applied.generation == number as u64 + 2, "{applied:?}");
        // What is taken back within seconds may be gone before it is looked at.
        ensure!(time == "5s" || before.ensure_same(&lab, "").is_err(), "nothing changed");
        end(&mut lab)?;
        let over = wait_until(PATIENCE, || {
            lab.status().is_ok_and(|status| status.awaiting.is_none() && status.returned.is_some())
        });
        let status = lab.status()?;
        ensure!(over && status.generation == 1 && status.phase == Phase::InForce, "{status:?}");
        let returned = status.returned.context("nothing was taken back")?;
        ensure!(returned.generation == applied.generation, "{returned:?}");
        ensure!(returned.why.contains(why), "{why}: {returned:?}");
        before.ensure_same(&lab, why)?;
        ensure!(stored(&lab)? == kept);
        let newest = history(&lab)?.into_iter().next().context("no history")?;
        ensure!(newest.outcome == Outcome::RolledBack, "{newest:?}");
        lab.wait_for_carrier(None, CARRIER)?;
        ensure_works(&lab)?;
    }
    Ok(())
}

/// The very first design, unconfirmed: the box is as it came.
pub(crate) fn a_first_change_that_nobody_confirms_leaves_a_closed_box() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let closed = Snapshot::take(&lab)?;
    let site = Site::copy(&lab, "first")?;
    for crash in [false, true] {
        apply(&lab, &site, &["--confirm-within", "5m"])?;
        if crash {
            lab.kill_daemon()?;
            lab.start_daemon()?;
        } else {
            must(&lab, &["rollback"])?;
        }
        let status = lab.status()?;
        ensure!(status.phase == Phase::Closed && status.generation == 0, "{status:?}");
        ensure!(status.site.is_none() && status.tunnel.is_none(), "{status:?}");
        closed.ensure_same(&lab, "a first change that was taken back")?;
    }
    Ok(())
}

/// The daemon is killed at moments spread over an apply: after its next start the device holds the old design or the new
/// one, whole, and it is the one that is stored.
pub(crate) fn a_daemon_killed_during_an_apply_leaves_one_design_or_the_other() -> anyhow::Result<()>
{
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    // Without a new address, for which the networks would be asked most of the time.
    let as_before = [("\"192.168.1.254/24\"", "\"192.168.1.1/24\"")];
    let another = Site::another(&lab)?.edit("site.toml", &as_before)?;
    let first = Site::copy(&lab, "first")?;
    let read = |site: &Site| fs::read(site.path("site.toml"));
    let (old, new) = (read(&first)?, read(&another)?);
    let in_first = Snapshot::take(&lab)?;
    apply(&lab, &another, &[])?;
    let in_another = Snapshot::take(&lab)?;
    for delay in [2, 8, 20, 45, 80, 120, 170, 230, 300, 400] {
        let now = stored(&lab)?[0].clone();
        let next = if now == old { &another } else { &first };
        let mut apply = lab.sekisho_command(&["apply", "--site", &next.path("site.toml")]);
        let daemon = lab.daemon()?;
        thread::scope(|scope| {
            let apply = scope.spawn(move || apply.output());
            thread::sleep(Duration::from_millis(delay));
            daemon.signal(Signal::SIGKILL)?;
            // Its answer may have come before the end or not.
            drop(apply.join());
            anyhow::Ok(())
        })?;
        lab.kill_daemon()?;
        lab.start_daemon()?;
        let kept = stored(&lab)?[0].clone();
        let whole = if kept == old { &in_first } else { &in_another };
        ensure!(kept == old || kept == new);
        whole.ensure_same(&lab, &format!("killed after {delay} ms"))?;
        ensure!(lab.status()?.phase == Phase::InForce);
    }
    lab.wait_for_carrier(None, CARRIER)?;
    ensure_works(&lab)
}
