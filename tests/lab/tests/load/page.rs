//! What is asked of the page under load, and what came of it.

use std::{
    env, fs,
    net::Ipv4Addr,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_bench::{statistics::percentile, usage};
use sekisho_lab::{Lab, wait_until};

use crate::{
    browser::Browser,
    crowd::{CLIENTS, Crowd},
    plane::{Carried, LENGTH, Plane, lab},
    visits::{self, RATE, Visits},
};

/// Windows of each kind, taken in turn, so that what else the machine does is in both.
const ROUNDS: u32 = 4;
/// How long one is.
const WINDOW: Duration = Duration::from_secs(10);
/// How long slow clients take until all of them are there.
const GATHERED: Duration = Duration::from_secs(10);
/// How long the page may take until it has the certificate that browsers trust.
const READY: Duration = Duration::from_secs(20);

/// The most of a core that the page may take, and of memory in MB.
const MOST_CORE: f64 = 0.10;
const MOST_MB: f64 = 25.0;
/// How much more of both programs may take that aren't built for release.
const UNOPTIMISED: f64 = 4.0;
/// How much longer the slowest hundredth of round trips may take beside the load than without it.
const LONGER: f64 = 2.0;
/// Below that, in milliseconds, a round trip says more of when threads get their turn than of the page: senders, clients
/// and both ends of the tunnel share the box's cores here.
const TURN_MS: f64 = 3.0;
/// How long 99 of a hundred answers may take, in milliseconds.
const ANSWER_MS: f64 = 500.0;

/// Addresses of the maintenance network that people come from; one is the browser's.
const SOURCES: u32 = 5;

/// A page with its crowd in front of it.
struct Scene {
    lab: Lab,
    browser: Browser,
    visitor: Ipv4Addr,
    crowd: Vec<Ipv4Addr>,
    requests: Vec<String>,
    file: String,
}

pub(crate) fn slow_clients_keep_nobody_out() -> anyhow::Result<()> {
    let scene = Scene::up()?;
    let crowd = scene.gather()?;
    let stop = AtomicBool::new(false);
    let visits = thread::scope(|scope| {
        let visits = scope.spawn(|| scene.visit(&AtomicBool::new(true), &stop));
        thread::sleep(Duration::from_secs(3));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        visits::joined(visits)
    })?;
    crowd.dismiss();
    ensure!(visits.answered > 0 && visits.others.is_empty(), "{:?}", visits.others);
    ensure!(visits.events > 0 && !visits.newcomers.is_empty(), "{} events", visits.events);
    Ok(())
}

pub(crate) fn a_loaded_page_costs_no_packet() -> anyhow::Result<()> {
    let scene = Scene::up()?;
    let page = scene.lab.page().context("no page runs")?.id();
    let plane = Plane::open(&scene.lab)?;
    let rate = plane.most()? / 2.0;
    println!("half of what the data plane carries: {rate:.0} packets of {LENGTH} B a second");

    let (mut idle, mut loaded) = (Carried::default(), Carried::default());
    let (mut visits, mut core) = (Visits::default(), 0.0);
    for _ in 0..ROUNDS {
        idle.add(plane.carry(rate, WINDOW, |_, _| Ok(()))?.0);
        let crowd = scene.gather()?;
        let (carried, (made, taken)) = plane.carry(rate, WINDOW, |counts, stop| {
            let (before, begun) = (usage::cpu_seconds(page)?, Instant::now());
            let made = scene.visit(counts, stop)?;
            let seconds = usage::cpu_seconds(page)? - before;
            Ok((made, seconds / begun.elapsed().as_secs_f64()))
        })?;
        loaded.add(carried);
        visits.add(made);
        core += taken / f64::from(ROUNDS);
        let (came, bytes) = crowd.dismiss();
        println!("{CLIENTS} slow clients came {came} times and moved {bytes} bytes");
    }

    let (half, most) = (percentile_of(&idle), percentile_of(&loaded));
    for (name, carried, [p50, p99]) in [("idle", &idle, half), ("loaded", &loaded, most)] {
        let lost = carried.sent.saturating_sub(carried.received);
        println!(
            "page {name}: round trips p50 {p50:.2} ms, p99 {p99:.2} ms, {} lost of {}; {lost} datagrams lost of {}",
            carried.trips.lost,
            carried.trips.milliseconds.len() + carried.trips.lost,
            carried.sent,
        );
    }
    let (resident, peak) = (usage::resident(page)?, usage::peak(page)?);
    let slowest = percentile(&visits.milliseconds, 99).unwrap_or(f64::INFINITY);
    println!(
        "page: {:.1} % of a core, {resident:.1} MB, at most {peak:.1} MB; {} answers, {} others, p50 {:.1} ms, p99 \
         {slowest:.1} ms; {} newcomers, p99 {:.1} ms; {} events",
        core * 100.0,
        visits.answered,
        visits.others.len(),
        percentile(&visits.milliseconds, 50).unwrap_or(f64::INFINITY),
        visits.newcomers.len(),
        percentile(&visits.newcomers, 99).unwrap_or(f64::INFINITY),
        visits.events,
    );

    let more = if env::var_os("SEKISHO_BIN").is_some() { 1.0 } else { UNOPTIMISED };
    ensure!(loaded.trips.lost == 0, "{} round trips were lost", loaded.trips.lost);
    let bound = (LONGER * half[1]).max(TURN_MS);
    ensure!(most[1] <= bound, "round trips take {:.2} ms, more than {bound:.2} ms", most[1]);
    ensure!(core <= MOST_CORE * more, "the page takes {core:.3} of a core");
    ensure!(peak <= MOST_MB * more, "the page takes {peak:.1} MB");
    let asked = WINDOW.as_secs() * u64::from(ROUNDS * RATE);
    ensure!(visits.others.is_empty(), "not answered: {:?}", visits.others);
    ensure!(visits.answered as u64 * 100 >= asked * 95, "{} of {asked} answers", visits.answered);
    ensure!(slowest <= ANSWER_MS, "answers take {slowest:.0} ms");
    ensure!(visits.events > 0 && !visits.newcomers.is_empty(), "{} events", visits.events);
    Ok(())
}

impl Scene {
    fn up() -> anyhow::Result<Self> {
        let lab = lab()?;
        let mut sources = sources(&lab)?;
        let visitor = sources.pop().context("no source")?;
        let mut browser = Browser::signed_in(&lab, visitor);
        wait_until(READY, || {
            if browser.is_err() {
                browser = Browser::signed_in(&lab, visitor);
            }
            browser.is_ok()
        });
        let browser = browser?;
        let site = fs::read_to_string(lab.site().join("site.toml"))?;
        let requests = visits::requests(&browser, visitor, &site)?;
        let [file, _] = visits::files(&browser, visitor)?;
        Ok(Self { lab, browser, visitor, crowd: sources, requests, file })
    }

    /// Has the slow clients come.
    fn gather(&self) -> anyhow::Result<Crowd> {
        let crowd = Crowd::gather(&self.browser, &self.crowd, &self.file);
        let all = wait_until(GATHERED, || crowd.held() == CLIENTS);
        ensure!(all, "only {} of {CLIENTS} are there", crowd.held());
        Ok(crowd)
    }

    fn visit(&self, counts: &AtomicBool, stop: &AtomicBool) -> anyhow::Result<Visits> {
        visits::make(&self.browser, self.visitor, &self.requests, counts, stop)
    }
}

/// Gives the clerk's PC the addresses of several.
fn sources(lab: &Lab) -> anyhow::Result<Vec<Ipv4Addr>> {
    let device = lab.addresses().device_maintenance.context("there is no maintenance port")?;
    let clerk = device.hosts().find(|address| *address != device.addr()).context("no PC")?;
    let all: Vec<_> = (0..SOURCES).map(|n| Ipv4Addr::from(clerk.to_bits() + n)).collect();
    for address in &all[1..] {
        let address = format!("{address}/{}", device.prefix_len());
        lab.host("clerk").must(&["ip", "address", "add", &address, "dev", "eth0"])?;
    }
    Ok(all)
}

/// The median of round trips in milliseconds, and what 99 of a hundred don't exceed.
fn percentile_of(carried: &Carried) -> [f64; 2] {
    let trips = &carried.trips.milliseconds;
    [50, 99].map(|percent| percentile(trips, percent).unwrap_or(f64::INFINITY))
}
