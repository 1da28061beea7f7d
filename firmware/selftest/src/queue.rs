//! smoltcp's device: a queue of packets each way, which others fill and empty.

use std::collections::VecDeque;

use smoltcp::{
    phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken},
    time::Instant,
};

/// The queues. smoltcp sends nothing while `most` packets wait to go out.
pub(crate) struct Queue {
    pub(crate) inbound: VecDeque<Vec<u8>>,
    pub(crate) outbound: VecDeque<Vec<u8>>,
    mtu: u16,
    most: usize,
    /// Whether what comes bears checksums of TCP that can be relied upon.
    whole: bool,
}

impl Queue {
    /// Empty queues.
    pub(crate) fn new(mtu: u16, most: usize) -> Self {
        let (inbound, outbound) = Default::default();
        Self { inbound, outbound, mtu, most, whole: true }
    }

    /// For a wire on which checksums of TCP may still be missing.
    pub(crate) fn unchecked(self) -> Self {
        Self { whole: false, ..self }
    }
}

/// A packet that came in.
pub(crate) struct Received(Vec<u8>);

/// Takes a packet that goes out.
pub(crate) struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl Device for Queue {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        let packet = self.inbound.pop_front()?;
        Some((Received(packet), Sending(&mut self.outbound)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        (self.outbound.len() < self.most).then_some(Sending(&mut self.outbound))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = usize::from(self.mtu);
        if !self.whole {
            capabilities.checksum.tcp = Checksum::Tx;
        }
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = vec![0; length];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}
