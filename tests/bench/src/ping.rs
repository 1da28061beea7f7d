//! Round trips by ICMP echo, which the server's kernel answers: no other program's turn on the CPU is in them.

use std::{
    io::{self, IoSliceMut},
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::AsRawFd,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use nix::{
    cmsg_space,
    sys::{
        socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt},
        time::TimeSpec,
    },
};
use sekisho_lab::Namespace;
use socket2::{Domain, Protocol, Socket, Type};

/// Time between two questions: a load of nothing beside what is measured.
const INTERVAL: Duration = Duration::from_millis(5);
/// How long after the last question answers count.
const LATE: Duration = Duration::from_millis(500);
/// Bytes of a question: header and 56 more, as `ping` has it.
const LENGTH: usize = 64;
const REPLY: u8 = 0;
const REQUEST: u8 = 8;

/// Round trips in milliseconds, and how many questions got no answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trips {
    pub(crate) milliseconds: Vec<f64>,
    pub(crate) lost: usize,
}

/// Asks until told to end; only what is asked while `counts` holds is counted.
pub(crate) fn run(
    host: &Namespace,
    server: Ipv4Addr,
    counts: &AtomicBool,
    stop: &AtomicBool,
) -> anyhow::Result<Trips> {
    let pinger = Pinger::open(host, server)?;
    let mut sent: Vec<Option<SystemTime>> = Vec::new();
    let mut trips = Trips::default();
    let mut due = Instant::now();
    let mut end = None;
    while end.is_none_or(|end| Instant::now() < end) {
        if stop.load(Ordering::Relaxed) {
            end.get_or_insert(Instant::now() + LATE);
            if sent.iter().all(Option::is_none) {
                break;
            }
        } else if Instant::now() >= due {
            // Where this thread comes late, questions aren't made up for in a burst.
            due = Instant::now() + INTERVAL;
            let sequence = u16::try_from(sent.len()).context("too many questions")?;
            let counted = counts.load(Ordering::Relaxed);
            let now = SystemTime::now();
            pinger.ask(sequence)?;
            sent.push(counted.then_some(now));
        }
        let until = due.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        while let Some((sequence, arrived)) = pinger.answer(until)? {
            if let Some(asked) = sent.get_mut(usize::from(sequence)).and_then(Option::take) {
                let trip = arrived.duration_since(asked).unwrap_or_default();
                trips.milliseconds.push(trip.as_secs_f64() * 1000.0);
            }
            if Instant::now() >= due {
                break;
            }
        }
    }
    trips.lost = sent.iter().flatten().count();
    Ok(trips)
}

/// Whether one question is answered in this time.
pub(crate) fn once(host: &Namespace, server: Ipv4Addr, limit: Duration) -> anyhow::Result<bool> {
    let pinger = Pinger::open(host, server)?;
    pinger.ask(0)?;
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if pinger.answer(limit)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Pinger {
    socket: Socket,
    server: SocketAddrV4,
    identifier: u16,
}

impl Pinger {
    fn open(host: &Namespace, server: Ipv4Addr) -> anyhow::Result<Self> {
        let socket = host
            .inside(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)))?
            .context("open a raw socket")?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        let server = SocketAddrV4::new(server, 0);
        socket.connect(&server.into())?;
        // Any number will do, but another for each: answers of an earlier one may come late.
        let [_, high, low, _] =
            SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos().to_be_bytes();
        Ok(Self { socket, server, identifier: u16::from_be_bytes([high, low]) })
    }

    fn ask(&self, sequence: u16) -> anyhow::Result<()> {
        match self.socket.send(&question(self.identifier, sequence)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("ask {}", self.server)),
        }
    }

    /// The next answer's number, and when the kernel had it.
    fn answer(&self, limit: Duration) -> anyhow::Result<Option<(u16, SystemTime)>> {
        self.socket.set_read_timeout(Some(limit))?;
        let mut room = [0; 256];
        let mut control = cmsg_space!(TimeSpec);
        let mut slices = [IoSliceMut::new(&mut room)];
        let message = recvmsg::<SockaddrIn>(
            self.socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let (length, arrived) = match message {
            Ok(message) => {
                let stamp = message.cmsgs()?.find_map(|control| {
                    if let ControlMessageOwned::ScmTimestampns(stamp) = control {
                        Some(stamp)
                    } else {
                        None
                    }
                });
                (message.bytes, stamp.map_or_else(SystemTime::now, |at| UNIX_EPOCH + at.into()))
            }
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => return Ok(None),
            Err(error) => return Err(error).context("receive answers"),
        };
        Ok(sequence(&room[..length], self.identifier).map(|sequence| (sequence, arrived)))
    }
}

fn question(identifier: u16, sequence: u16) -> [u8; LENGTH] {
    let mut message = [0; LENGTH];
    message[0] = REQUEST;
    message[4..6].copy_from_slice(&identifier.to_be_bytes());
    message[6..8].copy_from_slice(&sequence.to_be_bytes());
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// The sequence number of an answer to a question with this identifier. A raw socket hears all ICMP, with IP's header.
fn sequence(packet: &[u8], identifier: u16) -> Option<u16> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let message = packet.get(header..)?;
    let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    (*message.first()? == REPLY && word(4)? == identifier).then(|| word(6)).flatten()
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]))
    });
    let mut sum: u32 = words.sum();
    loop {
        match u16::try_from(sum) {
            Ok(sum) => return !sum,
            Err(_) => sum = (sum & 0xffff) + (sum >> 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_checks_to_zero_and_its_answer_is_known_again() {
        let question = question(0x1234, 7);
        assert_eq!(checksum(&question), 0);
        let mut answer = vec![0x45; 20];
        answer.extend(question);
        assert_eq!(sequence(&answer, 0x1234), None, "a question is no answer");
        answer[20] = REPLY;
        assert_eq!(sequence(&answer, 0x1234), Some(7));
        assert_eq!(sequence(&answer, 0x1235), None);
        assert_eq!(sequence(&answer[..24], 0x1234), None);
    }
}
