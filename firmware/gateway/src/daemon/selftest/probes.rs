//! Where each observation comes from.

use std::sync::{Mutex, PoisonError};

use sekisho_control::FarHalf;
use sekisho_plan::tunnel_mtu;
use sekisho_selftest::{
    Prober, device,
    inside::Inside,
    probe::{Answer, Ask, Probe, Seen, Way},
    wire::Wires,
};
use sekisho_tunnel::Tap;

use super::Given;

/// Makes observations for one test.
pub(super) struct Probes {
    given: Given,
    wires: Result<Wires, String>,
    inside: Option<(Inside, Tap)>,
    /// What the far end found.
    far_half: Mutex<Option<FarHalf>>,
}

impl Probes {
    pub(super) fn new(mut given: Given) -> Self {
        let mtu = given.design.as_ref().map_or(0, tunnel_mtu);
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
        let tap = given.tap.take();
        let inside = tap.map(|(tap, packets)| (Inside::new(tap.clone(), packets, mtu), tap));
        let wires = Wires::open().map_err(|fault| fault.to_string());
        Self { given, wires, inside, far_half: Mutex::default() }
    }

    pub(super) fn given(&self) -> &Given {
        &self.given
    }

    /// What the far end found, all its answers together.
    pub(super) fn far_half(&self) -> Option<FarHalf> {
        self.far_half.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&self, seen: &Seen) {
        let Seen::DialBack(half) = seen else { return };
        let mut kept = self.far_half.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kept {
            Some(kept) => kept.calls.extend(half.calls.iter().cloned()),
            None => *kept = Some(half.clone()),
        }
    }

    fn wires(&self) -> Result<&Wires, String> {
        self.wires.as_ref().map_err(Clone::clone)
    }

    fn inside(&self) -> Result<&Inside, String> {
        let (inside, _) = self.inside.as_ref().ok_or_else(no_tunnel)?;
        Ok(inside)
    }

    async fn ask(&self, ask: &Ask) -> Result<Seen, String> {
        Ok(Seen::Answer(match &ask.way {
            Way::Wire { .. } | Way::Socket { .. } => self.wires()?.ask(ask).await,
            Way::Tunnel { .. } | Way::Office { .. } => match &self.inside {
                Some((inside, _)) => inside.ask(&ask.way, ask.to, &ask.question).await,
                None => Answer::Busy { why: no_tunnel() },
            },
        }))
    }

    async fn observe(&self, probe: &Probe) -> Result<Seen, String> {
        Ok(match probe {
            Probe::Known(known) => self.given.know(known),
            Probe::DiskWrite => device::disk_write(&self.given.state).await,
            Probe::Crypto => device::crypto(),
            Probe::Loop => device::through_the_tunnel(),
            Probe::Link { port } => self.wires()?.link(port).await,
            Probe::Holder { port, address } => self.wires()?.holder(port, *address).await,
            Probe::Arp { port, from, address } => self.wires()?.arp(port, *from, *address).await,
            Probe::Routers { port, from, to } => self.wires()?.routers(port, *from, *to).await,
            Probe::Ask(ask) => self.ask(ask).await?,
            Probe::PathMtu { centre, from, to, most } => {
                self.inside()?.path_mtu(centre, *from, *to, *most).await
            }
            Probe::Echoes { centre, from, to, count } => {
                self.inside()?.echoes(centre, *from, *to, *count).await
            }
            Probe::DialBack { from, at, test_number, calls } => {
                let inside = self.inside()?;
                let seen = inside.dial_back(*from, *at, test_number.as_ref(), calls).await;
                self.take(&seen);
                seen
            }
            Probe::FailOver => match &self.inside {
                Some((_, tap)) => sekisho_selftest::inside::fail_over(tap).await,
                None => return Err(no_tunnel()),
            },
            Probe::Load { from, to, seconds, most } => {
                self.inside()?.load(*from, *to, *seconds, *most).await
            }
        })
    }
}

fn no_tunnel() -> String {
    "the tunnel isn't there".to_owned()
}

impl Prober for Probes {
    async fn probe(&self, probe: &Probe) -> Seen {
        self.observe(probe).await.unwrap_or_else(|why| Seen::Unable { why })
    }
}
