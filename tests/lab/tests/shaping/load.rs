//! Bulk that fills the line both ways, and a service that answers requests of a size.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use sekisho_lab::{Centre, Lab, PLATFORM_SECOND_RESOLVER, PLATFORM_WEB};
use socket2::SockRef;

use crate::site::{BULK_DOWN, BULK_UP, ONLINE};

/// Connections each way.
const CONNECTIONS: usize = 8;
/// How long a connection may stand still.
const PATIENCE: Duration = Duration::from_secs(20);
/// A request tells how much it brings and how much it wants, each as eight bytes.
const HEAD: usize = 16;

/// Answers on the online port of a host of the platform that serves nothing there, until it is dropped.
pub(crate) struct Answering(Arc<AtomicBool>);

impl Answering {
    pub(crate) fn start(lab: &Lab) -> anyhow::Result<Self> {
        let end = SocketAddr::from((PLATFORM_SECOND_RESOLVER, ONLINE));
        let listener = lab.host("platform").inside(|| TcpListener::bind(end))??;
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                while !stop.load(Ordering::Relaxed) {
                    match listener.accept() {
                        Ok((stream, _)) => drop(thread::spawn(move || answer(stream))),
                        Err(_) => thread::sleep(Duration::from_millis(1)),
                    }
                }
            }
        });
        Ok(Self(stop))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = [0; HEAD];
    stream.read_exact(&mut head)?;
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let mut brought = vec![0; number(&head[..8])];
    stream.read_exact(&mut brought)?;
    stream.write_all(&vec![7; number(&head[8..])])
}

/// A request on a connection of its own, from the terminal: how long it takes until the last byte of the answer is there.
pub(crate) fn request(lab: &Lab, bring: usize, want: usize) -> anyhow::Result<Duration> {
    let end = SocketAddr::from((PLATFORM_SECOND_RESOLVER, ONLINE));
    let mut message = [bring, want].map(|size| (size as u64).to_be_bytes()).concat();
    message.resize(HEAD + bring, 7);
    let ask = || -> io::Result<Duration> {
        let start = Instant::now();
        let mut stream = TcpStream::connect_timeout(&end, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&message)?;
        stream.read_exact(&mut vec![0; want])?;
        Ok(start.elapsed())
    };
    lab.host("terminal").inside(ask)?.with_context(|| format!("a request of {bring} for {want}"))
}

/// Bulk both ways until it is stopped.
pub(crate) struct Bulk {
    stop: Arc<AtomicBool>,
    /// Bytes that arrived at the terminal.
    down: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Bulk {
    pub(crate) fn start(lab: &Lab) -> anyhow::Result<Self> {
        for network in &lab.addresses().pool {
            // The machine's own congestion control may be one that leaves queues empty, like bbr.
            let (pool, via) = (network.to_string(), Centre::East.transfer().0.to_string());
            let route = ["ip", "route", "change", &pool, "via", &via, "congctl", "cubic"];
            lab.host("platform").must(&route)?;
        }
        let mut bulk = Self { stop: Arc::default(), down: Arc::default(), threads: Vec::new() };
        for _ in 0..CONNECTIONS {
            let up = connect(lab, BULK_UP)?;
            let stop = Arc::clone(&bulk.stop);
            bulk.threads.push(thread::spawn(move || send(&up, &stop)));
            let down = connect(lab, BULK_DOWN)?;
            let (stop, bytes) = (Arc::clone(&bulk.stop), Arc::clone(&bulk.down));
            bulk.threads.push(thread::spawn(move || fetch(&down, &stop, &bytes)));
        }
        Ok(bulk)
    }

    /// Ends it: how much came down.
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        self.down.load(Ordering::Relaxed)
    }
}

fn connect(lab: &Lab, port: u16) -> anyhow::Result<TcpStream> {
    let end = SocketAddr::from((PLATFORM_WEB, port));
    let stream = lab.host("terminal").inside(|| TcpStream::connect_timeout(&end, PATIENCE))??;
    // Short, so that a thread notices that it shall end.
    stream.set_write_timeout(Some(Duration::from_millis(200)))?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    SockRef::from(&stream).set_tcp_congestion(b"cubic")?;
    Ok(stream)
}

fn send(mut stream: &TcpStream, stop: &AtomicBool) {
    let block = vec![7; 65_536];
    while !stop.load(Ordering::Relaxed) {
        let _ = stream.write(&block);
    }
}

fn fetch(mut stream: &TcpStream, stop: &AtomicBool, bytes: &AtomicU64) {
    let _ = stream.write_all(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: platform\r\n\r\n");
    let mut buffer = vec![0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        if let Ok(count) = stream.read(&mut buffer) {
            bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}
