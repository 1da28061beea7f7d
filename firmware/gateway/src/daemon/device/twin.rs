//! Another box that has this device's addresses: the spare that took its place, or the one whose place it takes (R8).
//!
//! Two boxes with one identity take the tunnel from each other, and of two hosts with one address neither is reached. So
//! a box that starts asks who has its addresses before it takes them, and before any handshake. Where another box does,
//! it stays as silent as it was before its first design, says so, and asks again.
//!
//! One host on a LAN must not be able to keep the device down. What counts is who has the address on LGWAN; or, where
//! nobody can be asked there, that those on every LAN that can be asked are taken.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use sekisho_control::Failure;
use sekisho_design::{Design, InterfaceAddress, PortName};
use sekisho_host::{
    HostError, clock,
    neighbour::{self, Holder},
};
use sekisho_plan::{Change, Step, state::Address};
use tokio::time::sleep;
use tracing::{info, warn};

use super::Device;
use crate::daemon::{effects::scope, fault::device_failure};

/// Between two looks at whether the other box has gone.
const AGAIN: Duration = Duration::from_secs(30);

/// How long ports may take to find a carrier.
const CARRIER: Duration = Duration::from_secs(5);

/// Between two looks for a carrier.
const PAUSE: Duration = Duration::from_millis(200);

const WAY_OUT: &str = "switch the other box off: this one looks again every 30 seconds; or, if that one took its place, \
                       erase this one at its console";

/// The mark's name in the run folder: while it is there, the box's image blinks and beeps.
const MARK: &str = "beside-another-box";

/// Since when a box is silent beside another.
#[derive(Debug)]
pub(super) struct Silence {
    /// When it looks again, since the machine's start.
    again: Option<Duration>,
    mark: PathBuf,
}

impl Silence {
    /// None yet, whatever an earlier daemon left.
    pub(super) fn new(run: &Path) -> Self {
        let silence = Self { again: None, mark: run.join(MARK) };
        silence.unmark();
        silence
    }

    fn begin(&mut self, now: Duration) {
        self.again = Some(now + AGAIN);
        if let Err(fault) = File::create(&self.mark) {
            warn!(%fault, mark = %self.mark.display(), "the box can't be told to blink and beep");
        }
    }

    fn unmark(&self) {
        match fs::remove_file(&self.mark) {
            Err(fault) if fault.kind() != ErrorKind::NotFound => {
                warn!(%fault, mark = %self.mark.display(), "the box can't be told to be quiet again");
            }
            _ => (),
        }
    }

    /// Whether it is time to look again.
    fn is_over(&mut self, now: Duration) -> bool {
        self.again.take_if(|again| now >= *again).is_some()
    }
}

impl Device {
    /// Who has the addresses of a design that this box is about to take. Where it holds one of them itself, it is the
    /// daemon alone that starts anew.
    pub(super) async fn another_box(&mut self, design: &Design) -> Option<Failure> {
        let asked = addresses(design);
        // Where that can't be told, the change that follows meets the same fault, and says so.
        if neighbour::holds(&asked).unwrap_or(true) {
            return None;
        }
        self.raise(design, &asked).await;
        let lgwan = &design.lgwan.port;
        let (held, unasked) = self.ask(lgwan, asked.clone()).await;
        if !is_another_box(lgwan, &asked, &held, &unasked) {
            for holder in held {
                warn!(%holder, "the device starts all the same: a host on a LAN can't keep it down");
            }
            return None;
        }
        self.silence.begin(clock::since_start());
        let fault = HostError::AddressTaken { holders: held };
        Some(device_failure(
            format!("another box has this device's addresses: {fault}"),
            Some(WAY_OUT.to_owned()),
        ))
    }

    /// Looks again whether the other box has gone.
    pub(super) async fn end_silence(&mut self, now: Duration) {
        if !self.silence.is_over(now) {
            return;
        }
        if self.in_force.is_none() {
            info!("looking again whether another box has this device's addresses");
            self.keep_stored().await;
        }
        if self.silence.again.is_none() {
            self.silence.unmark();
        }
    }

    /// Without a carrier nobody can be asked.
    async fn raise(&self, design: &Design, asked: &BTreeSet<Address>) {
        let wanted = self.wanted(design);
        let Ok(observed) = self.hands.kernel.observe(&scope(&wanted, None)).await else { return };
        for Address { link: name, .. } in asked {
            let (before, after) = (observed.links.get(name), wanted.links.get(name));
            if before.is_none_or(|link| link.up) {
                continue;
            }
            let change = Change { before: before.cloned(), after: after.cloned() };
            let step = Step::Link { name: name.clone(), change };
            if let Err(fault) = self.hands.kernel.perform(&step).await {
                warn!(%fault, port = name.as_str(), "a port can't be raised to ask who is there");
            }
        }
    }

    /// Who has which addresses, and which nobody could be asked for. Once LGWAN's is known, the others decide nothing and
    /// aren't waited for.
    async fn ask(
        &mut self,
        lgwan: &PortName,
        mut asked: BTreeSet<Address>,
    ) -> (Vec<Holder>, BTreeSet<Address>) {
        let (end, mut held) = (clock::since_start() + CARRIER, Vec::new());
        while asked.iter().any(|address| address.link == *lgwan) {
            self.hands.heartbeat.beat();
            match neighbour::probe(&asked).await {
                Ok(probed) => asked = probed.unasked,
                Err(HostError::AddressTaken { holders }) => {
                    asked.retain(|address| holders.iter().all(|holder| holder.address != *address));
                    held.extend(holders);
                }
                Err(fault) => {
                    warn!(%fault, "nobody could be asked whether another box has this device's addresses");
                    break;
                }
            }
            if clock::since_start() >= end {
                break;
            }
            sleep(PAUSE).await;
        }
        (held, asked)
    }
}

/// The device's own, on LGWAN and its LANs.
fn addresses(design: &Design) -> BTreeSet<Address> {
    let lans = design.lans.values().map(|lan| (&lan.port, lan.address));
    let all = lans.chain([(&design.lgwan.port, design.lgwan.address)]);
    let address = |(link, own): (&PortName, InterfaceAddress)| Address {
        link: link.clone(),
        address: own.address(),
        prefix: own.prefix(),
    };
    all.map(address).collect()
}

fn is_another_box(
    lgwan: &PortName,
    asked: &BTreeSet<Address>,
    held: &[Holder],
    unasked: &BTreeSet<Address>,
) -> bool {
    let taken = |address: &Address| held.iter().any(|holder| holder.address == *address);
    let on_lgwan = |address: &&Address| address.link == *lgwan;
    if asked.iter().filter(on_lgwan).any(|address| !unasked.contains(address)) {
        return asked.iter().filter(on_lgwan).any(taken);
    }
    let mut answered =
        asked.iter().filter(|address| !on_lgwan(address) && !unasked.contains(*address)).peekable();
    answered.peek().is_some() && answered.all(taken)
}

#[cfg(test)]
mod tests {
    use sekisho_plan::ports::Mac;

    use super::*;

    fn address(link: &str, host: &str) -> Address {
        Address { link: link.parse().unwrap(), address: host.parse().unwrap(), prefix: 24 }
    }

    /// Which of LGWAN's, the head office's and the education board's addresses are held and which nobody was asked for.
    fn decides(held: [bool; 3], unasked: [bool; 3]) -> bool {
        let all = [
            address("port1", "198.18.1.2"),
            address("port2", "192.168.1.1"),
            address("port3", "10.0.0.1"),
        ];
        let chosen = |which: [bool; 3]| {
            all.iter().zip(which).filter(|(_, is)| *is).map(|(address, _)| address.clone())
        };
        let holder = |address| Holder { address, mac: Mac([2, 0, 0, 0, 0, 7]) };
        let held: Vec<_> = chosen(held).map(holder).collect();
        let asked = all.iter().cloned().collect();
        is_another_box(&"port1".parse().unwrap(), &asked, &held, &chosen(unasked).collect())
    }

    #[test]
    fn a_host_on_one_lan_is_no_other_box() {
        let none = [false; 3];
        for (held, unasked, other) in [
            (none, none, false),
            ([true, false, false], none, true),
            ([true, true, true], none, true),
            // LGWAN's is free: whoever has the others, it is no box that serves this site.
            ([false, true, true], none, false),
            // Nobody can be asked on LGWAN.
            ([false, true, true], [true, false, false], true),
            ([false, true, false], [true, false, false], false),
            ([false, true, false], [true, false, true], true),
            (none, [true, true, true], false),
            (none, [true, false, false], false),
        ] {
            assert_eq!(decides(held, unasked), other, "{held:?} {unasked:?}");
        }
    }

    #[test]
    fn silence_is_looked_into_every_thirty_seconds() {
        let run = tempfile::tempdir().unwrap();
        let mark = run.path().join(MARK);
        File::create(&mark).unwrap();
        let mut silence = Silence::new(run.path());
        assert!(!mark.exists(), "an earlier daemon's");
        assert!(!silence.is_over(Duration::MAX));
        silence.begin(Duration::ZERO);
        assert!(mark.exists());
        assert!(!silence.is_over(Duration::from_secs(29)));
        assert!(silence.is_over(AGAIN));
        assert!(!silence.is_over(AGAIN), "once");
    }
}
