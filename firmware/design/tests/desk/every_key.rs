//! The changes of `diff.rs` leave no key of the model out: each is changed by one of them, and so has its sentence.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::diff::{CHANGES, base};

/// What a row is known by. Another value is another row: one goes and one comes.
const NAMES: [&str; 14] = [
    "lans.*.routes[].to",
    "names.entries[].name",
    "objects[].name",
    "policies[].name",
    "profile.centres[].name",
    "profile.networks[].prefix",
    "profile.services[].name",
    "profile.zones[].name",
    "servers[].allow_from_platform[].from",
    "servers[].global_for[].to",
    "servers[].name",
    "services[].name",
    "terminals[].global_for[].to",
    "terminals[].name",
];

/// A key below another; the LANs' names are values rather than keys.
fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        "lans" | "names.office_dns" => format!("{path}.*"),
        _ => format!("{path}.{key}"),
    }
}

/// Every key that has a value of its own.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                keys(value, &below(path, key), found);
            }
        }
        // A list of rows that is empty here has rows elsewhere; one of plain values always has some in the base.
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for item in items {
                keys(item, &format!("{path}[]"), found);
            }
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.insert(path.to_owned());
        }
    }
}

/// The keys whose values differ, where both have the same rows.
fn changed(before: &Value, after: &Value, path: &str, found: &mut BTreeSet<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before {
                if let Some(other) = after.get(key) {
                    changed(value, other, &below(path, key), found);
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.iter().any(Value::is_object) => {
            let rows = if before.len() == after.len() { before.len() } else { 0 };
            for (one, other) in before.iter().zip(after).take(rows) {
                changed(one, other, &format!("{path}[]"), found);
            }
        }
        _ if before != after => {
            found.insert(path.to_owned());
        }
        _ => {}
    }
}

#[test]
fn every_key_of_the_model_is_changed_by_a_test() {
    let value = serde_json::to_value(base()).unwrap();
    let mut all = BTreeSet::new();
    keys(&value, "", &mut all);
    let mut covered: BTreeSet<String> = NAMES.map(str::to_owned).into();
    // Rows in another order would look like rows with other values.
    let orders = ["policy.order", "profile.centre"];
    for (_, change) in CHANGES.into_iter().filter(|(path, _)| !orders.contains(path)) {
        let mut design = base();
        change(&mut design);
        changed(&value, &serde_json::to_value(design).unwrap(), "", &mut covered);
    }
    assert!(all.len() > 40, "{all:?}");
    let left: Vec<_> = all.difference(&covered).collect();
    assert!(left.is_empty(), "no change of {left:?}");
    let unknown: Vec<_> = NAMES.into_iter().filter(|name| !all.contains(*name)).collect();
    assert!(unknown.is_empty(), "the model has no {unknown:?}");
}
