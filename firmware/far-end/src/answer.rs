//! The answering services on the kernel's sockets.
//!
//! One task per connection; a connection ends when its client is silent for [`IDLE`]. Everything ends with
//! [`Answerer::run`].

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::{
    dns::{Transport, Zones},
    ntp,
    talk::{Ends, Service, Talk},
    tls,
};

/// How long a connection may be silent, or its client not take what it is sent.
pub const IDLE: Duration = Duration::from_mins(10);

/// How long a client may take until TLS is agreed on.
const AGREEMENT: Duration = Duration::from_secs(10);

/// Connections served at once, all services together.
const MAX_CONNECTIONS: usize = 1024;

/// Bytes moved at once.
const PIECE: usize = 64 * 1024;

/// The services' ports; 0 has the kernel choose one.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// TCP echo.
    pub echo: u16,
    /// TCP discard.
    pub discard: u16,
    /// HTTP.
    pub http: u16,
    /// DNS over UDP and TCP.
    pub dns: u16,
}

/// Services that are bound and wait to be run.
#[derive(Debug)]
pub struct Answerer {
    addresses: Vec<Ipv4Addr>,
    listeners: Vec<(Offer, TcpListener)>,
    resolvers: Vec<UdpSocket>,
    clocks: Vec<(UdpSocket, ClockOffset)>,
    zones: Arc<Zones>,
}

/// What a TCP port offers.
#[derive(Clone)]
enum Offer {
    /// A service.
    Plain(Service),
    /// The pages, over TLS; and without it for those who don't begin with it.
    Https(TlsAcceptor),
    /// A line that is said at once, and then silence.
    Banner(Arc<str>),
}

/// How far a clock is off: what is told is so much later, or earlier, than this host's time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClockOffset {
    /// It is fast.
    Ahead(Duration),
    /// It is slow.
    Behind(Duration),
}

impl Ports {
    /// The well-known ones.
    pub const WELL_KNOWN: Self = Self { echo: 7, discard: 9, http: 80, dns: 53 };

    fn of(self, service: Service) -> u16 {
        match service {
            Service::Echo => self.echo,
            Service::Discard => self.discard,
            Service::Http => self.http,
            Service::Dns => self.dns,
        }
    }
}

impl Answerer {
    /// Binds every service at every address.
    ///
    /// # Errors
    /// An address is not this host's, a port is taken or not allowed. `0.0.0.0` is refused, since answers
    /// over UDP would leave from another address than was asked.
    pub async fn bind(addresses: &[Ipv4Addr], ports: Ports, zones: Zones) -> anyhow::Result<Self> {
        let mut answerer = Self {
            addresses: addresses.to_vec(),
            listeners: Vec::new(),
            resolvers: Vec::new(),
            clocks: Vec::new(),
            zones: Arc::new(zones),
        };
        for address in addresses {
            if address.is_unspecified() {
                bail!(
                    "--listen {address}: name every address by itself, so that answers leave from the one asked"
                );
            }
            for service in Service::ALL {
                let end = SocketAddrV4::new(*address, ports.of(service));
                answerer.listen(Offer::Plain(service), end).await?;
            }
            let end = SocketAddrV4::new(*address, ports.dns);
            let socket = UdpSocket::bind(end).await;
            answerer.resolvers.push(socket.with_context(|| explain("UDP", "DNS", end))?);
        }
        Ok(answerer)
    }

    /// Offers the pages over TLS, too, at every address.
    ///
    /// # Errors
    /// As of [`Self::bind`].
    pub async fn offer_https(
        &mut self,
        port: u16,
        server: Arc<ServerConfig>,
    ) -> anyhow::Result<()> {
        self.offer(&Offer::Https(TlsAcceptor::from(server)), port).await
    }

    /// Says a line to whoever connects, at every address. The end of the line is put to it.
    ///
    /// # Errors
    /// As of [`Self::bind`].
    pub async fn offer_banner(&mut self, port: u16, line: &str) -> anyhow::Result<()> {
        self.offer(&Offer::Banner(format!("{line}\r\n").into()), port).await
    }

    /// Tells the time over NTP, at every address.
    ///
    /// # Errors
    /// As of [`Self::bind`].
    pub async fn offer_time(&mut self, port: u16, offset: ClockOffset) -> anyhow::Result<()> {
        for address in self.addresses.clone() {
            let end = SocketAddrV4::new(address, port);
            let socket = UdpSocket::bind(end).await.with_context(|| explain("UDP", "NTP", end))?;
            self.clocks.push((socket, offset));
        }
        Ok(())
    }

    async fn offer(&mut self, offer: &Offer, port: u16) -> anyhow::Result<()> {
        for address in self.addresses.clone() {
            self.listen(offer.clone(), SocketAddrV4::new(address, port)).await?;
        }
        Ok(())
    }

    async fn listen(&mut self, offer: Offer, end: SocketAddrV4) -> anyhow::Result<()> {
        let listener =
            TcpListener::bind(end).await.with_context(|| explain("TCP", offer.name(), end))?;
        self.listeners.push((offer, listener));
        Ok(())
    }

    /// Where a service is found over TCP, at each address.
    pub fn addresses(&self, service: Service) -> Vec<SocketAddr> {
        self.found(|offer| matches!(offer, Offer::Plain(of) if *of == service))
    }

    /// Where the pages are found over TLS, at each address.
    pub fn https(&self) -> Vec<SocketAddr> {
        self.found(|offer| matches!(offer, Offer::Https(_)))
    }

    /// Where a line is said, at each address.
    pub fn banners(&self) -> Vec<SocketAddr> {
        self.found(|offer| matches!(offer, Offer::Banner(_)))
    }

    /// Where the time is told, at each address.
    pub fn clocks(&self) -> Vec<SocketAddr> {
        self.clocks.iter().filter_map(|(socket, _)| socket.local_addr().ok()).collect()
    }

    fn found(&self, wanted: impl Fn(&Offer) -> bool) -> Vec<SocketAddr> {
        let wanted = self.listeners.iter().filter(|(offer, _)| wanted(offer));
        wanted.filter_map(|(_, listener)| listener.local_addr().ok()).collect()
    }

    /// Where DNS is found over UDP, at each address.
    pub fn resolvers(&self) -> Vec<SocketAddr> {
        self.resolvers.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Serves until it is dropped.
    pub async fn run(self) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut tasks = JoinSet::new();
        for (offer, listener) in self.listeners {
            tasks.spawn(accept(offer, listener, Arc::clone(&self.zones), Arc::clone(&places)));
        }
        for (socket, offset) in self.clocks {
            tasks.spawn(tell_time(socket, offset));
        }
        for socket in self.resolvers {
            tasks.spawn(resolve(socket, Arc::clone(&self.zones)));
        }
        while tasks.join_next().await.is_some() {}
    }
}

impl Offer {
    fn name(&self) -> &'static str {
        match self {
            Self::Plain(Service::Echo) => "echo",
            Self::Plain(Service::Discard) => "discard",
            Self::Plain(Service::Http) => "HTTP",
            Self::Plain(Service::Dns) => "DNS",
            Self::Https(_) => "TLS",
            Self::Banner(_) => "a banner",
        }
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ClockOffset {
    /// By so many seconds, fast where they are more than none; `None` where there are no such times.
    pub fn of_seconds(seconds: f64) -> Option<Self> {
        let off = Duration::try_from_secs_f64(seconds.abs()).ok()?;
        Some(if seconds < 0.0 { Self::Behind(off) } else { Self::Ahead(off) })
    }

    /// The time that such a clock shows, from the beginning of 1970. No clock shows an earlier one.
    fn shown(self, time: SystemTime) -> Duration {
        let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        match self {
            Self::Ahead(off) => time.saturating_add(off),
            Self::Behind(off) => time.saturating_sub(off),
        }
    }
}

fn explain(protocol: &str, service: &str, end: SocketAddrV4) -> String {
    format!(
        "listen on {protocol} {end} for {service} (the address has to be this host's and the port free; ports below \
         1024 need CAP_NET_BIND_SERVICE, others can be chosen with --echo-port, --discard-port, --http-port, --dns-port, \
         --tls-port, --ntp-port, --banner-port)"
    )
}

async fn accept(offer: Offer, listener: TcpListener, zones: Arc<Zones>, places: Arc<Semaphore>) {
    let mut tasks = JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        while tasks.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, from)) => {
                let (offer, zones) = (offer.clone(), Arc::clone(&zones));
                tasks.spawn(async move {
                    if let Err(error) = welcome(&offer, stream, &zones).await {
                        tracing::debug!(%from, ?offer, %error, "a client went away");
                    }
                    drop(place);
                });
            }
            // Out of file descriptors most of all; others have to end first.
            Err(error) => {
                tracing::warn!(?offer, %error, "accept a client");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn welcome(offer: &Offer, mut stream: TcpStream, zones: &Arc<Zones>) -> io::Result<()> {
    let (SocketAddr::V4(remote), SocketAddr::V4(local)) =
        (stream.peer_addr()?, stream.local_addr()?)
    else {
        return Ok(());
    };
    let ends = Ends { remote, local };
    stream.set_nodelay(true)?;
    match offer {
        Offer::Plain(service) => converse(Talk::new(*service, ends, zones), stream).await,
        Offer::Https(acceptor) => {
            let talk = Talk::new(Service::Http, ends, zones);
            if begins_tls(&stream).await? {
                let stream = timeout(AGREEMENT, acceptor.accept(stream)).await??;
                converse(talk, stream).await
            } else {
                converse(talk, stream).await
            }
        }
        Offer::Banner(line) => {
            timeout(IDLE, stream.write_all(line.as_bytes())).await??;
            converse(Talk::new(Service::Discard, ends, zones), stream).await
        }
    }
}

/// Whether the client begins with TLS.
async fn begins_tls(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let count = timeout(IDLE, stream.peek(&mut first)).await??;
    Ok(count == 1 && first == [tls::HANDSHAKE])
}

async fn converse(
    mut talk: Talk,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    let (mut input, mut output) = (vec![0; PIECE], vec![0; PIECE]);
    let mut heard = 0..0;
    loop {
        loop {
            match talk.say(&mut output) {
                0 => break,
                count => timeout(IDLE, stream.write_all(&output[..count])).await??,
            }
        }
        // TLS may hold the last of it.
        timeout(IDLE, stream.flush()).await??;
        if heard.is_empty() {
            if talk.finished() {
                return stream.shutdown().await;
            }
            let count = timeout(IDLE, stream.read(&mut input)).await??;
            if count == 0 {
                talk.end();
            }
            heard = 0..count;
        }
        heard.start += talk.hear(&input[heard.clone()]);
    }
}

async fn resolve(socket: UdpSocket, zones: Arc<Zones>) {
    let mut question = vec![0; usize::from(u16::MAX)];
    loop {
        // Errors are ICMP's about earlier answers.
        let Ok((length, from)) = socket.recv_from(&mut question).await else {
            continue;
        };
        if let IpAddr::V4(_) = from.ip()
            && let Some(answer) = zones.answer(&question[..length], Transport::Udp)
            && let Err(error) = socket.send_to(&answer, from).await
        {
            tracing::debug!(%from, %error, "send a DNS answer");
        }
    }
}

async fn tell_time(socket: UdpSocket, offset: ClockOffset) {
    let mut question = [0; ntp::LENGTH];
    loop {
        // As of `resolve`. Extensions after the first bytes are cut off unread.
        let Ok((length, from)) = socket.recv_from(&mut question).await else {
            continue;
        };
        if let Some(answer) = ntp::answer(&question[..length], offset.shown(SystemTime::now()))
            && let Err(error) = socket.send_to(&answer, from).await
        {
            tracing::debug!(%from, %error, "send the time");
        }
    }
}
