//! What really went over a wire. Recorded here and read by tcpdump, which can't record itself: it insists on
//! giving up root first, and an ordinary user's namespace doesn't let it.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::fd::AsFd,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use nix::poll::{PollFd, PollFlags, poll};

use crate::{
    namespace::Namespace,
    packet::PacketSocket,
    process::{command, must},
};

/// Milliseconds in which the recorder notices that it shall end.
const GLANCE: u16 = 20;
/// Largest frame.
const FRAME: usize = 65_536;
/// Most of a frame that is kept: all headers, also those that an ICMP error quotes.
const KEPT: usize = 256;
/// Head of a pcap file, version 2.4, Ethernet, in this machine's byte order: the magic number tells which it
/// is.
const HEAD: [u32; 6] = [0xa1b2_c3d4, u32::from_ne_bytes(version()), 0, 0, 262_144, 1];

/// A running recording. [`Capture::stop`] makes it a [`Recording`].
#[derive(Debug)]
pub struct Capture {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
    file: PathBuf,
}

/// A finished recording.
#[derive(Debug)]
pub struct Recording {
    file: PathBuf,
}

impl Capture {
    /// Starts to record an interface of a host, or `any`; every frame from now on is recorded, in both
    /// directions. With `any`, all interfaces of the host must be Ethernet or loopback.
    pub(crate) fn start(host: &Namespace, interface: &str, file: PathBuf) -> anyhow::Result<Self> {
        let one = (interface != "any").then_some(interface);
        let socket = host.inside(|| PacketSocket::recorder(one))?;
        let socket = socket.with_context(|| format!("record {interface} of {}", host.name()))?;
        Self::of(socket, file)
    }

    /// The same for an interface of the lab's own network.
    pub(crate) fn start_outside(interface: &str, file: PathBuf) -> anyhow::Result<Self> {
        let socket = PacketSocket::recorder(Some(interface));
        Self::of(socket.with_context(|| format!("record {interface}"))?, file)
    }

    fn of(socket: PacketSocket, file: PathBuf) -> anyhow::Result<Self> {
        let mut pcap = BufWriter::new(File::create(&file)?);
        pcap.write_all(&HEAD.map(u32::to_ne_bytes).concat())?;
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("recorder".to_owned()).spawn({
            let stop = Arc::clone(&stop);
            move || record(&socket, pcap, &stop)
        })?;
        Ok(Self { stop, thread: Some(thread), file })
    }

    /// Ends the recording.
    pub fn stop(mut self) -> anyhow::Result<Recording> {
        let thread = self.thread.take().context("the recording ended already")?;
        self.stop.store(true, Ordering::Release);
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(Recording { file: self.file.clone() })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Recording {
    /// The packets that match a filter in tcpdump's language, a line each.
    pub fn matching(&self, filter: &str) -> anyhow::Result<Vec<String>> {
        // In an ordinary user's namespace tcpdump can become nobody else; so it must not look like root.
        let nobody_else = fs::read_to_string("/proc/self/setgroups")?.trim() == "deny";
        let mut tcpdump = if nobody_else {
            let mut unshare = command("unshare");
            unshare.args(["--user", "tcpdump"]);
            unshare
        } else {
            let mut tcpdump = command("tcpdump");
            tcpdump.args(["-Z", "root"]);
            tcpdump
        };
        tcpdump.arg("-nr").arg(&self.file).arg(filter);
        Ok(must(&mut tcpdump)?.lines().map(str::to_owned).collect())
    }

    /// How many packets match a filter.
    pub fn count(&self, filter: &str) -> anyhow::Result<usize> {
        Ok(self.matching(filter)?.len())
    }
}

fn record(socket: &PacketSocket, mut pcap: impl Write, stop: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; FRAME];
    loop {
        // Looked at before the queue is emptied, so that what arrived before the end is in.
        let last = stop.load(Ordering::Acquire);
        while let Some(size) = socket.receive(&mut buffer)? {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let kept = size.min(KEPT);
            let lengths = [kept, size].map(|length| u32::try_from(length).unwrap_or(u32::MAX));
            // Seconds have 32 bits in this format, until 2106.
            let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
            let head = [seconds, now.subsec_micros(), lengths[0], lengths[1]];
            pcap.write_all(&head.map(u32::to_ne_bytes).concat())?;
            pcap.write_all(&buffer[..kept])?;
        }
        if last {
            return pcap.flush();
        }
        match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], GLANCE) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The version's two halves, 2 and 4, as they lie in the file.
const fn version() -> [u8; 4] {
    let (major, minor) = (2_u16.to_ne_bytes(), 4_u16.to_ne_bytes());
    [major[0], major[1], minor[0], minor[1]]
}
