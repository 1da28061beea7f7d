//! UDP sockets that speak through one link only.

use std::net::{SocketAddrV4, UdpSocket};

use nix::libc::ENODEV;
use sekisho_design::PortName;
use socket2::{Domain, Protocol, Socket, Type};

use crate::HostError;

/// A non-blocking UDP socket bound to a link and an address: it sends out of that link, whatever the routes say, and
/// hears nothing else. Two links may hold the same address and port. The link is bound first, so that no datagram of
/// another link ever enters the queue.
///
/// Needs no privilege on a kernel from 5.7 (`SO_BINDTODEVICE` of a socket that has none yet), ports below 1024 apart.
///
/// # Errors
/// [`HostError::NoSuchLink`], or [`HostError::Bind`] with the kernel's answer.
pub fn bind_udp(link: &PortName, address: SocketAddrV4) -> Result<UdpSocket, HostError> {
    let bound = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind_device(Some(link.as_str().as_bytes()))?;
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    bound().map_err(|source: std::io::Error| match source.raw_os_error() {
        Some(ENODEV) => HostError::NoSuchLink { name: link.clone() },
        _ => HostError::Bind { link: link.clone(), address, source },
    })
}
