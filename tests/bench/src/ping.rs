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
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{Icmpv4Packet, Icmpv4Repr},
};
use socket2::{Domain, Protocol, Socket, Type};

/// Time between two questions: a load of nothing beside what is measured.
const INTERVAL: Duration = Duration::from_millis(5);
/// How long after the last question answers count.
const LATE: Duration = Duration::from_millis(500);
/// Bytes behind a question's header, as `ping` has it, and of the whole.
const DATA: usize = 56;
const LENGTH: usize = 8 + DATA;

/// Round trips in milliseconds, and how many questions got no answer.
#[derive(Clone, Debug, Default)]
pub struct Trips {
    /// How long each took.
    pub milliseconds: Vec<f64>,
    /// Questions without an answer.
    pub lost: usize,
}

/// Asks until told to end; only what is asked while `counts` holds is counted.
pub fn run(
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
pub fn once(host: &Namespace, server: Ipv4Addr, limit: Duration) -> anyhow::Result<bool> {
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
    let question =
        Icmpv4Repr::EchoRequest { ident: identifier, seq_no: sequence, data: &[0; DATA] };
    question.emit(&mut Icmpv4Packet::new_unchecked(&mut message), &ChecksumCapabilities::default());
    message
}

/// The sequence number of an answer to a question with this identifier. A raw socket hears all ICMP, with IP's header.
fn sequence(packet: &[u8], identifier: u16) -> Option<u16> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let message = Icmpv4Packet::new_checked(packet.get(header..)?).ok()?;
    // The kernel has looked at the checksum.
    let message = Icmpv4Repr::parse(&message, &ChecksumCapabilities::ignored()).ok()?;
    if let Icmpv4Repr::EchoReply { ident, seq_no, .. } = message
        && ident == identifier
    {
        return Some(seq_no);
    }
    None
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::Icmpv4Message;

    use super::*;

    #[test]
    fn a_question_checks_to_zero_and_its_answer_is_known_again() {
        let question = question(0x1234, 7);
        assert!(Icmpv4Packet::new_unchecked(&question).verify_checksum());
        let mut answer = vec![0x45; 20];
        answer.extend(question);
        assert_eq!(sequence(&answer, 0x1234), None, "a question is no answer");
        answer[20] = Icmpv4Message::EchoReply.into();
        assert_eq!(sequence(&answer, 0x1234), Some(7));
        assert_eq!(sequence(&answer, 0x1235), None);
        assert_eq!(sequence(&answer[..24], 0x1234), None);
    }
}
