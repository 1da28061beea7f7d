//! Clients that take their time: each holds a connection for as long as the box lets it, and then comes again.

use std::{
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::browser::{Browser, elsewhere};

/// Slow clients at one time.
pub(crate) const CLIENTS: usize = 50;
/// Between two bytes of a client.
const BETWEEN: Duration = Duration::from_secs(1);
/// Room for what comes, of a client that hardly reads.
const NARROW: usize = 4096;
/// Requests that such a client sends ahead.
const AHEAD: usize = 200;

/// Bytes that it takes before it comes again.
const MOST: usize = 600;

/// What a client is slow at.
#[derive(Clone, Copy)]
enum Slow {
    /// The hand-shake comes a byte a second.
    HandShake,
    /// So does the head of a request.
    Head,
    /// So is the answer taken, of a large file that was asked for many times ahead.
    Reading,
}

impl Slow {
    const ALL: [Self; 3] = [Self::HandShake, Self::Head, Self::Reading];
}

/// All of them, until they are dismissed.
pub(crate) struct Crowd {
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    held: AtomicUsize,
    opened: AtomicUsize,
    bytes: AtomicUsize,
}

impl Crowd {
    /// Has them come, from these addresses in turn. `file` is what the slow readers ask for.
    pub(crate) fn gather(browser: &Browser, sources: &[Ipv4Addr], file: &str) -> Self {
        let mut crowd = Self { stop: Arc::default(), counts: Arc::default(), threads: Vec::new() };
        let from = sources.iter().cycle().zip(Slow::ALL.into_iter().cycle());
        for (from, slow) in from.take(CLIENTS) {
            let (browser, from, file) = (browser.clone(), *from, file.to_owned());
            let (stop, counts) = (Arc::clone(&crowd.stop), Arc::clone(&crowd.counts));
            crowd.threads.push(thread::spawn(move || {
                let _ = elsewhere();
                while !stop.load(Ordering::Relaxed) {
                    // The box ends it, sooner or later; there is no hurry where it does so at once.
                    let came = Instant::now();
                    let _ = come(&browser, from, slow, &file, &stop, &counts);
                    if came.elapsed() < BETWEEN {
                        pause(&stop);
                    }
                }
            }));
        }
        crowd
    }

    /// How many hold a connection now.
    pub(crate) fn held(&self) -> usize {
        self.counts.held.load(Ordering::Relaxed)
    }

    /// Sends them away: how often they came, and how many bytes they moved.
    pub(crate) fn dismiss(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        (self.counts.opened.load(Ordering::Relaxed), self.counts.bytes.load(Ordering::Relaxed))
    }
}

/// One connection, from its beginning to its end.
fn come(
    browser: &Browser,
    from: Ipv4Addr,
    slow: Slow,
    file: &str,
    stop: &AtomicBool,
    counts: &Counts,
) -> io::Result<()> {
    match slow {
        Slow::HandShake => {
            let mut hello = Vec::new();
            browser.hand_shake()?.write_tls(&mut hello)?;
            let mut stream = browser.reach(from, None)?;
            let _here = Here::new(counts);
            drip(&hello, stop, counts, |byte| stream.write_all(byte))
        }
        Slow::Head => {
            let mut connection = browser.connect(from)?;
            let head = browser.get_as_nobody(file);
            let _here = Here::new(counts);
            drip(head.as_bytes(), stop, counts, |byte| connection.say(byte))
        }
        Slow::Reading => {
            let mut connection = browser.connect_with(from, Some(NARROW))?;
            connection.say(browser.get_as_nobody(file).repeat(AHEAD).as_bytes())?;
            let _here = Here::new(counts);
            // Past TLS, whose records would be taken whole: the box sees how much is taken and no more.
            let mut stream = connection.socket();
            drip(&[0; MOST], stop, counts, |_| stream.read_exact(&mut [0]))
        }
    }
}

/// Does something with each of these bytes, one a second.
fn drip(
    bytes: &[u8],
    stop: &AtomicBool,
    counts: &Counts,
    mut with: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    for byte in bytes {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        with(std::slice::from_ref(byte))?;
        counts.bytes.fetch_add(1, Ordering::Relaxed);
        pause(stop);
    }
    Ok(())
}

fn pause(stop: &AtomicBool) {
    if !stop.load(Ordering::Relaxed) {
        thread::sleep(BETWEEN);
    }
}

/// Counts a connection for as long as it is there.
struct Here<'a>(&'a Counts);

impl<'a> Here<'a> {
    fn new(counts: &'a Counts) -> Self {
        counts.opened.fetch_add(1, Ordering::Relaxed);
        counts.held.fetch_add(1, Ordering::Relaxed);
        Self(counts)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}
