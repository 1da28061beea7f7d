//! A flow without a connection: whole packets go out, and what comes back is read.

use std::{sync::Arc, time::Instant};

use sekisho_tunnel::TapFlow;
use tokio::sync::mpsc;

use super::{
    packet::{self, Heard},
    stack::Shared,
};
use crate::probe::Answer;

/// Packets of one flow that wait to be read: the replies to a round of sizes.
pub(super) const WAITING: usize = 64;

/// A flow, watched until this is dropped.
pub(super) struct Raw {
    shared: Arc<Shared>,
    flow: TapFlow,
    packets: mpsc::Receiver<(Instant, Vec<u8>)>,
}

impl Raw {
    pub(super) fn new(
        shared: Arc<Shared>,
        flow: TapFlow,
        packets: mpsc::Receiver<(Instant, Vec<u8>)>,
    ) -> Self {
        Self { shared, flow, packets }
    }

    pub(super) fn flow(&self) -> TapFlow {
        self.flow
    }

    /// Sends a packet.
    pub(super) fn send(&self, packet: &[u8]) -> Result<(), Answer> {
        self.shared.send_on(self.flow, packet.to_vec())
    }

    /// What comes next, and when it came; `None` once the tunnel has ended.
    pub(super) async fn next(&mut self) -> Option<(Instant, Heard)> {
        loop {
            let (at, bytes) = self.packets.recv().await?;
            if let Some(heard) = packet::read(&bytes) {
                return Some((at, heard));
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.shared.forget(self.flow);
    }
}
