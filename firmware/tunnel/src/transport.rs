//! The system calls of the data plane, a seam for each side. Tests put something else there, or refuse a call.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    os::fd::AsFd,
};

use quinn_udp::RecvMeta;
use tun_rs::GROTable;

use crate::TypeOfService;

#[cfg(test)]
pub(crate) mod faulty;

/// A TUN device. No call blocks.
pub(crate) trait Device: AsFd + Send + Sync {
    /// Reads one superpacket and cuts it into packets: how many.
    fn read(
        &self,
        raw: &mut [u8],
        packets: &mut [Vec<u8>],
        sizes: &mut [usize],
    ) -> io::Result<usize>;

    /// Writes packets, each behind room for a header, joined where they can be. After an error of one the others are
    /// tried all the same.
    fn write(&self, table: &mut GROTable, packets: &mut [Vec<u8>]) -> io::Result<()>;
}

/// A UDP socket. No call blocks.
pub(crate) trait Network: AsFd + Send + Sync {
    /// The address that it is bound to.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Sends one datagram, or several of a length.
    fn send(
        &self,
        to: (SocketAddr, TypeOfService),
        contents: &[u8],
        segment: Option<u16>,
    ) -> io::Result<()>;

    /// Receives runs of datagrams: how many runs.
    fn receive(&self, runs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> io::Result<usize>;
}
