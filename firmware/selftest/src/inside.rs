//! Speaks inside the tunnel, past the kernel: as a global address to the platform, though its server is off, and as a host
//! of the platform to the office, through the kernel's own rules (R20 R22 R23).
//!
//! One task drives one smoltcp stack over a [`Tap`] for all questions at once; it ends when
//! [`Inside`] is dropped, and so does whatever was being asked. Every connection has an address and a port of its own,
//! from the ports that NAPT never gives out, and a question that is given up leaves nothing behind at the host: its
//! connection is closed or reset.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sekisho_tunnel::{Tap, TapPackets, TapProtocol};
use tokio::{sync::Semaphore, time::timeout_at};

use crate::{
    probe::{Answer, Question, Said, Way},
    talk,
};

mod link;
mod measure;
mod packet;
mod ports;
mod raw;
mod rehearsal;
mod stack;
mod stream;

#[cfg(test)]
mod tests;

pub use self::rehearsal::fail_over;
use self::{
    link::{Link, Side},
    packet::Heard,
    raw::Raw,
    stack::Stack,
};

/// Questions asked at once; more wait for their turn.
const AT_ONCE: usize = 32;

/// How long a packet may stay unanswered.
const SILENCE: Duration = Duration::from_secs(1);

/// How long it stays so until it is sent again, and how long it may then still.
const AGAIN: Duration = Duration::from_millis(400);
const REST: Duration = SILENCE.saturating_sub(AGAIN);

/// Bytes of each buffer of a connection that asks something.
const BUFFER: usize = 32 * 1024;

/// The port of name servers and of time servers.
const DNS: u16 = 53;
const NTP: u16 = 123;

/// Speaks inside the tunnel.
pub struct Inside {
    stack: Stack,
    places: Semaphore,
}

/// Where a question comes from and goes to.
#[derive(Clone, Debug)]
struct Path {
    side: Side,
    from: Ipv4Addr,
    to: Ipv4Addr,
}

impl Inside {
    /// Speaks through a tap. `mtu` is the tunnel's, in bytes.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(tap: Tap, packets: TapPackets, mtu: u16) -> Self {
        Self::over(Box::new(tap), packets, mtu, ports::Taken::by_the_kernel())
    }

    fn over(link: Box<dyn Link>, packets: TapPackets, mtu: u16, taken: ports::Taken) -> Self {
        Self { stack: Stack::new(link, packets, mtu, taken), places: Semaphore::new(AT_ONCE) }
    }

    /// Asks a host. Takes at most 1 s for a packet, and 3 s for TLS and HTTP.
    pub async fn ask(&self, way: &Way, to: Ipv4Addr, question: &Question) -> Answer {
        let path = match way {
            Way::Tunnel { from } => Path { side: Side::Platform(None), from: *from, to },
            Way::Office { from } => Path { side: Side::Office, from: *from, to },
            Way::Wire { .. } | Way::Socket { .. } => {
                return Answer::Busy { why: "this way doesn't lead through the tunnel".to_owned() };
            }
        };
        let Ok(_place) = self.places.acquire().await else {
            return Answer::Busy { why: "the tunnel has ended".to_owned() };
        };
        let asked = match question {
            Question::Tcp { port }
            | Question::Banner { port }
            | Question::Tls { port, .. }
            | Question::Http { port, .. } => self.converse(&path, *port, question).await,
            Question::Echo => self.echo(&path).await,
            Question::Closed { port } => {
                self.datagram(&path, *port, b"", |_| Some(Said::Here)).await
            }
            Question::Dns { name } => self.dns(&path, name).await,
            Question::Ntp => self.ntp(&path).await,
        };
        asked.unwrap_or_else(|answer| answer)
    }

    async fn converse(
        &self,
        path: &Path,
        port: u16,
        question: &Question,
    ) -> Result<Answer, Answer> {
        let deadline = tokio::time::Instant::now() + talk::LIMIT;
        let to = SocketAddrV4::new(path.to, port);
        let (stream, after) = self.stack.connect(&path.side, path.from, to, BUFFER).await?;
        let talked = timeout_at(deadline, talk::converse(stream, path.to, question)).await;
        match talked.unwrap_or(Err(talk::Broken::Silent(talk::LIMIT))) {
            Ok(said) => Ok(Answer::Good { after, said }),
            Err(broken) => Err(Answer::Broken { why: broken.to_string() }),
        }
    }

    async fn echo(&self, path: &Path) -> Result<Answer, Answer> {
        let mut raw =
            self.stack.raw(TapProtocol::Echo, &path.side, path.from, (path.to, 0)).await?;
        let request = packet::echo_request(raw.flow(), 0, packet::ECHO_LENGTH);
        asked(&mut raw, &request, |heard| matches!(heard, Heard::Echo { .. }).then_some(Said::Here))
            .await
    }

    async fn dns(&self, path: &Path, name: &str) -> Result<Answer, Answer> {
        let id = packet::number();
        let question = talk::dns_query(name, id);
        let question = question
            .ok_or_else(|| Answer::Busy { why: format!("'{name}' is no name to ask for") })?;
        self.datagram(path, DNS, &question, |bytes| talk::read_dns(bytes, id)).await
    }

    async fn ntp(&self, path: &Path) -> Result<Answer, Answer> {
        let sent = Timestamp::now();
        let question = talk::ntp_request(sent);
        let read = |bytes: &[u8]| talk::read_ntp(bytes, sent, Timestamp::now());
        self.datagram(path, NTP, &question, read).await
    }

    async fn datagram(
        &self,
        path: &Path,
        port: u16,
        payload: &[u8],
        read: impl Fn(&[u8]) -> Option<Said> + Send + Sync,
    ) -> Result<Answer, Answer> {
        let to = (path.to, port);
        let mut raw = self.stack.raw(TapProtocol::Udp, &path.side, path.from, to).await?;
        let datagram = packet::datagram(raw.flow(), payload);
        asked(&mut raw, &datagram, |heard| match heard {
            Heard::Datagram(bytes) => read(bytes),
            Heard::Echo { .. } | Heard::Error { .. } => None,
        })
        .await
    }
}

/// Sends a packet, once more where nothing comes, and gives the answer that `read` takes for one.
async fn asked(
    raw: &mut Raw,
    packet: &[u8],
    read: impl Fn(&Heard) -> Option<Said> + Send,
) -> Result<Answer, Answer> {
    let begun = Instant::now();
    for patience in [AGAIN, REST] {
        let until = tokio::time::Instant::now() + patience;
        raw.send(packet)?;
        while let Ok(Some((at, heard))) = timeout_at(until, raw.next()).await {
            let after = at.saturating_duration_since(begun);
            if let Heard::Error { by, kind, code } = heard {
                return Ok(Answer::Icmp { by, kind, code, after });
            }
            if let Some(said) = read(&heard) {
                return Ok(Answer::Good { after, said });
            }
        }
    }
    Err(Answer::Silent { sought: None })
}
