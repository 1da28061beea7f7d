use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What the page's process tells of a device that has something of everything; its own test keeps it.
const TOLD: &str = include_str!("../../../web/src/metrics/figures/golden.txt");
const MIB: &str = include_str!("../../../../docs/SEKISHO-MIB.txt");

/// An object of the module: its type and whether somebody may read it.
struct Object<'a> {
    syntax: &'a str,
    read: bool,
}

/// The objects of the module by their names in numbers.
fn module() -> BTreeMap<Oid, Object<'static>> {
    let mut names = BTreeMap::from([("enterprises", ".1.3.6.1.4.1".parse::<Oid>().unwrap())]);
    let mut objects = BTreeMap::new();
    let (mut name, mut syntax, mut read) = ("", "", false);
    for line in MIB.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            [new, "OBJECT-TYPE" | "MODULE-IDENTITY" | "OBJECT-GROUP" | "MODULE-COMPLIANCE"] => {
                name = new;
            }
            [new, "OBJECT", "IDENTIFIER", ..] => (name, syntax) = (new, ""),
            ["SYNTAX", first, ..] => syntax = first,
            ["MAX-ACCESS", access] => read = *access == "read-only",
            _ => {}
        }
        let Some((_, place)) = line.split_once("::= {") else { continue };
        let place: Vec<_> = place.trim_end_matches(" }").split_whitespace().collect();
        let (parent, numbers) = place.split_first().unwrap();
        let numbers: Vec<u32> = numbers.iter().map(|number| number.parse().unwrap()).collect();
        let oid = names[parent].below(&numbers);
        if !syntax.is_empty() {
            objects.insert(oid.clone(), Object { syntax, read });
        }
        names.insert(name, oid);
        syntax = "";
    }
    objects
}

/// The object of the module that an instance is of.
fn object_of<'a>(
    module: &'a BTreeMap<Oid, Object<'static>>,
    instance: &Oid,
) -> (&'a Oid, &'a Object<'static>) {
    let fits = |(oid, _): &(&Oid, &Object<'_>)| instance.numbers().starts_with(oid.numbers());
    module.iter().rfind(fits).unwrap_or_else(|| panic!("{instance} is not of the module"))
}

#[test]
fn every_object_is_one_of_the_module_with_its_type() {
    let (module, tree) = (module(), Tree::of(Some(&Figures::read(TOLD))));
    let mut seen = std::collections::BTreeSet::new();
    for (name, value) in tree.iter() {
        let (oid, object) = object_of(&module, name);
        let types: &[&str] = match value {
            Value::Integer(_) => &["INTEGER", "TruthValue"],
            Value::Gauge(_) => &["Gauge32"],
            Value::Counter(_) => &["Counter64"],
            Value::Text(_) => &["DisplayString"],
        };
        assert!(object.read && types.contains(&object.syntax), "{name}: {value:?}");
        seen.insert(oid);
    }
    // A device that has something of everything has each object that may be read.
    let readable = module.iter().filter(|(_, object)| object.read).map(|(oid, _)| oid);
    assert!(readable.eq(seen), "some are never told");
}

#[test]
fn figures_are_the_objects_that_are_written_down() {
    let tree = Tree::of(Some(&Figures::read(TOLD)));
    let value = |name: &str| tree.get(&format!("{BASE}.1.{name}").parse().unwrap()).cloned();
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let (yes, no) = (Some(Value::Integer(1)), Some(Value::Integer(2)));
    assert_eq!(value("1.1.0"), yes);
    assert_eq!(value("1.2.0"), text("0.1.0"));
    assert_eq!(value("1.3.0"), text("1.2.3"));
    assert_eq!(value("1.5.0"), Some(Value::Gauge(12)));
    assert_eq!(value("2.1.0"), Some(Value::Integer(2)));
    assert_eq!(value("2.2.0"), text("lgwan.router"));
    assert_eq!(value("2.3.0"), text("silent-router"));
    assert_eq!(value("3.1.0"), text("east"));
    assert_eq!(value("3.2.0"), no);
    // east and west, as IMPLIED strings.
    let (east, west) = ("101.97.115.116", "119.101.115.116");
    assert_eq!(value(&format!("3.3.1.2.{east}")), yes);
    assert_eq!(value(&format!("3.3.1.3.{west}")), no);
    assert_eq!(value(&format!("3.3.1.4.{east}")), Some(Value::Gauge(42)));
    assert_eq!(value(&format!("3.3.1.5.{east}")), Some(Value::Gauge(2500)));
    assert_eq!(value(&format!("3.3.1.7.{east}")), Some(Value::Counter(2000)));
    assert_eq!(value("4.3.0"), Some(Value::Gauge(19)));
    assert_eq!(value("4.4.0"), Some(Value::Gauge(65536)));
    assert_eq!(value("4.5.1.3.100.64.10.30.6"), Some(Value::Gauge(17)));
    assert_eq!(value("4.5.1.3.100.64.10.30.17"), Some(Value::Gauge(2)));
    assert_eq!(value("4.5.1.4.100.64.10.30.6"), Some(Value::Gauge(64512)));
    assert_eq!(value("5.1.1.2.1"), text("port1"));
    assert_eq!(value("5.1.1.3.1"), yes);
    assert_eq!(value("5.1.1.4.1"), Some(Value::Gauge(1000)));
    assert_eq!(value("5.1.1.3.4"), no);
    assert_eq!(value("5.1.1.4.4"), Some(Value::Gauge(0)));
    assert_eq!(value("5.1.1.5.4"), Some(Value::Counter(13)));
}

#[test]
fn a_device_that_does_not_answer_is_told_as_such() {
    let away = Tree::of(None);
    let names: Vec<_> = away.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, [format!("{BASE}.1.1.1.0"), format!("{BASE}.1.2.1.0")]);
    assert_eq!(away.get(&names[0].parse().unwrap()), Some(&Value::Integer(2)));
    assert_eq!(away.get(&names[1].parse().unwrap()), Some(&Value::Integer(UNKNOWN)));
    for figures in ["", "sekisho_up 0\n", "sekisho_health{level=\"ok\"} 1\n"] {
        assert_eq!(Tree::of(Some(&Figures::read(figures))), away, "{figures}");
    }
}

#[test]
fn what_is_not_known_is_not_there() {
    let tree = Tree::of(Some(&Figures::read(
        "sekisho_up 1\nsekisho_port_carrier{port=\"x\",side=\"moon\"} 1\n",
    )));
    let values: Vec<_> = tree.iter().map(|(_, value)| value.clone()).collect();
    assert_eq!(values, [Value::Integer(1), Value::Integer(UNKNOWN)]);
}

#[test]
fn figures_stay_within_their_types_and_texts_on_their_line() {
    let figures = "sekisho_up 1\nsekisho_connections 1e300\nsekisho_connections_limit -7\n\
                   sekisho_design_generation NaN\nsekisho_tunnel_cut_off 0\n\
                   sekisho_centre_carries_traffic{centre=\"a\\nb\u{e9}\"} 1\n";
    let tree = Tree::of(Some(&Figures::read(figures)));
    let value = |name: &str| tree.get(&format!("{BASE}.1.{name}").parse().unwrap()).cloned();
    assert_eq!(value("4.3.0"), Some(Value::Gauge(u32::MAX)));
    assert_eq!(value("4.4.0"), Some(Value::Gauge(0)));
    assert_eq!(value("1.5.0"), Some(Value::Gauge(0)));
    assert_eq!(value("3.1.0"), Some(Value::Text("a?b?".to_owned())));
}

fn oids() -> impl Strategy<Value = Oid> {
    let near = proptest::collection::vec(0..8_u32, 0..6)
        .prop_map(|numbers| BASE.parse::<Oid>().unwrap().below(&numbers));
    let anywhere = proptest::collection::vec(any::<u32>(), 1..12)
        .prop_map(|numbers| Oid::default().below(&numbers));
    prop_oneof![3 => near, 1 => anywhere]
}

proptest! {
    /// What GETNEXT gives is after the question, there, and nothing lies between.
    #[test]
    fn next_is_the_first_after(name in oids()) {
        let tree = Tree::of(Some(&Figures::read(TOLD)));
        let after: Vec<_> = tree.iter().filter(|(oid, _)| **oid > name).collect();
        prop_assert_eq!(tree.next(&name), after.first().copied());
    }

    /// A walk from anywhere ends, has each object after that once, and in order.
    #[test]
    fn a_walk_has_everything_once(start in oids()) {
        let tree = Tree::of(Some(&Figures::read(TOLD)));
        let (mut at, mut walked) = (start.clone(), Vec::new());
        while let Some((name, value)) = tree.next(&at) {
            prop_assert_eq!(tree.get(name), Some(value));
            walked.push(name.clone());
            at = name.clone();
        }
        let wanted: Vec<_> = tree.iter().map(|(name, _)| name.clone()).filter(|name| *name > start).collect();
        prop_assert_eq!(walked, wanted);
    }
}
