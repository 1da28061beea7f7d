use std::sync::Arc;

use sekisho_design::{Duplex, PortMode, Speed};
use serde_json::{Map, json};

use super::*;
use crate::{
    shaping,
    state::{LinkKind, QueueClass, RouteAction, Selector},
    table::by_text,
};

fn chain(rules: &[&str]) -> Chain {
    let rules = rules.iter().map(|counter| json!([{ "counter": counter }, { "drop": null }]));
    Chain { declaration: Map::new(), rules: rules.collect() }
}

fn set(kind: &str, elements: &[Value]) -> Set {
    let declaration = Map::from_iter([("type".to_owned(), json!(kind))]);
    Set { declaration, elements: by_text(elements.iter().cloned()) }
}

fn wanted() -> KernelState {
    let port: PortName = "port2".parse().unwrap();
    let route = Route {
        table: 101,
        to: "10.20.0.0/16".parse().unwrap(),
        metric: 100,
        action: RouteAction::Unreachable,
    };
    let address =
        Address { link: port.clone(), address: "192.168.1.1".parse().unwrap(), prefix: 24 };
    let table = Table {
        helpers: BTreeSet::new(),
        counters: ["head-office/device".to_owned()].into(),
        sets: [("office".to_owned(), set("ipv4_addr", &[json!("192.168.1.10")]))].into(),
        chains: [("forward".to_owned(), chain(&["a", "b"]))].into(),
    };
    KernelState {
        settings: [("net/ipv4/ip_forward".to_owned(), "1".to_owned())].into(),
        links: [(port, Link { kind: LinkKind::Port, up: true, mtu: 1500, mode: None })].into(),
        addresses: [address].into(),
        routes: [route].into(),
        rules: [Rule { priority: 8301, selector: Selector::Mark(1), table: 101 }].into(),
        queues: [("port2".parse().unwrap(), shaping::tests::shaped(10_000_000, 100))].into(),
        table: Some(Arc::new(table)),
    }
}

fn class(state: &mut KernelState, minor: u16) -> &mut QueueClass {
    state.queues.values_mut().next().unwrap().classes.get_mut(&minor).unwrap()
}

fn table(state: &mut KernelState) -> &mut Table {
    Arc::make_mut(state.table.as_mut().unwrap())
}

type Meddling = fn(&mut KernelState);

/// What somebody does by hand, and what is said of it.
const CASES: [(Meddling, &str, &str); 20] = [
    (
        |state| drop(state.settings.insert("net/ipv4/ip_forward".into(), "0".into())),
        "カーネルの設定 net.ipv4.ip_forward が「0」です。設計では「1」です。",
        "setting net.ipv4.ip_forward is '0', not '1'.",
    ),
    (
        |state| state.queues.clear(),
        "port2 の帯域の配分がありません。",
        "shaping of port2: missing.",
    ),
    (
        |state| class(state, 0x30).guaranteed.bytes_per_second = 1_000,
        "port2 の帯域の配分が 9700 kbit/s（online 5820、normal 2425、bulk 8） です。設計では 9700 kbit/s（online 5820、normal 2425、bulk 1455） です。",
        "port2 is shaped to 9700 kbit/s (online 5820, normal 2425, bulk 8), not 9700 kbit/s (online 5820, normal 2425, bulk 1455).",
    ),
    (
        |state| class(state, 0x30).leaf = None,
        "port2 の帯域の配分の細部が設計と違います。",
        "the queues of port2 have another form.",
    ),
    (
        |state| state.links.values_mut().for_each(|link| link.up = false),
        "port2 が 閉（MTU 1500） です。設計では 開（MTU 1500） です。",
        "port2 is down with MTU 1500, not up with MTU 1500.",
    ),
    (
        |state| {
            let mode = PortMode::new(Speed::Mbps100, Duplex::Half);
            state.links.values_mut().for_each(|link| link.mode = mode);
        },
        "port2 が 開（MTU 1500、100M 半二重） です。設計では 開（MTU 1500、速度は自動） です。",
        "port2 is up with MTU 1500, 100M half duplex, not up with MTU 1500, speed by agreement.",
    ),
    (|state| state.links.clear(), "ポート port2 がありません。", "port port2: missing."),
    (
        |state| state.addresses.clear(),
        "port2 のアドレス 192.168.1.1/24 がありません。",
        "address 192.168.1.1/24 on port2: missing.",
    ),
    (
        |state| {
            let mut address = state.addresses.first().unwrap().clone();
            address.address = "192.168.1.77".parse().unwrap();
            state.addresses.insert(address);
        },
        "port2 のアドレス 192.168.1.77/24 は、設計にありません。",
        "address 192.168.1.77/24 on port2: not in the design.",
    ),
    (
        |state| state.routes.clear(),
        "10.20.0.0/16 を到達不能とする経路（テーブル 101、メトリック 100）がありません。",
        "unreachable 10.20.0.0/16, table 101, metric 100: missing.",
    ),
    (
        |state| state.rules.clear(),
        "経路の規則 8301（マーク 1 はテーブル 101）がありません。",
        "rule 8301: mark 1 uses table 101: missing.",
    ),
    (
        |state| {
            let rule = Rule { priority: 8399, selector: Selector::Mark(9), table: 254 };
            state.rules.insert(rule);
        },
        "経路の規則 8399（マーク 9 はテーブル 254）は、設計にありません。",
        "rule 8399: mark 9 uses table 254: not in the design.",
    ),
    (|state| state.table = None, "パケットフィルタがありません。", "the packet filter: missing."),
    (
        |state| drop(table(state).chains.get_mut("forward").unwrap().rules.remove(0)),
        "チェイン forward の規則「counter a drop」がありません。",
        "rule 'counter a drop' in chain forward: missing.",
    ),
    (
        |state| {
            let rules = &mut table(state).chains.get_mut("forward").unwrap().rules;
            rules.push(json!([{ "accept": null }]));
        },
        "チェイン forward の規則「accept」は、設計にありません。",
        "rule 'accept' in chain forward: not in the design.",
    ),
    (
        |state| table(state).chains.get_mut("forward").unwrap().rules.reverse(),
        "パケットフィルタの chain forward の形が設計と違います。",
        "chain forward of the packet filter has another form.",
    ),
    (
        |state| table(state).sets.get_mut("office").unwrap().elements.clear(),
        "集合 office の要素「192.168.1.10」がありません。",
        "element '192.168.1.10' in set office: missing.",
    ),
    (
        |state| {
            let key = json!({ "concat": [1, { "prefix": { "addr": "10.0.0.0", "len": 8 } }] });
            let element = json!([key, "100.64.10.30"]);
            table(state).sets.get_mut("office").unwrap().elements.insert("z".into(), element);
        },
        "集合 office の要素「1 . 10.0.0.0/8 : 100.64.10.30」は、設計にありません。",
        "element '1 . 10.0.0.0/8 : 100.64.10.30' in set office: not in the design.",
    ),
    (
        |state| {
            let set = table(state).sets.get_mut("office").unwrap();
            set.declaration.insert("type".into(), json!("mark"));
        },
        "パケットフィルタの set office の形が設計と違います。",
        "set office of the packet filter has another form.",
    ),
    (
        |state| table(state).counters.clear(),
        "パケットフィルタの counter head-office/device がありません。",
        "counter head-office/device of the packet filter: missing.",
    ),
];

#[test]
fn whatever_is_meddled_with_is_named_and_nothing_else() {
    for (meddle, ja, en) in CASES {
        let mut held = wanted();
        meddle(&mut held);
        let found = deviations(&held, &wanted());
        let said: Vec<_> = found.iter().map(|one| one.sentence(Language::Japanese)).collect();
        assert_eq!(said, [ja]);
        assert_eq!(found[0].sentence(Language::English), en);
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Deviation>>(&text).unwrap(), found);
    }
}

#[test]
fn what_is_as_designed_has_no_deviation() {
    assert_eq!(deviations(&wanted(), &wanted()), []);
    assert_eq!(deviations(&KernelState::default(), &KernelState::default()), []);
}

/// A plan has steps exactly where something deviates.
#[test]
fn deviations_and_steps_agree() {
    for (meddle, ..) in CASES {
        let mut held = wanted();
        meddle(&mut held);
        let planned = crate::steps(&held, &wanted());
        assert!(planned.map_or(true, |steps| !steps.is_empty()));
    }
}

#[test]
fn equal_rules_are_counted() {
    let mut held = wanted();
    let rules = &mut table(&mut held).chains.get_mut("forward").unwrap().rules;
    rules.push(rules[0].clone());
    let [Deviation::FilterRule { foreign: true, .. }] = deviations(&held, &wanted())[..] else {
        panic!("a rule that is there twice is one too many");
    };
}
