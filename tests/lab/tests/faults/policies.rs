//! What a thousand policies cost, and what a stream notices of a change among them. The figures are printed.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_lab::{Lab, PLATFORM_WEB};

use crate::{
    confirm::apply,
    files::Site,
    streams::{Datagrams, prepared},
};

const MANY: usize = 1000;
const FEW: usize = 10;
/// How long a datagram may take.
const LOST: Duration = Duration::from_secs(5);
/// Runs with many and with few, in turn.
const ROUNDS: usize = 20;
/// Downloads of one run.
const DOWNLOADS: usize = 8;
/// Flows that one run opens.
const FLOWS: u32 = 400;

/// The site with so many policies before its names, on a line that nothing shapes. Each policy is about networks of its own;
/// the last is about the web server.
fn with_policies(lab: &Lab, site: &Site, name: &str, policies: usize) -> anyhow::Result<Site> {
    let mut text = "[limits]\nconnections = 100000\nnew-per-second = 100000\n\n".to_owned();
    for number in 1..=policies {
        let (high, low) = (100 + number / 250, number % 250);
        let to = if number == policies {
            PLATFORM_WEB
        } else {
            Ipv4Addr::new(100, 72, u8::try_from(high)?, u8::try_from(low)?)
        };
        write!(
            text,
            "[[policy]]\nname = \"p{number}\"\nfrom = [\"counter\"]\nto = [\"{to}\"]\n\
             services = [\"tcp/{}\"]\napproval = \"a trial\"\n\n",
            8000 + number
        )?;
    }
    let from = std::fs::read(site.path("site.toml"))?;
    let copy = Site::copy(lab, name)?.write("site.toml", &from)?;
    let named = format!("{text}[names]\n");
    copy.edit("site.toml", &[("line-rate = \"100M\"", "mtu = 1500"), ("[names]\n", &named)])
}

/// Downloads, which pass as parts of connections, and flows, each judged by its first packet. What else the machine does makes
/// some runs slow and none fast, so quick ones are compared: those that one in twenty is quicker than. To open a flow may take longer:
/// its first packet is looked up among all policies, and only that.
pub(crate) fn throughput_with_many_policies() -> anyhow::Result<()> {
    let (lab, site) = prepared()?;
    let many = with_policies(&lab, &site, "many", MANY)?;
    let few = with_policies(&lab, &site, "few", FEW)?;
    let (mut downloads, mut openings) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..2 * ROUNDS {
        let which = (round + round / 2) % 2;
        apply(&lab, [&many, &few][which], &[])?;
        for _ in 0..DOWNLOADS {
            downloads[which].push(download(&lab)?);
        }
        openings[which].extend(openings_each(&lab)?);
    }
    let mut parts = Vec::new();
    for (what, times) in [("download of 20 MB", downloads), ("flow of two datagrams", openings)] {
        let [[many_quick, many_median], [few_quick, few_median]] = times.map(quick_and_median);
        let part = few_quick / many_quick;
        println!(
            "{what}: {MANY} policies {:.3} ms (median {:.3}), {FEW} policies {:.3} ms (median {:.3}): {part:.3}",
            many_quick * 1e3,
            many_median * 1e3,
            few_quick * 1e3,
            few_median * 1e3
        );
        parts.push(part);
    }
    ensure!(parts[0] > 0.95 && parts[1] > 0.6, "{MANY} policies cost too much: {parts:.3?}");
    Ok(())
}

/// Seconds of a download.
fn download(lab: &Lab) -> anyhow::Result<f64> {
    let url = format!("http://{PLATFORM_WEB}/bytes/20000000");
    let words = ["curl", "-sS", "-o", "/dev/null", "-w", "%{time_total}", &url];
    Ok(lab.host("terminal").within(60).must(&words)?.trim().parse()?)
}

/// Seconds of each flow that the terminal opens: a datagram there and one back.
fn openings_each(lab: &Lab) -> anyhow::Result<Vec<f64>> {
    let end = SocketAddr::from((PLATFORM_WEB, 7003));
    let far = lab.host("platform").inside(|| UdpSocket::bind(end))??;
    far.set_read_timeout(Some(LOST))?;
    lab.host("terminal").inside(|| {
        let mut times = Vec::new();
        for _ in 0..FLOWS {
            let near = UdpSocket::bind("0.0.0.0:0")?;
            near.set_read_timeout(Some(LOST))?;
            let (mut buffer, start) = ([0; 16], Instant::now());
            near.send_to(b"there", end)?;
            let (length, source) = far.recv_from(&mut buffer).context("there")?;
            far.send_to(&buffer[..length], source)?;
            near.recv(&mut buffer).context("back")?;
            times.push(start.elapsed().as_secs_f64());
        }
        Ok(times)
    })?
}

fn quick_and_median(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [times[times.len() / 20], times[times.len() / 2]]
}

/// Changes of one policy among a thousand, and the same again, under a thousand datagrams a second.
pub(crate) fn a_stream_across_changes_of_many_policies() -> anyhow::Result<()> {
    let (lab, site) = prepared()?;
    let first = with_policies(&lab, &site, "many", MANY)?;
    let text = std::fs::read(first.path("site.toml"))?;
    let other = Site::copy(&lab, "other")?.write("site.toml", &text)?;
    let other = other.edit("site.toml", &[("\"tcp/8500\"", "\"tcp/8500\", \"udp/8500\"")])?;
    apply(&lab, &first, &[])?;
    let stream = Datagrams::start(&lab)?;
    thread::sleep(Duration::from_secs(1));
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    for site in [&other, &first, &other, &first] {
        let applied = apply(&lab, site, &[])?;
        ensure!(applied.steps > 0 && applied.ended_connections == 0, "{applied:?}");
        changed.push(applied.milliseconds);
        unchanged.push(apply(&lab, site, &[])?.milliseconds);
    }
    thread::sleep(Duration::from_secs(1));
    let (sent, received, silence) = stream.finish()?;
    println!(
        "{MANY} policies: {sent} sent, {received} received, longest silence {silence:?}; changes took {changed:?} ms, the \
         same again {unchanged:?} ms"
    );
    ensure!(received > 0 && sent == received, "{received} of {sent} arrived");
    Ok(())
}
