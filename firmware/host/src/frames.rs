//! Frames of one link, past the kernel's own rules (packet(7)).

use std::{io, os::fd::AsRawFd};

use nix::{
    libc::{ENETDOWN, ENXIO, PACKET_OTHERHOST},
    sys::socket::{LinkAddr, bind, recvfrom},
};
use sekisho_plan::ports::Mac;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::{Interest, unix::AsyncFd};

/// A socket that sends frames of any kind on a link, and hears those of one kind that others sent to us or to all.
#[derive(Debug)]
pub(crate) struct Frames {
    socket: AsyncFd<Socket>,
    index: usize,
    mac: Mac,
}

impl Frames {
    /// Hears frames of this Ethernet type that pass the kernel's filter (BPF); all where the filter is empty.
    pub(crate) fn open(own: &LinkAddr, ethertype: i32, filter: &[SockFilter]) -> io::Result<Self> {
        let ethertype = u16::try_from(ethertype).map_err(io::Error::other)?.to_be();
        let kind = Type::RAW.nonblocking();
        let socket = Socket::new(Domain::PACKET, kind, Some(Protocol::from(i32::from(ethertype))))?;
        if !filter.is_empty() {
            socket.attach_filter(filter)?;
        }
        // The address names no protocol, so the socket keeps its own (packet(7)).
        bind(socket.as_raw_fd(), own)?;
        let mac = mac(own).ok_or(io::ErrorKind::AddrNotAvailable)?;
        #[expect(
            deprecated,
            reason = "a socket keeps its descriptor; what stands in its place is unsafe code"
        )]
        let socket = AsyncFd::new(socket)?;
        Ok(Self { socket, index: own.ifindex(), mac })
    }

    /// Our own address on the link.
    pub(crate) fn mac(&self) -> Mac {
        self.mac
    }

    /// Sends a whole frame, its header included.
    pub(crate) async fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.socket.async_io(Interest::WRITABLE, |socket| socket.send(frame)).await.map(drop)
    }

    /// The next frame, cut to the buffer: how long it is there.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let heard = self.socket.async_io(Interest::READABLE, |_| self.take(buffer)).await?;
            if let Some(size) = heard {
                return Ok(size);
            }
        }
    }

    /// The next frame that has come already, as [`Frames::receive`].
    pub(crate) fn queued(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.take(buffer) {
                Ok(None) => {}
                Ok(size) => return Ok(size),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// `None` for a frame that isn't ours to hear.
    fn take(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let (size, from) = recvfrom::<LinkAddr>(self.socket.get_ref().as_raw_fd(), buffer)?;
        // Between its making and its binding the socket heard every link.
        let ours = from
            .is_some_and(|from| from.ifindex() == self.index && from.pkttype() != PACKET_OTHERHOST);
        Ok(ours.then_some(size))
    }
}

pub(crate) fn mac(own: &LinkAddr) -> Option<Mac> {
    (own.halen() == 6).then(|| own.addr().map(Mac)).flatten()
}

pub(crate) fn is_down(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENETDOWN | ENXIO))
}
