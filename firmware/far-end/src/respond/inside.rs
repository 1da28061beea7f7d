//! What stands behind the tunnel, seen from the packet loop.

use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use sekisho_tunnel::{Ecn, PacketsIn, PacketsOut, Tun, TunnelError};
use tokio::sync::oneshot;

use crate::{
    dial_back::Call,
    machine::{DialId, Machine, Outcome},
};

pub(super) enum Inside {
    Kernel(Box<Kernel>),
    Machine(Box<Answering>),
}

/// A TUN device with its batches.
pub(super) struct Kernel {
    tun: Tun,
    packets_in: PacketsIn,
    packets_out: PacketsOut,
}

/// The answering machine and those who wait for its calls.
pub(super) struct Answering {
    machine: Machine,
    waiting: HashMap<DialId, oneshot::Sender<Outcome>>,
}

impl Inside {
    pub(super) fn kernel(tun: Tun) -> Self {
        let (packets_in, packets_out) = (PacketsIn::new(), PacketsOut::new());
        Self::Kernel(Box::new(Kernel { tun, packets_in, packets_out }))
    }

    pub(super) fn machine(machine: Machine) -> Self {
        Self::Machine(Box::new(Answering { machine, waiting: HashMap::new() }))
    }

    /// Takes a packet from the peer, and what its way said of congestion. It is through after [`Inside::settle`].
    pub(super) fn take(
        &mut self,
        now: Instant,
        packet: &[u8],
        ecn: Ecn,
    ) -> Result<(), TunnelError> {
        match self {
            Self::Kernel(kernel) => {
                kernel.packets_out.push(packet, ecn);
                if kernel.packets_out.room() == 0 {
                    kernel.packets_out.write(&kernel.tun)?;
                }
            }
            Self::Machine(answering) => answering.machine.receive(now, packet),
        }
        Ok(())
    }

    /// Finishes what was taken.
    pub(super) fn settle(&mut self, now: Instant) -> Result<(), TunnelError> {
        match self {
            Self::Kernel(kernel) => kernel.packets_out.write(&kernel.tun),
            Self::Machine(answering) => {
                answering.machine.poll(now);
                for (id, outcome) in answering.machine.outcomes() {
                    if let Some(reply) = answering.waiting.remove(&id) {
                        // Whoever asked may have gone.
                        let _ = reply.send(outcome);
                    }
                }
                Ok(())
            }
        }
    }

    /// Gives what there is for the peer to `each`, packet by packet.
    pub(super) fn give(&mut self, mut each: impl FnMut(&[u8])) -> Result<(), TunnelError> {
        match self {
            Self::Kernel(kernel) => {
                kernel.packets_in.read(&kernel.tun)?;
                kernel.packets_in.iter().for_each(each);
            }
            Self::Machine(answering) => {
                while let Some(packet) = answering.machine.transmit() {
                    each(&packet);
                }
            }
        }
        Ok(())
    }

    /// Starts a call. One that can't be started drops its reply, which tells whoever waits for it.
    pub(super) fn call(&mut self, now: Instant, call: Call) {
        if let Self::Machine(answering) = self
            && let Some(id) = answering.machine.dial(now, call.to, call.limit)
        {
            answering.waiting.insert(id, call.reply);
        }
    }

    /// How long the next round may wait if nothing comes.
    pub(super) fn delay(&mut self, now: Instant) -> Option<Duration> {
        match self {
            Self::Kernel(_) => None,
            Self::Machine(answering) => answering.machine.delay(now),
        }
    }

    /// What becomes readable when there is something for the peer.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Kernel(kernel) => Some(kernel.tun.as_fd()),
            Self::Machine(_) => None,
        }
    }
}
