//! Has a tree ready: figures are fetched when somebody asks, by a thread of their own, and are good for a while.
//!
//! snmpd waits for each answer and answers nobody else meanwhile. So a question waits a moment at most for figures on their
//! way; after that the ones before count, and once these are old, nothing is known.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError},
    thread,
    time::{Duration, Instant},
};

use crate::{Figures, Tree};

/// How long figures are good for: a walk has one look.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// How long a question waits: whoever asks repeats his question after a second.
const MOMENT: Duration = Duration::from_millis(700);

/// How old figures may become where no others come.
const OLD: Duration = Duration::from_secs(30);

/// How long fetching may take in all; longer than the page's process waits for the daemon.
const PATIENCE: Duration = Duration::from_secs(12);

/// The longest answer, in bytes.
const LONGEST: usize = 1 << 20;

/// Reads figures from where the page's process tells them.
#[derive(Debug)]
pub struct Reader {
    from: SocketAddr,
    /// The last that came, and when they were asked for.
    kept: Option<(Instant, Figures)>,
    /// When the last attempt began that came to an end, good or not.
    tried: Option<Instant>,
    fetching: Option<(Instant, Receiver<io::Result<Figures>>)>,
}

impl Reader {
    /// A reader of what is told at an address.
    pub fn new(from: SocketAddr) -> Self {
        Self { from, kept: None, tried: None, fetching: None }
    }

    /// The objects as of now.
    pub fn tree(&mut self) -> Tree {
        self.take(Duration::ZERO);
        if self.tried.is_none_or(|at| at.elapsed() >= GOOD_FOR) {
            self.fetch();
            self.take(MOMENT);
        }
        let known = self.kept.as_ref().filter(|(at, _)| at.elapsed() < OLD);
        Tree::of(known.map(|(_, figures)| figures))
    }

    fn fetch(&mut self) {
        if self.fetching.is_some() {
            return;
        }
        let (from, (sender, receiver)) = (self.from, mpsc::channel());
        // Whoever doesn't listen any more is gone.
        thread::spawn(move || drop(sender.send(fetch(from))));
        self.fetching = Some((Instant::now(), receiver));
    }

    /// Takes what was fetched, where it comes in time.
    fn take(&mut self, wait: Duration) {
        let Some((at, receiver)) = &self.fetching else { return };
        let came = if wait.is_zero() {
            receiver.try_recv().map_err(|fault| fault == TryRecvError::Empty)
        } else {
            receiver.recv_timeout(wait).map_err(|fault| fault == RecvTimeoutError::Timeout)
        };
        let at = *at;
        match came {
            Ok(Ok(figures)) => self.kept = Some((at, figures)),
            // Not yet.
            Err(true) => return,
            // There is nobody to tell: snmpd reads standard error as answers, too.
            Ok(Err(_)) | Err(false) => {}
        }
        (self.tried, self.fetching) = (Some(at), None);
    }
}

/// `GET /metrics`, in the form whose answer ends with the connection (RFC 1945).
fn fetch(from: SocketAddr) -> io::Result<Figures> {
    let until = Instant::now() + PATIENCE;
    let left = || until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let mut stream = TcpStream::connect_timeout(&from, left())?;
    stream.set_write_timeout(Some(left()))?;
    stream.write_all(format!("GET /metrics HTTP/1.0\r\nHost: {from}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 8192];
    loop {
        if Instant::now() >= until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left()))?;
        let count = stream.read(&mut part)?;
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&part[..count]);
        if answer.len() > LONGEST {
            return Err(other("the answer is too long"));
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| other("no answer of HTTP"))?;
    let status = head.split_ascii_whitespace().nth(1);
    if status != Some("200") {
        return Err(other("the page's process has no figures"));
    }
    Ok(Figures::read(body))
}

fn other(message: &'static str) -> io::Error {
    io::Error::other(message)
}

#[cfg(test)]
mod tests;
