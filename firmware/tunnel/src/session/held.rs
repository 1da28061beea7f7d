//! Packets that wait for a session.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// A queue that is bounded in time, number and bytes. The newest packets are worth the most: whoever sent the oldest
/// has given up on them first.
#[derive(Default)]
pub(super) struct Held {
    packets: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

impl Held {
    pub(super) const PACKETS: usize = 256;
    pub(super) const BYTES: usize = 1 << 20;

    /// Takes a packet in: how many others were dropped for it.
    pub(super) fn push(&mut self, now: Instant, packet: &[u8], limit: Duration) -> u64 {
        self.bytes += packet.len();
        self.packets.push_back((now, packet.to_vec()));
        let mut dropped = 0;
        while self.packets.len() > Self::PACKETS || self.bytes > Self::BYTES {
            dropped += self.drop_first();
        }
        dropped + self.drop_old(now, limit)
    }

    /// Drops what has waited longer than `limit`: how many packets.
    pub(super) fn drop_old(&mut self, now: Instant, limit: Duration) -> u64 {
        let mut dropped = 0;
        while self
            .packets
            .front()
            .is_some_and(|(since, _)| now.saturating_duration_since(*since) > limit)
        {
            dropped += self.drop_first();
        }
        dropped
    }

    /// Everything that waits, in order.
    pub(super) fn release(&mut self) -> impl Iterator<Item = Vec<u8>> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.packets).into_iter().map(|(_, packet)| packet)
    }

    fn drop_first(&mut self) -> u64 {
        let Some((_, packet)) = self.packets.pop_front() else { return 0 };
        self.bytes -= packet.len();
        1
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.packets.len(), self.bytes)
    }

    #[cfg(test)]
    pub(super) fn first(&self) -> Option<&[u8]> {
        self.packets.front().map(|(_, packet)| packet.as_slice())
    }
}
