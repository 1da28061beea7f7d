//! Sockets that speak through one link only.

use std::{
    fmt, io,
    net::{SocketAddrV4, TcpListener, TcpStream, UdpSocket},
};

use nix::libc::ENODEV;
use sekisho_design::PortName;
use socket2::{Domain, Protocol, Socket, Type};

use crate::HostError;

/// Connections that may wait for being accepted: as many as a LAN's clients open at once in the worst second.
const WAITING: i32 = 128;

/// Which kind of socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// A non-blocking UDP socket bound to a link and an address: it sends out of that link, whatever the routes say, and
/// hears nothing else. Two links may hold the same address and port. The link is bound first, so that no datagram of
/// another link ever enters the queue.
///
/// Needs no privilege on a kernel from 5.7 (`SO_BINDTODEVICE` of a socket that has none yet), ports below 1024 apart.
///
/// # Errors
/// [`HostError::NoSuchLink`], or [`HostError::Bind`] with the kernel's answer.
pub fn bind_udp(link: &PortName, address: SocketAddrV4) -> Result<UdpSocket, HostError> {
    bound(Transport::Udp, link, address, |_| Ok(()))
}

/// A non-blocking TCP listener on a link and an address, as [`bind_udp`]. Connections of an earlier listener that are
/// still ending don't keep it from starting.
///
/// # Errors
/// As [`bind_udp`].
pub fn listen_tcp(link: &PortName, address: SocketAddrV4) -> Result<TcpListener, HostError> {
    bound(Transport::Tcp, link, address, |socket| socket.listen(WAITING))
}

/// A non-blocking TCP socket bound to a link and an address, as [`bind_udp`], that isn't connected yet.
///
/// # Errors
/// As [`bind_udp`].
pub fn open_tcp(link: &PortName, address: SocketAddrV4) -> Result<TcpStream, HostError> {
    bound(Transport::Tcp, link, address, |_| Ok(()))
}

fn bound<S: From<Socket>>(
    transport: Transport,
    link: &PortName,
    address: SocketAddrV4,
    ready: impl FnOnce(&Socket) -> io::Result<()>,
) -> Result<S, HostError> {
    let (kind, protocol) = match transport {
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
    };
    let socket = || {
        let socket = Socket::new(Domain::IPV4, kind, Some(protocol))?;
        socket.bind_device(Some(link.as_str().as_bytes()))?;
        socket.set_reuse_address(transport == Transport::Tcp)?;
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        ready(&socket)?;
        Ok(socket.into())
    };
    socket().map_err(|source: io::Error| match source.raw_os_error() {
        Some(ENODEV) => HostError::NoSuchLink { name: link.clone() },
        _ => HostError::Bind { transport, link: link.clone(), address, source },
    })
}
