//! What changes cost, and what traffic notices of them. The figures are printed; the bounds are wide enough for a debug
//! build on a busy machine, where the promised ones are not the program's own.

use std::{fs, thread, time::Duration};

use anyhow::ensure;
use sekisho_lab::{Extent, Lab, PLATFORM_WEB, sample};

use crate::{
    bounds::{most_memory, resources},
    confirm::apply,
    files::Site,
    streams::{Datagrams, prepared},
};

/// Pairs of a change and the same again.
const ROUNDS: usize = 40;

pub(crate) fn of_the_large_sample() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("large"), Extent::Applied)?;
    let (first_memory, first_files) = resources(&mut lab)?;
    let mut early_memory = first_memory;
    let large = Site::copy(&lab, "large")?;
    let text = fs::read_to_string(large.path("site.toml"))?;
    let other = text.replacen("\"https\", \"icmp-echo\"", "\"https\", \"http\", \"icmp-echo\"", 1);
    ensure!(other != text, "no row with https and icmp-echo");
    let other = Site::copy(&lab, "other")?.write("site.toml", other.as_bytes())?;
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let site = if round % 2 == 0 { &other } else { &large };
        let applied = apply(&lab, site, &[])?;
        ensure!(applied.steps > 0, "{applied:?}");
        changed.push(applied.milliseconds);
        let applied = apply(&lab, site, &[])?;
        ensure!(applied.steps == 0 && applied.ended_connections == 0, "{applied:?}");
        unchanged.push(applied.milliseconds);
        if round == ROUNDS / 4 {
            early_memory = resources(&mut lab)?.0;
        }
    }
    let (memory, files) = resources(&mut lab)?;
    changed.sort_unstable();
    unchanged.sort_unstable();
    println!(
        "large: apply {} ms (most {}), the same again {} ms (most {}), memory {first_memory} kB, {early_memory} kB, \
         {memory} kB, {} kB at most, descriptors {first_files} then {files}",
        changed[ROUNDS / 2],
        changed[ROUNDS - 1],
        unchanged[ROUNDS / 2],
        unchanged[ROUNDS - 1],
        most_memory(&mut lab)?
    );
    ensure!(memory < 40_000, "{memory} kB");
    ensure!(memory < early_memory * 5 / 4, "memory grows with every apply");
    ensure!(files <= first_files + 20, "{first_files} descriptors became {files}");
    Ok(())
}

pub(crate) fn a_stream_across_changes() -> anyhow::Result<()> {
    let (lab, site) = prepared()?;
    let stream = Datagrams::start(&lab)?;
    thread::sleep(Duration::from_secs(1));
    let mut site = site;
    let mut applied = Vec::new();
    for (from, to) in [
        ("global = \"100.64.10.11\"", "global = \"100.64.10.13\""),
        ("\"tcp/7\", ", "\"tcp/7\", \"tcp/7004\", "),
        ("private = \"192.168.1.11\"", "private = \"192.168.1.12\""),
        ("global = \"100.64.10.31\"", "global = \"100.64.10.32\""),
    ] {
        site = site.edit("site.toml", &[(from, to)])?;
        applied.push(apply(&lab, &site, &[])?.milliseconds);
        applied.push(apply(&lab, &site, &[])?.milliseconds);
    }
    thread::sleep(Duration::from_secs(1));
    let (sent, received, silence) = stream.finish()?;
    println!(
        "{sent} sent, {received} received, longest silence {silence:?}; applies took {applied:?} ms"
    );
    ensure!(sent == received, "{} of {sent} were lost", sent - received);
    Ok(())
}

/// Changes of a site with 500 servers, none with a new address of the device.
pub(crate) fn a_stream_across_changes_of_the_large_sample() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("large"), Extent::Applied)?;
    let row = "global = \"100.64.11.1\"\n";
    let services = "services = [\"https\", \"udp/7003\"]\napproval = \"a trial\"\n";
    let first = Site::copy(&lab, "large")?;
    let first = first.edit("site.toml", &[(row, &format!("{row}{services}"))])?;
    let text = fs::read_to_string(first.path("site.toml"))?;
    let text = text.replacen("\"https\", \"icmp-echo\"", "\"https\", \"http\", \"icmp-echo\"", 1);
    let other = Site::copy(&lab, "other")?.write("site.toml", text.as_bytes())?;
    apply(&lab, &first, &[])?;
    let stream = Datagrams::start(&lab)?;
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    for site in [&other, &first, &other, &first] {
        changed.push(apply(&lab, site, &[])?.milliseconds);
        unchanged.push(apply(&lab, site, &[])?.milliseconds);
    }
    let (sent, received, silence) = stream.finish()?;
    println!(
        "{sent} sent, {received} received, longest silence {silence:?}; changes took {changed:?} ms, the same again \
         {unchanged:?} ms"
    );
    ensure!(received > 0 && sent == received, "{received} of {sent} arrived");
    Ok(())
}

/// Downloads of one server, with as many static pairs as the large sample has, and with its own alone.
pub(crate) fn throughput_with_many_pairs() -> anyhow::Result<()> {
    const DOWNLOADS: usize = 12;
    let lab = Lab::up(&sample("large"), Extent::Applied)?;
    let many = Site::copy(&lab, "many")?;
    let text = fs::read_to_string(many.path("site.toml"))?;
    let (mut servers, mut alone) = (0, String::new());
    for (number, row) in text.split("\n[[").enumerate() {
        servers += usize::from(row.starts_with("server]]"));
        if servers < 2 || !row.starts_with("server]]") {
            alone += if number == 0 { "" } else { "\n[[" };
            alone += row;
        }
    }
    ensure!(servers >= 500, "only {servers} servers");
    let alone = Site::copy(&lab, "alone")?.write("site.toml", alone.as_bytes())?;
    let url = format!("http://{PLATFORM_WEB}/bytes/200000000");
    let words = ["curl", "-sS", "-o", "/dev/null", "-w", "%{speed_download}", &url];
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..2 * DOWNLOADS {
        apply(&lab, [&many, &alone][round % 2], &[])?;
        let rate: f64 = lab.host("juki").within(60).must(&words)?.trim().parse()?;
        rates[round % 2].push(rate / 1e6);
    }
    let [of_many, of_one] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[DOWNLOADS / 2]
    });
    let part = of_many / of_one;
    println!("{servers} pairs {of_many:.0} MB/s, one pair {of_one:.0} MB/s: {part:.3}");
    ensure!(part > 0.8, "{servers} pairs cost too much: {part:.3}");
    Ok(())
}
