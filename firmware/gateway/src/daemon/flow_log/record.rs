//! A flow as the log has it, and its line: CSV with names for the columns, so that `less` and a spreadsheet read it too.

use std::{net::Ipv4Addr, time::SystemTime};

use jiff::Timestamp;
use sekisho_control::{FlowEnd, FlowRecord, Opener, Volume};
use sekisho_design::Lan;
use sekisho_host::{Count, Detail, EndedFlow, Ends};
use sekisho_plan::lan_number;

use crate::flow_line::{self, HEADER};

/// The line above all others of a file.
pub(super) fn header() -> String {
    format!("{HEADER}\n")
}

/// What the log keeps of a flow: those between office and platform, and from a host of a LAN to a server of the same LAN by
/// its global address. All of them are translated in the zone of a LAN, and no other is; what the device asks and answers
/// for itself isn't.
pub(super) fn record(flow: &EndedFlow, now: Timestamp) -> Option<FlowRecord> {
    let EndedFlow { flow, began, ended, sent, answered } = flow;
    let lan = Lan::ALL.into_iter().find(|lan| lan_number(*lan) == u32::from(flow.zone))?;
    let (original, reply) = (&flow.original, &flow.reply);
    // Whoever opens a flow from the office gets another source; whoever opens one from the platform keeps his.
    let from_office = reply.destination != original.source;
    if !from_office && reply.source == original.destination {
        return None;
    }
    let (opened_by, inside, global, platform, out, back) = if from_office {
        let ends = (sender(original), receiver(reply), receiver(original));
        (Opener::Office, ends.0, ends.1, ends.2, sent, answered)
    } else {
        let ends = (sender(reply), receiver(original), sender(original));
        (Opener::Platform, ends.0, ends.1, ends.2, answered, sent)
    };
    Some(FlowRecord {
        began: began.and_then(time),
        ended: ended.and_then(time).unwrap_or(now),
        lan,
        opened_by,
        protocol: flow.protocol,
        inside,
        global,
        platform,
        out: out.map(traffic),
        back: back.map(traffic),
    })
}

/// The line of a flow, with its end.
pub(super) fn line(record: &FlowRecord) -> String {
    flow_line::line(record) + "\n"
}

/// The flow of a line without its end; `None` for the header and for what isn't whole.
pub(super) fn parse(line: &str) -> Option<FlowRecord> {
    let fields: Vec<_> = line.split(',').collect();
    let [
        began,
        ended,
        lan,
        opened_by,
        protocol,
        inside,
        inside_port,
        global,
        global_port,
        platform,
        platform_port,
        packets_out,
        bytes_out,
        packets_in,
        bytes_in,
    ] = fields[..]
    else {
        return None;
    };
    Some(FlowRecord {
        began: optional(began)?,
        ended: ended.parse().ok()?,
        lan: Lan::ALL.into_iter().find(|known| known.as_str() == lan)?,
        opened_by: [Opener::Office, Opener::Platform]
            .into_iter()
            .find(|known| known.as_str() == opened_by)?,
        protocol: flow_line::protocol_number(protocol)?,
        inside: end(inside, inside_port)?,
        global: end(global, global_port)?,
        platform: end(platform, platform_port)?,
        out: counted(packets_out, bytes_out)?,
        back: counted(packets_in, bytes_in)?,
    })
}

fn sender(ends: &Ends) -> FlowEnd {
    let port = ports(ends).map(|(source, _)| source);
    FlowEnd { address: ends.source, port }
}

fn receiver(ends: &Ends) -> FlowEnd {
    let port = ports(ends).map(|(_, destination)| destination);
    FlowEnd { address: ends.destination, port }
}

fn ports(ends: &Ends) -> Option<(u16, u16)> {
    match ends.detail {
        Detail::Ports { source, destination } => Some((source, destination)),
        Detail::Icmp { .. } | Detail::Other => None,
    }
}

fn time(time: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(time).ok()
}

fn traffic(count: Count) -> Volume {
    Volume { packets: count.packets, bytes: count.bytes }
}

fn end(address: &str, port: &str) -> Option<FlowEnd> {
    Some(FlowEnd { address: address.parse::<Ipv4Addr>().ok()?, port: optional(port)? })
}

#[expect(
    clippy::option_option,
    reason = "outside: whether it can be read; inside: whether it is there"
)]
fn counted(packets: &str, bytes: &str) -> Option<Option<Volume>> {
    let counts: (Option<u64>, Option<u64>) = (optional(packets)?, optional(bytes)?);
    match counts {
        (Some(packets), Some(bytes)) => Some(Some(Volume { packets, bytes })),
        (None, None) => Some(None),
        (Some(_), None) | (None, Some(_)) => None,
    }
}

#[expect(
    clippy::option_option,
    reason = "outside: whether it can be read; inside: whether it is there"
)]
fn optional<T: std::str::FromStr>(text: &str) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use sekisho_host::Flow;

    use super::*;

    fn ends(source: &str, destination: &str, ports: Option<(u16, u16)>) -> Ends {
        let detail = match ports {
            Some((source, destination)) => Detail::Ports { source, destination },
            None => Detail::Icmp { kind: 8 },
        };
        Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap(), detail }
    }

    fn ended(zone: u16, protocol: u8, original: Ends, reply: Ends) -> EndedFlow {
        EndedFlow {
            flow: Flow { zone, protocol, original, reply },
            began: Some(UNIX_EPOCH + Duration::from_millis(1_500)),
            ended: Some(UNIX_EPOCH + Duration::from_mins(1)),
            sent: Some(Count { packets: 5, bytes: 500 }),
            answered: Some(Count { packets: 7, bytes: 7_000 }),
        }
    }

    /// A terminal that asked the platform, behind its NAPT address.
    pub(crate) fn sample() -> FlowRecord {
        let original = ends("192.168.1.100", "100.72.1.10", Some((40_000, 443)));
        let reply = ends("100.72.1.10", "100.64.10.30", Some((443, 1_025)));
        record(&ended(1, 6, original, reply), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn both_sides_open_flows_and_each_end_is_named() {
        let from_office = sample();
        assert_eq!(
            line(&from_office),
            "1970-01-01T00:00:01.5Z,1970-01-01T00:01:00Z,head-office,office,tcp,192.168.1.100,40000,\
             100.64.10.30,1025,100.72.1.10,443,5,500,7,7000\n"
        );
        let original = ends("100.72.1.10", "100.64.10.11", Some((50_000, 443)));
        let reply = ends("192.168.2.10", "100.72.1.10", Some((443, 50_000)));
        let from_platform = record(&ended(2, 6, original, reply), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            line(&from_platform),
            "1970-01-01T00:00:01.5Z,1970-01-01T00:01:00Z,education-board,platform,tcp,192.168.2.10,443,\
             100.64.10.11,443,100.72.1.10,50000,7,7000,5,500\n"
        );
        // Both ends are translated: a host asks a server of its own LAN by the global address.
        let original = ends("192.168.1.100", "100.64.10.11", None);
        let reply = ends("192.168.1.10", "100.64.10.30", None);
        let hairpin = record(&ended(1, 1, original, reply), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(hairpin.opened_by, Opener::Office);
        assert_eq!(hairpin.platform.address, Ipv4Addr::from([100, 64, 10, 11]));
        assert_eq!((hairpin.inside.port, hairpin.global.port), (None, None));
    }

    #[test]
    fn what_the_device_does_for_itself_is_not_logged() {
        let original = ends("192.168.1.100", "192.168.1.1", Some((5_000, 53)));
        let reply = ends("192.168.1.1", "192.168.1.100", Some((53, 5_000)));
        for zone in [0, 1, 3, 4] {
            assert_eq!(record(&ended(zone, 17, original, reply), Timestamp::UNIX_EPOCH), None);
        }
        let translated = ends("100.72.1.10", "100.64.10.30", Some((443, 1_025)));
        let flow = ended(3, 6, original, translated);
        assert_eq!(record(&flow, Timestamp::UNIX_EPOCH), None, "no zone of a LAN");
    }

    #[test]
    fn a_line_reads_as_it_was_written_and_a_torn_one_not_at_all() {
        let bare = FlowRecord { began: None, out: None, back: None, ..sample() };
        let echo = FlowEnd { address: [10, 0, 0, 1].into(), port: None };
        let rare = FlowRecord { protocol: 132, inside: echo, ..sample() };
        for record in [sample(), bare, rare] {
            let line = line(&record);
            let line = line.trim_end();
            assert_eq!(parse(line), Some(record));
            for torn in 0..line.rfind(',').unwrap() {
                assert_eq!(parse(&line[..torn]), None, "{torn}");
            }
        }
        for wrong in ["", HEADER, "\0\0\0\0", &line(&sample()).replace("500", "")] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(HEADER.split(',').count(), line(&sample()).split(',').count());
    }
}
