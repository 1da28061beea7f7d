//! What the collector reads: messages of RFC 5424, a flow's or a refusal's fields as structured data and once more as a
//! sentence. All of it is printable ASCII.
//!
//! The private enterprise number in the names of the fields is 32473, which IANA keeps for documentation (RFC 5612): the
//! project has none of its own. Whoever makes a device of it puts the maker's here.

use std::{fmt::Write as _, net::Ipv4Addr, process};

use jiff::Timestamp;
use sekisho_control::{FlowRecord, Volume};
use sekisho_host::Refusal;

use crate::flow_line::protocol_name;

const ENTERPRISE: u32 = 32_473;

/// Facility local0 (16), severity informational (6) and notice (5): RFC 5424, clause 6.2.1.
const FLOW: u8 = 16 * 8 + 6;
const REFUSAL: u8 = 16 * 8 + 5;

/// The message of a flow. `own` is the device's address on the way to the collector, which names the device (RFC 5424, clause
/// 6.2.4).
pub(super) fn flow(record: &FlowRecord, own: Ipv4Addr) -> String {
    let FlowRecord { began, ended, lan, opened_by, protocol, inside, global, platform, out, back } =
        record;
    let protocol = protocol_name(*protocol);
    let mut data = String::new();
    if let Some(began) = began {
        field(&mut data, "began", began);
    }
    field(&mut data, "ended", ended);
    field(&mut data, "lan", lan);
    field(&mut data, "opened_by", opened_by.as_str());
    field(&mut data, "protocol", &protocol);
    for (name, end) in [("inside", inside), ("global", global), ("platform", platform)] {
        field(&mut data, name, &end.address);
        if let Some(port) = end.port {
            field(&mut data, &format!("{name}_port"), &port);
        }
    }
    for (way, traffic) in [("out", out), ("in", back)] {
        if let Some(Volume { packets, bytes }) = traffic {
            field(&mut data, &format!("packets_{way}"), packets);
            field(&mut data, &format!("bytes_{way}"), bytes);
        }
    }
    let by = opened_by.as_str();
    let said = format!("{protocol} flow of {inside} ({global}) and {platform}, opened by the {by}");
    message(FLOW, *ended, own, ("FLOW", "flow"), &data, &said)
}

/// The message of a refused packet.
pub(super) fn refusal(refusal: &Refusal, now: Timestamp, own: Ipv4Addr) -> String {
    let Refusal {
        side,
        rule,
        source,
        destination,
        protocol,
        source_port,
        destination_port,
        icmp_type,
        input,
        output,
    } = refusal;
    let protocol = protocol_name(*protocol);
    let mut data = String::new();
    field(&mut data, "side", side);
    field(&mut data, "rule", rule);
    field(&mut data, "protocol", &protocol);
    field(&mut data, "source", source);
    field(&mut data, "destination", destination);
    for (name, port) in [("source_port", source_port), ("destination_port", destination_port)] {
        if let Some(port) = port {
            field(&mut data, name, port);
        }
    }
    if let Some(kind) = icmp_type {
        field(&mut data, "icmp_type", kind);
    }
    for (name, link) in [("input", input), ("output", output)] {
        if let Some(link) = link {
            field(&mut data, name, link);
        }
    }
    let said = format!("{protocol} packet from {source} to {destination} refused: {side}/{rule}");
    message(REFUSAL, now, own, ("REFUSAL", "refusal"), &data, &said)
}

fn message(
    priority: u8,
    time: Timestamp,
    own: Ipv4Addr,
    (id, name): (&str, &str),
    data: &str,
    said: &str,
) -> String {
    let process = process::id();
    format!(
        "<{priority}>1 {time:.6} {own} sekishod {process} {id} [{name}@{ENTERPRISE}{data}] {said}"
    )
}

/// A parameter of structured data (RFC 5424, clause 6.3.3).
fn field(data: &mut String, name: &str, value: &(impl ToString + ?Sized)) {
    let _ = write!(data, " {name}=\"");
    for c in value.to_string().chars() {
        if matches!(c, '"' | '\\' | ']') {
            data.push('\\');
        }
        data.push(c);
    }
    data.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::flow_log::record::tests::sample;

    const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);

    #[test]
    fn a_flow_has_all_its_fields() {
        let process = process::id();
        assert_eq!(
            flow(&sample(), OWN),
            format!(
                "<134>1 1970-01-01T00:01:00.000000Z 192.168.1.1 sekishod {process} FLOW [flow@32473 \
                 began=\"1970-01-01T00:00:01.5Z\" ended=\"1970-01-01T00:01:00Z\" lan=\"head-office\" \
                 opened_by=\"office\" protocol=\"tcp\" inside=\"192.168.1.100\" inside_port=\"40000\" \
                 global=\"100.64.10.30\" global_port=\"1025\" platform=\"100.72.1.10\" platform_port=\"443\" \
                 packets_out=\"5\" bytes_out=\"500\" packets_in=\"7\" bytes_in=\"7000\"] tcp flow of \
                 192.168.1.100:40000 (100.64.10.30:1025) and 100.72.1.10:443, opened by the office"
            )
        );
        let bare = FlowRecord { began: None, out: None, back: None, ..sample() };
        let bare = flow(&bare, OWN);
        assert!(!bare.contains("began") && !bare.contains("packets"), "{bare}");
    }

    #[test]
    fn a_refusal_has_all_its_fields() {
        let refused = Refusal {
            side: "head-office".to_owned(),
            rule: "odd\"]\\rule".to_owned(),
            source: [192, 168, 1, 100].into(),
            destination: [100, 72, 1, 10].into(),
            protocol: 17,
            source_port: Some(5_000),
            destination_port: None,
            icmp_type: None,
            input: Some("port2".parse().unwrap()),
            output: None,
        };
        let told = refusal(&refused, Timestamp::UNIX_EPOCH, OWN);
        let start = format!(
            "<133>1 1970-01-01T00:00:00.000000Z 192.168.1.1 sekishod {} REFUSAL [refusal@32473 \
             side=\"head-office\" rule=\"odd\\\"\\]\\\\rule\" protocol=\"udp\" source=\"192.168.1.100\" \
             destination=\"100.72.1.10\" source_port=\"5000\" input=\"port2\"] udp packet from",
            process::id()
        );
        assert!(told.starts_with(&start), "{told}");
    }
}
