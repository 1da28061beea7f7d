//! One centre carries, the other stands by (R1); with none, the platform is unreachable and nothing leaves in clear (R15).

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use nix::errno::Errno;
use sekisho_lab::{Centre, Lab, PLATFORM_WEB, wait_until};

use crate::traffic::{CARRIER, SECOND, Stream, Transfer, centre, connect, ensure_reaches, lab};

/// The design notices within 1.2 s; the rest is for a busy machine.
const SWITCH: Duration = Duration::from_secs(20);
/// How long a better centre has to answer before it carries again.
const HOLD_DOWN: Duration = Duration::from_secs(10);
/// The device notices within a second that the other side has forgotten its session; the rest is for a busy machine.
const FORGOTTEN: Duration = Duration::from_mins(1);

pub(crate) fn both_centres_are_warm() -> anyhow::Result<()> {
    let lab = lab()?;
    for name in Centre::ALL {
        let warm = wait_until(CARRIER, || {
            centre(&lab, name).is_ok_and(|row| row.alive && row.handshake_age_s.is_some())
        });
        ensure!(warm, "{:?}", centre(&lab, name)?);
    }
    let before = centre(&lab, Centre::West)?;
    let mut transfer = Transfer::start(&lab, 20, "10M")?;
    transfer.run_for(SECOND)?;
    transfer.finish()?;
    let (east, west) = (centre(&lab, Centre::East)?, centre(&lab, Centre::West)?);
    ensure!(east.received > 20_000_000, "east carried {east:?}");
    ensure!(west.received > before.received, "nothing came from west: {west:?}");
    ensure!(west.received - before.received < 100_000, "west carried too: {west:?}");
    ensure!(
        east.alive && west.alive && east.round_trip_us.is_some() && west.round_trip_us.is_some()
    );
    ensure!(lab.carrier()? == Some(Centre::East));
    Ok(())
}

pub(crate) fn a_cut_centre_costs_no_connection() -> anyhow::Result<()> {
    let lab = lab()?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    let mut transfer = Transfer::start(&lab, 100, "5M")?;
    transfer.run_for(SECOND)?;
    lab.cut(Centre::East)?;
    lab.wait_for_carrier(Some(Centre::West), SWITCH)?;
    transfer.ensure_running()?;
    ensure_reaches(&lab)?;
    lab.mend(Centre::East)?;
    let mended = Instant::now();
    lab.wait_for_carrier(Some(Centre::East), 4 * HOLD_DOWN)?;
    ensure!(mended.elapsed() >= HOLD_DOWN, "back after {:?} already", mended.elapsed());
    transfer.run_for(SECOND)?;
    transfer.finish()
}

pub(crate) fn a_far_end_dies_and_comes_back() -> anyhow::Result<()> {
    let mut lab = lab()?;
    let mut transfer = Transfer::start(&lab, 60, "10M")?;
    transfer.run_for(SECOND)?;
    lab.kill_far_end(Centre::East)?;
    lab.wait_for_carrier(Some(Centre::West), SWITCH)?;
    transfer.run_for(SECOND)?;
    lab.start_far_end(Centre::East)?;
    transfer.finish()?;

    // East had forgotten the session, and the device has noticed: it may carry at once, when nobody else is left.
    let back = wait_until(FORGOTTEN, || centre(&lab, Centre::East).is_ok_and(|row| row.alive));
    ensure!(back, "{:?}", centre(&lab, Centre::East)?);
    lab.kill_far_end(Centre::West)?;
    lab.wait_for_carrier(Some(Centre::East), FORGOTTEN)?;
    lab.start_far_end(Centre::West)?;
    ensure!(wait_until(SWITCH, || ensure_reaches(&lab).is_ok()), "{:?}", ensure_reaches(&lab));
    for name in Centre::ALL {
        let back = wait_until(FORGOTTEN, || centre(&lab, name).is_ok_and(|row| row.alive));
        ensure!(back, "{:?}", centre(&lab, name)?);
    }
    Ok(())
}

pub(crate) fn no_centre_refuses_at_once() -> anyhow::Result<()> {
    let lab = lab()?;
    let capture = lab.capture("lgwan", "eth0")?;
    let mut transfer = Transfer::start(&lab, 60, "5M")?;
    transfer.run_for(SECOND)?;
    for centre in Centre::ALL {
        lab.cut(centre)?;
    }
    let cut = Instant::now();
    ensure!(wait_until(SWITCH, || matches!(lab.carrier(), Ok(None))), "{:?}", lab.carrier()?);
    // A moment without a centre is nobody's business: packets wait for the next one.
    let (result, time) = connect(&lab, "terminal", PLATFORM_WEB, SECOND)?;
    ensure!(result.is_err() && time >= SECOND, "{result:?} after {time:?}");
    ensure!(wait_until(SWITCH, || is_cut_off(&lab).unwrap_or(false)), "never cut off");
    ensure!(cut.elapsed() >= 5 * SECOND, "cut off after {:?} already", cut.elapsed());
    for from in ["terminal", "juki", "school"] {
        let (result, time) = connect(&lab, from, PLATFORM_WEB, 3 * SECOND)?;
        let error = result.err().and_then(|error| error.raw_os_error()).map(Errno::from_raw);
        ensure!(error == Some(Errno::EHOSTUNREACH), "{from}: {error:?} after {time:?}");
        ensure!(time < 2 * SECOND, "{from} was told after {time:?}");
    }
    ensure!(cut_off_marks(&lab)? == "1, 2", "{}", cut_off_marks(&lab)?);
    ensure_only_the_tunnel(&capture.stop()?)?;

    for centre in Centre::ALL {
        lab.mend(centre)?;
    }
    lab.wait_for_carrier(None, CARRIER)?;
    ensure!(wait_until(SWITCH, || is_cut_off(&lab).is_ok_and(|cut| !cut)), "still cut off");
    ensure!(cut_off_marks(&lab)?.is_empty(), "{}", cut_off_marks(&lab)?);
    ensure_reaches(&lab)?;
    transfer.finish()
}

/// How long a connection stands still when its centre dies, when the traffic goes back, and when both were away.
pub(crate) fn a_stream_goes_on_at_once() -> anyhow::Result<()> {
    let mut lab = lab()?;
    for round in 0..3 {
        let stream = Stream::start(&lab)?;
        thread::sleep(SECOND);
        lab.kill_centre(Centre::East)?;
        lab.wait_for_carrier(Some(Centre::West), SWITCH)?;
        thread::sleep(3 * SECOND);
        let lost = stream.finish()?;
        let stream = Stream::start(&lab)?;
        lab.revive_centre(Centre::East)?;
        // Each silence doubles the hold-down.
        lab.wait_for_carrier(Some(Centre::East), 5 * HOLD_DOWN)?;
        thread::sleep(2 * SECOND);
        let back = stream.finish()?;
        println!(
            "round {round}: still for {lost:?} when the centre died, {back:?} when it came back"
        );
        ensure!(lost <= 3 * SECOND && back <= SECOND, "{lost:?} and {back:?}");
    }
    Ok(())
}

pub(crate) fn both_centres_are_away_for_long() -> anyhow::Result<()> {
    let mut lab = lab()?;
    for centre in Centre::ALL {
        lab.kill_centre(centre)?;
    }
    ensure!(wait_until(20 * SECOND, || is_cut_off(&lab).unwrap_or(false)), "never cut off");
    thread::sleep(130 * SECOND);
    for centre in Centre::ALL {
        lab.revive_centre(centre)?;
    }
    let revived = Instant::now();
    lab.wait_for_carrier(None, CARRIER)?;
    let carried = revived.elapsed();
    ensure!(wait_until(SECOND, || ensure_reaches(&lab).is_ok()), "{:?}", ensure_reaches(&lab));
    println!("a carrier {carried:?} after both were back, requests after {:?}", revived.elapsed());
    ensure!(carried <= 7 * SECOND);
    lab.wait_for_carrier(Some(Centre::East), 2 * HOLD_DOWN)?;
    Ok(())
}

fn is_cut_off(lab: &Lab) -> anyhow::Result<bool> {
    Ok(lab.status()?.tunnel.is_some_and(|tunnel| tunnel.cut_off))
}

/// The LANs' marks in the kernel's own set.
fn cut_off_marks(lab: &Lab) -> anyhow::Result<String> {
    let set = ["nft", "-n", "list", "set", "inet", "sekisho", "cut-off"];
    let listing = lab.host("gateway").must(&set)?;
    let elements = listing.split("elements = {").nth(1).and_then(|rest| rest.split('}').next());
    let marks = elements.unwrap_or_default().split(',').map(|mark| {
        let mark = mark.trim().trim_start_matches("0x").trim_start_matches('0');
        mark.to_owned()
    });
    Ok(marks.collect::<Vec<_>>().join(", "))
}

fn ensure_only_the_tunnel(recording: &sekisho_lab::Recording) -> anyhow::Result<()> {
    let tunnel = recording.count("udp port 51820")?;
    ensure!(tunnel > 100, "the recording holds only {tunnel} datagrams of the tunnel");
    let other = recording.matching("not udp port 51820 and not arp")?;
    ensure!(other.is_empty(), "{} others on LGWAN, like {}", other.len(), other[0]);
    Ok(())
}
