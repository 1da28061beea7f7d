//! Steps as sentences, for people who read a plan.

use std::{collections::BTreeMap, fmt};

use crate::{
    Change, Step,
    state::{Route, RouteAction, Rule, Selector},
    table::{Set, Table},
};

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { path, change } => {
                write!(f, "set {} to {}", path.replace('/', "."), change.after)
            }
            Self::Link { name, change } => match (&change.before, &change.after) {
                (None, Some(link)) => write!(f, "make tunnel device {name}, MTU {}", link.mtu),
                (_, Some(link)) => {
                    let state = if link.up { "up" } else { "down" };
                    write!(f, "bring {name} {state}, MTU {}", link.mtu)
                }
                (_, None) => write!(f, "remove {name}"),
            },
            Self::Address { address, change } => {
                let (verb, word) = verb(change);
                write!(
                    f,
                    "{verb} address {}/{} {word} {}",
                    address.address, address.prefix, address.link
                )
            }
            Self::Route { route, change } => write!(f, "{} {route}", verb(change).0),
            Self::Rule { rule, change } => write!(f, "{} {rule}", verb(change).0),
            Self::Table { change } => table(f, change.before.as_deref(), change.after.as_deref()),
        }
    }
}

fn verb(change: &Change<bool>) -> (&'static str, &'static str) {
    if change.after { ("add", "to") } else { ("remove", "from") }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, to, metric, action } = self;
        match action {
            RouteAction::Unreachable => {
                write!(f, "unreachable {to}, table {table}, metric {metric}")
            }
            RouteAction::Forward { link, via: None, .. } => {
                write!(f, "route to {to} out of {link}, table {table}, metric {metric}")
            }
            RouteAction::Forward { link, via: Some(via), .. } => {
                write!(f, "route to {to} by {via} on {link}, table {table}, metric {metric}")
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { priority, selector, table } = self;
        match selector {
            Selector::Mark(mark) => write!(f, "rule {priority}: mark {mark} uses table {table}"),
            Selector::OutputLink(link) => {
                write!(f, "rule {priority}: out of {link} uses table {table}")
            }
        }
    }
}

fn table(f: &mut fmt::Formatter<'_>, before: Option<&Table>, after: Option<&Table>) -> fmt::Result {
    match (before, after) {
        (_, None) => f.write_str("remove the packet filter"),
        (None, Some(after)) => {
            let elements: usize = after.sets.values().map(|set| set.elements.len()).sum();
            let rules: usize = after.chains.values().map(|chain| chain.rules.len()).sum();
            write!(f, "lay the packet filter: {rules} rules, {elements} set elements")
        }
        (Some(before), Some(after)) => {
            f.write_str("change the packet filter:")?;
            for name in keys(&before.sets, &after.sets) {
                let (held, wanted) = (elements(before, name), elements(after, name));
                let gone = held.keys().filter(|element| !wanted.contains_key(*element)).count();
                let come = wanted.keys().filter(|element| !held.contains_key(*element)).count();
                if gone + come > 0 {
                    write!(f, " {name} -{gone} +{come};")?;
                }
            }
            let changed = keys(&before.chains, &after.chains)
                .filter(|name| before.chains.get(*name) != after.chains.get(*name))
                .count();
            write!(f, " {changed} chains")
        }
    }
}

fn keys<'a, T>(
    before: &'a BTreeMap<String, T>,
    after: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = &'a String> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    after.keys().chain(gone)
}

fn elements<'a>(table: &'a Table, set: &str) -> &'a BTreeMap<String, serde_json::Value> {
    static NONE: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    table.sets.get(set).map_or(&NONE, |set: &Set| &set.elements)
}
