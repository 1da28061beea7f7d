//! Differences of the flow log and of the collector.

use std::collections::BTreeSet;

use super::{
    profile::fingerprints,
    writer::{NONE, Thing, Writer, label, optional, shown},
};
use crate::{Both, Collector, CollectorTransport, FlowLog, OfficeSide, Sent, messages, words};

pub(super) fn flow_log(writer: &mut Writer, before: Option<&FlowLog>, after: Option<&FlowLog>) {
    let keyed = |log| ((), log);
    writer.rows(
        (before.map(keyed), after.map(keyed)),
        |()| Thing::new("flow-log", label("通信の記録", "The flow log")),
        |FlowLog { days, size }| {
            label(format!("{days}日、{size}バイトまで"), format!("{days} days, up to {size} bytes"))
        },
        |writer, thing, before, after| {
            let FlowLog { days, size } = before;
            let field = ("days", "日数", "number of days");
            writer.value(thing, field, (days, &after.days), shown);
            writer.value(
                thing,
                ("size", "大きさの上限", "largest size"),
                (size, &after.size),
                shown,
            );
        },
    );
}

pub(super) fn collector(
    writer: &mut Writer,
    before: Option<&Collector>,
    after: Option<&Collector>,
) {
    let keyed = |collector| ((), collector);
    writer.rows(
        (before.map(keyed), after.map(keyed)),
        |()| Thing::new("collector", label("ログ収集サーバ", "The collector")),
        |collector| {
            let Collector { address, port, transport, .. } = collector;
            let way = transport.as_str();
            label(format!("{address}:{port}、{way}"), format!("{address}:{port}, {way}"))
        },
        |writer, thing, before, after| {
            let Collector { address, port, transport, interface, send } = before;
            let field = ("address", "アドレス", "address");
            writer.value(thing, field, (address, &after.address), shown);
            writer.value(thing, ("port", "ポート番号", "port"), (port, &after.port), shown);
            let field = ("interface", "接続するインターフェース", "interface");
            writer.value(thing, field, (interface, &after.interface), |side| side_name(*side));
            compare_transport(writer, thing, transport, &after.transport);
            let set = |sent: &[Sent]| sent.iter().copied().collect::<BTreeSet<_>>();
            let field = ("send", "送るもの", "things sent");
            writer.set(thing, field, (&set(send), &set(&after.send)));
        },
    );
}

/// The transport, and what TLS alone has.
fn compare_transport(
    writer: &mut Writer,
    thing: &Thing,
    before: &CollectorTransport,
    after: &CollectorTransport,
) {
    let field = ("transport", "送り方", "transport");
    writer.value(thing, field, (&before.as_str(), &after.as_str()), shown);
    let trust = |transport: &CollectorTransport| match transport {
        CollectorTransport::Udp | CollectorTransport::Tcp => (None, None),
        CollectorTransport::Tls { authority, name } => {
            (Some(authority.clone()), Some(name.clone()))
        }
    };
    let ((authority, name), (other_authority, other_name)) = (trust(before), trust(after));
    let field = ("certificate-authority", "認証局の証明書", "certificate authority");
    writer.value(thing, field, (&authority, &other_authority), optional(NONE, fingerprints));
    let field = ("name", "証明書の名前", "name in its certificate");
    writer.value(thing, field, (&name, &other_name), optional(NONE, shown));
}

fn side_name(side: OfficeSide) -> Both {
    words::both(|language| messages::side(side, language).to_owned())
}
