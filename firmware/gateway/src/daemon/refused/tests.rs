use sekisho_design::{GlobalFor, Origin};
use sekisho_plan::trace::{Change, Reason};

use super::*;
use crate::daemon::sample;

fn refusal(side: &str, rule: &str, source: &str, destination: &str, output: &str) -> Refusal {
    Refusal {
        side: side.to_owned(),
        rule: rule.to_owned(),
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        protocol: TCP,
        source_port: Some(40_000),
        destination_port: Some(8080),
        icmp_type: None,
        input: None,
        output: output.parse().ok(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn one(design: &Design, refusal: Refusal) -> RefusedPacket {
    let mut log = RefusedLog::default();
    log.take(refusal, Some(design), at(0));
    log.last(1).next().unwrap().clone()
}

#[test]
fn a_refusal_is_told_by_its_row_and_by_both_sides_addresses() {
    let mut design = sample::office();
    design.servers[1].global_for = vec![GlobalFor {
        to: vec![Origin::Network("100.72.5.0/24".parse().unwrap())],
        global: sekisho_design::Global::new([100, 64, 10, 40].into()),
    }];
    // Where it is seen, and as what; then the row, and the addresses before and after.
    let cases = [
        (
            ("head-office", "192.168.1.10", "100.72.1.10", "tunnel"),
            (Some("juki"), ["192.168.1.10", "100.64.10.11", "100.72.1.10", "100.72.1.10"]),
        ),
        (
            ("head-office", "192.168.1.11", "100.72.5.1", "tunnel"),
            (Some("atena"), ["192.168.1.11", "100.64.10.40", "100.72.5.1", "100.72.5.1"]),
        ),
        (
            ("head-office", "192.168.1.100", "192.168.1.10", "port2"),
            (Some("counter"), ["192.168.1.100", "100.64.10.30", "100.64.10.11", "192.168.1.10"]),
        ),
        (
            ("head-office", "192.168.1.77", "100.72.1.10", "tunnel"),
            (None, ["192.168.1.77", "192.168.1.77", "100.72.1.10", "100.72.1.10"]),
        ),
        (
            ("education-board", "192.168.2.100", "100.72.1.10", "tunnel"),
            (Some("school"), ["192.168.2.100", "100.64.10.31", "100.72.1.10", "100.72.1.10"]),
        ),
        (
            ("platform", "100.72.1.10", "192.168.1.10", "port2"),
            (Some("juki"), ["100.72.1.10", "100.72.1.10", "100.64.10.11", "192.168.1.10"]),
        ),
        (
            ("platform", "100.72.1.10", "100.64.10.30", ""),
            (Some("counter"), ["100.72.1.10", "100.72.1.10", "100.64.10.30", "100.64.10.30"]),
        ),
        (
            ("platform", "100.72.1.10", "100.64.10.99", ""),
            (None, ["100.72.1.10", "100.72.1.10", "100.64.10.99", "100.64.10.99"]),
        ),
        (
            ("lgwan", "198.18.1.9", "198.18.1.2", ""),
            (None, ["198.18.1.9", "198.18.1.9", "198.18.1.2", "198.18.1.2"]),
        ),
    ];
    for ((side, source, destination, output), (row, ends)) in cases {
        let packet = one(&design, refusal(side, "undeclared-service", source, destination, output));
        let found = [
            packet.source,
            packet.translated_source,
            packet.destination,
            packet.translated_destination,
        ];
        assert_eq!(found.map(|address| address.to_string()), ends, "{side} {source} {destination}");
        assert_eq!(packet.row.as_ref().map(sekisho_design::Name::as_str), row, "{side} {source}");
    }
}

#[test]
fn packets_of_one_flow_and_rule_are_one_entry_the_latest_first() {
    let design = sample::office();
    let mut log = RefusedLog::default();
    let of = |destination| {
        refusal("head-office", "undeclared-service", "192.168.1.100", destination, "tunnel")
    };
    for (second, destination) in
        [(1, "100.72.1.10"), (2, "100.72.1.11"), (3, "100.72.1.10"), (4, "100.72.1.10")]
    {
        log.take(of(destination), Some(&design), at(second));
    }
    let told = log.explained(1_000, 7, Some(&design));
    let seen: Vec<_> = told
        .flows
        .iter()
        .map(|flow| (flow.packet.destination.to_string(), flow.count, flow.first, flow.packet.at))
        .collect();
    assert_eq!(
        seen,
        [("100.72.1.10".to_owned(), 3, at(1), at(4)), ("100.72.1.11".to_owned(), 1, at(2), at(2))]
    );
    assert_eq!((told.kept, told.lost), (4, 7));
    // Only as many as are asked for.
    assert_eq!(log.explained(1, 0, Some(&design)).flows[0].count, 1);
}

#[test]
fn the_advice_names_the_row_that_would_let_it_pass_or_says_that_none_can() {
    let design = sample::office();
    let advised = |refusal| {
        let mut log = RefusedLog::default();
        log.take(refusal, Some(&design), at(0));
        log.explained(1, 0, Some(&design)).flows.remove(0).advice.map(|advice| advice.change)
    };
    let undeclared =
        refusal("head-office", "undeclared-service", "192.168.1.100", "100.72.1.10", "tunnel");
    assert!(matches!(advised(undeclared.clone()), Some(Change::Service { .. })));
    let inbound = refusal("platform", "undeclared-service", "100.72.1.10", "192.168.1.10", "port2");
    assert!(matches!(advised(inbound), Some(Change::Allowance { .. })));
    let one_way = refusal("platform", "one-way", "100.72.1.10", "100.64.10.30", "");
    assert_eq!(advised(one_way), Some(Change::Nothing(Reason::OneWay)));
    let crossing = refusal("head-office", "crossing", "192.168.1.10", "100.73.1.10", "tunnel");
    let juki = "juki".parse().unwrap();
    assert_eq!(advised(crossing), Some(Change::Nothing(Reason::OtherEnvironment(juki))));
    // A message about another packet opens nothing.
    let error = Refusal {
        protocol: ICMP,
        source_port: None,
        destination_port: None,
        icmp_type: Some(3),
        ..undeclared.clone()
    };
    assert_eq!(advised(error), None);
    // Without a design there is the log alone.
    let mut log = RefusedLog::default();
    log.take(undeclared, None, at(0));
    let told = log.explained(1, 0, None);
    assert!(told.flows[0].advice.is_none() && told.flows[0].packet.row.is_none());
}

#[test]
fn only_the_last_thousand_are_kept() {
    let mut log = RefusedLog::default();
    for second in 0..1_500 {
        let one = refusal("lgwan", "unexpected", "198.18.1.9", "198.18.1.2", "");
        log.take(one, None, at(second));
    }
    assert_eq!(log.last(usize::MAX).count(), KEPT);
    assert_eq!(log.last(1).next().unwrap().at, at(1_499));
}
