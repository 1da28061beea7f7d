//! Which hosts of a subnet lead to an address.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddrV4},
};

use sekisho_design::{InterfaceAddress, PortName};
use sekisho_host::{HostError, RawWire, neighbour::scan};
use sekisho_plan::ports::Mac;
use tokio::time::{Instant, timeout_at};

use super::{
    FIRST_LABEL, Labels, RESEND, SILENCE,
    caller::Trouble,
    packet::{self, Heard},
};

/// The most hosts that are asked for, and of those who answer the most that are tried.
const MOST_ASKED: usize = 254;
const MOST_TRIED: usize = 16;

/// Where nobody listens: the first port that traceroute tries.
const NOBODYS: u16 = 33_434;

/// The type of ICMP that names a better way (RFC 792).
const REDIRECT: u8 = 5;

/// The hosts of our subnet that answer ARP.
pub(super) async fn hosts(
    port: &PortName,
    from: InterfaceAddress,
) -> Result<BTreeMap<Ipv4Addr, Mac>, HostError> {
    scan(port, from.address(), &nearest(from).into_iter().collect()).await
}

/// Those of some hosts that lead to `to`. One that does and calls another the better way comes last.
pub(super) async fn find(
    port: &PortName,
    from: InterfaceAddress,
    to: Ipv4Addr,
    hosts: &BTreeMap<Ipv4Addr, Mac>,
    labels: &Labels,
) -> Result<Vec<Ipv4Addr>, Trouble> {
    let others = nearest(from).into_iter().filter(|host| *host != to);
    let tried = others.filter_map(|host| {
        Some(Tried { host, mac: *hosts.get(&host)?, label: labels.next(), found: Found::Nothing })
    });
    let tried = tried.take(MOST_TRIED).collect();
    let wire = RawWire::open(port, from.address(), FIRST_LABEL)?;
    let mut search = Search { wire, from: from.address(), to, tried };
    search.run().await?;
    Ok(search.lead())
}

/// Hosts of our subnet, those next to our own address first.
fn nearest(own: InterfaceAddress) -> Vec<Ipv4Addr> {
    let (subnet, own) = (own.subnet(), own.address().to_bits());
    let steps = 1..=u32::try_from(MOST_ASKED).unwrap_or(u32::MAX);
    let both = steps.flat_map(|step| [own.checked_add(step), own.checked_sub(step)]);
    let wide = subnet.prefix_len() < 31;
    both.flatten()
        .map(Ipv4Addr::from_bits)
        .filter(|host| subnet.contains(host))
        .filter(|host| !wide || (*host != subnet.network() && *host != subnet.broadcast()))
        .take(MOST_ASKED)
        .collect()
}

struct Search {
    wire: RawWire,
    from: Ipv4Addr,
    to: Ipv4Addr,
    tried: Vec<Tried>,
}

/// A host that is tried as a router; our packets through it bear a label of their own.
struct Tried {
    host: Ipv4Addr,
    mac: Mac,
    label: u16,
    found: Found,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Found {
    Nothing,
    /// Another is the better way there, it says.
    Redirects,
    /// It leads there, by a detour.
    Detour,
    Leads,
}

impl Search {
    async fn run(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        for end in [begun + RESEND, begun + SILENCE] {
            for Tried { mac, label, .. } in self.tried.iter().filter(|tried| !tried.found.leads()) {
                self.wire.send(*mac, &packet::echo(self.from, self.to, *label)).await?;
                let from = SocketAddrV4::new(self.from, *label);
                let to = SocketAddrV4::new(self.to, NOBODYS);
                self.wire.send(*mac, &packet::udp(from, to, &[])).await?;
            }
            // On a wire that is never silent a timeout alone would never come.
            while self.tried.iter().any(|tried| !tried.found.leads()) && Instant::now() < end {
                let Ok(heard) = timeout_at(end, self.wire.receive()).await else { break };
                if let Some(heard) = packet::read(heard?.1) {
                    note(&mut self.tried, self.to, &heard);
                }
            }
        }
        Ok(())
    }

    fn lead(&self) -> Vec<Ipv4Addr> {
        let found = |wanted| self.tried.iter().filter(move |tried| tried.found == wanted);
        found(Found::Leads).chain(found(Found::Detour)).map(|tried| tried.host).collect()
    }
}

impl Found {
    fn leads(self) -> bool {
        self >= Self::Detour
    }
}

fn note(tried: &mut [Tried], to: Ipv4Addr, heard: &Heard<'_>) {
    let (by, label, redirects) = match *heard {
        Heard::Echo { from, label } if from == to => (from, label, false),
        Heard::Udp { from, label, .. } if *from.ip() == to => (to, label, false),
        Heard::Icmp { by, kind, about, .. } if about.to == to => {
            (by, about.label, kind == REDIRECT)
        }
        Heard::Echo { .. } | Heard::Udp { .. } | Heard::Tcp { .. } | Heard::Icmp { .. } => return,
    };
    let Some(tried) = tried.iter_mut().find(|tried| tried.label == label) else { return };
    tried.found = match tried.found {
        Found::Nothing | Found::Redirects if redirects => Found::Redirects,
        Found::Leads | Found::Detour if redirects => Found::Detour,
        // Its own error says that it has no way there.
        found if by == tried.host => found,
        Found::Redirects | Found::Detour => Found::Detour,
        Found::Nothing | Found::Leads => Found::Leads,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet::About;

    const TO: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);
    const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 254);
    const BEYOND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn after(heard: &[Heard<'_>]) -> Found {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let mut tried = [Tried { host: HOST, mac, label: 62_001, found: Found::Nothing }];
        for heard in heard {
            note(&mut tried, TO, heard);
        }
        tried[0].found
    }

    fn icmp(by: Ipv4Addr, kind: u8) -> Heard<'static> {
        Heard::Icmp { by, kind, code: 1, about: About { to: TO, label: 62_001, port: None } }
    }

    #[test]
    fn who_leads_there_is_told_by_what_comes_back() {
        let echo = Heard::Echo { from: TO, label: 62_001 };
        let udp = Heard::Udp { from: SocketAddrV4::new(TO, NOBODYS), label: 62_001, payload: &[] };
        let cases: [(&[Heard<'_>], Found, &str); 9] = [
            (&[], Found::Nothing, "silence"),
            (&[echo], Found::Leads, "its answer"),
            (&[udp], Found::Leads, "somebody has the port after all"),
            (&[icmp(TO, 3)], Found::Leads, "nobody has the port"),
            (&[icmp(BEYOND, 3)], Found::Leads, "a router beyond"),
            (&[icmp(HOST, 3)], Found::Nothing, "no way from there"),
            (&[icmp(HOST, REDIRECT)], Found::Redirects, "another is the way"),
            (&[icmp(HOST, REDIRECT), echo], Found::Detour, "passed on nevertheless"),
            (&[echo, icmp(HOST, REDIRECT)], Found::Detour, "the same, the other way round"),
        ];
        for (heard, expected, case) in cases {
            assert_eq!(after(heard), expected, "{case}");
        }
        assert_eq!(after(&[Heard::Echo { from: TO, label: 62_002 }]), Found::Nothing, "another's");
        assert_eq!(after(&[Heard::Echo { from: HOST, label: 62_001 }]), Found::Nothing);
    }

    #[test]
    fn hosts_next_to_us_are_asked_first_and_none_beyond_the_subnet() {
        let near = |own: &str| nearest(own.parse().unwrap());
        let hosts = |lasts: &[u8]| -> Vec<_> {
            lasts.iter().map(|last| Ipv4Addr::new(192, 168, 1, *last)).collect()
        };
        assert_eq!(near("192.168.1.2/29"), hosts(&[3, 1, 4, 5, 6]));
        assert_eq!(near("192.168.1.2/31"), hosts(&[3]), "RFC 3021");
        assert_eq!(near("192.168.1.2/32"), hosts(&[]));
        assert_eq!(near("192.168.1.1/24").len(), 253);
        assert_eq!(near("10.0.0.1/8").len(), 254);
    }
}
