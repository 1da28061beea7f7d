//! The daemon ends, by a crash or a signal, and starts again.

use anyhow::ensure;
use nix::errno::Errno;
use sekisho_control::Phase;
use sekisho_lab::{Centre, Lab, PLATFORM_WEB, text, wait_until};

use crate::traffic::{CARRIER, SECOND, Transfer, connect, ensure_reaches, lab};

/// How the daemon ends.
type Way<'a> = &'a dyn Fn(&mut Lab) -> anyhow::Result<()>;

pub(crate) fn a_transfer_outlives_the_daemon() -> anyhow::Result<()> {
    let mut lab = lab()?;
    let crash = |lab: &mut Lab| lab.kill_daemon();
    let end = |lab: &mut Lab| {
        ensure!(lab.stop_daemon()?.success());
        Ok(())
    };
    let ways: [(u32, Way<'_>); 2] = [(40, &crash), (41, &end)];
    for (megabytes, stop) in ways {
        let mut transfer = Transfer::start(&lab, megabytes, "5M")?;
        transfer.run_for(SECOND)?;
        stop(&mut lab)?;
        transfer.run_for(SECOND)?;
        lab.start_daemon()?;
        lab.wait_for_carrier(None, CARRIER)?;
        transfer.ensure_running()?;
        transfer.finish()?;
        ensure_reaches(&lab)?;
    }
    Ok(())
}

pub(crate) fn a_restart_needs_no_apply() -> anyhow::Result<()> {
    let mut lab = lab()?;
    let key = |lab: &Lab| Ok::<_, anyhow::Error>(text(&lab.sekisho(&["key"])?.stdout));
    let (before, own) = (lab.status()?, key(&lab)?);
    ensure!(own.trim().len() == 44, "{own}");
    ensure!(lab.stop_daemon()?.success());
    lab.start_daemon()?;
    let after = lab.status()?;
    ensure!(after.phase == Phase::InForce && after.site == before.site, "{after:?}");
    ensure!(key(&lab)? == own, "the key changed");
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    ensure_reaches(&lab)
}

/// What an earlier daemon left in the kernel is neither trusted nor forgotten.
pub(crate) fn a_restart_without_centres_refuses_at_once() -> anyhow::Result<()> {
    let mut lab = lab()?;
    for centre in Centre::ALL {
        lab.cut(centre)?;
    }
    lab.kill_daemon()?;
    lab.start_daemon()?;
    let told = wait_until(CARRIER, || {
        let tried = connect(&lab, "terminal", PLATFORM_WEB, SECOND);
        tried.is_ok_and(|(result, _)| {
            let error = result.err().and_then(|error| error.raw_os_error());
            error == Some(Errno::EHOSTUNREACH as i32)
        })
    });
    ensure!(told, "the terminal wasn't told");
    lab.kill_daemon()?;
    for centre in Centre::ALL {
        lab.mend(centre)?;
    }
    lab.start_daemon()?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure!(wait_until(CARRIER, || ensure_reaches(&lab).is_ok()), "still refused");
    Ok(())
}
