//! Raw frames of an interface: for recordings, and for the bad line between the device and LGWAN. The line
//! takes them with the header that says which checksum is still to be filled in and how the frame is to be
//! cut (`virtio_net_hdr`, 10 bytes): veth hands frames over unfinished, as it would to a network card.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use nix::{
    libc,
    net::if_::if_nametoindex,
    sys::socket::{setsockopt, sockopt},
};

/// `ETH_P_ALL` of `linux/if_ether.h` in the size that an address takes.
const ALL_PROTOCOLS: u16 = 3;

/// Bytes that wait for a recorder: some thousand frames.
const RECORDER_ROOM: usize = 8 << 20;

/// A socket for whole frames.
#[derive(Debug)]
pub(crate) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Opens an end of a wire in the network namespace of the calling thread: frames with their header, only
    /// those that arrive. Needs `CAP_NET_RAW` there.
    pub(crate) fn wire_end(interface: &str) -> io::Result<Self> {
        // Without a protocol the socket takes nothing before it is bound to its interface.
        let socket = raw_socket()?;
        set(&socket, libc::PACKET_VNET_HDR)?;
        set(&socket, libc::PACKET_IGNORE_OUTGOING)?;
        bind(&socket, ALL_PROTOCOLS.to_be(), if_nametoindex(interface)?.cast_signed())?;
        Ok(Self(socket))
    }

    /// Opens a recorder there: bare frames of one interface, or of all with `None`, in both directions.
    pub(crate) fn recorder(interface: Option<&str>) -> io::Result<Self> {
        let index = interface.map_or(Ok(0), if_nametoindex)?;
        let socket = raw_socket()?;
        // Room for a burst. Older kernels give it to real root only, and the default does for most.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECORDER_ROOM);
        bind(&socket, ALL_PROTOCOLS.to_be(), index.cast_signed())?;
        Ok(Self(socket))
    }

    /// The next frame, or `None` where none waits.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match nix::unistd::read(&self.0, buffer) {
            Ok(size) => Ok(Some(size)),
            Err(nix::Error::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a frame as [`Self::receive`] gave it. A full queue loses it, as on a real wire.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        match nix::unistd::write(&self.0, frame) {
            Ok(_) | Err(nix::Error::EAGAIN | nix::Error::ENOBUFS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl std::os::fd::AsFd for PacketSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[expect(unsafe_code, reason = "no safe wrapper makes a packet socket without a protocol")]
fn raw_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the call takes no pointer.
    let descriptor = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[expect(unsafe_code, reason = "nix knows none of the packet socket's options")]
#[expect(clippy::cast_possible_truncation, reason = "four bytes")]
fn set(socket: &OwnedFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the pointer is to a live integer of the size that is given.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, (&raw const on).cast(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "nix builds no link-layer address from an interface's index")]
#[expect(clippy::cast_possible_truncation, reason = "a family of 17 and twenty bytes")]
fn bind(socket: &OwnedFd, protocol: u16, index: libc::c_int) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol,
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let size = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the pointer is to a live address of the size that is given.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
