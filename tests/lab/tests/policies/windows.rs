//! A crossing that is open for a limited time (R89).

use std::{
    io::{Read, Write},
    time::{Duration, SystemTime},
};

use anyhow::ensure;
use sekisho_lab::{PLATFORM_TEST_WEB, wait_until};

use crate::{HTTP, PATIENCE, connect, lab, refused_by};

/// How long the window is open: long enough to bring the lab up.
const OPEN: Duration = Duration::from_secs(12);

/// Until it is seen that the window is closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(20);

pub(crate) fn a_test_window_closes_by_itself() -> anyhow::Result<()> {
    let until = jiff::Timestamp::try_from(SystemTime::now() + OPEN)?;
    let policy = format!(
        "\n[[policy]]\nname = \"rehearsal\"\nfrom = [\"counter\"]\nto = [\"100.73.0.0/16\"]\n\
         services = [\"http\"]\nenvironment = \"test\"\nuntil = {until}\n"
    );
    let mut lab = lab(|site| site + &policy)?;
    let mut open = connect(&lab, "terminal", PLATFORM_TEST_WEB, HTTP)??;
    open.set_read_timeout(Some(PATIENCE))?;
    // Others than those that the policy names stay apart.
    let rule = refused_by(&lab, "juki", PLATFORM_TEST_WEB, HTTP)?;
    ensure!(rule == "head-office/crossing", "{rule}");

    let closed =
        || connect(&lab, "terminal", PLATFORM_TEST_WEB, HTTP).is_ok_and(|end| end.is_err());
    ensure!(wait_until(CLOSED_WITHIN, closed), "the window stays open");
    let early = until.duration_since(jiff::Timestamp::now()).is_positive();
    ensure!(!early, "the window closed before its end");
    let rule = refused_by(&lab, "terminal", PLATFORM_TEST_WEB, HTTP)?;
    ensure!(rule == "head-office/crossing", "{rule}");
    // What was open in it goes no further.
    open.write_all(b"GET /source HTTP/1.1\r\nHost: test\r\n\r\n")?;
    let answer = open.read(&mut [0; 64]);
    ensure!(!matches!(answer, Ok(1..)), "{answer:?}");

    // It stays closed over a restart, and where the same files are applied again.
    lab.kill_daemon()?;
    lab.start_daemon()?;
    lab.wait_for_carrier(None, CLOSED_WITHIN)?;
    let rule = refused_by(&lab, "terminal", PLATFORM_TEST_WEB, HTTP)?;
    ensure!(rule == "head-office/crossing", "{rule}");
    let folder = lab.site().to_owned();
    lab.apply(&folder)?;
    let rule = refused_by(&lab, "terminal", PLATFORM_TEST_WEB, HTTP)?;
    ensure!(rule == "head-office/crossing", "{rule}");
    Ok(())
}
