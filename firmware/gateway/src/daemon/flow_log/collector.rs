//! The way to the collector: a socket that is bound to its link, as the design says.
//!
//! One task, which is dropped where another collector is wanted; what it had not sent stays in the outbox. UDP sends a
//! datagram a message (RFC 5426) and hears at most that nobody takes them. TCP sends each behind its length (RFC 6587,
//! clause 3.4.1), TLS the same inside a session (RFC 5425) with a collector whose certificate the design's authority
//! signed for the design's name. A connection that broke is made again, after one second at first and then twice as long
//! each time, up to a minute. The message that was being sent is sent again; those that the network had taken and not
//! brought are nobody's to count.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sekisho_design::{Certificates, CollectorTransport, Design, PortName, Sent};
use sekisho_host::{HostError, bind_udp, open_tcp};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    net::{TcpSocket, TcpStream, UdpSocket},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime},
        time_provider::TimeProvider,
    },
};

use super::outbox::Outbox;
use crate::daemon::stamps::built;

/// How long a connection may take to be made, and a TLS session to be agreed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the collector may keep a message from being taken.
const STALLED: Duration = Duration::from_secs(30);

/// Pauses between two attempts.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// After a datagram that the network refused, so long all are well before that is forgotten.
const UNTROUBLED: Duration = Duration::from_secs(10);

/// The collector of a design, and the way there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Collector {
    pub(super) place: SocketAddrV4,
    pub(super) transport: CollectorTransport,
    pub(super) send: Vec<Sent>,
    link: PortName,
    /// The device's address on it.
    pub(super) own: Ipv4Addr,
}

/// Why the collector isn't reached.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Socket(#[from] HostError),
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    #[error("the collector doesn't answer")]
    Silent,
    #[error("the design's certificate authority can't be used: {0}")]
    Authority(#[source] rustls::Error),
    #[error("the design's name can't stand in a certificate: {0}")]
    Name(#[source] InvalidDnsNameError),
    #[error("no TLS session: {0}")]
    Session(#[source] io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[source] io::Error),
    #[error("the collector closed the connection")]
    Closed,
    #[error("the collector takes no more")]
    Stalled,
}

impl Collector {
    /// What a design says of it.
    pub(super) fn of(design: &Design) -> Option<Self> {
        let collector = design.collector.as_ref()?;
        let (link, own) = design.office_port(collector.interface)?;
        Some(Self {
            place: SocketAddrV4::new(collector.address, collector.port),
            transport: collector.transport.clone(),
            send: collector.send.clone(),
            link: link.clone(),
            own,
        })
    }

    /// Sends what the outbox has, until dropped.
    pub(super) async fn serve(self, outbox: Arc<Outbox>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let start = Instant::now();
            let Err(fault) = self.speak(&outbox).await;
            outbox.failed(fault.to_string());
            if start.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    async fn speak(&self, outbox: &Outbox) -> Result<Infallible, Fault> {
        match &self.transport {
            CollectorTransport::Udp => {
                let socket = bind_udp(&self.link, SocketAddrV4::new(self.own, 0))?;
                datagrams(self.place, socket, outbox).await
            }
            CollectorTransport::Tcp => stream(self.connect().await?, STALLED, outbox).await,
            CollectorTransport::Tls { authority, name } => {
                let name = ServerName::try_from(name.as_str().to_owned()).map_err(Fault::Name)?;
                let connector = connector(authority).map_err(Fault::Authority)?;
                let session = connector.connect(name, self.connect().await?);
                let session: TlsStream<_> = timeout(PATIENCE, session)
                    .await
                    .map_err(|_| Fault::Silent)?
                    .map_err(Fault::Session)?;
                stream(session, STALLED, outbox).await
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, Fault> {
        let socket = open_tcp(&self.link, SocketAddrV4::new(self.own, 0))?;
        // What isn't acknowledged for so long never will be.
        SockRef::from(&socket).set_tcp_user_timeout(Some(STALLED)).map_err(Fault::Connect)?;
        let connected = TcpSocket::from_std_stream(socket).connect(self.place.into());
        let connected = timeout(PATIENCE, connected).await.map_err(|_| Fault::Silent)?;
        connected.map_err(Fault::Connect)
    }
}

/// The clock, which can't be right before the firmware was built: by a dead battery's every certificate would be one of the
/// future.
#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = SystemTime::now().max(built());
        now.duration_since(SystemTime::UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

fn connector(authority: &Certificates) -> Result<TlsConnector, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for der in authority.der() {
        roots.add(CertificateDer::from_slice(der))?;
    }
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(Clock))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn datagrams(
    place: SocketAddrV4,
    socket: std::net::UdpSocket,
    outbox: &Outbox,
) -> Result<Infallible, Fault> {
    let socket = UdpSocket::from_std(socket).map_err(Fault::Connect)?;
    socket.connect(place).await.map_err(Fault::Connect)?;
    outbox.reached();
    let mut troubled: Option<Instant> = None;
    loop {
        let message = outbox.oldest().await;
        match socket.send(message.as_bytes()).await {
            Ok(_) => outbox.done(true),
            // It may be about the one before; which one arrived, nobody knows.
            Err(fault) => {
                outbox.done(false);
                outbox.failed(Fault::Broken(fault).to_string());
                troubled = Some(Instant::now());
            }
        }
        if troubled.is_some_and(|last| last.elapsed() > UNTROUBLED) {
            outbox.reached();
            troubled = None;
        }
    }
}

async fn stream<S: AsyncRead + AsyncWrite>(
    stream: S,
    stalled: Duration,
    outbox: &Outbox,
) -> Result<Infallible, Fault> {
    outbox.reached();
    let (mut reader, mut writer) = split(stream);
    let mut heard = [0; 512];
    loop {
        tokio::select! {
            // A collector says nothing; but without listening its going away would show only with the second message.
            read = reader.read(&mut heard) => match read {
                Ok(0) => return Err(Fault::Closed),
                Ok(_) => {}
                Err(fault) => return Err(Fault::Broken(fault)),
            },
            message = outbox.oldest() => {
                let frame = format!("{} {message}", message.len());
                let write = async {
                    writer.write_all(frame.as_bytes()).await?;
                    writer.flush().await
                };
                timeout(stalled, write).await.map_err(|_| Fault::Stalled)?.map_err(Fault::Broken)?;
                outbox.done(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, BufReader, duplex};

    use super::*;

    async fn framed(reader: &mut (impl AsyncRead + Unpin)) -> String {
        let mut reader = BufReader::new(reader);
        let mut length = Vec::new();
        reader.read_until(b' ', &mut length).await.unwrap();
        let length = String::from_utf8(length).unwrap().trim().parse().unwrap();
        let mut message = vec![0; length];
        reader.read_exact(&mut message).await.unwrap();
        String::from_utf8(message).unwrap()
    }

    #[tokio::test]
    async fn each_message_stands_behind_its_length_and_a_close_is_noticed() {
        let outbox = Outbox::default();
        outbox.serve(&[Sent::Flows]);
        let (near, mut far) = duplex(1_000);
        let hear = async {
            let mut heard = Vec::new();
            for message in ["a message", "関所"] {
                outbox.offer(Sent::Flows, || message.to_owned());
                heard.push(framed(&mut far).await);
            }
            drop(far);
            heard
        };
        let (told, heard) = tokio::join!(stream(near, STALLED, &outbox), hear);
        assert_eq!(heard, ["a message", "関所"]);
        assert!(matches!(told, Err(Fault::Closed)), "{told:?}");
        assert_eq!((outbox.status().sent, outbox.status().lost), (2, 0));
    }

    #[tokio::test]
    async fn a_collector_that_takes_nothing_keeps_its_message() {
        let outbox = Outbox::default();
        outbox.serve(&[Sent::Flows]);
        outbox.offer(Sent::Flows, || "x".repeat(2_000));
        let (near, _far) = duplex(1_000);
        let told = stream(near, Duration::from_millis(50), &outbox).await;
        assert!(matches!(told, Err(Fault::Stalled)), "{told:?}");
        assert_eq!((outbox.status().sent, outbox.status().waiting), (0, 1));
    }

    #[test]
    fn an_authority_that_is_no_certificate_is_said() {
        let text = "-----BEGIN CERTIFICATE-----\nMAEA\n-----END CERTIFICATE-----";
        let fault = connector(&text.parse().unwrap()).err().map(Fault::Authority).unwrap();
        assert!(fault.to_string().starts_with("the design's certificate authority can't be used"));
    }
}
