//! Notices that this centre starts to carry the site's traffic, and holds the first packets back until
//! whoever has to know it has been told. Pure.
//!
//! The device keeps both centres warm with probes and sends everything else through one. So a centre that
//! receives anything but probes is the one in use, and the platform's route for the site has to lead to it.
//! So that this doesn't wait for the office to send something, the device tells the carrying centre itself,
//! with an echo reply that nobody asked for, as often as it probes.

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use crate::wire;

/// Watches packets from the tunnel.
#[derive(Debug)]
pub struct Carrier {
    own: Option<Ipv4Addr>,
    device: Option<Ipv4Addr>,
    last_transit: Option<Instant>,
    closed_until: Option<Instant>,
    held: VecDeque<Vec<u8>>,
}

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Passage {
    /// Hand it on.
    Pass,
    /// It was taken in and comes back from [`Carrier::release`].
    Held,
    /// As [`Passage::Held`], and it is the first of its kind: announce that this centre carries the site.
    Announce,
}

impl Carrier {
    /// Silence after which the next packet is announced again.
    pub const SILENCE: Duration = Duration::from_millis(500);
    /// The longest that packets wait for an announcement to be carried out.
    pub const HOLD: Duration = Duration::from_millis(250);

    /// Packets held; more are dropped, and their senders send again.
    const HELD: usize = 256;

    /// A probe is an echo request to `own`, and where `device` is known, from it.
    pub fn new(own: Option<Ipv4Addr>, device: Option<Ipv4Addr>) -> Self {
        Self { own, device, last_transit: None, closed_until: None, held: VecDeque::new() }
    }

    /// Looks at a packet that came out of the tunnel.
    pub fn see(&mut self, now: Instant, packet: &[u8]) -> Passage {
        if self.is_probe(packet) {
            return Passage::Pass;
        }
        let silent = self
            .last_transit
            .is_none_or(|last| now.saturating_duration_since(last) >= Self::SILENCE);
        self.last_transit = Some(now);
        if silent {
            self.closed_until = Some(now + Self::HOLD);
        }
        if self.closed_until.is_none() {
            return Passage::Pass;
        }
        if self.held.len() < Self::HELD {
            self.held.push_back(packet.to_vec());
        }
        if silent { Passage::Announce } else { Passage::Held }
    }

    /// When the packets held are to be released at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.closed_until
    }

    /// Ends the holding; to be called when the announcement was carried out, and at [`Carrier::deadline`].
    /// Gives the packets in the order in which they came.
    pub fn release(&mut self) -> VecDeque<Vec<u8>> {
        self.closed_until = None;
        std::mem::take(&mut self.held)
    }

    fn is_probe(&self, packet: &[u8]) -> bool {
        let (Some(own), Some((source, destination))) = (self.own, wire::addresses(packet)) else {
            return false;
        };
        let from_device = self.device.is_none_or(|device| device == source);
        destination == own && from_device && wire::is_echo_request(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [u8; 4] = [100, 72, 250, 1];
    const DEVICE: [u8; 4] = [100, 64, 10, 1];
    const HOST: [u8; 4] = [100, 72, 1, 10];

    fn packet(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        icmp(8, from, to)
    }

    fn icmp(kind: u8, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0];
        bytes.extend(from);
        bytes.extend(to);
        bytes.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn an_unasked_echo_reply_is_traffic() {
        let mut carrier = Carrier::new(Some(OWN.into()), Some(DEVICE.into()));
        assert_eq!(carrier.see(Instant::now(), &icmp(0, DEVICE, OWN)), Passage::Announce);
    }

    #[test]
    fn only_traffic_after_silence_is_announced() {
        use Passage::{Announce, Held, Pass};
        let start = Instant::now();
        let mut carrier = Carrier::new(Some(OWN.into()), Some(DEVICE.into()));
        // Milliseconds, source, destination, whether the announcement is carried out before, passage.
        let table = [
            (0, DEVICE, OWN, false, Pass),
            (10, DEVICE, HOST, false, Announce),
            (20, HOST, OWN, false, Held),
            (30, DEVICE, OWN, false, Pass),
            (40, DEVICE, HOST, true, Pass),
            (539, DEVICE, OWN, false, Pass),
            (539, DEVICE, HOST, false, Pass),
            (1_039, DEVICE, HOST, false, Announce),
        ];
        for (at, from, to, done, passage) in table {
            if done {
                assert_eq!(carrier.release().len(), 2);
            }
            let now = start + Duration::from_millis(at);
            assert_eq!(carrier.see(now, &packet(from, to)), passage, "at {at} ms");
        }
        assert_eq!(carrier.deadline(), Some(start + Duration::from_millis(1_039) + Carrier::HOLD));
    }

    #[test]
    fn without_an_own_address_everything_is_traffic() {
        let mut carrier = Carrier::new(None, None);
        assert_eq!(carrier.see(Instant::now(), &packet(DEVICE, OWN)), Passage::Announce);
    }

    #[test]
    fn packets_held_are_bounded_and_stay_in_order() {
        let now = Instant::now();
        let mut carrier = Carrier::new(None, None);
        for i in 0..=255 {
            carrier.see(now, &packet(HOST, [1, 2, 3, i]));
        }
        carrier.see(now, &packet(HOST, [9, 9, 9, 9]));
        let held = carrier.release();
        assert_eq!(held.len(), Carrier::HELD);
        assert!(held.iter().zip(0_u8..=255).all(|(packet, i)| packet[19] == i));
        assert_eq!(carrier.see(now, &packet(HOST, OWN)), Passage::Pass);
    }
}
