//! A line that loses, delays, reorders and duplicates.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use sekisho_lab::{Centre, Impairment, Lab, PLATFORM_WEB};
use socket2::SockRef;

use crate::traffic::{SECOND, Transfer, ensure_reaches, lab};

/// TCP echo (RFC 862).
const ECHO: u16 = 7;
/// So many that they fill the longest queue.
const CONNECTIONS: usize = 40;

pub(crate) fn a_bad_line_delivers_every_byte() -> anyhow::Result<()> {
    let lab = lab()?;
    let bad = Impairment {
        delay: Duration::from_millis(2),
        loss: 0.01,
        reorder: 0.01,
        duplicate: 0.01,
        ..Impairment::default()
    };
    let link = lab.impair(bad)?;
    let transfer = Transfer::start(&lab, 20, "1G")?;
    let sent = pattern(3_000_000);
    let returned = lab.host("terminal").inside(|| echo(&sent))??;
    ensure!(returned == sent, "{} of {} bytes, or wrong ones", returned.len(), sent.len());
    transfer.finish()?;
    let counts = link.remove()?;
    for direction in counts {
        let faults = [direction.lost, direction.reordered, direction.duplicated];
        ensure!(faults.iter().all(|count| *count > 10), "the line was good: {direction:?}");
    }
    ensure_reaches(&lab)
}

pub(crate) fn a_full_line_switches_nothing() -> anyhow::Result<()> {
    full_line(Duration::from_millis(200), 10 * 60 * SECOND)
}

/// A router that queues for two seconds: every answer to a probe is later than the time after which a centre is silent.
pub(crate) fn a_full_line_with_a_long_queue_switches_nothing() -> anyhow::Result<()> {
    full_line(Duration::from_secs(2), 2 * 60 * SECOND)
}

/// Many connections fill a line of 10 Mbit/s in both directions, for so long.
fn full_line(queue: Duration, time: Duration) -> anyhow::Result<()> {
    const RATE: u64 = 10_000_000;
    let lab = lab()?;
    for network in &lab.addresses().pool {
        // The machine's own congestion control may be one that leaves queues empty, like bbr.
        let (pool, via) = (network.to_string(), Centre::East.transfer().0.to_string());
        let route = ["ip", "route", "change", &pool, "via", &via, "congctl", "cubic"];
        lab.host("platform").must(&route)?;
    }
    let link = lab.impair(Impairment { rate: Some(RATE), queue, ..Impairment::default() })?;
    let before = switches(&lab)?;
    let end = Instant::now() + time;
    let carried = lab.host("terminal").inside(|| fill(end))??;
    let counts = link.remove()?;
    let after = switches(&lab)?;
    let rate = carried * 8 / time.as_secs();
    println!("queue {queue:?}: {rate} bit/s for {time:?}, {} switches, {counts:?}", after - before);
    let full = counts.iter().all(|direction| direction.longest_wait > queue * 3 / 4);
    ensure!(full && rate > RATE / 2, "the line wasn't full: {rate} bit/s, {counts:?}");
    ensure!(after == before, "{} switches", after - before);
    ensure_reaches(&lab)
}

/// How often the log tells of another carrier, or of none.
fn switches(lab: &Lab) -> anyhow::Result<usize> {
    let log = fs::read_to_string(lab.logs().join("gateway-sekishod.log"))?;
    let told = ["the carrier changed", "no centre answers"];
    Ok(log.lines().filter(|line| told.iter().any(|what| line.contains(what))).count())
}

/// Sends through the platform's echo service over many connections until the end: how many bytes came back.
fn fill(end: Instant) -> std::io::Result<u64> {
    let one = || -> std::io::Result<u64> {
        let stream =
            TcpStream::connect_timeout(&SocketAddr::from((PLATFORM_WEB, ECHO)), 5 * SECOND)?;
        stream.set_read_timeout(Some(30 * SECOND))?;
        SockRef::from(&stream).set_tcp_congestion(b"cubic")?;
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let block = pattern(65_536);
                while Instant::now() < end {
                    (&stream).write_all(&block)?;
                }
                stream.shutdown(Shutdown::Both)
            });
            let (mut buffer, mut bytes) = (vec![0; 65_536], 0);
            while let Ok(count @ 1..) = (&stream).read(&mut buffer) {
                bytes += count as u64;
            }
            writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(bytes)
        })
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(one)).collect();
        all.into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .sum()
    })
}

fn pattern(length: usize) -> Vec<u8> {
    (0..251).cycle().take(length).collect()
}

/// Sends the bytes to the platform's echo service and returns what comes back.
fn echo(sent: &[u8]) -> std::io::Result<Vec<u8>> {
    let end = SocketAddr::from((PLATFORM_WEB, ECHO));
    let mut stream = TcpStream::connect_timeout(&end, 5 * SECOND)?;
    stream.set_read_timeout(Some(10 * SECOND))?;
    let mut writer = stream.try_clone()?;
    thread::scope(|scope| {
        let sender = scope.spawn(move || writer.write_all(sent));
        let mut returned = vec![0; sent.len()];
        stream.read_exact(&mut returned)?;
        sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(returned)
    })
}
