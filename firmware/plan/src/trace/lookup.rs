//! Sets and maps of the table, ready to be asked.

use std::{collections::BTreeMap, net::Ipv4Addr, ops::RangeInclusive};

use serde_json::Value;

use super::NotUnderstood;
use crate::{shaping, table::Set};

/// A set, or a map where its elements have values. Everything in our sets is a number of at most 32 bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    elements: Vec<Element>,
}

#[derive(Clone, Debug)]
struct Element {
    key: Vec<RangeInclusive<u32>>,
    value: Option<u32>,
}

/// All sets of a table by name.
pub(super) fn lookups(
    sets: &BTreeMap<String, Set>,
) -> Result<BTreeMap<String, Lookup>, NotUnderstood> {
    sets.iter().map(|(name, set)| Ok((name.clone(), Lookup::of(set)?))).collect()
}

impl Lookup {
    fn of(set: &Set) -> Result<Self, NotUnderstood> {
        let map = set.declaration.contains_key("map");
        let element = |element: &Value| {
            let (key, value) = match element.as_array().map(Vec::as_slice) {
                Some([key, value]) if map => (key, Some(single(value)?)),
                None if !map => (element, None),
                Some(_) | None => return Err(NotUnderstood::of(element)),
            };
            let key = match key.get("concat").and_then(Value::as_array) {
                Some(parts) => parts.iter().map(range).collect::<Result<_, _>>()?,
                None => vec![range(key)?],
            };
            Ok(Element { key, value })
        };
        let elements = set.elements.values().map(element).collect::<Result<_, _>>()?;
        Ok(Self { elements })
    }

    /// Whether a key is in the set.
    pub(super) fn contains(&self, key: &[u32]) -> bool {
        self.find(key).is_some()
    }

    /// What the map has for a key.
    pub(super) fn value(&self, key: &[u32]) -> Option<u32> {
        self.find(key)?.value
    }

    fn find(&self, key: &[u32]) -> Option<&Element> {
        self.elements.iter().find(|element| {
            element.key.len() == key.len()
                && element.key.iter().zip(key).all(|(range, part)| range.contains(part))
        })
    }
}

/// A part of an element: one value, a prefix, or both ends of a range.
fn range(value: &Value) -> Result<RangeInclusive<u32>, NotUnderstood> {
    let not_understood = || NotUnderstood::of(value);
    if let Some(prefix) = value.get("prefix") {
        let first = single(prefix.get("addr").ok_or_else(not_understood)?)?;
        let length = prefix.get("len").and_then(Value::as_u64).ok_or_else(not_understood)?;
        let length = u32::try_from(length).map_err(|_| not_understood())?;
        let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
        return if length <= 32 && first & hosts == 0 {
            Ok(first..=first | hosts)
        } else {
            Err(not_understood())
        };
    }
    match value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        Some([first, last]) => Ok(single(first)?..=single(last)?),
        Some(_) => Err(not_understood()),
        None => single(value).map(|one| one..=one),
    }
}

pub(super) fn single(value: &Value) -> Result<u32, NotUnderstood> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    let address = || value.as_str()?.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
    let handle = || shaping::class_of(value.as_str()?).map(shaping::number);
    number.or_else(address).or_else(handle).ok_or_else(|| NotUnderstood::of(value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::table::by_text;

    fn set(map: bool, elements: &[Value]) -> Result<Lookup, NotUnderstood> {
        let mut declaration = Map::new();
        if map {
            declaration.insert("map".to_owned(), json!("ipv4_addr"));
        }
        Lookup::of(&Set { declaration, elements: by_text(elements.iter().cloned()) })
    }

    fn bits(address: &str) -> u32 {
        address.parse::<Ipv4Addr>().unwrap().to_bits()
    }

    #[test]
    fn prefixes_ranges_and_single_values_are_found() {
        let net = json!({ "prefix": { "addr": "192.168.1.8", "len": 30 } });
        let span = json!({ "range": ["10.0.0.5", "10.0.0.9"] });
        let ports = json!({ "range": [5000, 5010] });
        let set = set(
            false,
            &[
                json!({ "concat": [1, net, 6, 443] }),
                json!({ "concat": [2, span, 17, ports] }),
                json!({ "concat": [1, { "prefix": { "addr": "0.0.0.0", "len": 0 } }, 6, 7] }),
            ],
        )
        .unwrap();
        for (mark, address, protocol, port, found) in [
            (1, "192.168.1.8", 6, 443, true),
            (1, "192.168.1.11", 6, 443, true),
            (1, "192.168.1.7", 6, 443, false),
            (1, "192.168.1.12", 6, 443, false),
            (2, "192.168.1.8", 6, 443, false),
            (2, "10.0.0.5", 17, 5010, true),
            (2, "10.0.0.9", 17, 5000, true),
            (2, "10.0.0.4", 17, 5000, false),
            (2, "10.0.0.10", 17, 5000, false),
            (2, "10.0.0.7", 17, 5011, false),
            (2, "10.0.0.7", 17, 4999, false),
            (1, "255.255.255.255", 6, 7, true),
        ] {
            let key = [mark, bits(address), protocol, port];
            assert_eq!(set.contains(&key), found, "{mark} {address} {protocol} {port}");
        }
        assert!(!set.contains(&[1, bits("192.168.1.8")]));
    }

    #[test]
    fn a_map_gives_its_value() {
        let key = json!({ "concat": [1, "100.64.10.11"] });
        let map = set(true, &[json!([key, "192.168.1.10"])]).unwrap();
        assert_eq!(map.value(&[1, bits("100.64.10.11")]), Some(bits("192.168.1.10")));
        assert_eq!(map.value(&[2, bits("100.64.10.11")]), None);
    }

    #[test]
    fn an_element_of_another_form_is_an_error() {
        for element in [
            json!("tcp"),
            json!({ "elem": { "val": 1 } }),
            json!([1, 2]),
            json!({ "range": [1] }),
            json!({ "prefix": { "addr": "10.0.0.1", "len": 8 } }),
            json!({ "prefix": { "addr": "10.0.0.0", "len": 33 } }),
            json!(4_294_967_296_u64),
        ] {
            assert!(set(false, std::slice::from_ref(&element)).is_err(), "{element}");
        }
        assert!(set(true, &[json!(1)]).is_err());
    }
}
