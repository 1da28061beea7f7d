//! What a session does with a datagram of each kind.

use std::{net::IpAddr, time::Instant};

use boringtun::noise::{TunnResult, errors::WireGuardError};

use crate::TypeOfService;

use super::{Opened, Outbox, Rejection, Session, message::Message};

impl Session {
    /// Looks at an initiation that was put off. Where the peer has answered ours meanwhile, nothing is left to answer.
    pub(super) fn answer_crossing(&mut self, now: Instant, out: &mut impl Outbox) {
        if self.has_just_initiated(now) {
            return;
        }
        if let Some((from, initiation)) = self.crossing.take()
            && self.initiated.is_some()
        {
            let opened = self.open_handshake(now, from, Message::Initiation, &initiation, out);
            self.counters.count(opened);
        }
    }

    pub(super) fn open_handshake(
        &mut self,
        now: Instant,
        from: IpAddr,
        message: Message,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) -> Opened {
        let reply = match self.library.at(now).decapsulate(Some(from), datagram, &mut self.scratch)
        {
            TunnResult::WriteToNetwork(reply) => reply,
            TunnResult::Err(error) => return Opened::Rejected(Rejection::of(&error)),
            TunnResult::Done
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => {
                return Opened::Rejected(Rejection::Cookie);
            }
        };
        let under_load = Message::of(reply) == Some(Message::Cookie);
        out.network(reply, TypeOfService::OWN);
        if under_load {
            return Opened::Rejected(Rejection::UnderLoad);
        }
        self.last_sent = Some(now);
        self.last_handshake = Some(now);
        if message == Message::Initiation {
            self.answered = Some(now);
        } else {
            self.counters.handshakes += 1;
            self.rival.handshake(now);
            self.stand(now, out);
        }
        Opened::Handshake
    }

    pub(super) fn open_data(
        &mut self,
        now: Instant,
        from: IpAddr,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) -> Opened {
        let opened = match self.library.at(now).decapsulate(Some(from), datagram, &mut self.scratch)
        {
            // The library looks at the packet's length field, and believes one that is shorter than its header.
            TunnResult::WriteToTunnelV4(packet, _) if packet.len() >= Self::SHORTEST_PACKET => {
                self.counters.opened_packets += 1;
                self.counters.opened_bytes += packet.len() as u64;
                out.tunnel(packet);
                Opened::Data
            }
            TunnResult::Done => Opened::Keepalive,
            TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..)
            | TunnResult::Err(WireGuardError::InvalidPacket) => {
                Opened::Rejected(Rejection::NotIpv4)
            }
            TunnResult::Err(error) => {
                let rejection = Rejection::of(&error);
                if matches!(rejection, Rejection::NoSession | Rejection::Forged) {
                    self.rival.strange();
                }
                return Opened::Rejected(rejection);
            }
            TunnResult::WriteToNetwork(_) => return Opened::Rejected(Rejection::Forged),
        };
        if self.answered.take().is_some() {
            self.counters.handshakes += 1;
            self.rival.handshake(now);
        }
        self.rival.opened();
        if opened == Opened::Data {
            self.pace.heard();
        }
        if !self.established {
            self.stand(now, out);
            self.empty_queue(now, out);
        }
        opened
    }

    /// Sends what waits in the library.
    pub(super) fn empty_queue(&mut self, now: Instant, out: &mut impl Outbox) {
        while let TunnResult::WriteToNetwork(datagram) =
            self.library.at(now).decapsulate(None, &[], &mut self.scratch)
        {
            out.network(datagram, TypeOfService::OWN);
        }
    }
}
