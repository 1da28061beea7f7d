//! What the data plane carries meanwhile: datagrams from the terminal to the platform, and round trips beside them.

use std::{
    fs,
    net::UdpSocket,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_bench::{
    load::Flow,
    lossless,
    ping::{self, Trips},
};
use sekisho_lab::{Centre, Extent, Lab, PLATFORM_WEB, PROFILE, sample, wait_until};

use crate::visits::joined;

/// A datagram's packet in bytes, IP header included: what a transfer of files fills.
pub(crate) const LENGTH: usize = 1400;
/// Where they go at the platform.
const PORT: u16 = 5001;
/// How long everything runs before it is measured, and how long the last datagrams may take.
const MARGIN: Duration = Duration::from_secs(1);
const CARRIER: Duration = Duration::from_mins(1);

/// The sample with all servers in the office, without a bound of the line, applied, and with the page.
pub(crate) fn lab() -> anyhow::Result<Lab> {
    let mut lab = Lab::up(&site()?, Extent::Applied)?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    lab.start_page(None)?;
    let looked = || lab.sekisho(&["health"]).is_ok_and(|said| !said.stdout.is_empty());
    ensure!(wait_until(CARRIER, looked), "the device has not looked at its health");
    Ok(lab)
}

fn site() -> anyhow::Result<PathBuf> {
    let (from, folder) = (sample("1-office"), PathBuf::from("/run/load-site"));
    fs::create_dir_all(&folder)?;
    fs::copy(from.join(PROFILE), folder.join(PROFILE))?;
    let text = fs::read_to_string(from.join("site.toml"))?;
    let lines = text.lines().filter(|line| !line.starts_with("line-rate"));
    let site = lines.collect::<Vec<_>>().join("\n");
    let (before, after) = ("\"udp/53\", ", format!("\"udp/53\", \"udp/{PORT}\", "));
    ensure!(site.contains(before) && site.len() < text.len(), "the sample is another one");
    fs::write(folder.join("site.toml"), site.replacen(before, &after, 1))?;
    Ok(folder)
}

/// Datagrams from the terminal to the platform, at whatever pace.
pub(crate) struct Plane<'a> {
    lab: &'a Lab,
    flow: Flow,
}

/// What happened in a window.
#[derive(Default)]
pub(crate) struct Carried {
    pub(crate) trips: Trips,
    /// Datagrams that were sent, and those that came.
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl<'a> Plane<'a> {
    pub(crate) fn open(lab: &'a Lab) -> anyhow::Result<Self> {
        let from = (lab.addresses().host("terminal")?.address, 0);
        let sender = lab.host("terminal").inside(|| UdpSocket::bind(from))??;
        let receiver = lab.host("platform").inside(|| UdpSocket::bind((PLATFORM_WEB, PORT)))??;
        Ok(Self { lab, flow: Flow::between(sender, receiver, LENGTH)? })
    }

    /// The most datagrams a second of which next to none is lost.
    pub(crate) fn most(&self) -> anyhow::Result<f64> {
        Ok(lossless::highest(&self.flow)? * 1e3)
    }

    /// Carries so many datagrams a second, and has something happen beside. It is told when what it sees counts, and when to
    /// end.
    pub(crate) fn carry<T: Send>(
        &self,
        rate: f64,
        time: Duration,
        beside: impl FnOnce(&AtomicBool, &AtomicBool) -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<(Carried, T)> {
        let (counts, stop, ended) =
            (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
        let (counts, stop, ended) = (&counts, &stop, &ended);
        let received = AtomicU64::new(0);
        let terminal = self.lab.host("terminal");
        thread::scope(|scope| {
            let listening = scope.spawn(|| self.flow.receive(ended, &received));
            let sender = scope.spawn(|| self.flow.send_paced(rate, time + 2 * MARGIN));
            let pinger = scope.spawn(|| ping::run(terminal, PLATFORM_WEB, counts, stop));
            let beside = scope.spawn(|| beside(counts, stop));
            thread::sleep(MARGIN);
            counts.store(true, Ordering::Relaxed);
            thread::sleep(time);
            counts.store(false, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
            let trips = joined(pinger).context("the round trips")?;
            let beside = joined(beside)?;
            let sent = joined(sender)?;
            thread::sleep(MARGIN);
            ended.store(true, Ordering::Relaxed);
            joined(listening)?;
            Ok((Carried { trips, sent, received: received.load(Ordering::Relaxed) }, beside))
        })
    }
}

impl Carried {
    /// Adds another window.
    pub(crate) fn add(&mut self, other: Self) {
        self.trips.milliseconds.extend(other.trips.milliseconds);
        self.trips.lost += other.trips.lost;
        self.sent += other.sent;
        self.received += other.received;
    }
}
