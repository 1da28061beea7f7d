//! Traffic between client and server: TCP streams and floods of UDP, counted where they arrive.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::sys::socket::{setsockopt, sockopt};
use sekisho_lab::Namespace;
use socket2::{Domain, SockRef, Socket, Type};

use crate::burst::Burst;

/// How soon a thread that waits for the network notices that it shall end.
const GLANCE: Duration = Duration::from_millis(200);
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of one call. More make no difference.
const CHUNK: usize = 128 << 10;
/// What a receiver of datagrams may have waiting.
const QUEUE: usize = 8 << 20;
/// Headers of IPv4 and UDP.
const HEADERS: usize = 28;

/// A host and its address.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The host.
    pub host: &'a Namespace,
    /// Its address.
    pub address: Ipv4Addr,
}

/// A flow on its way: one thread sends, another receives and counts.
pub enum Flow {
    /// A stream.
    Tcp {
        /// The end that writes.
        sender: TcpStream,
        /// The end that reads.
        receiver: TcpStream,
    },
    /// Datagrams.
    Udp {
        /// Where they leave.
        sender: UdpSocket,
        /// Where they arrive.
        receiver: UdpSocket,
        /// Bytes in each.
        payload: usize,
    },
}

impl Flow {
    /// Connects a TCP stream. The client always connects, whoever sends. Cubic at both ends: what a machine has by
    /// default differs, and bbr measures itself.
    pub fn tcp(client: Place<'_>, server: Place<'_>, up: bool) -> anyhow::Result<Self> {
        let listener: TcpListener = server.host.inside(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_tcp_congestion(b"cubic")?;
            socket.bind(&SocketAddr::from((server.address, 0)).into())?;
            socket.listen(1)?;
            io::Result::Ok(socket.into())
        })??;
        let to = listener.local_addr()?;
        let near = client
            .host
            .inside(|| {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
                socket.set_tcp_congestion(b"cubic")?;
                socket.connect_timeout(&to.into(), CONNECT)?;
                io::Result::Ok(TcpStream::from(socket))
            })?
            .with_context(|| format!("connect to {to}"))?;
        SockRef::from(&listener).set_read_timeout(Some(CONNECT))?;
        let far = listener.accept()?.0;
        for stream in [&near, &far] {
            stream.set_read_timeout(Some(GLANCE))?;
            stream.set_write_timeout(Some(GLANCE))?;
        }
        let (sender, receiver) = if up { (near, far) } else { (far, near) };
        Ok(Self::Tcp { sender, receiver })
    }

    /// Sockets for datagrams that make packets of this length, IP header included.
    pub fn udp(from: Place<'_>, to: Place<'_>, length: usize) -> anyhow::Result<Self> {
        let bind = |place: Place<'_>| {
            place.host.inside(|| UdpSocket::bind((place.address, 0)))?.context("bind UDP")
        };
        let (sender, receiver) = (bind(from)?, bind(to)?);
        receiver.connect(sender.local_addr()?)?;
        Self::between(sender, receiver, length)
    }

    /// The same with bound sockets: where addresses are translated on the way, the receiver doesn't see the sender's.
    pub fn between(sender: UdpSocket, receiver: UdpSocket, length: usize) -> anyhow::Result<Self> {
        sender.connect(receiver.local_addr()?)?;
        sender.set_write_timeout(Some(GLANCE))?;
        receiver.set_read_timeout(Some(GLANCE))?;
        setsockopt(&receiver, sockopt::RcvBufForce, &QUEUE)
            .or_else(|_| setsockopt(&receiver, sockopt::RcvBuf, &QUEUE))?;
        Ok(Self::Udp { sender, receiver, payload: length.saturating_sub(HEADERS) })
    }

    /// Sends as fast as the kernel takes it.
    pub fn send(&self, stop: &AtomicBool) -> anyhow::Result<()> {
        match self {
            Self::Tcp { sender, .. } => {
                let chunk = vec![0x5a; CHUNK];
                let mut sender: &TcpStream = sender;
                while !stop.load(Ordering::Relaxed) {
                    passing(sender.write(&chunk)).context("send by TCP")?;
                }
            }
            Self::Udp { sender, payload, .. } => {
                let mut burst = Burst::of(*payload);
                while !stop.load(Ordering::Relaxed) {
                    passing(burst.send(sender.as_raw_fd())).context("send by UDP")?;
                }
            }
        }
        Ok(())
    }

    /// Sends datagrams at so many a second for a time; says how many the kernel took.
    pub fn send_paced(&self, rate: f64, time: Duration) -> anyhow::Result<u64> {
        let Self::Udp { sender, payload, .. } = self else { bail!("TCP has a pace of its own") };
        let (mut burst, begun, mut sent) = (Burst::of(*payload), Instant::now(), 0);
        let mut due = Duration::ZERO;
        while due < time {
            thread::sleep(due.saturating_sub(begun.elapsed()));
            let taken = passing(burst.send(sender.as_raw_fd())).context("send by UDP")?;
            sent += taken as u64;
            due += Duration::from_secs_f64(taken.max(1) as f64 / rate);
        }
        Ok(sent)
    }

    /// Counts bytes of TCP, or datagrams of UDP, until told to end.
    pub fn receive(&self, stop: &AtomicBool, count: &AtomicU64) -> anyhow::Result<()> {
        let add = |received: usize| count.fetch_add(received as u64, Ordering::Relaxed);
        match self {
            Self::Tcp { receiver, .. } => {
                let mut chunk = vec![0; 2 * CHUNK];
                let mut receiver: &TcpStream = receiver;
                while !stop.load(Ordering::Relaxed) {
                    add(passing(receiver.read(&mut chunk)).context("receive by TCP")?);
                }
            }
            Self::Udp { receiver, .. } => {
                let mut burst = Burst::of(0);
                while !stop.load(Ordering::Relaxed) {
                    add(passing(burst.receive(receiver.as_raw_fd())).context("receive by UDP")?);
                }
            }
        }
        Ok(())
    }
}

/// Nothing, where a call had to wait for too long, or a full queue on the way was told of.
fn passing(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionRefused
            ) || error.raw_os_error() == Some(nix::libc::ENOBUFS) =>
        {
            Ok(0)
        }
        result => result,
    }
}

/// Waits until a packet comes through: the server is asked for echoes again and again.
pub fn wait_for_way(client: Place<'_>, server: Ipv4Addr) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        match crate::ping::once(client.host, server, Duration::from_millis(250))? {
            true => return Ok(()),
            false if Instant::now() > end => anyhow::bail!("no packet came through within 15 s"),
            false => {}
        }
    }
}
