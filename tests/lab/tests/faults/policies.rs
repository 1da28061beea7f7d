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
/// Pairs of a run with many and one with few. Runs drift by some hundredths, so it takes some.
const ROUNDS: usize = 9;

/// The site with so many policies before its names. Each is about networks of its own; the last is about the web server.
fn with_policies(lab: &Lab, site: &Site, name: &str, policies: usize) -> anyhow::Result<Site> {
    let mut text = String::new();
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
    copy.edit("site.toml", &[("[names]\n", &format!("{text}[names]\n"))])
}

/// Downloads and datagrams with many policies and with few, run by run in turn: the data of connections and what opens them.
pub(crate) fn throughput_with_many_policies() -> anyhow::Result<()> {
    let (lab, site) = prepared()?;
    let many = with_policies(&lab, &site, "many", MANY)?;
    let few = with_policies(&lab, &site, "few", FEW)?;
    let (mut downloads, mut openings) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..2 * ROUNDS {
        let which = (round + round / 2) % 2;
        apply(&lab, [&many, &few][which], &[])?;
        downloads[which].push(download(&lab)?);
        openings[which].push(connects(&lab)?);
    }
    let mut parts = Vec::new();
    for (what, [of_many, of_few]) in [("MB/s", &downloads), ("connections/s", &openings)] {
        let ratios: Vec<_> = of_many.iter().zip(of_few).map(|(many, few)| many / few).collect();
        let part = median(&ratios);
        println!(
            "{MANY} policies {:.1} {what}, {FEW} policies {:.1} {what}; median of the pairs {part:.3} {ratios:.3?}",
            median(of_many),
            median(of_few)
        );
        parts.push(part);
    }
    ensure!(parts.iter().all(|part| *part > 0.95), "{MANY} policies cost too much: {parts:.3?}");
    Ok(())
}

fn download(lab: &Lab) -> anyhow::Result<f64> {
    let url = format!("http://{PLATFORM_WEB}/bytes/150000000");
    let words = ["curl", "-sS", "-o", "/dev/null", "-w", "%{speed_download}", &url];
    let rate: f64 = lab.host("terminal").within(60).must(&words)?.trim().parse()?;
    Ok(rate / 1e6)
}

/// How many flows the terminal opens a second, each judged by its first packet: a datagram there and one back.
fn connects(lab: &Lab) -> anyhow::Result<f64> {
    const FLOWS: u32 = 400;
    let port = 7003;
    let far = lab.host("platform").inside(|| UdpSocket::bind((PLATFORM_WEB, port)))??;
    far.set_read_timeout(Some(Duration::from_secs(5)))?;
    let start = Instant::now();
    lab.host("terminal").inside(|| {
        for _ in 0..FLOWS {
            let near = UdpSocket::bind("0.0.0.0:0")?;
            near.set_read_timeout(Some(Duration::from_secs(5)))?;
            near.send_to(b"there", SocketAddr::from((PLATFORM_WEB, port)))?;
            let mut buffer = [0; 16];
            let (length, source) = far.recv_from(&mut buffer).context("there")?;
            far.send_to(&buffer[..length], source)?;
            near.recv(&mut buffer).context("back")?;
        }
        anyhow::Ok(())
    })??;
    Ok(f64::from(FLOWS) / start.elapsed().as_secs_f64())
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
