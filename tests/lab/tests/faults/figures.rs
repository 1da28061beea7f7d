//! What changes cost, and what traffic notices of them. The figures are printed; the bounds are wide enough for a debug
//! build on a busy machine, where the promised ones are not the program's own.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_lab::{Extent, Lab, PLATFORM_WEB, sample};

use crate::{confirm::apply, files::Site};

const CARRIER: Duration = Duration::from_mins(1);

/// Memory and descriptors of the daemon.
fn resources(lab: &mut Lab) -> anyhow::Result<(u64, usize)> {
    let pid = lab.daemon()?.id();
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let memory = memory.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse().ok());
    let files = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    Ok((memory.context("no VmRSS")?, files))
}

/// Pairs of a change and the same again.
const ROUNDS: usize = 40;

pub(crate) fn of_the_large_sample() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("large"), Extent::Applied)?;
    let (first_memory, first_files) = resources(&mut lab)?;
    let mut early_memory = first_memory;
    let large = Site::copy(&lab, "large")?;
    let text = fs::read_to_string(large.path("site.toml"))?;
    let service = text.find("services = [").context("a row with services")?;
    let other = format!("{}services = [\"tcp/7009\", {}", &text[..service], &text[service + 12..]);
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
         {memory} kB, descriptors {first_files} then {files}",
        changed[ROUNDS / 2],
        changed[ROUNDS - 1],
        unchanged[ROUNDS / 2],
        unchanged[ROUNDS - 1]
    );
    ensure!(memory < 80_000, "{memory} kB");
    ensure!(memory < early_memory * 5 / 4, "memory grows with every apply");
    ensure!(files <= first_files + 20, "{first_files} descriptors became {files}");
    Ok(())
}

/// A thousand datagrams a second from the terminal to the platform.
struct Stream {
    stop: Arc<AtomicBool>,
    sent: thread::JoinHandle<anyhow::Result<u64>>,
    listening: thread::JoinHandle<anyhow::Result<Duration>>,
    received: Arc<AtomicU64>,
}

const PORT: u16 = 7003;
const EACH: Duration = Duration::from_millis(1);

impl Stream {
    fn start(lab: &Lab) -> anyhow::Result<Self> {
        let end = SocketAddr::from((PLATFORM_WEB, PORT));
        let far = lab.host("platform").inside(|| UdpSocket::bind(end))??;
        let near = lab.host("terminal").inside(|| UdpSocket::bind("0.0.0.0:0"))??;
        socket2::SockRef::from(&far).set_recv_buffer_size(4 << 20)?;
        far.set_read_timeout(Some(Duration::from_millis(200)))?;
        near.connect(end)?;
        let (stop, received) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let listening = thread::spawn({
            let (stop, received) = (Arc::clone(&stop), Arc::clone(&received));
            move || {
                let (mut longest, mut last) = (Duration::ZERO, Instant::now());
                let mut buffer = [0; 64];
                while !(stop.load(Ordering::Acquire) && last.elapsed() > Duration::from_secs(2)) {
                    if far.recv(&mut buffer).is_ok() {
                        received.fetch_add(1, Ordering::Relaxed);
                        longest = longest.max(last.elapsed());
                        last = Instant::now();
                    }
                }
                Ok(longest)
            }
        });
        let sent = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let (mut sent, start) = (0_u64, Instant::now());
                while !stop.load(Ordering::Acquire) {
                    // While new connections are refused the socket hears of it; the next one is sent all the same.
                    if near.send(&[0; 64]).is_ok() {
                        sent += 1;
                    }
                    let due = start + EACH * u32::try_from(sent)?;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                Ok(sent)
            }
        });
        Ok(Self { stop, sent, listening, received })
    }

    /// How many were sent, how many arrived, and the longest silence.
    fn finish(self) -> anyhow::Result<(u64, u64, Duration)> {
        self.stop.store(true, Ordering::Release);
        let sent = self.sent.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let silence =
            self.listening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((sent, self.received.load(Ordering::Relaxed), silence))
    }
}

/// The sample with a service for the stream.
fn prepared() -> anyhow::Result<(Lab, Site)> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let row = ("\"tcp/7\", \"icmp-echo\"", "\"tcp/7\", \"udp/7003\", \"icmp-echo\"");
    let site = Site::copy(&lab, "stream")?.edit("site.toml", &[row])?;
    apply(&lab, &site, &[])?;
    lab.wait_for_carrier(None, CARRIER)?;
    Ok((lab, site))
}

pub(crate) fn a_stream_across_changes() -> anyhow::Result<()> {
    let (lab, site) = prepared()?;
    let stream = Stream::start(&lab)?;
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

pub(crate) fn a_stream_across_restarts() -> anyhow::Result<()> {
    let (mut lab, _) = prepared()?;
    for kill in [true, false] {
        let stream = Stream::start(&lab)?;
        thread::sleep(Duration::from_secs(1));
        let ended = Instant::now();
        if kill {
            lab.kill_daemon()?;
        } else {
            ensure!(lab.stop_daemon()?.success());
        }
        lab.start_daemon()?;
        let started = ended.elapsed();
        lab.wait_for_carrier(None, CARRIER)?;
        thread::sleep(Duration::from_secs(2));
        let (sent, received, silence) = stream.finish()?;
        println!(
            "killed {kill}: {sent} sent, {received} received, longest silence {silence:?}; the daemon answered after {started:?}"
        );
        ensure!(silence < Duration::from_secs(20), "{silence:?}");
    }
    Ok(())
}
