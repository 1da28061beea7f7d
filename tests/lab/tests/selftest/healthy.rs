//! A healthy site: its report, its other half, what disturbs, the health level, the support bundle.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_control::{CallOutcome, FarHalf, Health, Level, SelfTestReport, Stage, Verdict};
use sekisho_lab::{Centre, Extent, Lab, PLATFORM_WEB, describe, samples, text, wait_until};

use crate::site::Site;

/// What a whole test, and the box alone, may take.
const WHOLE: Duration = Duration::from_secs(30);
const STANDALONE: Duration = Duration::from_secs(5);

/// What an exchange beside a test may wait: less than the time after which TCP sends again.
const DISTURBED: Duration = Duration::from_millis(200);
const ROUNDS: u32 = 3;

/// TCP echo, which sample 1 lets its terminals ask.
const ECHO: u16 = 7;

/// The number that both sides write on their reports.
const NUMBER: &str = "2026-0142";

pub(crate) fn a_healthy_site_passes() -> anyhow::Result<()> {
    let site = Site::up()?;
    // What the test itself does to others is in every round; the machine may be busy with something else in any of them.
    let mut rounds = 0;
    let report = loop {
        let begun = Instant::now();
        let (report, longest) = beside_an_exchange(&site, || site.self_test(&[]))?;
        let (report, took) = (report?, begun.elapsed());
        println!("the whole test took {took:?}; an exchange beside it waited {longest:?}");
        ensure!(took < WHOLE, "{took:?}");
        ensure!(report.verdict == Verdict::Passed, "{:?}", report.first_cause);
        rounds += 1;
        if longest < DISTURBED {
            break report;
        }
        ensure!(
            rounds < ROUNDS,
            "in each round an exchange beside it waited; {longest:?} in the last"
        );
    };
    for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Load) {
        let passed = report
            .outcomes
            .iter()
            .filter(|outcome| outcome.check.stage == stage && outcome.verdict == Verdict::Passed);
        ensure!(passed.count() >= 3, "{stage}: too little was tried");
    }

    let begun = Instant::now();
    let alone = site.self_test(&["--stage", "standalone"])?;
    ensure!(begun.elapsed() < STANDALONE, "{:?}", begun.elapsed());
    ensure!(alone.outcomes.iter().all(|outcome| outcome.check.stage == Stage::Standalone));
    Ok(())
}

/// Does something while a terminal exchanges a few bytes with the platform every 20 ms: the longest that it waited.
fn beside_an_exchange<T>(site: &Site, act: impl FnOnce() -> T) -> anyhow::Result<(T, Duration)> {
    let end = (PLATFORM_WEB, ECHO).into();
    let connect = || TcpStream::connect_timeout(&end, STANDALONE);
    let mut stream = site.lab.host("terminal").inside(connect)??;
    stream.set_read_timeout(Some(STANDALONE))?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let exchange = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                stream.write_all(b"exchange")?;
                stream.read_exact(&mut [0; 8])?;
                longest = longest.max(asked.elapsed());
                thread::sleep(Duration::from_millis(20));
            }
            std::io::Result::Ok(longest)
        });
        let done = act();
        over.store(true, Ordering::Relaxed);
        let longest = exchange.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((done, longest?))
    })
}

pub(crate) fn every_sample_passes() -> anyhow::Result<()> {
    // Those two have servers that don't stand in the lab.
    let missing = |folder: &&PathBuf| folder.ends_with("large") || folder.ends_with("policies");
    for folder in samples()?.iter().filter(|folder| !missing(folder)) {
        let lab = Lab::up(folder, Extent::Applied)?;
        let site = Site { lab, guests: Vec::new() };
        site.both_alive()?;
        let report = site.self_test(&[])?;
        let failed: Vec<_> =
            report.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Failed).collect();
        println!("{}: {} checks", folder.display(), report.outcomes.len());
        ensure!(failed.is_empty(), "{}: {failed:#?}", folder.display());
    }
    Ok(())
}

pub(crate) fn both_halves_are_one_report() -> anyhow::Result<()> {
    let site = Site::up()?;
    let (ours, page) = ("/run/report.json", "/run/report.html");
    site.self_test(&["--test-number", NUMBER, "--report", ours])?;
    let report: SelfTestReport = serde_json::from_slice(&fs::read(ours)?)?;
    ensure!(report.test_number.as_ref().is_some_and(|number| number.to_string() == NUMBER));

    let theirs = site.lab.reports(Centre::East).join(format!("{NUMBER}.json"));
    let mut half: FarHalf =
        serde_json::from_slice(&fs::read(&theirs).context("the far end's half")?)?;
    ensure!(report.far_half.as_ref() == Some(&half), "{:?} {half:?}", report.far_half);
    let outcomes: Vec<_> = half.calls.iter().map(|call| (call.declared, call.outcome)).collect();
    ensure!(outcomes.contains(&(true, CallOutcome::Connected)), "{outcomes:?}");
    ensure!(
        outcomes.iter().any(|(declared, outcome)| !declared && *outcome != CallOutcome::Connected)
    );

    let merge = |far: &Path, words: &[&str]| {
        let far = far.to_string_lossy();
        site.lab.sekisho(&[&["self-test", "merge", ours, &far, "--lang", "en"], words].concat())
    };
    let joined = merge(&theirs, &[])?;
    ensure!(joined.status.success(), "{}", describe(&joined));
    let joined = merge(&theirs, &["--format", "html", "--report", page])?;
    ensure!(joined.status.success(), "{}", describe(&joined));
    let html = fs::read_to_string(page)?;
    ensure!(html.contains(NUMBER) && html.contains("@page"), "{html}");

    // The far end saw something else than it told the device.
    half.calls[0].outcome = CallOutcome::TimedOut;
    let other = Path::new("/run/far.json");
    fs::write(other, serde_json::to_vec(&half)?)?;
    let joined = merge(other, &[])?;
    ensure!(joined.status.code() == Some(1), "{}", describe(&joined));
    Ok(())
}

pub(crate) fn what_disturbs_is_measured() -> anyhow::Result<()> {
    let site = Site::up()?;
    let unasked = site.lab.sekisho(&["self-test", "--stage", "load"])?;
    ensure!(unasked.status.code() == Some(2), "{}", describe(&unasked));
    let report = site.self_test(&["--stage", "load", "--yes"])?;
    let load = report.outcomes.iter().find(|outcome| outcome.check.id == "load.throughput");
    let load = load.context("no load")?;
    println!("{} of {:?}", load.measured.as_deref().unwrap_or("-"), load.limit);
    ensure!(load.measured.is_some(), "{load:?}");
    let report = site.self_test(&["--only", "tunnel.fail-over", "--disturb", "--yes"])?;
    let change = report.outcomes.iter().find(|outcome| outcome.check.id == "tunnel.fail-over");
    let change = change.context("no rehearsal")?;
    ensure!(change.verdict == Verdict::Passed, "{change:?}");
    println!("{} in {:?}", change.result.en, change.measured);
    ensure!(site.lab.carrier()? == Some(Centre::East), "{:?}", site.lab.carrier()?);
    Ok(())
}

pub(crate) fn the_level_follows_the_tunnel() -> anyhow::Result<()> {
    let site = Site::up()?;
    let level = |wanted: Level, code: i32| {
        let mut last = None;
        let found = wait_until(Duration::from_secs(30), || {
            last = site.lab.sekisho(&["health", "--format", "json"]).ok();
            last.as_ref().is_some_and(|output| output.status.code() == Some(code))
        });
        let last = last.context("no answer")?;
        ensure!(found, "no {wanted:?}: {}", describe(&last));
        let health: Health = serde_json::from_slice(&last.stdout)?;
        ensure!(health.level == wanted, "{health:?}");
        anyhow::Ok(health)
    };
    level(Level::Ok, 0)?;
    site.lab.cut(Centre::East)?;
    let degraded = level(Level::Degraded, 8)?;
    ensure!(degraded.first_cause.is_some_and(|first| first.check == "tunnel.centre.east"));
    site.lab.cut(Centre::West)?;
    level(Level::Down, 9)?;
    site.lab.mend(Centre::East)?;
    site.lab.mend(Centre::West)?;
    let well = level(Level::Ok, 0)?;
    let levels: Vec<_> = well.history.iter().map(|change| change.level).collect();
    ensure!(levels.starts_with(&[Level::Ok]) && levels.contains(&Level::Down), "{levels:?}");
    Ok(())
}

pub(crate) fn a_bundle_tells_no_secret() -> anyhow::Result<()> {
    let site = Site::up()?;
    site.self_test(&["--stage", "standalone"])?;
    let output = site.lab.sekisho(&["support-bundle", "--output", "/run/bundle.tar.gz"])?;
    ensure!(output.status.success(), "{}", describe(&output));
    let host = site.lab.host("gateway");
    host.must(&["mkdir", "-p", "/run/bundle"])?;
    host.must(&["tar", "-xzf", "/run/bundle.tar.gz", "-C", "/run/bundle"])?;
    let secret = fs::read_to_string(site.lab.logs().join("state/tunnel.key"))?;
    let found = host.run(&["grep", "-rlF", secret.trim(), "/run/bundle"])?;
    ensure!(found.status.code() == Some(1), "the tunnel's key is in {}", text(&found.stdout));
    let name = &site.lab.design().site.name;
    let all = host.must(&["grep", "-rl", name, "/run/bundle"])?;
    ensure!(all.contains("enquiry.txt"), "{all}");
    Ok(())
}
