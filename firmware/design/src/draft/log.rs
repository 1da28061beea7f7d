//! What is written down about flows and who gets to read of it, from text to draft.

use super::{CollectorDraft, FlowLogDraft, values};
use crate::{
    CollectorTransport, LogSize, OfficeSide, Rule, Sent,
    reader::{At, Log, Node, Table},
};

/// For how many days flows may be kept at most: a year and a day.
const MOST_DAYS: i64 = 366;

/// What a log keeps whose design doesn't say: a month, and some two million flows.
const USUAL_DAYS: u16 = 30;
const USUAL_SIZE: u64 = 200_000_000;

/// The transports that need no more than their name. TLS has two keys of its own.
const TRANSPORTS: [(&str, Transport); 3] =
    [("udp", Transport::Udp), ("tcp", Transport::Tcp), ("tls", Transport::Tls)];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Transport {
    Udp,
    Tcp,
    Tls,
}

pub(super) fn read_flow_log(table: &mut Table<'_>, log: &mut Log) -> FlowLogDraft {
    let days = match table.optional("days") {
        Some(node) => node.integer((1, MOST_DAYS), log, values::bounds(1, MOST_DAYS)),
        None => Some(At { value: USUAL_DAYS, place: table.place.clone() }),
    };
    let size = match table.optional("size") {
        Some(node) => node.parse(log, str::parse, |text, _| Rule::BadLogSize { text }),
        None => LogSize::new(USUAL_SIZE).map(|value| At { value, place: table.place.clone() }),
    };
    FlowLogDraft { days: days.map(|days| days.value), size: size.map(|size| size.value) }
}

pub(super) fn read_collector(table: &mut Table<'_>, log: &mut Log) -> CollectorDraft {
    let address = table.required("address", log).and_then(|node| values::address(&node, log));
    let port = values::optional("port", table, log, values::port_number);
    let transport = read_transport(table, log);
    let interface = table.required("interface", log).and_then(|node| side(&node, log));
    let send = table.required("send", log);
    let send = send.and_then(|node| values::filled_list(&node, log, sent));
    CollectorDraft { address, port, transport, interface, send }
}

/// How messages travel: with TLS, whom to trust and by which name; without, neither.
fn read_transport(table: &mut Table<'_>, log: &mut Log) -> Option<CollectorTransport> {
    let transport = values::optional("transport", table, log, |node, log| {
        values::choice(node, &TRANSPORTS, log)
    });
    let authority = values::optional("certificate-authority", table, log, |node, log| {
        node.parse(log, str::parse, |_, _| Rule::BadCertificates)
    });
    let name = values::optional("name", table, log, values::dns_name);
    let transport = transport.ok()?;
    let place = transport.as_ref().map_or_else(|| table.place.clone(), |at| at.place.clone());
    let transport = transport.map_or(Transport::Udp, |at| at.value);
    let (authority, name) = (authority.ok()?, name.ok()?);
    if transport == Transport::Tls {
        for (key, missing) in
            [("certificate-authority", authority.is_none()), ("name", name.is_none())]
        {
            if missing {
                log.add(&place, Rule::TlsInPart { missing: key });
            }
        }
        return Some(CollectorTransport::Tls { authority: authority?.value, name: name?.value });
    }
    let written = [
        ("certificate-authority", authority.map(|at| at.place)),
        ("name", name.map(|at| at.place)),
    ];
    for (key, place) in written {
        if let Some(place) = place {
            log.add(&place, Rule::OnlyWithTls { key });
        }
    }
    Some(match transport {
        Transport::Udp => CollectorTransport::Udp,
        Transport::Tcp | Transport::Tls => CollectorTransport::Tcp,
    })
}

fn side(node: &Node<'_>, log: &mut Log) -> Option<At<OfficeSide>> {
    values::choice(node, &OfficeSide::ALL.map(|side| (side.as_str(), side)), log)
}

fn sent(node: &Node<'_>, log: &mut Log) -> Option<At<Sent>> {
    values::choice(node, &Sent::ALL.map(|sent| (sent.as_str(), sent)), log)
}
