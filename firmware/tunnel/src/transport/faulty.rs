//! A device and a socket whose calls can be refused, and a device without a kernel behind it.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixDatagram,
    },
    sync::{Arc, Mutex},
};

use nix::errno::Errno;
use quinn_udp::RecvMeta;
use tun_rs::{GROTable, VIRTIO_NET_HDR_LEN};

use super::{Device, Network};
use crate::TypeOfService;

/// A call of the data plane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Site {
    /// Of the device.
    Read,
    /// Of the device.
    Write,
    /// One datagram.
    Send,
    /// Several datagrams in one call.
    SendRun,
    /// Runs of datagrams.
    Receive,
}

/// What is refused at each site, and how often each was called. Its copies are one.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<[Place; 5]>>);

#[derive(Clone, Copy, Default)]
struct Place {
    error: Option<Errno>,
    calls: u64,
    refused: u64,
}

impl Faults {
    /// From now on every call there fails like this, or none.
    pub(crate) fn refuse(&self, site: Site, error: Option<Errno>) {
        self.0.lock().unwrap()[site as usize].error = error;
    }

    /// How often it was called so far.
    pub(crate) fn calls(&self, site: Site) -> u64 {
        self.0.lock().unwrap()[site as usize].calls
    }

    /// How many of the calls were refused so far.
    pub(crate) fn refused(&self, site: Site) -> u64 {
        self.0.lock().unwrap()[site as usize].refused
    }

    fn pass(&self, site: Site) -> io::Result<()> {
        let place = &mut self.0.lock().unwrap()[site as usize];
        place.calls += 1;
        let Some(error) = place.error else { return Ok(()) };
        place.refused += 1;
        Err(error.into())
    }
}

/// A device or a socket with faults before it.
pub(crate) struct Faulty<T> {
    pub(crate) inner: T,
    pub(crate) faults: Faults,
}

impl<T: AsFd> AsFd for Faulty<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl<T: Device> Device for Faulty<T> {
    fn read(
        &self,
        raw: &mut [u8],
        packets: &mut [Vec<u8>],
        sizes: &mut [usize],
    ) -> io::Result<usize> {
        self.faults.pass(Site::Read)?;
        self.inner.read(raw, packets, sizes)
    }

    fn write(&self, table: &mut GROTable, packets: &mut [Vec<u8>]) -> io::Result<()> {
        self.faults.pass(Site::Write)?;
        self.inner.write(table, packets)
    }
}

impl<T: Network> Network for Faulty<T> {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn send(
        &self,
        to: (SocketAddr, TypeOfService),
        contents: &[u8],
        segment: Option<u16>,
    ) -> io::Result<()> {
        self.faults.pass(if segment.is_some() { Site::SendRun } else { Site::Send })?;
        self.inner.send(to, contents, segment)
    }

    fn receive(&self, runs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> io::Result<usize> {
        self.faults.pass(Site::Receive)?;
        self.inner.receive(runs, meta)
    }
}

/// A device that is one end of a pair of sockets: each datagram is a packet.
pub(crate) struct Cable(UnixDatagram);

impl Cable {
    /// The device, and the office that it leads to.
    pub(crate) fn new() -> (Self, UnixDatagram) {
        let (device, office) = UnixDatagram::pair().unwrap();
        device.set_nonblocking(true).unwrap();
        (Self(device), office)
    }
}

impl AsFd for Cable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Device for Cable {
    fn read(
        &self,
        _: &mut [u8],
        packets: &mut [Vec<u8>],
        sizes: &mut [usize],
    ) -> io::Result<usize> {
        sizes[0] = self.0.recv(&mut packets[0])?;
        Ok(1)
    }

    fn write(&self, _: &mut GROTable, packets: &mut [Vec<u8>]) -> io::Result<()> {
        let mut all = Ok(());
        for packet in packets {
            all = all.and(self.0.send(&packet[VIRTIO_NET_HDR_LEN..]).map(drop));
        }
        all
    }
}
