//! The columns of a flow, which the log's files and `sekisho flows --format csv` share.

use std::fmt::Display;

use sekisho_control::{FlowRecord, Volume};

/// The names of the columns: times in UTC, addresses before and after translation, what left the office and what came in.
pub(crate) const HEADER: &str = "began,ended,lan,opened_by,protocol,inside,inside_port,global,global_port,platform,\
                                 platform_port,packets_out,bytes_out,packets_in,bytes_in";

/// Protocols that have a name here, by number (IANA).
const PROTOCOLS: [(u8, &str); 3] = [(1, "icmp"), (6, "tcp"), (17, "udp")];

/// A flow's columns, without the end of the line. No value needs quotes (RFC 4180): none has a comma.
pub(crate) fn line(record: &FlowRecord) -> String {
    let FlowRecord { began, ended, lan, opened_by, protocol, inside, global, platform, out, back } =
        record;
    let [out, back] = [out, back].map(|traffic| {
        let packets = optional(traffic.map(|Volume { packets, .. }| packets));
        format!("{packets},{}", optional(traffic.map(|Volume { bytes, .. }| bytes)))
    });
    let ends = [inside, global, platform];
    let ends = ends.map(|end| format!("{},{}", end.address, optional(end.port))).join(",");
    let began = optional(began.as_ref());
    let (opened_by, protocol) = (opened_by.as_str(), protocol_name(*protocol));
    format!("{began},{ended},{lan},{opened_by},{protocol},{ends},{out},{back}")
}

/// What people call a protocol; its number where it has no name here.
pub(crate) fn protocol_name(number: u8) -> String {
    let named = PROTOCOLS.iter().find(|(known, _)| *known == number);
    named.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// The number behind a name.
pub(crate) fn protocol_number(name: &str) -> Option<u8> {
    let named = PROTOCOLS.iter().find(|(_, known)| *known == name);
    named.map_or_else(|| name.parse().ok(), |(number, _)| Some(*number))
}

fn optional(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
