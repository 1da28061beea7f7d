//! One question to one server: over UDP with a socket, a port, a number and letters' case of its own, over TCP where the
//! answer was cut short or the case came back changed.

use std::{
    fmt,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt as _;
use hickory_net::{
    NetError,
    runtime::{RuntimeProvider, TokioHandle, TokioTime, iocompat::AsyncIoTokioAsStd},
    udp::UdpClientStream,
    xfer::DnsRequestSender as _,
};
use hickory_proto::{
    op::{DnsRequest, DnsRequestOptions, Message, ResponseCode},
    rr::Name,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream, UdpSocket},
    time::timeout,
};

use crate::{Network, Way, question::Question};

/// Where name servers listen.
pub(crate) const PORT: u16 = 53;

/// The largest datagram that is asked for and sent: none of that size is cut to pieces on the way (DNS flag day 2020).
pub(crate) const LARGEST_DATAGRAM: u16 = 1232;

/// How long a server has for an answer over UDP. Two servers have answered, or not, within two seconds and a half.
const PATIENCE: Duration = Duration::from_millis(1_200);
/// A question that may be lost is sent again after this.
const AGAIN: Duration = Duration::from_millis(400);
/// How long a server has over TCP, from the first packet to the last.
const TCP_PATIENCE: Duration = Duration::from_secs(3);

/// Why a server's answer can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no answer in time")]
    Silent,
    #[error("{0}")]
    Network(#[from] io::Error),
    #[error("an answer that can't be read: {0}")]
    Garbled(String),
    #[error("it answers {0}")]
    Unable(ResponseCode),
}

/// Asks one server.
pub(crate) async fn ask(
    network: &Arc<dyn Network>,
    way: Way,
    server: Ipv4Addr,
    question: &Question,
) -> Result<Message, AskError> {
    let server = SocketAddr::from((server, PORT));
    let mut answer = match over_udp(network, way, server, question, true).await {
        Err(Over::Tcp) => over_tcp(network, way, server, question).await?,
        // A server from before EDNS (RFC 6891, 7).
        Ok(answer)
            if answer.metadata.response_code == ResponseCode::FormErr && answer.edns.is_none() =>
        {
            match over_udp(network, way, server, question, false).await {
                Err(Over::Tcp) => over_tcp(network, way, server, question).await?,
                Err(Over::For(fault)) => return Err(fault),
                Ok(answer) => answer,
            }
        }
        Err(Over::For(fault)) => return Err(fault),
        Ok(answer) => answer,
    };
    spell(&mut answer, &question.name);
    let code = answer.metadata.response_code;
    if matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        Ok(answer)
    } else {
        Err(AskError::Unable(code))
    }
}

/// Spells the name that was asked for as we do, not as it was sent: so it is short on the wire and in memory (RFC 1035,
/// 4.1.4).
fn spell(answer: &mut Message, name: &Name) {
    let records = answer.answers.iter_mut().chain(&mut answer.authorities);
    for record in records.filter(|record| record.name == *name) {
        record.name = name.clone();
    }
}

/// Why UDP is over.
enum Over {
    /// TCP will do better.
    Tcp,
    For(AskError),
}

async fn over_udp(
    network: &Arc<dyn Network>,
    way: Way,
    server: SocketAddr,
    question: &Question,
    edns: bool,
) -> Result<Message, Over> {
    let provider = Provider { network: Arc::clone(network), way };
    let mut stream = UdpClientStream::builder(server, provider)
        .with_timeout(Some(PATIENCE))
        .with_os_port_selection(true)
        .build();
    let request = request(question, edns, true);
    match stream.send_message(request).next().await {
        Some(Ok(answer)) if answer.metadata.truncation => Err(Over::Tcp),
        Some(Ok(answer)) => Ok(answer.into_message()),
        Some(Err(NetError::QueryCaseMismatch)) => Err(Over::Tcp),
        Some(Err(NetError::Timeout)) | None => Err(Over::For(AskError::Silent)),
        Some(Err(NetError::Io(fault))) => {
            let kind = fault.kind();
            Err(Over::For(AskError::Network(io::Error::new(kind, fault.to_string()))))
        }
        Some(Err(fault)) => Err(Over::For(AskError::Garbled(fault.to_string()))),
    }
}

fn request(question: &Question, edns: bool, case: bool) -> DnsRequest {
    let mut options = DnsRequestOptions::default();
    options.use_edns = edns;
    options.edns_payload_len = LARGEST_DATAGRAM;
    options.edns_set_dnssec_ok = question.signatures;
    options.case_randomization = case;
    options.retry_interval = AGAIN;
    let mut request = DnsRequest::from_query(question.query(), options);
    // The server says whether it has checked what it answers (RFC 6840, 5.7).
    request.metadata.authentic_data = true;
    request.metadata.checking_disabled = question.unchecked;
    request
}

async fn over_tcp(
    network: &Arc<dyn Network>,
    way: Way,
    server: SocketAddr,
    question: &Question,
) -> Result<Message, AskError> {
    let exchange = async {
        let mut stream = connect(network, way, server).await?;
        let request = request(question, true, false);
        send(&mut stream, &request).await?;
        let answer = receive(&mut stream).await?;
        let same = answer.metadata.id == request.metadata.id && answer.queries == request.queries;
        if same { Ok(answer) } else { Err(AskError::Garbled("of another question".to_owned())) }
    };
    timeout(TCP_PATIENCE, exchange).await.unwrap_or(Err(AskError::Silent))
}

/// Opens a connection to a server.
pub(crate) async fn connect(
    network: &Arc<dyn Network>,
    way: Way,
    server: SocketAddr,
) -> io::Result<TcpStream> {
    TcpSocket::from_std_stream(network.tcp(way)?).connect(server).await
}

/// Sends a message with its length before it (RFC 1035, 4.2.2).
pub(crate) async fn send(stream: &mut TcpStream, message: &Message) -> Result<(), AskError> {
    let bytes = message.to_vec().map_err(|fault| AskError::Garbled(fault.to_string()))?;
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    Ok(stream.write_all(&[&length[..], &bytes].concat()).await?)
}

/// Receives one message.
pub(crate) async fn receive(stream: &mut TcpStream) -> Result<Message, AskError> {
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    Message::from_vec(&bytes).map_err(|fault| AskError::Garbled(fault.to_string()))
}

/// A number for a message, which nobody can guess.
pub(crate) fn random() -> u16 {
    let mut bytes = [0; 2];
    // Without randomness the kernel is of no use at all; a question over a connection needs none to be safe.
    let _ = SystemRandom::new().fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

/// Hands hickory the sockets of one way.
#[derive(Clone)]
struct Provider {
    network: Arc<dyn Network>,
    way: Way,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("way", &self.way).finish_non_exhaustive()
    }
}

type Opening<T> = Pin<Box<dyn Send + Future<Output = io::Result<T>>>>;

impl RuntimeProvider for Provider {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = UdpSocket;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> TokioHandle {
        TokioHandle::default()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _: Option<SocketAddr>,
        _: Option<Duration>,
    ) -> Opening<Self::Tcp> {
        let Self { network, way } = self.clone();
        Box::pin(async move { connect(&network, way, server).await.map(AsyncIoTokioAsStd) })
    }

    fn bind_udp(&self, _: SocketAddr, _: SocketAddr) -> Opening<UdpSocket> {
        let socket = self.network.udp(self.way).and_then(UdpSocket::from_std);
        Box::pin(async move { socket })
    }
}
