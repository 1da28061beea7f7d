use std::sync::Arc;

use serde_json::{Map, json};

use super::*;
use crate::{
    state::Address,
    table::{Set, Table, by_text},
    trace::{
        Opening, Question, Side,
        packet::{Connection, State},
    },
};

const FROM: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
const TO: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);

fn packet(opening: Opening) -> Packet {
    let question = Question { side: Side::Platform, from: FROM, to: TO, opening };
    let mut packet = Packet::opening(&question, "port2");
    packet.output = Some("tunnel".to_owned());
    packet.mark = 1;
    packet.state = Some(State::New);
    packet
}

fn state(chains: &[(&str, Value, Value)]) -> KernelState {
    let set = |map: bool, elements: &[Value]| {
        let mut declaration = Map::new();
        if map {
            declaration.insert("map".to_owned(), json!("ipv4_addr"));
        }
        Set { declaration, elements: by_text(elements.iter().cloned()) }
    };
    let key = json!({ "concat": [1, "192.168.1.10"] });
    let mut table = Table::default();
    table.sets.insert("senders".to_owned(), set(false, std::slice::from_ref(&key)));
    table.sets.insert("globals".to_owned(), set(true, &[json!([key, "100.64.10.11"])]));
    for (name, declaration, rules) in chains {
        let declaration = declaration.as_object().cloned().unwrap_or_default();
        let rules = rules.as_array().cloned().unwrap_or_default();
        table.chains.insert((*name).to_owned(), Chain { declaration, rules });
    }
    let own = Address { link: "tunnel".parse().unwrap(), address: TO, prefix: 32 };
    KernelState { table: Some(Arc::new(table)), addresses: [own].into(), ..KernelState::default() }
}

fn base() -> Value {
    json!({ "type": "filter", "hook": "forward", "prio": 0, "policy": "drop" })
}

fn pass(rules: &Value, packet: &mut Packet) -> Result<Passage, NotUnderstood> {
    let verdict = json!([{ "counter": "side/rule" }, { "limit": { "rate": 10, "burst": 20 } },
        { "log": { "group": 83 } }]);
    let refusal = json!([verdict, [{ "drop": null }]]);
    let state = state(&[("base", base(), rules.clone()), ("refuse", json!({}), refusal)]);
    Filter::of(&state)?.pass("base", packet, &state)
}

/// Whether a condition lets its rule go on.
fn holds(condition: &Value, packet: &mut Packet) -> Result<bool, NotUnderstood> {
    let rules = json!([[{ "match": condition }, { "accept": null }]]);
    Ok(pass(&rules, packet)?.verdict == Verdict::Accept)
}

fn meta(key: &str) -> Value {
    json!({ "meta": { "key": key } })
}

fn field(protocol: &str, field: &str) -> Value {
    json!({ "payload": { "protocol": protocol, "field": field } })
}

fn is(op: &str, left: &Value, right: impl serde::Serialize) -> Value {
    json!({ "op": op, "left": left, "right": right })
}

#[test]
fn conditions_hold_or_don_t() {
    let (tcp, udp, echo) = (Opening::Tcp(443), Opening::Udp(53), Opening::Echo);
    let sender = json!({ "concat": [meta("mark"), field("ip", "saddr")] });
    let receiver = json!({ "concat": [meta("mark"), field("ip", "daddr")] });
    let local = json!({ "fib": { "result": "type", "flags": ["daddr"] } });
    let ct = |key: &str| json!({ "ct": { "key": key } });
    let masked = json!({ "&": [field("tcp", "flags"), ["fin", "syn", "rst", "ack"]] });
    let cases = [
        (tcp, is("==", &meta("iifname"), "port2"), true),
        (tcp, is("==", &meta("iifname"), json!({ "set": ["port2", "port3"] })), true),
        (tcp, is("==", &meta("oifname"), "port2"), false),
        (tcp, is("==", &meta("mark"), 1), true),
        (tcp, is("==", &meta("mark"), 0), false),
        (tcp, is("==", &meta("nfproto"), "ipv6"), false),
        (tcp, is("==", &meta("pkttype"), json!({ "set": ["broadcast", "multicast"] })), false),
        (tcp, is("==", &meta("l4proto"), json!({ "set": [6, 17] })), true),
        (echo, is("==", &meta("l4proto"), json!({ "set": [6, 17] })), false),
        (tcp, is("==", &field("ip", "saddr"), "192.168.1.10"), true),
        (tcp, is("!=", &field("ip", "daddr"), "192.168.1.10"), true),
        (tcp, is("!=", &field("ip", "hdrlength"), 5), false),
        (tcp, is("==", &sender, "@senders"), true),
        (tcp, is("!=", &sender, "@senders"), false),
        (tcp, is("==", &receiver, "@senders"), false),
        (tcp, is("!=", &receiver, "@senders"), true),
        (udp, is("==", &field("udp", "dport"), 53), true),
        (udp, is("==", &field("udp", "sport"), 53), false),
        // A field that the packet doesn't have answers no condition, not even a negated one.
        (tcp, is("==", &field("udp", "dport"), 443), false),
        (tcp, is("!=", &field("udp", "dport"), 53), false),
        (echo, is("==", &field("icmp", "type"), "echo-request"), true),
        (tcp, is("==", &field("icmp", "type"), "echo-request"), false),
        (tcp, is("in", &field("tcp", "flags"), "syn"), true),
        (udp, is("in", &field("tcp", "flags"), "syn"), false),
        (tcp, is("!=", &masked, "syn"), false),
        (echo, is("!=", &masked, "syn"), false),
        (tcp, is("in", &ct("state"), "new"), true),
        (tcp, is("in", &ct("state"), ["established", "related"]), false),
        (tcp, is("in", &ct("status"), "dnat"), false),
        (tcp, is("==", &local, "local"), true),
    ];
    for (opening, condition, expected) in cases {
        assert_eq!(holds(&condition, &mut packet(opening)), Ok(expected), "{opening}: {condition}");
    }
}

#[test]
fn an_answer_is_no_opening_segment() {
    let mut opening = packet(Opening::Tcp(443));
    let mut connection = Connection::of(&opening);
    connection.reply.source = FROM;
    opening.destination = FROM;
    let mut answer = opening.answer(Some("port2".to_owned()), 0);
    assert!(connection.has_answer(&answer));
    answer.state = Some(State::Established);
    answer.destination_translated = connection.destination_translated();
    let masked = json!({ "&": [field("tcp", "flags"), ["fin", "syn", "rst", "ack"]] });
    let ct = |key: &str| json!({ "ct": { "key": key } });
    for condition in [
        is("!=", &masked, "syn"),
        is("in", &field("tcp", "flags"), "syn"),
        is("in", &ct("state"), ["established", "related"]),
        is("in", &ct("status"), "dnat"),
    ] {
        assert_eq!(holds(&condition, &mut answer), Ok(true), "{condition}");
    }
    // Another zone has other connections.
    answer.zone = 2;
    assert!(!connection.has_answer(&answer));
}

#[test]
fn statements_do_what_they_say() {
    let sender = json!({ "concat": [meta("mark"), field("ip", "saddr")] });
    let receiver = json!({ "concat": [meta("mark"), field("ip", "daddr")] });
    let by = |key: &Value| json!({ "family": "ip", "addr": { "map": { "key": key, "data": "@globals" } } });
    let set = |key: &Value, value: Value| json!({ "mangle": { "key": key, "value": value } });
    let maxseg = json!({ "tcp option": { "name": "maxseg", "field": "size" } });
    let global = Ipv4Addr::new(100, 64, 10, 11);
    let refused = Effect::Refused;
    let cases = [
        (json!({ "snat": by(&sender) }), vec![Effect::Source(global)], Some(Verdict::Accept)),
        (json!({ "dnat": by(&sender) }), vec![Effect::Destination(global)], Some(Verdict::Accept)),
        (set(&meta("mark"), json!(2)), vec![Effect::Mark(2)], None),
        (
            set(&meta("mark"), json!({ "map": { "key": sender, "data": "@globals" } })),
            vec![Effect::Mark(global.to_bits())],
            None,
        ),
        (set(&json!({ "ct": { "key": "zone" } }), json!(2)), vec![Effect::Zone(2)], None),
        (set(&maxseg, json!(1380)), vec![Effect::LargestSegment(1380)], None),
        (json!({ "accept": null }), vec![Effect::Accepted], Some(Verdict::Accept)),
        (
            json!({ "drop": null }),
            vec![refused(Told::Nothing)],
            Some(Verdict::Refuse(Told::Nothing)),
        ),
        (
            json!({ "reject": { "type": "icmp", "expr": "admin-prohibited" } }),
            vec![refused(Told::Prohibited)],
            Some(Verdict::Refuse(Told::Prohibited)),
        ),
        (
            json!({ "reject": { "type": "icmp", "expr": "host-unreachable" } }),
            vec![refused(Told::HostUnreachable)],
            Some(Verdict::Refuse(Told::HostUnreachable)),
        ),
    ];
    for (statement, effects, verdict) in cases {
        let passage = pass(&json!([[statement]]), &mut packet(Opening::Tcp(443))).unwrap();
        assert_eq!(passage.steps[0].outcome, RuleOutcome::Applied(effects), "{statement}");
        // Without a verdict of the rule's own the policy decides.
        let policy = Verdict::Refuse(Told::Nothing);
        assert_eq!(passage.verdict, verdict.unwrap_or(policy), "{statement}");
        assert_eq!(passage.by_policy, verdict.is_none(), "{statement}");
    }
    for lookup in [
        json!({ "snat": by(&receiver) }),
        set(&meta("mark"), json!({ "map": { "key": receiver, "data": "@globals" } })),
    ] {
        let mut packet = packet(Opening::Tcp(443));
        let passage = pass(&json!([[lookup, { "accept": null }]]), &mut packet).unwrap();
        assert!(passage.by_policy, "a map without the key ends the rule");
        assert_eq!((packet.source, packet.mark), (FROM, 1));
    }
}

#[test]
fn a_chain_that_was_gone_to_doesn_t_come_back() {
    let rules = json!([
        [{ "match": is("==", &meta("mark"), 2) }, { "accept": null }],
        [{ "goto": { "target": "refuse" } }],
        [{ "accept": null }],
    ]);
    let passage = pass(&rules, &mut packet(Opening::Echo)).unwrap();
    assert_eq!(passage.verdict, Verdict::Refuse(Told::Nothing));
    assert_eq!(passage.counted, ["side/rule"]);
    let seen: Vec<_> =
        passage.steps.iter().map(|step| (&*step.base, &*step.chain, &step.outcome)).collect();
    assert_eq!(
        seen,
        [
            ("base", "base", &RuleOutcome::PassedOver("mark 2".to_owned())),
            ("base", "base", &RuleOutcome::Applied(vec![Effect::Goto])),
            ("base", "refuse", &RuleOutcome::Applied(vec![Effect::Counted, Effect::Logged])),
            ("base", "refuse", &RuleOutcome::Applied(vec![Effect::Refused(Told::Nothing)])),
        ]
    );
}

#[test]
fn base_chains_come_by_priority() {
    let chain = |hook: &str, prio: i32| json!({ "type": "filter", "hook": hook, "prio": prio, "policy": "accept" });
    let state = state(&[
        ("late", chain("input", 10), json!([])),
        ("early", chain("input", -300), json!([])),
        ("other", chain("forward", -400), json!([])),
        ("plain", json!({}), json!([])),
    ]);
    let filter = Filter::of(&state).unwrap();
    assert_eq!(filter.base_chains("input"), [(-300, "early", "filter"), (10, "late", "filter")]);
}

#[test]
fn what_the_model_doesn_t_know_is_an_error() {
    let echo = json!({ "match": is("==", &field("th", "dport"), 53) });
    for statement in [
        json!({ "queue": null }),
        json!({ "counter": { "packets": 0, "bytes": 0 } }),
        json!({ "accept": null, "drop": null }),
        json!({ "jump": { "target": "refuse" } }),
        json!({ "goto": { "target": "nowhere" } }),
        json!({ "goto": { "target": "base" } }),
        json!({ "reject": { "type": "tcp reset" } }),
        json!({ "snat": { "addr": "100.64.10.11" } }),
        json!({ "mangle": { "key": meta("priority"), "value": 1 } }),
        json!({ "match": is("==", &meta("time"), 1) }),
        json!({ "match": is("<", &meta("mark"), 1) }),
        json!({ "match": is("==", &meta("mark"), "@unknown") }),
        json!({ "match": is("==", &field("ip", "ttl"), 64) }),
        // Ports of a packet without ports: the kernel would read something else there.
        echo,
    ] {
        let result = pass(&json!([[statement]]), &mut packet(Opening::Echo));
        assert!(result.is_err(), "{statement}: {result:?}");
    }
}
