//! Traffic that shows what it missed: numbered data over TCP, and a thousand datagrams a second.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_lab::{Extent, Lab, PLATFORM_WEB, sample};

use crate::{confirm::apply, files::Site};

const CARRIER: Duration = Duration::from_mins(1);
/// How long a connection may stand still before it counts as lost.
const LOST: Duration = Duration::from_mins(1);

/// Where the platform listens for TCP, in [`prepared`]'s design.
pub(crate) const PLATFORM_PORT: u16 = 7001;
/// Where `juki` listens for the platform.
pub(crate) const SERVER_PORT: u16 = 7005;
const DATAGRAM_PORT: u16 = 7003;

/// The sample with services for the streams.
pub(crate) fn prepared() -> anyhow::Result<(Lab, Site)> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let terminals =
        ("\"tcp/7\", \"icmp-echo\"", "\"tcp/7\", \"tcp/7001\", \"udp/7003\", \"icmp-echo\"");
    let server = (
        "[\"tcp/443\", \"icmp-echo\"]",
        "[\"tcp/443\", \"tcp/7005\", \"icmp-echo\"], approval = \"a trial\"",
    );
    let site = Site::copy(&lab, "stream")?.edit("site.toml", &[terminals, server])?;
    apply(&lab, &site, &[])?;
    lab.wait_for_carrier(None, CARRIER)?;
    Ok((lab, site))
}

/// A TCP connection with a number of eight bytes every 10 ms in both directions, both ends in our hands.
pub(crate) struct Numbers {
    stop: Arc<AtomicBool>,
    directions: Vec<JoinHandle<anyhow::Result<Duration>>>,
}

impl Numbers {
    const PERIOD: Duration = Duration::from_millis(10);

    /// From the terminal to the platform.
    pub(crate) fn to_platform(lab: &Lab) -> anyhow::Result<Self> {
        let end = SocketAddr::from((PLATFORM_WEB, PLATFORM_PORT));
        Self::start(lab, ("terminal", end), ("platform", end))
    }

    /// From the platform to `juki`.
    pub(crate) fn to_server(lab: &Lab) -> anyhow::Result<Self> {
        let juki = lab.addresses().host("juki")?;
        let at = |address| SocketAddr::from((address, SERVER_PORT));
        Self::start(lab, ("platform", at(juki.global)), ("juki", at(juki.address)))
    }

    fn start(
        lab: &Lab,
        (from, asked): (&str, SocketAddr),
        (to, bound): (&str, SocketAddr),
    ) -> anyhow::Result<Self> {
        let listener = lab.host(to).inside(|| TcpListener::bind(bound))??;
        let near = lab.host(from).inside(|| TcpStream::connect_timeout(&asked, LOST))?;
        let near = near.with_context(|| format!("{from} doesn't reach {asked}"))?;
        let (far, _) = listener.accept()?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut directions = Vec::new();
        for (sender, receiver) in [(&near, &far), (&far, &near)] {
            sender.set_nodelay(true)?;
            receiver.set_read_timeout(Some(LOST))?;
            let (sender, receiver) = (sender.try_clone()?, receiver.try_clone()?);
            let stop = Arc::clone(&stop);
            directions.push(thread::spawn(move || Self::run(sender, receiver, &stop)));
        }
        Ok(Self { stop, directions })
    }

    /// Ends it: the longest time in which nothing arrived. Every number has to be there once, in order.
    pub(crate) fn finish(self) -> anyhow::Result<Duration> {
        self.stop.store(true, Ordering::Release);
        let mut longest = Duration::ZERO;
        for direction in self.directions {
            longest = longest.max(joined(direction)?);
        }
        Ok(longest)
    }

    fn run(mut from: TcpStream, mut to: TcpStream, stop: &AtomicBool) -> anyhow::Result<Duration> {
        thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let mut number = 0_u64;
                while !stop.load(Ordering::Acquire) {
                    from.write_all(&number.to_be_bytes())?;
                    number += 1;
                    thread::sleep(Self::PERIOD);
                }
                from.shutdown(Shutdown::Write)?;
                anyhow::Ok(number)
            });
            let (mut bytes, mut received) = ([0; 8], 0_u64);
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while to.read_exact(&mut bytes).is_ok() {
                ensure!(u64::from_be_bytes(bytes) == received, "number {received} is damaged");
                received += 1;
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            let sent = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            ensure!(sent == received, "{received} of {sent} numbers arrived");
            Ok(longest)
        })
    }
}

/// A thousand datagrams a second from the terminal to the platform.
pub(crate) struct Datagrams {
    stop: Arc<AtomicBool>,
    sent: JoinHandle<anyhow::Result<u64>>,
    listening: JoinHandle<anyhow::Result<Duration>>,
    received: Arc<AtomicU64>,
}

impl Datagrams {
    const EACH: Duration = Duration::from_millis(1);

    pub(crate) fn start(lab: &Lab) -> anyhow::Result<Self> {
        let end = SocketAddr::from((PLATFORM_WEB, DATAGRAM_PORT));
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
                    let due = start + Self::EACH * u32::try_from(sent)?;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                Ok(sent)
            }
        });
        Ok(Self { stop, sent, listening, received })
    }

    /// How many were sent, how many arrived, and the longest silence.
    pub(crate) fn finish(self) -> anyhow::Result<(u64, u64, Duration)> {
        self.stop.store(true, Ordering::Release);
        let (sent, silence) = (joined(self.sent)?, joined(self.listening)?);
        Ok((sent, self.received.load(Ordering::Relaxed), silence))
    }
}

fn joined<T>(thread: JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
