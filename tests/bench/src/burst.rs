//! Many datagrams a call: a generator that made one call for each would be what is measured.

use std::{io, os::fd::RawFd, ptr};

use nix::libc::{self, iovec, mmsghdr};

/// Datagrams of a call.
const DATAGRAMS: usize = 32;

/// Datagrams of one length and content.
pub(crate) struct Burst {
    /// What every datagram has inside; the vector below points to it.
    _payload: Box<[u8]>,
    _vector: Box<iovec>,
    headers: Vec<mmsghdr>,
}

impl Burst {
    /// Room for datagrams of this length. To receive, none is needed: what doesn't fit is cut off and counts all the same.
    pub(crate) fn of(length: usize) -> Self {
        let mut payload = vec![0x5a; length].into_boxed_slice();
        let mut vector =
            Box::new(iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() });
        // SAFETY: a header of zeros and null pointers is a valid one: no address, no control data.
        let mut header: mmsghdr = unsafe { std::mem::zeroed() };
        header.msg_hdr.msg_iov = ptr::from_mut(&mut *vector);
        header.msg_hdr.msg_iovlen = 1;
        Self { _payload: payload, _vector: vector, headers: vec![header; DATAGRAMS] }
    }

    /// Sends one burst over a connected socket; says how many datagrams the kernel took.
    pub(crate) fn send(&mut self, socket: RawFd) -> io::Result<usize> {
        // SAFETY: the headers point to one vector and one payload, both owned by `self` and of the lengths they say.
        sign(unsafe { libc::sendmmsg(socket, self.headers.as_mut_ptr(), self.count(), 0) })
    }

    /// Takes what waits, after waiting for the first for as long as the socket's time limit says.
    pub(crate) fn receive(&mut self, socket: RawFd) -> io::Result<usize> {
        // SAFETY: as above; the kernel writes no more than the vector's length, and no address is asked for.
        sign(unsafe {
            libc::recvmmsg(
                socket,
                self.headers.as_mut_ptr(),
                self.count(),
                libc::MSG_WAITFORONE,
                ptr::null_mut(),
            )
        })
    }

    fn count(&self) -> u32 {
        u32::try_from(self.headers.len()).unwrap_or(u32::MAX)
    }
}

fn sign(result: libc::c_int) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, os::fd::AsRawFd, time::Duration};

    use super::*;

    #[test]
    fn every_datagram_of_a_burst_arrives_and_counts() {
        let [one, other] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        one.connect(other.local_addr().unwrap()).unwrap();
        other.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        assert_eq!(Burst::of(100).send(one.as_raw_fd()).unwrap(), DATAGRAMS);
        let mut room = [0; 200];
        assert_eq!(other.recv(&mut room).unwrap(), 100);
        assert_eq!(Burst::of(0).receive(other.as_raw_fd()).unwrap(), DATAGRAMS - 1);
    }
}
