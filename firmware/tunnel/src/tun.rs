//! Batches from and to the tunnel device, with the kernel's segmentation offload both ways.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::{errno::Errno, net::if_::if_nametoindex};
use tun_rs::{DeviceBuilder, GROTable, SyncDevice, VIRTIO_NET_HDR_LEN};

use crate::{Ecn, TunnelError, transport::Device};

/// A TUN device of the kernel that this process has attached to, without blocking and with offload.
pub struct Tun {
    device: Box<dyn Device>,
}

impl Tun {
    /// Attaches to a device that exists; addresses, MTU and state stay as they are.
    ///
    /// # Errors
    /// [`TunnelError::NoDevice`] and [`TunnelError::Attach`].
    pub fn attach(name: &str) -> Result<Self, TunnelError> {
        // Attaching to a name that doesn't exist would make a device that vanishes with this process.
        if_nametoindex(name)
            .map_err(|source| TunnelError::NoDevice { name: name.to_owned(), source })?;
        let attach = || {
            let device = DeviceBuilder::new()
                .name(name)
                .offload(true)
                .inherit_enable_state()
                .build_sync()?;
            device.set_nonblocking(true)?;
            Ok(Self::over(device))
        };
        attach().map_err(|source| TunnelError::Attach { name: name.to_owned(), source })
    }

    pub(crate) fn over(device: impl Device + 'static) -> Self {
        Self { device: Box::new(device) }
    }
}

impl Device for SyncDevice {
    fn read(
        &self,
        raw: &mut [u8],
        packets: &mut [Vec<u8>],
        sizes: &mut [usize],
    ) -> io::Result<usize> {
        self.recv_multiple(raw, packets, sizes, 0)
    }

    fn write(&self, table: &mut GROTable, packets: &mut [Vec<u8>]) -> io::Result<()> {
        self.send_multiple(table, packets, VIRTIO_NET_HDR_LEN).map(drop)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// A batch read from a device: superpackets, cut into packets with checksums complete. Its memory is allocated once,
/// about 2.4 MB.
pub struct PacketsIn {
    raw: Vec<u8>,
    packets: Vec<Vec<u8>>,
    sizes: Vec<usize>,
    count: usize,
    unreadable: u64,
    refused: u64,
}

impl PacketsIn {
    /// Packets in a batch.
    const PACKETS: usize = 256;
    /// Packets that one superpacket may become: 65,535 bytes at an MSS of 512.
    const SUPERPACKET: usize = 128;
    /// Longest packet, in bytes: jumbo frames with room to spare.
    const LONGEST: usize = 9_216;

    /// An empty batch.
    pub fn new() -> Self {
        Self {
            raw: vec![0; VIRTIO_NET_HDR_LEN + 65_535],
            packets: vec![vec![0; Self::LONGEST]; Self::PACKETS],
            sizes: vec![0; Self::PACKETS],
            count: 0,
            unreadable: 0,
            refused: 0,
        }
    }

    /// Replaces the batch by what waits in the device, without blocking: possibly nothing. A packet that can't be cut
    /// is dropped and counted; a read that the device refuses ends the batch and is counted.
    ///
    /// # Errors
    /// [`TunnelError::Device`] where the device went away.
    pub fn read(&mut self, tun: &Tun) -> Result<(), TunnelError> {
        self.count = 0;
        while Self::PACKETS - self.count >= Self::SUPERPACKET {
            let read = tun.device.read(
                &mut self.raw,
                &mut self.packets[self.count..],
                &mut self.sizes[self.count..],
            );
            match read {
                Ok(count) => self.count += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The library's own complaints about a packet carry no error of the system.
                Err(error) if error.raw_os_error().is_none() => self.unreadable += 1,
                Err(error) if is_gone(&error) => return Err(TunnelError::Device(error)),
                Err(error) => {
                    tracing::debug!(%error, "the tunnel device refused a read");
                    self.refused += 1;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether no packet is in the batch.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The packets of the batch, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.packets.iter().zip(&self.sizes).take(self.count).map(|(packet, size)| &packet[..*size])
    }

    /// Superpackets that could not be cut, since the batch was made.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Reads that the device refused, since the batch was made. Nothing is lost by one that succeeds later.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Default for PacketsIn {
    fn default() -> Self {
        Self::new()
    }
}

/// A batch on its way to a device: neighbouring segments of a flow are joined into superpackets. Its memory is
/// allocated once, about 8.5 MB of which little is ever touched.
pub struct PacketsOut {
    buffers: Vec<Vec<u8>>,
    count: usize,
    table: GROTable,
    dropped: u64,
}

impl PacketsOut {
    /// Packets in a batch.
    pub const PACKETS: usize = 128;

    /// Room for headers twice and the longest packet: the library joins no further than a buffer's capacity.
    const CAPACITY: usize = 2 * VIRTIO_NET_HDR_LEN + 65_535;

    /// An empty batch.
    pub fn new() -> Self {
        Self {
            buffers: (0..Self::PACKETS).map(|_| Vec::with_capacity(Self::CAPACITY)).collect(),
            count: 0,
            table: GROTable::default(),
            dropped: 0,
        }
    }

    /// How many more packets fit.
    pub fn room(&self) -> usize {
        Self::PACKETS - self.count
    }

    /// Adds a packet that came in a datagram with this mark. It is dropped and counted where the batch has no room, and
    /// where a router was congested and the packet's ends don't speak of that (RFC 6040).
    pub fn push(&mut self, packet: &[u8], ecn: Ecn) {
        if let Some(buffer) = self.buffers.get_mut(self.count)
            && !packet.is_empty()
            && packet.len() <= 65_535
        {
            buffer.clear();
            buffer.resize(VIRTIO_NET_HDR_LEN, 0);
            buffer.extend_from_slice(packet);
            if ecn.carry_into(&mut buffer[VIRTIO_NET_HDR_LEN..]) {
                self.count += 1;
                return;
            }
        }
        self.dropped += 1;
    }

    /// Writes the batch and empties it. What the device does not take is dropped and counted.
    ///
    /// # Errors
    /// [`TunnelError::Device`] where the device went away.
    pub fn write(&mut self, tun: &Tun) -> Result<(), TunnelError> {
        if self.count == 0 {
            return Ok(());
        }
        let count = std::mem::take(&mut self.count);
        match tun.device.write(&mut self.table, &mut self.buffers[..count]) {
            Ok(()) => Ok(()),
            Err(error) if is_gone(&error) => Err(TunnelError::Device(error)),
            // A device that is down takes nothing. Of any other failure the library reports the last; how many packets it
            // stands for is not known.
            Err(error) => {
                tracing::trace!(%error, "the tunnel device refused a packet");
                let down = error.raw_os_error() == Some(Errno::EIO as i32);
                self.dropped += if down { count as u64 } else { 1 };
                Ok(())
            }
        }
    }

    /// Packets dropped since the batch was made. Where the device is up and refuses some of a batch, these count as one.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Default for PacketsOut {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the device was taken away, and no later call can succeed.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EBADFD as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_is_named_and_not_made() {
        let Err(error) = Tun::attach("no-such-tun") else { panic!("attached to nothing") };
        assert!(
            matches!(&error, TunnelError::NoDevice { name, .. } if name == "no-such-tun"),
            "{error}"
        );
        assert!(if_nametoindex("no-such-tun").is_err());
    }

    #[test]
    fn a_full_batch_drops_and_counts() {
        let mut batch = PacketsOut::new();
        for _ in 0..PacketsOut::PACKETS {
            batch.push(&[0x45; 20], Ecn::NotCapable);
        }
        assert_eq!((batch.room(), batch.dropped()), (0, 0));
        batch.push(&[0x45; 20], Ecn::NotCapable);
        assert_eq!((batch.room(), batch.dropped()), (0, 1));
    }

    #[test]
    fn packets_that_no_device_takes_are_dropped() {
        let mut batch = PacketsOut::new();
        batch.push(&[], Ecn::NotCapable);
        batch.push(&vec![0x45; 65_536], Ecn::NotCapable);
        assert_eq!((batch.room(), batch.dropped()), (PacketsOut::PACKETS, 2));
    }
}
