use std::collections::BTreeSet;

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};
use sekisho_design::{Design, Method, Zone};

use super::*;
use crate::sample::{OFFICE, SCHOOL, STRANGER, TERMINAL, addresses, design, entry, name};

/// Few names, so that entries, aliases, zones and questions meet.
const NAMES: [&str; 12] = [
    "platform.example",
    "web.platform.example",
    "sub.platform.example",
    "web.sub.platform.example",
    "notplatform.example",
    "city.example",
    "web.city.example",
    "1.0.72.100.in-addr.arpa",
    "72.100.in-addr.arpa",
    "11.10.64.100.in-addr.arpa",
    "10.1.168.192.in-addr.arpa",
    "1.0.0.10.in-addr.arpa",
];

const ADDRESSES: [&str; 3] = ["100.72.0.1", "192.168.1.10", "10.0.0.1"];

const KINDS: [RecordType; 8] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CNAME,
    RecordType::PTR,
    RecordType::TXT,
    RecordType::ANY,
    RecordType::AXFR,
    RecordType::Unknown(65_280),
];

const DEVICE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);

fn wire(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

fn lans() -> impl Strategy<Value = Vec<Lan>> {
    select(vec![vec![Lan::HeadOffice], vec![Lan::EducationBoard], Lan::ALL.to_vec()])
}

fn designs() -> impl Strategy<Value = Design> {
    let target = prop_oneof![
        select(&NAMES[..]).prop_map(|text| NameTarget::Alias(name(text))),
        vec(select(&ADDRESSES[..]), 1..3).prop_map(|texts| addresses(&texts)),
    ];
    let entries = vec((select(&NAMES[..7]), lans(), target), 0..6);
    let method = select(vec![Method::Device, Method::Forward, Method::Hosts]);
    let office = btree_map(select(&Lan::ALL[..]), Just(vec![OFFICE]), 0..3);
    (method, office, entries, any::<bool>()).prop_map(|(method, office, entries, second_zone)| {
        let mut design = design(method);
        let names = design.names.as_mut().unwrap();
        names.office_dns = office;
        // A design has one entry of a name and a LAN at most.
        let mut seen = BTreeSet::new();
        names.entries = entries
            .into_iter()
            .map(|(text, mut lans, target)| {
                lans.retain(|lan| seen.insert((text, *lan)));
                entry(text, &lans, target)
            })
            .collect();
        if second_zone {
            let resolvers = vec![Ipv4Addr::new(100, 72, 9, 53)];
            design.profile.zones.push(Zone { name: "sub.platform.example".to_owned(), resolvers });
        }
        design
    })
}

/// What is decided, in words, by the plainest reading of the design.
fn model(design: &Design, lan: Lan, client: Ipv4Addr, text: &str, kind: RecordType) -> String {
    let names = design.names.as_ref().unwrap();
    let asked = names.office_dns.get(&lan).is_some_and(|servers| servers.contains(&client));
    let registered = match lan {
        Lan::HeadOffice => ["192.168.1.10", "192.168.1.11", "192.168.1.100"].as_slice(),
        Lan::EducationBoard => &["192.168.2.100"],
    };
    let admitted = match names.method {
        Method::Device => asked || registered.contains(&client.to_string().as_str()),
        Method::Forward => asked,
        Method::Hosts => false,
    };
    if names.method != Method::Hosts && client == DEVICE {
        return "refused-loop".to_owned();
    }
    if !admitted {
        return "refused-client".to_owned();
    }
    if matches!(kind, RecordType::ANY | RecordType::AXFR) {
        return "refused-kind".to_owned();
    }
    let of_lan = || names.entries.iter().filter(|entry| entry.lans.contains(&lan));
    if of_lan().any(|entry| entry.name.as_str() == text) {
        return "static".to_owned();
    }
    let mut listed = of_lan().filter_map(|entry| match &entry.target {
        NameTarget::Addresses(addresses) => Some(addresses),
        NameTarget::Alias(_) => None,
    });
    let reversed = |address: &Ipv4Addr| {
        let [a, b, c, d] = address.octets();
        text == format!("{d}.{c}.{b}.{a}.in-addr.arpa")
    };
    if listed.any(|addresses| addresses.iter().any(reversed)) {
        return "static".to_owned();
    }
    if text.ends_with("sub.platform.example") && design.profile.zones.len() > 1 {
        return "sub.platform.example".to_owned();
    }
    let on_platform = text == "platform.example" || text.ends_with(".platform.example");
    if on_platform
        || text.ends_with("72.100.in-addr.arpa")
        || text.ends_with("10.64.100.in-addr.arpa")
    {
        return "platform.example".to_owned();
    }
    if names.method == Method::Device && names.office_dns.contains_key(&lan) {
        return if asked { "refused-loop" } else { "office" }.to_owned();
    }
    "refused-name".to_owned()
}

fn words(decision: &Decision<'_>) -> String {
    match decision {
        Decision::Addresses(_) | Decision::Alias(_) | Decision::Names(_) => "static".to_owned(),
        Decision::Ask(Group::Platform(zone)) => zone.clone(),
        Decision::Ask(Group::Office(_)) => "office".to_owned(),
        Decision::Ask(Group::Lgwan) => "lgwan".to_owned(),
        Decision::Refuse(refusal) => refusal.as_str().to_owned(),
    }
}

fn clients() -> impl Strategy<Value = Ipv4Addr> {
    let server = Ipv4Addr::new(192, 168, 1, 10);
    select(vec![TERMINAL, SCHOOL, OFFICE, STRANGER, DEVICE, server])
}

proptest! {
    #[test]
    fn sources_come_in_order(
        design in designs(),
        client in clients(),
        text in select(&NAMES[..]),
        kind in select(&KINDS[..]),
        lan in select(&Lan::ALL[..]),
    ) {
        let setup = Setup::of(&design);
        let decision = decide(&setup, lan, client, &wire(text), kind);
        prop_assert_eq!(words(&decision), model(&design, lan, client, text, kind));
        let shouted = wire(&text.to_uppercase());
        prop_assert_eq!(decide(&setup, lan, client, &shouted, kind), decision);
    }

    #[test]
    fn a_lan_sees_nothing_of_the_other(
        design in designs(),
        client in clients(),
        text in select(&NAMES[..]),
        kind in select(&KINDS[..]),
    ) {
        let mut alone = design.clone();
        let names = alone.names.as_mut().unwrap();
        for entry in &mut names.entries {
            entry.lans.retain(|lan| *lan == Lan::HeadOffice);
        }
        names.office_dns.remove(&Lan::EducationBoard);
        alone.servers.retain(|row| row.lan == Lan::HeadOffice);
        alone.terminals.retain(|row| row.lan == Lan::HeadOffice);
        let (both, alone) = (Setup::of(&design), Setup::of(&alone));
        let of = |setup| words(&decide(setup, Lan::HeadOffice, client, &wire(text), kind));
        prop_assert_eq!(of(&both), of(&alone));
    }

    #[test]
    fn any_name_is_decided(labels in vec(vec(any::<u8>(), 1..20), 0..6), kind in any::<u16>()) {
        let setup = Setup::of(&design(Method::Device));
        let text = Name::from_labels(labels).unwrap();
        decide(&setup, Lan::HeadOffice, TERMINAL, &text, kind.into());
    }
}

#[test]
fn static_entries_say_what_they_hold() {
    let mut design = design(Method::Device);
    design.names.as_mut().unwrap().entries = vec![
        entry("juki.city.example", &[Lan::HeadOffice], addresses(&["192.168.1.10"])),
        entry("old.city.example", &[Lan::HeadOffice], addresses(&["192.168.1.10"])),
        entry("www.city.example", &[Lan::HeadOffice], NameTarget::Alias(name("juki.city.example"))),
    ];
    let setup = Setup::of(&design);
    let of = |text: &str, kind| decide(&setup, Lan::HeadOffice, TERMINAL, &wire(text), kind);
    let address = [Ipv4Addr::new(192, 168, 1, 10)];
    assert_eq!(of("juki.city.example", RecordType::A), Decision::Addresses(&address));
    assert_eq!(of("juki.city.example", RecordType::AAAA), Decision::Addresses(&[]));
    assert_eq!(of("www.city.example", RecordType::A), Decision::Alias(&name("juki.city.example")));
    let back = "10.1.168.192.in-addr.arpa";
    let names = ["juki.city.example", "old.city.example"].map(name);
    assert_eq!(of(back, RecordType::PTR), Decision::Names(&names));
    assert_eq!(of(back, RecordType::TXT), Decision::Names(&[]));
}

#[test]
fn a_dot_inside_a_label_makes_no_zone() {
    let setup = Setup::of(&design(Method::Device));
    for (labels, zone) in [
        (&[&b"web"[..], b"platform", b"example"][..], true),
        (&[b"odd.web", b"platform", b"example"], true),
        (&[b"web\\", b"platform", b"example"], true),
        (&[b"web.platform", b"example"], false),
        (&[b"web\\.platform", b"example"], false),
        (&[b"web.platform.example"], false),
    ] {
        let text = Name::from_labels(labels.iter().copied()).unwrap();
        let decision = decide(&setup, Lan::HeadOffice, TERMINAL, &text, RecordType::A);
        let platform = matches!(decision, Decision::Ask(Group::Platform(_)));
        assert_eq!(platform, zone, "{text}");
    }
}

#[test]
fn names_backwards() {
    for (text, network) in [
        ("1.0.72.100.in-addr.arpa", Some("100.72.0.1/32")),
        ("72.100.in-addr.arpa", Some("100.72.0.0/16")),
        ("100.in-addr.arpa", Some("100.0.0.0/8")),
        ("in-addr.arpa", None),
        ("1.2.3.4.5.in-addr.arpa", None),
        ("01.0.72.100.in-addr.arpa", None),
        ("+1.0.72.100.in-addr.arpa", None),
        ("256.0.72.100.in-addr.arpa", None),
        ("0/25.0.72.100.in-addr.arpa", None),
        (".in-addr.arpa", None),
        ("1.0.72.100.in-addr.arpa.example", None),
    ] {
        assert_eq!(backwards(text), network.map(|text| text.parse().unwrap()), "{text}");
    }
}
