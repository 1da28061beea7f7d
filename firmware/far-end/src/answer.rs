//! The answering services on the kernel's sockets.
//!
//! One task per connection; a connection ends when its client is silent for [`IDLE`]. Everything ends with
//! [`Answerer::run`].

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use crate::{
    dns::{Transport, Zones},
    talk::{Ends, Service, Talk},
};

/// How long a connection may be silent, or its client not take what it is sent.
pub const IDLE: Duration = Duration::from_mins(10);

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
    listeners: Vec<(Service, TcpListener)>,
    resolvers: Vec<UdpSocket>,
    zones: Arc<Zones>,
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
        let mut answerer =
            Self { listeners: Vec::new(), resolvers: Vec::new(), zones: Arc::new(zones) };
        for address in addresses {
            if address.is_unspecified() {
                bail!(
                    "--listen {address}: name every address by itself, so that answers leave from the one asked"
                );
            }
            for service in Service::ALL {
                let end = SocketAddrV4::new(*address, ports.of(service));
                let listener =
                    TcpListener::bind(end).await.with_context(|| explain("TCP", service, end))?;
                answerer.listeners.push((service, listener));
            }
            let end = SocketAddrV4::new(*address, ports.dns);
            let socket = UdpSocket::bind(end).await;
            answerer.resolvers.push(socket.with_context(|| explain("UDP", Service::Dns, end))?);
        }
        Ok(answerer)
    }

    /// Where a service is found over TCP, at each address.
    pub fn addresses(&self, service: Service) -> Vec<SocketAddr> {
        let of_service = self.listeners.iter().filter(|(of, _)| *of == service);
        of_service.filter_map(|(_, listener)| listener.local_addr().ok()).collect()
    }

    /// Where DNS is found over UDP, at each address.
    pub fn resolvers(&self) -> Vec<SocketAddr> {
        self.resolvers.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Serves until it is dropped.
    pub async fn run(self) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut tasks = JoinSet::new();
        for (service, listener) in self.listeners {
            tasks.spawn(accept(service, listener, Arc::clone(&self.zones), Arc::clone(&places)));
        }
        for socket in self.resolvers {
            tasks.spawn(resolve(socket, Arc::clone(&self.zones)));
        }
        while tasks.join_next().await.is_some() {}
    }
}

fn explain(protocol: &str, service: Service, end: SocketAddrV4) -> String {
    format!(
        "listen on {protocol} {end} for {service:?} (the address has to be this host's and the port free; ports below \
         1024 need CAP_NET_BIND_SERVICE, others can be chosen with --echo-port, --discard-port, --http-port, --dns-port)"
    )
}

async fn accept(
    service: Service,
    listener: TcpListener,
    zones: Arc<Zones>,
    places: Arc<Semaphore>,
) {
    let mut tasks = JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        while tasks.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, from)) => {
                let zones = Arc::clone(&zones);
                tasks.spawn(async move {
                    if let Err(error) = converse(service, stream, &zones).await {
                        tracing::debug!(%from, ?service, %error, "a client went away");
                    }
                    drop(place);
                });
            }
            // Out of file descriptors most of all; others have to end first.
            Err(error) => {
                tracing::warn!(?service, %error, "accept a client");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(service: Service, mut stream: TcpStream, zones: &Arc<Zones>) -> io::Result<()> {
    let (SocketAddr::V4(remote), SocketAddr::V4(local)) =
        (stream.peer_addr()?, stream.local_addr()?)
    else {
        return Ok(());
    };
    stream.set_nodelay(true)?;
    let mut talk = Talk::new(service, Ends { remote, local }, zones);
    let (mut input, mut output) = (vec![0; PIECE], vec![0; PIECE]);
    let mut heard = 0..0;
    loop {
        loop {
            match talk.say(&mut output) {
                0 => break,
                count => timeout(IDLE, stream.write_all(&output[..count])).await??,
            }
        }
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
