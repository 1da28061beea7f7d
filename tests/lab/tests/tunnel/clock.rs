//! A clock that is wrong (R62).

use std::{fs, path::PathBuf};

use anyhow::ensure;
use sekisho_lab::{Centre, Lab, wait_until};

use crate::traffic::{CARRIER, Transfer, ensure_reaches, lab};

/// The device has run with a clock a year ahead, and comes back with the right one: its centres have taken stamps that
/// its clock won't show for a year.
pub(crate) fn a_clock_that_is_put_back_costs_nothing() -> anyhow::Result<()> {
    let mut lab = lab()?;
    ensure!(lab.stop_daemon()?.success());
    let exact = fs::read_to_string(file(&lab))?;
    fs::write(file(&lab), in_a_year(&exact)?)?;
    for crash in [false, true] {
        lab.start_daemon()?;
        lab.wait_for_carrier(None, CARRIER)?;
        ensure_reaches(&lab)?;
        // A look of the daemon at its tunnel comes ten times a second.
        let written = || fs::read_to_string(file(&lab)).is_ok_and(|text| text > exact);
        ensure!(wait_until(CARRIER, written), "the stamp isn't kept");
        if crash {
            lab.kill_daemon()?;
        } else {
            ensure!(lab.stop_daemon()?.success());
        }
        let kept = fs::read_to_string(file(&lab))?;
        ensure!(year(&kept)? > year(&exact)?, "{kept} after {exact}");
    }

    // Both centres have taken stamps of next year by now, and take later ones only.
    lab.start_daemon()?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    Transfer::start(&lab, 1, "1G")?.finish()
}

fn file(lab: &Lab) -> PathBuf {
    lab.logs().join("state/handshake-stamp")
}

fn year(text: &str) -> anyhow::Result<u32> {
    Ok(text.chars().take_while(char::is_ascii_digit).collect::<String>().parse()?)
}

/// The same day of the next year, or a day that every year has.
fn in_a_year(text: &str) -> anyhow::Result<String> {
    let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    Ok(format!("{}{}", year(text)? + 1, rest.replace("-02-29", "-02-28")))
}
