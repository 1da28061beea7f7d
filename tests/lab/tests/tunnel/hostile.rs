//! Datagrams at the tunnel's port from somebody who can send as a centre, but has no key.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_lab::{Centre, LGWAN_DNS, Lab, TUNNEL_PORT};
use socket2::{Domain, Socket, Type};

use crate::traffic::{CARRIER, SECOND, Transfer, centre, ensure_reaches, lab};

/// Most datagrams a second: a tenth of a gigabit line full of small ones, and more than the line of most sites.
const RATE: u32 = 50_000;
/// How much the daemon may grow, in KB. Its buffers are all made at the start.
const GROWTH: u64 = 8 * 1024;

pub(crate) fn hostile_datagrams_change_nothing() -> anyhow::Result<()> {
    attack(200_000)
}

pub(crate) fn a_million_hostile_datagrams() -> anyhow::Result<()> {
    attack(1_000_000)
}

fn attack(count: u32) -> anyhow::Result<()> {
    let mut lab = lab()?;
    let recorded = record(&mut lab)?;
    // One busy moment first, so that growth isn't the first use of a buffer.
    Transfer::start(&lab, 10, "1G")?.finish()?;
    let memory = memory(&mut lab)?;
    let (before, refused) = (centre(&lab, Centre::East)?, unexpected(&lab)?);

    let transfer = Transfer::start(&lab, count / 20_000, "1M")?;
    let took = send(&lab, count, &recorded)?;
    let after = centre(&lab, Centre::East)?;
    transfer.finish()?;
    let grown = self::memory(&mut lab)?.saturating_sub(memory);
    ensure!(grown < GROWTH, "{count} datagrams in {took:?}: {grown} KB more than {memory} KB");
    // The kernel may drop some of them, when it has better to do; most have to be met.
    let rejected = after.rejected - before.rejected;
    ensure!(rejected > u64::from(count / 2), "only {rejected} of {count} were rejected");
    ensure!(unexpected(&lab)? > refused, "strangers weren't refused");
    ensure!(after.alive && lab.carrier()? == Some(Centre::East), "{after:?}");
    ensure_reaches(&lab)
}

/// Datagrams that a centre really sent: a handshake, and answers to probes of two sessions, the older one over.
fn record(lab: &mut Lab) -> anyhow::Result<Vec<Vec<u8>>> {
    let capture = lab.capture("lgwan", "eth0")?;
    thread::sleep(SECOND);
    ensure!(lab.stop_daemon()?.success());
    lab.start_daemon()?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    thread::sleep(SECOND);
    capture.stop()?;
    let file = fs::read(lab.logs().join("lgwan-eth0.pcap"))?;
    let recorded = datagrams(&file, Centre::East.endpoint()).context("a damaged recording")?;
    let kinds = [2, 4].map(|kind| recorded.iter().filter(|bytes| bytes[0] == kind).count());
    ensure!(kinds[0] >= 1 && kinds[1] >= 10, "recorded answers and packets: {kinds:?}");
    Ok(recorded)
}

/// The UDP payloads from an address in a recording (libpcap's format), those that it holds whole.
fn datagrams(file: &[u8], from: Ipv4Addr) -> Option<Vec<Vec<u8>>> {
    /// Ethernet, IPv4 without options, UDP.
    const HEADERS: usize = 14 + 20 + 8;
    let mut rest = file.get(24..)?;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let number = |at: usize| Some(u32::from_ne_bytes(rest.get(at..at + 4)?.try_into().ok()?));
        let (kept, original) = (number(8)? as usize, number(12)? as usize);
        let frame = rest.get(16..16 + kept)?;
        rest = &rest[16 + kept..];
        if kept == original && frame.get(26..30) == Some(&from.octets()) && kept > HEADERS {
            found.push(frame[HEADERS..].to_vec());
        }
    }
    Some(found)
}

/// Sends them from LGWAN's router, which every datagram of a centre passes.
fn send(lab: &Lab, count: u32, recorded: &[Vec<u8>]) -> anyhow::Result<Duration> {
    let device = SocketAddr::from((lab.addresses().device_lgwan.addr(), TUNNEL_PORT));
    lab.host("lgwan").inside(|| {
        let east = socket(SocketAddrV4::new(Centre::East.endpoint(), TUNNEL_PORT))?;
        let other_port = socket(SocketAddrV4::new(Centre::East.endpoint(), 4444))?;
        let stranger = socket(SocketAddrV4::new(LGWAN_DNS, TUNNEL_PORT))?;
        let mut random = Random(0x5eed);
        let mut datagram = vec![0; 65_507];
        let start = Instant::now();
        for number in 0..count {
            random.fill(&mut datagram[..1500]);
            let (socket, bytes) = match number % 20 {
                0 => (&stranger, &datagram[..100]),
                1 => (&other_port, &datagram[..100]),
                // Oversized: several fragments, and once in a while the largest that IP can carry.
                2 if number % 400 == 2 => (&east, &datagram[..]),
                2 => (&east, &datagram[..4000]),
                3..8 => (&east, &recorded[random.below(recorded.len())][..]),
                // The four messages of WireGuard by type and length, and nothing else right about them.
                8..14 => {
                    let (kind, length) = [(1, 148), (2, 92), (3, 64), (4, 1452)][random.below(4)];
                    datagram[..4].copy_from_slice(&[kind, 0, 0, 0]);
                    (&east, &datagram[..length])
                }
                _ => (&east, &datagram[..random.below(1472)]),
            };
            socket.send_to(bytes, &device.into())?;
            if number % 500 == 0 {
                let due = Duration::from_secs(1) * number / RATE;
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
        }
        Ok(start.elapsed())
    })?
}

/// A socket with an address of somebody else.
fn socket(address: SocketAddrV4) -> anyhow::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_ip_transparent_v4(true)?;
    socket.bind(&address.into()).with_context(|| address.to_string())?;
    Ok(socket)
}

/// Xorshift: the same garbage in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % limit
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        bytes
            .chunks_mut(8)
            .for_each(|chunk| chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]));
    }
}

/// The daemon's resident memory in KB.
fn memory(lab: &mut Lab) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", lab.daemon()?.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().with_context(|| line.to_owned())
}

/// Packets that the rules for LGWAN refused.
fn unexpected(lab: &Lab) -> anyhow::Result<u64> {
    let refused = lab.status()?.refused;
    let rules = refused.iter().filter(|(rule, _)| rule.starts_with("lgwan/"));
    Ok(rules.map(|(_, refused)| refused.packets).sum())
}
