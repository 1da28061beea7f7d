//! RFC 5382: TCP.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use sekisho_lab::{Impairment, Lab, PLATFORM_RESOLVER, PLATFORM_WEB};
use socket2::{Domain, Socket, Type};

use crate::{
    HIGH, PATIENCE, SECOND, apply,
    attack::{attack, repelled},
    design, lab,
    packets::{ICMP, TCP, ip},
    raw, v4,
};

/// A host of the platform that a router there knows to be away.
const AWAY: Ipv4Addr = Ipv4Addr::new(100, 72, 99, 10);
/// The device's word comes within a millisecond; a host that finds no neighbour says so after three seconds.
const AT_ONCE: Duration = Duration::from_secs(2);
const ACK: u8 = 16;
const SYN: u8 = 2;
const CIFS: u16 = 445;

/// A connection, both ends in our hands.
pub(crate) struct Held {
    pub(crate) near: TcpStream,
    pub(crate) far: TcpStream,
}

impl Held {
    /// Opens one from this address and port to a listener at its own address.
    pub(crate) fn open(
        lab: &Lab,
        (from, source): (&str, (Ipv4Addr, u16)),
        (to, end): (&str, (Ipv4Addr, u16)),
    ) -> anyhow::Result<Self> {
        let listener = lab.host(to).inside(|| TcpListener::bind(end))?.context("listen")?;
        let near = connect(lab, from, source, end, PATIENCE)?;
        let near = near.with_context(|| format!("{from} doesn't reach {end:?}"))?;
        let (far, _) = listener.accept()?;
        let mut held = Self { near, far };
        held.lives()?;
        Ok(held)
    }

    /// Whom the far end sees.
    fn seen(&self) -> anyhow::Result<SocketAddrV4> {
        v4(self.far.peer_addr()?)
    }

    /// A byte gets through in both directions.
    fn lives(&mut self) -> anyhow::Result<()> {
        for end in [&self.near, &self.far] {
            end.set_read_timeout(Some(PATIENCE))?;
        }
        self.near.write_all(b"x")?;
        self.far.read_exact(&mut [0]).context("nothing gets there")?;
        self.far.write_all(b"x")?;
        self.near.read_exact(&mut [0]).context("nothing comes back")
    }
}

/// Connects from this address and port, of which a connection to somewhere else may be there already.
fn connect(
    lab: &Lab,
    host: &str,
    source: (Ipv4Addr, u16),
    end: (Ipv4Addr, u16),
    limit: Duration,
) -> anyhow::Result<std::io::Result<TcpStream>> {
    let socket = lab.host(host).inside(|| Socket::new(Domain::IPV4, Type::STREAM, None))??;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from(source).into()).with_context(|| format!("{source:?}"))?;
    let result = socket.connect_timeout(&SocketAddr::from(end).into(), limit);
    Ok(result.map(|()| socket.into()))
}

/// REQ-1.
pub(crate) fn all_far_ends_see_one_port() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let near = ("terminal", (terminal.address, 41_001));
    let mut held = Vec::new();
    for end in [(PLATFORM_WEB, 7001), (PLATFORM_WEB, 7002), (PLATFORM_RESOLVER, 7001)] {
        held.push(Held::open(lab, near, ("platform", end))?);
    }
    for mut one in held {
        let seen = one.seen()?;
        ensure!(seen == SocketAddrV4::new(terminal.global, 41_001), "seen as {seen}");
        one.lives()?;
    }
    Ok(())
}

/// REQ-1, REQ-7: as for UDP.
pub(crate) fn two_hosts_with_one_port() -> anyhow::Result<()> {
    const PORT: u16 = 41_003;
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let one = ("terminal", (terminal.address, PORT));
    let other = ("terminal", (SECOND, PORT));
    let first = Held::open(lab, one, ("platform", (PLATFORM_WEB, 7003)))?;
    let alone = Held::open(lab, other, ("platform", (PLATFORM_RESOLVER, 7003)))?;
    let beside = Held::open(lab, other, ("platform", (PLATFORM_WEB, 7003)))?;
    let global = SocketAddrV4::new(terminal.global, PORT);
    ensure!(first.seen()? == global && alone.seen()? == global, "a free port isn't kept");
    let seen = beside.seen()?;
    ensure!(*seen.ip() == terminal.global && seen.port() != PORT, "one port for two: {seen}");
    ensure!(seen.port() >= HIGH, "a high port became {seen}");
    for mut held in [first, alone, beside] {
        held.lives()?;
    }
    Ok(())
}

/// REQ-2a, REQ-4: SYNs that cross on the way open one connection. One that comes before the terminal's own is met with
/// silence.
pub(crate) fn both_ends_open_at_once() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let (near, far) = ((terminal.address, 41_004), (PLATFORM_WEB, 7004));
    let mapping = (terminal.global, 41_004);
    let early = ip(PLATFORM_WEB, terminal.global, TCP).tcp((7004, 41_004), SYN);
    let capture = lab.capture("platform", "any")?;
    repelled(lab, "east", terminal.global, &[attack("an early SYN", early, "platform/one-way")])?;
    let told = capture.stop()?.matching("icmp or tcp src port 41004")?;
    ensure!(told.is_empty(), "the platform was told {told:?}");

    let capture = lab.capture("terminal", "eth0")?;
    let delay = Duration::from_millis(200);
    let link = lab.impair(Impairment { delay, ..Impairment::default() })?;
    let (near, far) = thread::scope(|scope| {
        let near = scope.spawn(|| connect(lab, "terminal", near, far, PATIENCE));
        // The terminal's SYN has passed the device, and is still on the line.
        thread::sleep(delay / 2);
        let far = connect(lab, "platform", far, mapping, PATIENCE);
        (near.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), far)
    });
    link.remove()?;
    let (near, far) = (near?.context("the terminal")?, far?.context("the platform")?);
    Held { near, far }.lives()?;
    // A SYN without an acknowledgement came in: the two did cross.
    let crossed = format!("tcp[tcpflags] == tcp-syn and src host {PLATFORM_WEB}");
    ensure!(capture.stop()?.count(&crossed)? == 1, "the SYNs didn't cross");
    Ok(())
}

/// REQ-3: nobody else gets in by a terminal's connection, not the same host from another port.
pub(crate) fn only_the_far_end_answers() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let near = ("terminal", (terminal.address, 41_005));
    let mut held = Held::open(lab, near, ("platform", (PLATFORM_WEB, 7005)))?;
    let rows = [(PLATFORM_WEB, 7006), (PLATFORM_RESOLVER, 7005)].map(|(from, port)| {
        let knock = ip(from, terminal.global, TCP).tcp((port, 41_005), SYN);
        attack(&format!("{from}:{port}"), knock, "platform/one-way")
    });
    repelled(lab, "east", terminal.global, &rows)?;
    held.lives()
}

/// REQ-9.
pub(crate) fn an_unreachable_host_is_told() -> anyhow::Result<()> {
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let route = ["ip", "route", "add", "unreachable", &AWAY.to_string()];
    lab.host("east").must(&route)?;
    let start = Instant::now();
    let result = connect(lab, "terminal", (terminal.address, 41_007), (AWAY, 7007), PATIENCE)?;
    let kind = result.err().map(|error| error.kind());
    ensure!(kind == Some(ErrorKind::HostUnreachable), "told {kind:?}");
    ensure!(start.elapsed() < AT_ONCE, "told after {:?}", start.elapsed());
    Ok(())
}

/// REQ-10: neither a router's errors nor the far end's own about a connection end it.
pub(crate) fn an_icmp_error_ends_no_connection() -> anyhow::Result<()> {
    const PORT: u16 = 41_008;
    let lab = lab()?;
    let terminal = lab.addresses().host("terminal")?;
    let near = ("terminal", (terminal.address, PORT));
    let mut held = Held::open(lab, near, ("platform", (PLATFORM_WEB, 7008)))?;
    let about = ip(terminal.global, PLATFORM_WEB, TCP).tcp((PORT, 7008), ACK);
    let capture = lab.capture("terminal", "eth0")?;
    for (kind, code) in [(3, 0), (3, 1), (3, 2), (3, 3), (11, 0)] {
        let error = ip(PLATFORM_RESOLVER, terminal.global, ICMP);
        let error = error.icmp(kind, code, [0; 4], &about[..28]);
        raw::send(lab, "east", terminal.global, &[error])?;
    }
    held.lives()?;
    let count = capture.stop()?.count(&format!("icmp and src host {PLATFORM_RESOLVER}"))?;
    ensure!(count == 5, "{count} of 5 errors got to the terminal");
    held.lives()
}

/// R53: a file share's port like any other, with the note of an approval.
pub(crate) fn cifs_where_it_is_declared() -> anyhow::Result<()> {
    let lab = lab()?;
    let (terminal, juki) = (lab.addresses().host("terminal")?, lab.addresses().host("juki")?);
    let ways = [
        ("terminal", terminal.address, "platform", PLATFORM_WEB, PLATFORM_WEB),
        ("platform", PLATFORM_WEB, "juki", juki.address, juki.global),
    ];
    let reach = |port| {
        ways.map(|(from, source, to, listen, ask)| -> anyhow::Result<()> {
            let listener = lab.host(to).inside(|| TcpListener::bind((listen, CIFS)))??;
            let near = connect(lab, from, (source, port), (ask, CIFS), AT_ONCE)?;
            let near = near.with_context(|| format!("{from} doesn't reach {ask}"))?;
            Held { near, far: listener.accept()?.0 }.lives()
        })
    };
    for (result, reason) in reach(41_009).into_iter().zip(["No route to host", "timed out"]) {
        let Err(error) = result else { bail!("it passes without being declared") };
        ensure!(format!("{error:#}").contains(reason), "{error:#}");
    }
    let declared = design(lab)?.replace("\"tcp/7000-7099\"", "\"tcp/7000-7099\", \"tcp/445\"");
    apply(lab, &declared)?;
    for result in reach(41_010) {
        result?;
    }
    apply(lab, &design(lab)?)
}
