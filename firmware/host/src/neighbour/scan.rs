//! Who answers on a link, and whom hosts there look for.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv4Addr,
    time::Duration,
};

use sekisho_design::PortName;
use sekisho_plan::ports::Mac;
use tokio::time::{Instant, timeout_at};

use super::{
    failed, lit,
    wire::{Message, Wire, message},
};
use crate::HostError;

/// How long answers are waited for, after each of two rounds.
pub const SCAN_WAITS: [Duration; 2] = [Duration::from_millis(400), Duration::from_millis(600)];

/// Requests that go out at once, and the pause after them. A subnet's worth in one breath runs into what switches allow of
/// broadcasts; this way 254 take 0.16 s.
const BURST: usize = 16;
const PAUSE: Duration = Duration::from_millis(10);

/// Asks by ARP who has the addresses, as the host `from`, or as one without an address where it is unspecified. Who
/// doesn't answer within a second has none of them.
///
/// # Errors
/// [`HostError::NoSuchLink`]; [`HostError::Neighbours`] where the port is down, has no carrier, or the kernel refuses.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn scan(
    port: &PortName,
    from: Ipv4Addr,
    wanted: &BTreeSet<Ipv4Addr>,
) -> Result<BTreeMap<Ipv4Addr, Mac>, HostError> {
    let own = lit(port)?;
    let asked = async { Scan { wire: Wire::open(&own)?, from, wanted }.run().await };
    asked.await.map_err(failed("ask who has an address", port))
}

struct Scan<'a> {
    wire: Wire,
    from: Ipv4Addr,
    wanted: &'a BTreeSet<Ipv4Addr>,
}

impl Scan<'_> {
    async fn run(self) -> io::Result<BTreeMap<Ipv4Addr, Mac>> {
        let mut found = BTreeMap::new();
        for wait in SCAN_WAITS {
            let end = Instant::now() + wait;
            let left: Vec<_> =
                self.wanted.iter().copied().filter(|host| !found.contains_key(host)).collect();
            for burst in left.chunks(BURST) {
                for host in burst {
                    self.wire.send(self.from, *host).await?;
                }
                if left.len() > BURST {
                    self.listen(Instant::now() + PAUSE, &mut found).await?;
                }
            }
            self.listen(end, &mut found).await?;
        }
        Ok(found)
    }

    async fn listen(&self, end: Instant, found: &mut BTreeMap<Ipv4Addr, Mac>) -> io::Result<()> {
        // On a wire that never falls silent a timeout alone would never come.
        while found.len() < self.wanted.len() && Instant::now() < end {
            let Ok(frame) = timeout_at(end, self.wire.receive()).await else { break };
            if let Some(Message { mac, sender, .. }) = message(&frame?)
                && mac != self.wire.mac()
                && self.wanted.contains(&sender)
            {
                found.entry(sender).or_insert(mac);
            }
        }
        Ok(())
    }
}

/// Hears whom the hosts on a link look for, from when it was opened.
#[derive(Debug)]
pub struct ArpEars(Wire);

impl ArpEars {
    /// Begins to listen.
    ///
    /// # Errors
    /// As [`scan`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(port: &PortName) -> Result<Self, HostError> {
        Wire::open(&lit(port)?).map(Self).map_err(failed("listen to requests", port))
    }

    /// Whom this host asked for most so far, ourselves left out: one that doesn't answer is asked for again and again. What
    /// was heard is forgotten.
    pub fn asked_for_by(&self, host: Mac, own: Ipv4Addr) -> Option<Ipv4Addr> {
        let mut times = BTreeMap::<Ipv4Addr, usize>::new();
        // The queue is finite, and a wire that is never silent fills it anew.
        for _ in 0..MOST_HEARD {
            let Ok(Some(frame)) = self.0.queued() else { break };
            let Some(Message { is_request, mac, sender, target }) = message(&frame) else {
                continue;
            };
            // Who asks for its own address announces it.
            if is_request && mac == host && target != own && target != sender {
                *times.entry(target).or_default() += 1;
            }
        }
        times.into_iter().max_by_key(|(_, count)| *count).map(|(target, _)| target)
    }
}

const MOST_HEARD: usize = 10_000;
