//! What a recording shows of the packets that were sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use anyhow::Context;
use sekisho_lab::Recording;
use sekisho_plan::trace::Opening;

/// A packet as a wire shows it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Seen {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    /// The service: the port of whoever is asked.
    pub(crate) opening: Opening,
}

/// A filter for tcpdump, and what a port makes of what it finds.
type Kind = (&'static str, fn(u16) -> Opening);

/// How often each flow was opened towards one of the targets.
pub(crate) fn openings(
    recording: &Recording,
    targets: &BTreeSet<Ipv4Addr>,
) -> anyhow::Result<BTreeMap<Seen, u32>> {
    let mut seen = BTreeMap::new();
    let kinds: [Kind; 3] = [
        ("tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", Opening::Tcp),
        ("udp", Opening::Udp),
        ("icmp[icmptype] = icmp-echo", |_| Opening::Echo),
    ];
    for (filter, opening) in kinds {
        for line in recording.matching(filter)? {
            let ((source, _), (destination, port)) = ends(&line)?;
            if targets.contains(&destination) {
                let opening = opening(port.unwrap_or(0));
                *seen.entry(Seen { source, destination, opening }).or_insert(0) += 1;
            }
        }
    }
    Ok(seen)
}

/// Answers of TCP, to a SYN or against it, and of ping.
pub(crate) fn answers(recording: &Recording) -> anyhow::Result<BTreeSet<Seen>> {
    let mut seen = BTreeSet::new();
    let kinds: [Kind; 2] = [
        ("tcp[tcpflags] & tcp-ack != 0", Opening::Tcp),
        ("icmp[icmptype] = icmp-echoreply", |_| Opening::Echo),
    ];
    for (filter, opening) in kinds {
        for line in recording.matching(filter)? {
            let ((source, port), (destination, _)) = ends(&line)?;
            seen.insert(Seen { source, destination, opening: opening(port.unwrap_or(0)) });
        }
    }
    Ok(seen)
}

type End = (Ipv4Addr, Option<u16>);

/// Both ends of a line like `12:00:00.000000 IP 192.0.2.1.40000 > 192.0.2.2.443: Flags [S], …`.
fn ends(line: &str) -> anyhow::Result<(End, End)> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "IP").skip(1);
    let source = words.next().and_then(end);
    let destination = words.nth(1).and_then(|word| end(word.trim_end_matches(':')));
    source.zip(destination).with_context(|| line.to_owned())
}

fn end(word: &str) -> Option<End> {
    if let Ok(address) = word.parse() {
        return Some((address, None));
    }
    let (address, port) = word.rsplit_once('.')?;
    Some((address.parse().ok()?, Some(port.parse().ok()?)))
}
