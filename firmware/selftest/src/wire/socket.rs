//! Questions by sockets of the kernel, which go the way that the device's own packets go.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::AsFd,
    time::Duration,
};

use sekisho_design::PortName;
use sekisho_host::{IcmpError, bind_udp, icmp_error, open_tcp, want_icmp_errors};
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    time::{Instant, timeout, timeout_at},
};

use super::{CONNECT, Labels, RESEND, SILENCE, datagram::Datagram};
use crate::{
    probe::{Answer, Question},
    talk,
};

/// Ports of ours that are tried before we give up; another program may have one of them.
const TRIES: usize = 8;

/// Asks from an own address, through a port, or wherever the routes lead where there is none.
pub(super) async fn ask(
    port: Option<&PortName>,
    from: Ipv4Addr,
    to: Ipv4Addr,
    question: &Question,
    (labels, number): (&Labels, u16),
) -> Result<Answer, String> {
    if let Some(datagram) = Datagram::of(question, number)? {
        let socket = labels.bind(|label| udp(port, SocketAddrV4::new(from, label)))?;
        return send(&socket, to, datagram).await.map_err(|error| error.to_string());
    }
    let (Question::Tcp { port: service }
    | Question::Banner { port: service }
    | Question::Tls { port: service, .. }
    | Question::Http { port: service, .. }) = question
    else {
        return Err("no socket asks for an echo".to_owned());
    };
    let socket = labels.bind(|label| tcp(port, SocketAddrV4::new(from, label)))?;
    let begun = Instant::now();
    match connect(socket, SocketAddrV4::new(to, *service)).await {
        Ok(stream) => {
            let after = begun.elapsed();
            Ok(match talk::converse(stream, to, question).await {
                Ok(said) => Answer::Good { after, said },
                Err(broken) => Answer::Broken { why: broken.to_string() },
            })
        }
        Err(Ended::Icmp(error)) => Ok(icmp(error, begun.elapsed())),
        Err(Ended::Refused) => Ok(Answer::Refused { after: begun.elapsed() }),
        Err(Ended::Silent) => Ok(Answer::Silent { sought: None }),
        Err(Ended::Failed(error)) => Err(error.to_string()),
    }
}

/// Why there is no connection.
enum Ended {
    Icmp(IcmpError),
    Refused,
    Silent,
    Failed(io::Error),
}

async fn connect(socket: TcpSocket, to: SocketAddrV4) -> Result<TcpStream, Ended> {
    // The kernel keeps an error for the socket, which is gone with a failed attempt: a second handle on it stays.
    let handle = socket.as_fd().try_clone_to_owned().map_err(Ended::Failed)?;
    want_icmp_errors(&handle).map_err(Ended::Failed)?;
    match timeout(CONNECT, socket.connect(to.into())).await {
        Ok(Ok(stream)) => Ok(stream),
        Err(_) => Err(icmp_error(&handle).map_or(Ended::Silent, Ended::Icmp)),
        Ok(Err(error)) => Err(match icmp_error(&handle) {
            Some(icmp) => Ended::Icmp(icmp),
            None if error.kind() == io::ErrorKind::ConnectionRefused => Ended::Refused,
            None if is_silence(&error) => Ended::Silent,
            None => Ended::Failed(error),
        }),
    }
}

async fn send(socket: &UdpSocket, to: Ipv4Addr, mut datagram: Datagram) -> io::Result<Answer> {
    want_icmp_errors(socket)?;
    socket.connect(SocketAddrV4::new(to, datagram.port())).await?;
    let (begun, mut bytes) = (Instant::now(), vec![0; 4096]);
    let trouble = |error: io::Error| match icmp_error(socket) {
        Some(error) => Ok(icmp(error, begun.elapsed())),
        None if is_silence(&error) => Ok(Answer::Silent { sought: None }),
        None => Err(error),
    };
    for end in [begun + RESEND, begun + SILENCE] {
        if let Err(error) = socket.send(&datagram.bytes()).await {
            return trouble(error);
        }
        while Instant::now() < end {
            match timeout_at(end, socket.recv(&mut bytes)).await {
                Err(_) => break,
                Ok(Err(error)) => return trouble(error),
                Ok(Ok(length)) => {
                    if let Some(said) = datagram.read(&bytes[..length]) {
                        return Ok(Answer::Good { after: begun.elapsed(), said });
                    }
                }
            }
        }
    }
    Ok(Answer::Silent { sought: None })
}

/// The kernel's own word for a neighbour that doesn't answer ARP, and for a time that was over.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::HostUnreachable | io::ErrorKind::TimedOut)
}

fn icmp(IcmpError { by, kind, code }: IcmpError, after: Duration) -> Answer {
    Answer::Icmp { by, kind, code, after }
}

fn udp(port: Option<&PortName>, own: SocketAddrV4) -> Result<UdpSocket, String> {
    let socket = if let Some(port) = port {
        bind_udp(port, own).map_err(|error| error.to_string())?
    } else {
        let socket = std::net::UdpSocket::bind(own)
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        socket.map_err(|error| format!("can't bind UDP {own}: {error}"))?
    };
    UdpSocket::from_std(socket).map_err(|error| error.to_string())
}

fn tcp(port: Option<&PortName>, own: SocketAddrV4) -> Result<TcpSocket, String> {
    if let Some(port) = port {
        let socket = open_tcp(port, own).map_err(|error| error.to_string())?;
        return Ok(TcpSocket::from_std_stream(socket));
    }
    let socket = TcpSocket::new_v4().and_then(|socket| {
        // A connection of an earlier check that is still ending is no hindrance.
        socket.set_reuseaddr(true)?;
        socket.bind(own.into())?;
        Ok(socket)
    });
    socket.map_err(|error| format!("can't bind TCP {own}: {error}"))
}

impl Labels {
    fn bind<S>(&self, open: impl Fn(u16) -> Result<S, String>) -> Result<S, String> {
        let mut last = Err(String::new());
        for _ in 0..TRIES {
            last = open(self.next());
            if last.is_ok() {
                break;
            }
        }
        last
    }
}
