//! Ports for questions, and who has them already.

use std::{
    collections::HashSet,
    net::SocketAddrV4,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use sekisho_host::{Detail, Ends, HostError, each_flow};
use sekisho_tunnel::{TapFlow, TapProtocol};
use tokio::sync::Mutex;

/// Ports that NAPT never gives out.
pub(super) const OURS: RangeInclusive<u16> = 62_000..=65_535;

/// How long the kernel's table is taken for true. A server of the office may open a connection from one of these ports in
/// between; it would have to be to the same port of the same host, in the same seconds.
const FRESH: Duration = Duration::from_secs(5);

/// Protocol numbers (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A flow's protocol and its two ends, in the order of a packet's header.
type Tuple = (TapProtocol, SocketAddrV4, SocketAddrV4);

/// Flows of the host itself that a question must not be taken for.
pub(super) struct Taken {
    by_the_kernel: bool,
    known: Mutex<Option<(Instant, HashSet<Tuple>)>>,
}

impl Taken {
    /// Those that the kernel tracks.
    pub(super) fn by_the_kernel() -> Self {
        Self { by_the_kernel: true, known: Mutex::new(None) }
    }

    /// None, where there is no kernel beside.
    #[cfg(test)]
    pub(super) fn by_nobody() -> Self {
        Self { by_the_kernel: false, known: Mutex::new(None) }
    }

    /// Those of some flows that are taken.
    pub(super) async fn among(&self, flows: &[TapFlow]) -> Result<HashSet<TapFlow>, HostError> {
        if !self.by_the_kernel {
            return Ok(HashSet::new());
        }
        let mut known = self.known.lock().await;
        if known.as_ref().is_none_or(|(at, _)| at.elapsed() > FRESH) {
            let mut tuples = HashSet::new();
            each_flow(|flow| {
                for ends in [flow.original, flow.reply] {
                    tuples.extend(tuple(flow.protocol, ends));
                }
            })
            .await?;
            *known = Some((Instant::now(), tuples));
        }
        let tuples = known.as_ref().map(|(_, tuples)| tuples);
        let taken = |flow: &TapFlow| {
            let either = [(flow.ours, flow.theirs), (flow.theirs, flow.ours)];
            let has = |(a, b)| tuples.is_some_and(|all| all.contains(&(flow.protocol, a, b)));
            either.into_iter().any(has)
        };
        Ok(flows.iter().copied().filter(taken).collect())
    }
}

/// What there is to remember of a flow of the kernel; most have none of our ports.
fn tuple(protocol: u8, ends: Ends) -> Option<Tuple> {
    let protocol = match protocol {
        TCP => TapProtocol::Tcp,
        UDP => TapProtocol::Udp,
        _ => return None,
    };
    let Detail::Ports { source, destination } = ends.detail else { return None };
    (OURS.contains(&source) || OURS.contains(&destination)).then(|| {
        let end = SocketAddrV4::new;
        (protocol, end(ends.source, source), end(ends.destination, destination))
    })
}

/// The next port after this one.
pub(super) fn after(port: u16) -> u16 {
    if OURS.contains(&port) && port < *OURS.end() { port + 1 } else { *OURS.start() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_go_round_in_their_range() {
        assert_eq!((after(62_000), after(65_535), after(7)), (62_001, 62_000, 62_000));
    }

    #[test]
    fn only_flows_with_our_ports_are_remembered() {
        let ends = |source, destination| Ends {
            source: [100, 64, 10, 11].into(),
            destination: [100, 72, 1, 10].into(),
            detail: Detail::Ports { source, destination },
        };
        assert_eq!(tuple(TCP, ends(50_000, 443)), None);
        assert_eq!(tuple(1, ends(62_000, 443)), None);
        let kept = tuple(UDP, ends(443, 62_000)).unwrap();
        assert_eq!((kept.0, kept.1.port(), kept.2.port()), (TapProtocol::Udp, 443, 62_000));
    }
}
