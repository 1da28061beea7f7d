//! What still works when a server, a centre or the tunnel is gone (R41).

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use sekisho_lab::{Centre, Lab, PLATFORM_RESOLVER};

use crate::{
    ask::{dig, ensure_told},
    clients::NAMES,
    peers::{Site, office_dns, platform_dns},
};

const TERMINAL: (&str, &str) = ("terminal", "192.168.1.1");
/// Within what time the second server answers for the first.
const SECOND_SERVER: Duration = Duration::from_secs(2);
/// What a busy machine may take beyond a time that is stated.
const BUSY: Duration = Duration::from_secs(2);

fn timed(lab: &Lab, name: &str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    ensure_told(lab, TERMINAL, &[name], ("NXDOMAIN", &[]))?;
    Ok(started.elapsed())
}

pub(crate) fn the_second_server_answers_for_the_first() -> anyhow::Result<()> {
    let (lab, mut servers) = Site::with("1-office", NAMES)?.lab()?;
    timed(&lab, "one.platform.example")?;
    // Silent, not refusing: as a centre that burnt down.
    lab.host("platform").must(&[
        "ip",
        "address",
        "del",
        &format!("{PLATFORM_RESOLVER}/32"),
        "dev",
        "lo",
    ])?;
    lab.host("platform").must(&[
        "ip",
        "route",
        "add",
        "blackhole",
        &PLATFORM_RESOLVER.to_string(),
    ])?;
    let first = timed(&lab, "two.platform.example")?;
    ensure!(first < SECOND_SERVER + BUSY, "{first:?}");
    let mut next = Vec::new();
    for number in 0..5 {
        next.push(timed(&lab, &format!("after-{number}.platform.example"))?);
    }
    ensure!(next.iter().all(|time| *time < Duration::from_millis(500) + BUSY / 2), "{next:?}");
    let said = lab.sekisho(&["names", "--lang", "en"])?;
    let said = sekisho_lab::text(&said.stdout);
    ensure!(said.contains("100.72.0.53:53           silent"), "{said}");

    // Back again, it is found without a client waiting.
    drop(servers.remove(0));
    lab.host("platform").must(&[
        "ip",
        "route",
        "del",
        "blackhole",
        &PLATFORM_RESOLVER.to_string(),
    ])?;
    lab.host("platform").must(&[
        "ip",
        "address",
        "add",
        &format!("{PLATFORM_RESOLVER}/32"),
        "dev",
        "lo",
    ])?;
    servers.push(platform_dns(&lab, PLATFORM_RESOLVER)?);
    let end = Instant::now() + Duration::from_mins(1);
    for number in 0.. {
        let time = timed(&lab, &format!("back-{number}.platform.example"))?;
        ensure!(time < Duration::from_millis(500) + BUSY / 2, "{time:?}");
        let said = lab.sekisho(&["names", "--lang", "en"])?;
        if sekisho_lab::text(&said.stdout).contains("100.72.0.53:53           answers") {
            break;
        }
        ensure!(Instant::now() < end, "the first server isn't tried again");
        thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

pub(crate) fn a_dead_centre_costs_no_answer() -> anyhow::Result<()> {
    let (mut lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    timed(&lab, "one.platform.example")?;
    lab.kill_centre(Centre::East)?;
    let time = timed(&lab, "two.platform.example")?;
    ensure!(time < Duration::from_secs(5), "{time:?}");
    Ok(())
}

/// Without the tunnel: static names, what is remembered even beyond its time, and the office's own names.
pub(crate) fn names_outlive_the_tunnel() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let _office = office_dns(&lab, &[])?;
    let brief = ["brief.platform.example"];
    ensure_told(&lab, TERMINAL, &brief, ("NOERROR", &["100.72.1.10"]))?;
    for centre in Centre::ALL {
        lab.cut(centre)?;
    }
    // Its time to live, two seconds, is over.
    thread::sleep(Duration::from_secs(3));
    ensure_told(&lab, TERMINAL, &["counter.office.example"], ("NOERROR", &["192.168.1.100"]))?;
    ensure_told(&lab, TERMINAL, &["files.intra.example"], ("NOERROR", &["192.168.1.80"]))?;
    let stale = dig(&lab, TERMINAL.0, TERMINAL.1, &brief)?;
    stale.is("NOERROR", &["100.72.1.10"])?;
    ensure!(stale.answer[0].contains(" 30 IN A"), "{stale:?}");
    ensure_told(&lab, TERMINAL, &["never-asked.platform.example"], ("SERVFAIL", &[]))?;

    for centre in Centre::ALL {
        lab.mend(centre)?;
    }
    lab.wait_for_carrier(None, crate::peers::CARRIER)?;
    let end = Instant::now() + Duration::from_mins(1);
    while dig(&lab, TERMINAL.0, TERMINAL.1, &["new.platform.example"])?.code != "NXDOMAIN" {
        ensure!(Instant::now() < end, "the platform's servers aren't tried again");
        thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}
