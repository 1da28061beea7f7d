//! `sekisho why-refused`: what the device refused last, why, and what would let it pass.

use std::{fmt::Write as _, path::Path};

use clap::Args;
use sekisho_control::{REFUSALS, RefusedFlow, RefusedFlows, RefusedPacket};
use sekisho_design::Language;

use super::{CommandError, client};

#[derive(Args, Debug)]
pub(super) struct Last {
    /// Look at the last so many refused packets; the device remembers 1,000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    last: u16,
}

pub(super) async fn ask(socket: &Path, last: &Last) -> Result<RefusedFlows, CommandError> {
    let path = format!("{REFUSALS}?last={}", last.last);
    Ok(client::get(socket, &path).await?)
}

/// The flows, each with its why, for people.
pub(super) fn text(refused: &RefusedFlows, language: Language) -> String {
    let mut text = String::new();
    for flow in &refused.flows {
        let RefusedFlow { count, first, packet, why, advice } = flow;
        let times = if *count == 1 {
            packet.at.to_string()
        } else {
            language.pick(
                format!("{first} から {} まで {count}回", packet.at),
                format!("{first} to {}, {count} times", packet.at),
            )
        };
        let _ = writeln!(text, "{times}  {}/{}", packet.side, packet.rule);
        let _ = writeln!(text, "  {}", ends(packet, language));
        let label = language.pick("理由: ", "Why: ");
        let _ = writeln!(text, "  {label}{}", language.pick(&*why.ja, &*why.en));
        if let Some(advice) = advice {
            let label = language.pick("通すには: ", "To let it pass: ");
            let sentence = language.pick(&*advice.sentence.ja, &*advice.sentence.en);
            let _ = writeln!(text, "  {label}{sentence}");
            for line in advice.toml.iter().flat_map(|toml| toml.lines()) {
                let _ = writeln!(text, "    {line}");
            }
        }
        text.push('\n');
    }
    if refused.flows.is_empty() {
        let none = "起動してから拒否の記録はありません。";
        let _ = writeln!(text, "{}", language.pick(none, "Nothing was refused since the start."));
    }
    if refused.lost > 0 {
        let lost = refused.lost;
        let ja = format!("ほかに {lost} 件は読み取れませんでした。計数には入っています。");
        let en = format!("{lost} more were lost on their way; the counters have them.");
        let _ = writeln!(text, "{}", language.pick(ja, en));
    }
    text
}

/// From where to where, in the design's words: `juki 192.168.1.10 (100.64.10.11) -> 100.72.1.10 tcp/8080`.
fn ends(packet: &RefusedPacket, language: Language) -> String {
    let end =
        |(own, other)| if own == other { format!("{own}") } else { format!("{own} ({other})") };
    let source = end((packet.source, packet.translated_source));
    let destination = end((packet.destination, packet.translated_destination));
    let row = match &packet.row {
        Some(row) => format!("'{row}'"),
        None => language.pick("行なし", "no row").to_owned(),
    };
    format!("{row}: {source} -> {destination} {}", asked(packet))
}

fn asked(packet: &RefusedPacket) -> String {
    match (packet.protocol, packet.port, packet.icmp_type) {
        (6, Some(port), _) => format!("tcp/{port}"),
        (17, Some(port), _) => format!("udp/{port}"),
        (1, _, Some(8)) => "icmp-echo".to_owned(),
        (1, _, Some(kind)) => format!("icmp type {kind}"),
        (protocol, ..) => format!("protocol {protocol}"),
    }
}

#[cfg(test)]
mod tests {
    use sekisho_design::Both;

    use super::*;

    fn packet() -> RefusedPacket {
        RefusedPacket {
            at: "2026-04-01T00:00:09Z".parse().unwrap(),
            side: "head-office".to_owned(),
            rule: "undeclared-service".to_owned(),
            row: Some("juki".parse().unwrap()),
            source: [192, 168, 1, 10].into(),
            translated_source: [100, 64, 10, 11].into(),
            destination: [100, 72, 1, 10].into(),
            translated_destination: [100, 72, 1, 10].into(),
            protocol: 6,
            source_port: Some(40_000),
            port: Some(8080),
            icmp_type: None,
        }
    }

    #[test]
    fn a_flow_reads_as_it_is_written_here() {
        let why = Both { ja: "訳".to_owned(), en: "because".to_owned() };
        let first = "2026-04-01T00:00:00Z".parse().unwrap();
        let flow = RefusedFlow { count: 3, first, packet: packet(), why, advice: None };
        let refused = RefusedFlows { flows: vec![flow], kept: 3, lost: 2 };
        let en = "\
2026-04-01T00:00:00Z to 2026-04-01T00:00:09Z, 3 times  head-office/undeclared-service
  'juki': 192.168.1.10 (100.64.10.11) -> 100.72.1.10 tcp/8080
  Why: because

2 more were lost on their way; the counters have them.
";
        assert_eq!(text(&refused, Language::English), en);
        let ja = text(&refused, Language::Japanese);
        assert!(ja.contains("3回") && ja.contains("理由: 訳"), "{ja}");
    }

    #[test]
    fn nothing_refused_is_said() {
        let none = RefusedFlows { flows: Vec::new(), kept: 0, lost: 0 };
        assert_eq!(text(&none, Language::English), "Nothing was refused since the start.\n");
    }

    #[test]
    fn what_was_asked_is_named_like_a_service() {
        let of = |protocol, port, icmp_type| {
            asked(&RefusedPacket { protocol, port, icmp_type, ..packet() })
        };
        assert_eq!(of(17, Some(53), None), "udp/53");
        assert_eq!(of(1, None, Some(8)), "icmp-echo");
        assert_eq!(of(1, None, Some(13)), "icmp type 13");
        assert_eq!(of(47, None, None), "protocol 47");
    }
}
