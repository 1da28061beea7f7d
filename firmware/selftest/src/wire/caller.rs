//! Questions straight on a wire, past the kernel's rules.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use sekisho_design::PortName;
use sekisho_host::{
    HostError, RawWire,
    neighbour::{ArpEars, scan},
};
use sekisho_plan::ports::Mac;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    FIRST_LABEL, LABELS, NOBODYS_SILENCE, RESEND, SILENCE,
    datagram::Datagram,
    packet::{self, Heard, Segment},
    stream,
};
use crate::probe::{Answer, Question, Said};

/// One end of a question.
pub(super) struct Caller {
    pub(super) wire: RawWire,
    /// Who takes our packets on the wire.
    hop: Mac,
    pub(super) from: Ipv4Addr,
    pub(super) to: Ipv4Addr,
    /// Our port, or the identifier of our echo requests.
    pub(super) label: u16,
}

/// Why a question couldn't be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("the port failed while we asked: {0}")]
    Wire(#[from] io::Error),
    #[error("{0}")]
    Question(String),
}

/// What a question is in one packet.
enum Short {
    Echo,
    /// The segment that opens a connection, with its first byte's number.
    Open {
        port: u16,
        sequence: u32,
    },
    Datagram(Datagram),
}

impl Short {
    /// When it is sent again, and at last when it counts as unanswered.
    fn turns(&self) -> &'static [Duration] {
        match self {
            Self::Datagram(Datagram::Closed { .. }) => &[RESEND, SILENCE, NOBODYS_SILENCE],
            Self::Echo | Self::Open { .. } | Self::Datagram(_) => &[RESEND, SILENCE],
        }
    }
}

/// ICMP messages that end a question: unreachable, time exceeded, parameter problem. A redirect doesn't: who sends it passes
/// the packet on.
const ENDING: [u8; 3] = [3, 11, 12];

/// A host that seeks a neighbour in vain asks for it once a second (RFC 1122 section 2.3.2.1). With this beyond the time of an
/// answer it is heard for sure, also where it began before we listened.
const ASKS_AGAIN: Duration = Duration::from_millis(600);

/// Asks as our own address on a port, through a router or the host itself.
pub(super) async fn ask(
    port: &PortName,
    from: Ipv4Addr,
    via: Option<Ipv4Addr>,
    to: Ipv4Addr,
    question: &Question,
    (label, number): (u16, u16),
) -> Result<Answer, Trouble> {
    let next = via.unwrap_or(to);
    let Some(hop) = scan(port, from, &[next].into()).await?.get(&next).copied() else {
        return Ok(Answer::NoNeighbour);
    };
    let ears = ArpEars::open(port)?;
    let wire = RawWire::open(port, from, FIRST_LABEL)?;
    let mut caller = Caller { wire, hop, from, to, label };
    let short = match question {
        Question::Echo => Some(Short::Echo),
        Question::Tcp { port } => {
            Some(Short::Open { port: *port, sequence: u32::from(number) << 16 })
        }
        Question::Closed { .. } | Question::Dns { .. } | Question::Ntp => {
            Datagram::of(question, number).map_err(Trouble::Question)?.map(Short::Datagram)
        }
        Question::Banner { .. } | Question::Tls { .. } | Question::Http { .. } => None,
    };
    let mut answer = match short {
        Some(short) => caller.exchange(short).await?,
        None => stream::converse(&mut caller, question).await?,
    };
    // Who is on this wire answers straight, unless he seeks us elsewhere.
    if let Answer::Silent { sought } = &mut answer
        && via.is_none()
    {
        *sought = ears.asked_for_by(hop, from);
        if sought.is_none() {
            sleep(ASKS_AGAIN).await;
            *sought = ears.asked_for_by(hop, from);
        }
    }
    Ok(answer)
}

impl Caller {
    pub(super) async fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.wire.send(self.hop, packet).await
    }

    /// Sends, and again where nothing comes for a while.
    async fn exchange(&mut self, mut short: Short) -> io::Result<Answer> {
        let begun = Instant::now();
        for turn in short.turns() {
            let end = begun + *turn;
            let packet = self.packet(&mut short);
            self.send(&packet).await?;
            // On a wire that is never silent a timeout alone would never come.
            while Instant::now() < end {
                let Ok(heard) = timeout_at(end, self.wire.receive()).await else { break };
                let (_, bytes) = heard?;
                let Some(heard) = packet::read(bytes) else { continue };
                let answer = answer(&short, &heard, (self.to, self.label), begun.elapsed());
                if let Some(answer) = answer {
                    if let (Short::Open { port, sequence }, Answer::Good { .. }) = (&short, &answer)
                    {
                        self.hang_up(*port, sequence.wrapping_add(1)).await?;
                    }
                    return Ok(answer);
                }
            }
        }
        Ok(Answer::Silent { sought: None })
    }

    async fn hang_up(&self, port: u16, sequence: u32) -> io::Result<()> {
        let (from, to) = self.ends(port);
        self.send(&packet::reset(from, to, sequence)).await
    }

    fn packet(&self, short: &mut Short) -> Vec<u8> {
        match short {
            Short::Echo => packet::echo(self.from, self.to, self.label),
            Short::Open { port, sequence } => {
                let (from, to) = self.ends(*port);
                packet::syn(from, to, *sequence)
            }
            Short::Datagram(datagram) => {
                let (from, to) = self.ends(datagram.port());
                packet::udp(from, to, &datagram.bytes())
            }
        }
    }

    fn ends(&self, port: u16) -> (SocketAddrV4, SocketAddrV4) {
        (SocketAddrV4::new(self.from, self.label), SocketAddrV4::new(self.to, port))
    }
}

/// What a packet answers, if it is about ours.
fn answer(
    short: &Short,
    heard: &Heard<'_>,
    (to, label): (Ipv4Addr, u16),
    after: Duration,
) -> Option<Answer> {
    let good = |said| Some(Answer::Good { after, said });
    if let Some(error) = error(heard, (to, label), after) {
        return Some(error);
    }
    // Hosts send such errors at a bounded rate: one that is about what the device in service sends to the port says the same.
    // Another question may have gone by another router.
    if let (Short::Datagram(Datagram::Closed { port }), Heard::Icmp { about, .. }) = (short, heard)
        && about.port == Some(*port)
        && !LABELS.contains(&about.label)
    {
        return error(heard, (to, about.label), after);
    }
    match (short, *heard) {
        (Short::Echo, Heard::Echo { from, label: to_us }) => {
            if (from, to_us) == (to, label) {
                good(Said::Here)
            } else {
                None
            }
        }
        (Short::Open { port, sequence }, Heard::Tcp { from, label: to_us, segment }) => {
            let ours = from == SocketAddrV4::new(to, *port)
                && to_us == label
                && segment.acknowledged == Some(sequence.wrapping_add(1));
            match segment {
                _ if !ours => None,
                Segment { reset: true, .. } => Some(Answer::Refused { after }),
                Segment { syn: true, .. } => good(Said::Here),
                Segment { .. } => None,
            }
        }
        (Short::Datagram(datagram), Heard::Udp { from, label: to_us, payload }) => {
            let ours = from == SocketAddrV4::new(to, datagram.port()) && to_us == label;
            if ours { good(datagram.read(payload)?) } else { None }
        }
        _ => None,
    }
}

/// The ICMP error about our question.
pub(super) fn error(
    heard: &Heard<'_>,
    (to, label): (Ipv4Addr, u16),
    after: Duration,
) -> Option<Answer> {
    let Heard::Icmp { by, kind, code, about } = *heard else { return None };
    let ours = about.to == to && about.label == label && ENDING.contains(&kind);
    ours.then_some(Answer::Icmp { by, kind, code, after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet::About;

    #[test]
    fn that_nobody_has_a_port_is_told_by_our_question_and_by_what_the_tunnel_sends() {
        let (to, label, after) = (Ipv4Addr::new(198, 18, 2, 1), 62_001, Duration::ZERO);
        let asked = Short::Datagram(Datagram::Closed { port: 51_820 });
        let told = |about_label, about_port| {
            let about = About { to, label: about_label, port: Some(about_port) };
            let heard = Heard::Icmp { by: to, kind: 3, code: 3, about };
            answer(&asked, &heard, (to, label), after).is_some()
        };
        assert!(told(label, 51_820), "our question");
        assert!(told(51_820, 51_820), "the tunnel's handshake");
        assert!(!told(51_820, 33_434), "another port");
        assert!(!told(62_002, 51_820), "another question, which may have gone by another router");
    }
}
