//! Traffic whose arrival proves something.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_control::CentreStatus;
use sekisho_lab::{Centre, Extent, Lab, PLATFORM_RESOLVER, PLATFORM_WEB, Process, sample};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// How long the first carrier may take after a start.
pub(crate) const CARRIER: Duration = Duration::from_mins(1);
/// Most seconds that any transfer of a test takes.
const LONGEST: &str = "60";

/// The sample with all servers in the office, applied, east carrying.
pub(crate) fn lab() -> anyhow::Result<Lab> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    Ok(lab)
}

/// So many bytes from the platform to the terminal, and a request that fills several packets.
pub(crate) fn exchange(lab: &Lab, bytes: u32) -> anyhow::Result<()> {
    let terminal = lab.host("terminal");
    let web = format!("http://{PLATFORM_WEB}/bytes/{bytes}");
    terminal.must(&["curl", "-sS", "-m", "20", "-o", "/dev/null", &web])?;
    let (field, echo) =
        (format!("X-Long: {}", "x".repeat(6_000)), format!("http://{PLATFORM_WEB}/"));
    terminal.must(&["curl", "-sS", "-m", "20", "-o", "/dev/null", "-H", &field, &echo])?;
    Ok(())
}

/// A download by one TCP connection from the platform to the terminal.
pub(crate) struct Transfer {
    process: Process,
    wanted: String,
}

impl Transfer {
    /// Starts it: a million bytes times `megabytes`, at most `rate` (curl's notation) a second.
    pub(crate) fn start(lab: &Lab, megabytes: u32, rate: &str) -> anyhow::Result<Self> {
        let url = format!("http://{PLATFORM_WEB}/bytes/{megabytes}000000");
        let fetch = |limit: &str| {
            format!("curl -sS --max-time {LONGEST} --limit-rate {limit} {url} | sha256sum")
        };
        let wanted = lab.host("platform").must(&["sh", "-c", &fetch("1G")])?;
        let label = format!("transfer-{megabytes}-{rate}");
        let process = lab.host("terminal").spawn(&label, &["sh", "-c", &fetch(rate)])?;
        Ok(Self { process, wanted })
    }

    /// Lets it run for a while; it has to be unfinished after that.
    pub(crate) fn run_for(&mut self, time: Duration) -> anyhow::Result<()> {
        thread::sleep(time);
        self.ensure_running()
    }

    pub(crate) fn ensure_running(&mut self) -> anyhow::Result<()> {
        ensure!(self.process.is_running(), "it ended too early: {}", self.process.output());
        Ok(())
    }

    /// Waits for its end: every byte has to be there.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.process.wait(60 * SECOND)?;
        let received = self.process.output();
        ensure!(received == self.wanted, "not the same bytes: {received}{}", self.wanted);
        Ok(())
    }
}

/// A TCP connection from the terminal to the platform's echo service (RFC 862) with eight bytes every 10 ms.
pub(crate) struct Stream {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Duration>>,
}

impl Stream {
    const PERIOD: Duration = Duration::from_millis(10);

    pub(crate) fn start(lab: &Lab) -> anyhow::Result<Self> {
        let end = SocketAddr::from((PLATFORM_WEB, 7));
        let stream =
            lab.host("terminal").inside(|| TcpStream::connect_timeout(&end, 5 * SECOND))??;
        stream.set_nodelay(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = thread::spawn(move || Self::run(&stream, &asked));
        Ok(Self { stop, thread })
    }

    /// Ends it: the longest time in which nothing came back. Every number has to be there, in order.
    pub(crate) fn finish(self) -> anyhow::Result<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn run(stream: &TcpStream, stop: &AtomicBool) -> anyhow::Result<Duration> {
        stream.set_read_timeout(Some(60 * SECOND))?;
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut number = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    (&*stream).write_all(&number.to_be_bytes())?;
                    number += 1;
                    thread::sleep(Self::PERIOD);
                }
                stream.shutdown(Shutdown::Write)?;
                anyhow::Ok(number)
            });
            let (mut bytes, mut received) = ([0; 8], 0_u64);
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while (&*stream).read_exact(&mut bytes).is_ok() {
                ensure!(u64::from_be_bytes(bytes) == received, "number {received} is damaged");
                received += 1;
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            let sent = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            ensure!(sent == received, "{received} of {sent} numbers came back");
            Ok(longest)
        })
    }
}

/// Questions from the terminal to the platform's resolver by UDP, one every 5 ms, each with a number of its own. Nobody
/// sends anything again.
pub(crate) struct Questions {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Unanswered>>,
}

/// How many questions were asked and stayed unanswered, and the longest time from one of these to the next that didn't.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered {
    pub(crate) asked: usize,
    pub(crate) lost: usize,
    pub(crate) longest: Duration,
}

impl Questions {
    const PERIOD: Duration = Duration::from_millis(5);
    /// As many as there are numbers.
    const MOST: usize = 1 << 16;

    pub(crate) fn start(lab: &Lab) -> anyhow::Result<Self> {
        let socket = lab.host("terminal").inside(|| UdpSocket::bind("0.0.0.0:0"))??;
        socket.connect((PLATFORM_RESOLVER, 53))?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = thread::spawn(move || Self::run(&socket, &asked));
        Ok(Self { stop, thread })
    }

    /// Ends them, after the last has had a second.
    pub(crate) fn finish(self) -> anyhow::Result<Unanswered> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn run(socket: &UdpSocket, stop: &AtomicBool) -> anyhow::Result<Unanswered> {
        socket.set_read_timeout(Some(SECOND))?;
        let mut answered = vec![false; Self::MOST];
        let asked = thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let (mut number, mut times) = (0_u16, Vec::new());
                while !stop.load(Ordering::Relaxed) && usize::from(number) + 1 < Self::MOST {
                    // Where nobody can be reached for a moment, the kernel says so; the next may pass.
                    times.push(Instant::now());
                    let _ = socket.send(&Self::question(number));
                    number += 1;
                    thread::sleep(Self::PERIOD);
                }
                times
            });
            let mut answer = [0; 512];
            loop {
                let done = asking.is_finished();
                match socket.recv(&mut answer) {
                    Ok(2..) => {
                        answered[usize::from(u16::from_be_bytes([answer[0], answer[1]]))] = true;
                    }
                    // A second without any answer after the last question.
                    Err(_) if done => break,
                    Ok(_) | Err(_) => {}
                }
            }
            asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let (mut lost, mut longest, mut since) = (0, Duration::ZERO, None);
        for (time, answered) in asked.iter().zip(&answered) {
            if *answered {
                longest = since.take().map_or(longest, |since| longest.max(*time - since));
            } else {
                lost += 1;
                since.get_or_insert(*time);
            }
        }
        // What stays unanswered to the end counts to the end.
        if let (Some(since), Some(last)) = (since, asked.last()) {
            longest = longest.max(*last - since);
        }
        Ok(Unanswered { asked: asked.len(), lost, longest })
    }

    /// The address of the platform's web server (RFC 1035, clause 4).
    fn question(number: u16) -> Vec<u8> {
        let mut question = number.to_be_bytes().to_vec();
        question.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in ["web", "platform", "example"] {
            question.push(u8::try_from(label.len()).unwrap_or_default());
            question.extend(label.bytes());
        }
        question.extend([0, 0, 1, 0, 1]);
        question
    }
}

/// One TCP connection from a host: how it went and how long that took.
pub(crate) fn connect(
    lab: &Lab,
    from: &str,
    to: Ipv4Addr,
    limit: Duration,
) -> anyhow::Result<(io::Result<TcpStream>, Duration)> {
    let end = SocketAddr::from((to, 80));
    lab.host(from).inside(|| {
        let start = Instant::now();
        let result = TcpStream::connect_timeout(&end, limit);
        (result, start.elapsed())
    })
}

/// The terminal reaches the platform.
pub(crate) fn ensure_reaches(lab: &Lab) -> anyhow::Result<()> {
    let (result, time) = connect(lab, "terminal", PLATFORM_WEB, 3 * SECOND)?;
    result.with_context(|| format!("the terminal doesn't reach the platform, {time:?}"))?;
    Ok(())
}

/// What the daemon says about a centre.
pub(crate) fn centre(lab: &Lab, centre: Centre) -> anyhow::Result<CentreStatus> {
    let tunnel = lab.status()?.tunnel.context("no tunnel")?;
    let mut centres = tunnel.centres.into_iter();
    centres.find(|row| row.name.as_str() == centre.name()).context("no such centre")
}
