//! What was refused last, as people are told about it. It owns a bounded number of refusals, and looks for advice only when
//! somebody asks; a flood costs the daemon no more than the bounded rate of the kernel's log.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
};

use jiff::Timestamp;
use sekisho_control::{RefusedFlow, RefusedFlows, RefusedPacket};
use sekisho_design::{Design, Lan};
use sekisho_host::Refusal;
use sekisho_plan::{
    ends::Ends,
    trace::{Opening, Question, Side, advise, why},
};
use tracing::info;

/// Refusals that are kept; older ones are in the log.
const KEPT: usize = 1_000;

/// Protocol numbers (IANA), and the type of an ICMP echo request (RFC 792).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ECHO_REQUEST: u8 = 8;

/// The last refusals, newest first.
#[derive(Debug, Default)]
pub(super) struct RefusedLog {
    last: VecDeque<RefusedPacket>,
}

impl RefusedLog {
    /// Keeps a refusal and writes it to the log, with its row and its addresses on both sides by the design in force.
    pub(super) fn take(&mut self, refusal: Refusal, design: Option<&Design>, at: Timestamp) {
        let Refusal { side, rule, source, destination, protocol, .. } = refusal;
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (source, destination) else {
            info!(target: "sekisho::refused", side, rule, %source, %destination, protocol);
            return;
        };
        let out = refusal.output.as_ref().and_then(|output| {
            let lans = design?.lans.iter();
            lans.filter(|(_, lan)| lan.port == *output).map(|(lan, _)| *lan).next()
        });
        let ends = design.zip(side_of(&side));
        let ends = ends.map(|(design, side)| Ends::of(design, side, (source, destination), out));
        let ends = ends.unwrap_or(Ends {
            row: None,
            source: (source, source),
            destination: (destination, destination),
        });
        let packet = RefusedPacket {
            at,
            side,
            rule,
            row: ends.row,
            source: ends.source.0,
            translated_source: ends.source.1,
            destination: ends.destination.0,
            translated_destination: ends.destination.1,
            protocol,
            source_port: refusal.source_port,
            port: refusal.destination_port,
            icmp_type: refusal.icmp_type,
        };
        write_down(&packet);
        self.last.truncate(KEPT - 1);
        self.last.push_front(packet);
    }

    /// The last ones, newest first.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &RefusedPacket> {
        self.last.iter().take(count)
    }

    /// The last ones by flow and rule, the latest first, with why and what would let each pass.
    pub(super) fn explained(
        &self,
        count: usize,
        lost: u64,
        design: Option<&Design>,
    ) -> RefusedFlows {
        let mut flows: Vec<RefusedFlow> = Vec::new();
        let mut known = BTreeMap::new();
        for packet in self.last(count) {
            let RefusedPacket {
                side, rule, source, destination, protocol, port, icmp_type, ..
            } = packet;
            let flow = (side, rule, source, destination, protocol, port, icmp_type);
            if let Some(index) = known.get(&flow) {
                let flow: &mut RefusedFlow = &mut flows[*index];
                (flow.count, flow.first) = (flow.count + 1, packet.at);
                continue;
            }
            known.insert(flow, flows.len());
            let question = question(packet);
            let named = format!("{side}/{rule}");
            flows.push(RefusedFlow {
                count: 1,
                first: packet.at,
                why: why(side, rule),
                advice: design
                    .zip(question)
                    .map(|(design, question)| advise(design, &question, &named)),
                packet: packet.clone(),
            });
        }
        RefusedFlows { flows, kept: self.last.len(), lost }
    }
}

fn write_down(packet: &RefusedPacket) {
    let row = packet.row.as_ref().map(tracing::field::display);
    info!(
        target: "sekisho::refused",
        side = packet.side,
        rule = packet.rule,
        row,
        source = %packet.source,
        destination = %packet.destination,
        translated_source = %packet.translated_source,
        translated_destination = %packet.translated_destination,
        protocol = packet.protocol,
        source_port = packet.source_port,
        port = packet.port,
        icmp_type = packet.icmp_type,
    );
}

/// The side by its name in rules; none for the device's own packets.
fn side_of(name: &str) -> Option<Side> {
    let sides = Lan::ALL.map(Side::Lan).into_iter();
    let mut sides = sides.chain([Side::Platform, Side::Lgwan, Side::Maintenance]);
    sides.find(|side| side.as_str() == name)
}

/// What the packet asked for; none where it opens nothing that a row can declare.
fn question(packet: &RefusedPacket) -> Option<Question> {
    let opening = match (packet.protocol, packet.port, packet.icmp_type) {
        (TCP, Some(port), _) => Opening::Tcp(port),
        (UDP, Some(port), _) => Opening::Udp(port),
        (ICMP, _, Some(ECHO_REQUEST)) => Opening::Echo,
        _ => return None,
    };
    let (from, to): (Ipv4Addr, Ipv4Addr) = (packet.source, packet.destination);
    Some(Question { side: side_of(&packet.side)?, from, to, opening })
}

#[cfg(test)]
mod tests;
