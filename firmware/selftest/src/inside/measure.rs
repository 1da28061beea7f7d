//! What takes more than one question: sizes, losses, throughput, and calls that the far end makes.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use sekisho_control::{FarHalf, TestNumber};
use sekisho_design::Name;
use sekisho_tunnel::TapProtocol;
use serde::Serialize;
use tokio::{
    io::AsyncWriteExt as _,
    time::{sleep_until, timeout, timeout_at},
};

use super::{
    AGAIN, BUFFER, Inside, REST, SILENCE,
    link::Side,
    packet::{self, Heard},
    raw::Raw,
};
use crate::{
    probe::{Answer, Seen},
    talk,
};

/// The smallest size tried: what every host must take in one piece (RFC 791).
const SMALLEST: u16 = 576;

/// Sizes tried at once. Two rounds of as many find one in a thousand.
const SIZES: u16 = 32;

/// Time between two echo requests.
const PACE: Duration = Duration::from_millis(50);

/// Echo requests that tell the round trip of an idle line.
const IDLE_ECHOES: u16 = 20;

/// The far end's calls take at most 8 s, and it answers once all have ended.
const CALLS: Duration = Duration::from_secs(20);

/// The longest answer to a connection check, in bytes: its 64 calls with room to spare.
const HALF: usize = 64 * 1024;

/// Ports that take and give bytes.
const DISCARD: u16 = 9;
const HTTP: u16 = 80;

/// Bytes to ask for: more than any line brings in the time.
const BYTES: u64 = 1 << 40;

/// Buffers of a connection under load: what is under way in 100 ms, between these bounds.
const LEAST_BUFFER: u64 = 64 * 1024;
const MOST_BUFFER: u64 = 2 << 20;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Order<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    test_number: Option<&'a TestNumber>,
    calls: Vec<Call>,
}

#[derive(Serialize)]
struct Call {
    to: SocketAddrV4,
    declared: bool,
}

impl Inside {
    /// The largest packet that comes through a centre and back, up to `most` bytes. Takes at most 3 s.
    pub async fn path_mtu(&self, centre: &Name, from: Ipv4Addr, to: Ipv4Addr, most: u16) -> Seen {
        match self.largest(centre, from, to, most).await {
            Ok(largest) => Seen::PathMtu(largest),
            Err(answer) => unable(&answer),
        }
    }

    async fn largest(
        &self,
        centre: &Name,
        from: Ipv4Addr,
        to: Ipv4Addr,
        most: u16,
    ) -> Result<Option<u16>, Answer> {
        let side = Side::Platform(Some(centre.clone()));
        let mut raw = self.stack.raw(TapProtocol::Echo, &side, from, (to, 0)).await?;
        if let Some(largest) = largest_of(&mut raw, &[most]).await? {
            return Ok(Some(largest));
        }
        // `known` comes through, `most` doesn't; each round narrows what lies between to a thirty-second.
        let (mut known, mut least, mut most) = (None, SMALLEST, most);
        while least < most {
            let step = (most - least).div_ceil(SIZES).max(1);
            let sizes: Vec<_> = (least..most).step_by(step.into()).collect();
            let Some(largest) = largest_of(&mut raw, &sizes).await? else { break };
            known = Some(largest);
            most = most.min(largest.saturating_add(step));
            least = largest + 1;
        }
        Ok(known)
    }

    /// Loss and round trip through a centre: so many echo requests, 50 ms apart.
    pub async fn echoes(&self, centre: &Name, from: Ipv4Addr, to: Ipv4Addr, count: u16) -> Seen {
        let side = Side::Platform(Some(centre.clone()));
        match self.series(&side, from, to, count, None).await {
            Ok((sent, round_trips)) => Seen::Echoes { sent, round_trips },
            Err(answer) => unable(&answer),
        }
    }

    /// Echo requests one after another, up to a moment where there is one.
    async fn series(
        &self,
        side: &Side,
        from: Ipv4Addr,
        to: Ipv4Addr,
        count: u16,
        end: Option<tokio::time::Instant>,
    ) -> Result<(u16, Vec<Duration>), Answer> {
        let mut raw = self.stack.raw(TapProtocol::Echo, side, from, (to, 0)).await?;
        let mut sent: Vec<Option<Instant>> = Vec::new();
        let mut round_trips = Vec::new();
        for sequence in 0..count {
            let next = tokio::time::Instant::now() + PACE;
            if end.is_some_and(|end| next > end) {
                break;
            }
            sent.push(Some(Instant::now()));
            raw.send(&packet::echo_request(raw.flow(), sequence, packet::ECHO_LENGTH))?;
            gather(&mut raw, next, &mut sent, &mut round_trips).await;
            sleep_until(next).await;
        }
        let last = tokio::time::Instant::now() + SILENCE;
        gather(&mut raw, last, &mut sent, &mut round_trips).await;
        Ok((u16::try_from(sent.len()).unwrap_or(u16::MAX), round_trips))
    }

    /// Calls that the far end makes. Takes at most 20 s.
    pub async fn dial_back(
        &self,
        from: Ipv4Addr,
        at: SocketAddrV4,
        test_number: Option<&TestNumber>,
        calls: &[(SocketAddrV4, bool)],
    ) -> Seen {
        match timeout(CALLS, self.half(from, at, test_number, calls)).await {
            Ok(Ok(half)) => Seen::DialBack(half),
            Ok(Err(answer)) => Seen::NoDialBack(answer),
            Err(_) => Seen::NoDialBack(broken(&talk::Broken::Silent(CALLS))),
        }
    }

    async fn half(
        &self,
        from: Ipv4Addr,
        at: SocketAddrV4,
        test_number: Option<&TestNumber>,
        calls: &[(SocketAddrV4, bool)],
    ) -> Result<FarHalf, Answer> {
        let calls = calls.iter().map(|(to, declared)| Call { to: *to, declared: *declared });
        let order = serde_json::to_vec(&Order { test_number, calls: calls.collect() });
        let order = order.map_err(|error| Answer::Busy { why: error.to_string() })?;
        let request = talk::post(&at.to_string(), "/connection-check", order);
        let request = request.map_err(|error| broken(&error))?;
        let (stream, _) = self.stack.connect(&Side::Platform(None), from, at, BUFFER).await?;
        let mut body = Vec::new();
        let mut whole = true;
        let status = talk::exchange(stream, request, |piece| {
            whole = body.len() + piece.len() <= HALF;
            if whole {
                body.extend_from_slice(piece);
            }
            whole
        });
        let status = status.await.map_err(|error| broken(&error))?;
        if !whole {
            return Err(broken(&talk::Broken::TooLong));
        }
        if status != 200 {
            let said = String::from_utf8_lossy(&body);
            let why = format!("the far end answered with HTTP status {status}: {}", said.trim());
            return Err(Answer::Broken { why });
        }
        serde_json::from_slice(&body)
            .map_err(|error| Answer::Broken { why: format!("the far end's half: {error}") })
    }

    /// As much as goes through the tunnel in so many seconds each way, and what that does to round trips. `most` is the
    /// line's rate in bits a second: no more is kept under way than fills it.
    pub async fn load(&self, from: Ipv4Addr, to: Ipv4Addr, seconds: u16, most: u64) -> Seen {
        match self.loaded(from, to, Duration::from_secs(seconds.into()), most).await {
            Ok(seen) => seen,
            Err(answer) => unable(&answer),
        }
    }

    async fn loaded(
        &self,
        from: Ipv4Addr,
        to: Ipv4Addr,
        time: Duration,
        most: u64,
    ) -> Result<Seen, Answer> {
        let side = Side::Platform(None);
        let buffer = (most / 80).clamp(LEAST_BUFFER, MOST_BUFFER);
        let buffer = usize::try_from(buffer).unwrap_or(BUFFER);
        let (_, idle) = self.series(&side, from, to, IDLE_ECHOES, None).await?;

        let end = tokio::time::Instant::now() + time;
        let echoes = self.series(&side, from, to, u16::MAX, Some(end));
        let (up, upwards) = tokio::try_join!(self.upload(from, to, buffer, end), echoes)?;

        let end = tokio::time::Instant::now() + time;
        let echoes = self.series(&side, from, to, u16::MAX, Some(end));
        let (down, downwards) = tokio::try_join!(self.download(from, to, buffer, end), echoes)?;
        let loaded = median([upwards.1, downwards.1].concat());
        Ok(Seen::Load { up, down, idle: median(idle), loaded })
    }

    /// Bits a second that the host has acknowledged.
    async fn upload(
        &self,
        from: Ipv4Addr,
        to: Ipv4Addr,
        buffer: usize,
        end: tokio::time::Instant,
    ) -> Result<u64, Answer> {
        let at = SocketAddrV4::new(to, DISCARD);
        let (mut stream, _) = self.stack.connect(&Side::Platform(None), from, at, buffer).await?;
        let (begun, piece) = (Instant::now(), vec![0x5a; 64 * 1024]);
        let mut written = 0;
        while let Ok(wrote) = timeout_at(end, stream.write(&piece)).await {
            written += wrote.map_err(|error| broken(&error.into()))?;
        }
        Ok(rate(written.saturating_sub(stream.unacknowledged()), begun.elapsed()))
    }

    /// Bits a second that came.
    async fn download(
        &self,
        from: Ipv4Addr,
        to: Ipv4Addr,
        buffer: usize,
        end: tokio::time::Instant,
    ) -> Result<u64, Answer> {
        let at = SocketAddrV4::new(to, HTTP);
        let (stream, _) = self.stack.connect(&Side::Platform(None), from, at, buffer).await?;
        let request = talk::get(&to.to_string(), &format!("/bytes/{BYTES}"));
        let request = request.map_err(|error| broken(&error))?;
        let (begun, mut read) = (Instant::now(), 0);
        let reading = talk::exchange(stream, request, |piece| {
            read += piece.len();
            true
        });
        let ended = timeout_at(end, reading).await;
        match ended {
            Err(_) => Ok(rate(read, begun.elapsed())),
            Ok(Err(error)) => Err(broken(&error)),
            Ok(Ok(status)) => Err(Answer::Broken {
                why: format!("the host ended /bytes/{BYTES} early, with HTTP status {status}"),
            }),
        }
    }
}

/// Sends echo requests of these sizes at once, those without answer once more, and says which was the largest that came
/// back.
async fn largest_of(raw: &mut Raw, sizes: &[u16]) -> Result<Option<u16>, Answer> {
    let mut back: Vec<u16> = Vec::new();
    for patience in [AGAIN, REST] {
        for size in sizes.iter().filter(|size| !back.contains(size)) {
            // A sequence number tells the size.
            raw.send(&packet::echo_request(raw.flow(), *size, usize::from(*size)))?;
        }
        let until = tokio::time::Instant::now() + patience;
        while back.len() < sizes.len()
            && let Ok(Some((_, heard))) = timeout_at(until, raw.next()).await
        {
            if let Heard::Echo { sequence } = heard
                && sizes.contains(&sequence)
                && !back.contains(&sequence)
            {
                back.push(sequence);
            }
        }
    }
    Ok(back.into_iter().max())
}

/// Takes replies until a moment, or until all are there.
async fn gather(
    raw: &mut Raw,
    until: tokio::time::Instant,
    sent: &mut [Option<Instant>],
    round_trips: &mut Vec<Duration>,
) {
    while sent.iter().any(Option::is_some) {
        match timeout_at(until, raw.next()).await {
            Ok(Some((at, Heard::Echo { sequence }))) => {
                let sent = sent.get_mut(usize::from(sequence)).and_then(Option::take);
                round_trips.extend(sent.map(|sent| at.saturating_duration_since(sent)));
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn rate(bytes: usize, time: Duration) -> u64 {
    let bits = bytes as u128 * 8 * 1_000_000;
    u64::try_from(bits / time.as_micros().max(1)).unwrap_or(u64::MAX)
}

fn broken(error: &talk::Broken) -> Answer {
    Answer::Broken { why: error.to_string() }
}

fn unable(answer: &Answer) -> Seen {
    let why = match answer {
        Answer::Busy { why } | Answer::Broken { why } => why.clone(),
        Answer::Refused { .. } => "the host refuses the connection".to_owned(),
        Answer::Icmp { by, kind, code, .. } => {
            format!("{by} answers with ICMP type {kind}, code {code}")
        }
        Answer::Silent { .. } | Answer::NoNeighbour => "the host doesn't answer".to_owned(),
        Answer::Good { .. } => "the answer is another than what was asked for".to_owned(),
    };
    Seen::Unable { why }
}
