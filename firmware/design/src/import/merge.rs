//! From rows to the tree of a site.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use serde::Serialize;

use super::{
    RowKind,
    rows::{Read, Row},
};
use crate::{
    Environment, Name,
    draft::ENVIRONMENTS,
    messages::range,
    print::tree::{Entry, Item, List, Tree, Value},
};

/// What an import does to the rows of one kind.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Changes {
    /// Names that are new.
    pub added: Vec<String>,
    /// Names of rows with another value.
    pub changed: Vec<String>,
    /// Names of rows that are as the table says already.
    pub unchanged: Vec<String>,
    /// Names of rows that the table doesn't name, where those go.
    pub removed: Vec<String>,
}

/// The cell that a value of the site comes from, by the value's TOML path.
pub(super) type Cells = BTreeMap<String, (usize, String)>;

/// Puts rows into a site; `None` where what stands under the key is no list of rows.
pub(super) fn merge(
    root: &mut Tree,
    kind: RowKind,
    rows: &[Row],
    replace: bool,
) -> Option<(Changes, Cells)> {
    if root.get(kind.key()).is_none() {
        root.entries.push(Entry::new(kind.key(), Value::List(List::default())));
    }
    let Some(Value::List(list)) = root.get_mut(kind.key()) else { return None };
    if !list.items.iter().all(|item| matches!(item.value, Value::Tree(_))) {
        return None;
    }
    let mut changes = Changes::default();
    if replace {
        let wanted: BTreeSet<_> = rows.iter().map(|row| written(&row.name.value)).collect();
        let (kept, gone) = std::mem::take(&mut list.items)
            .into_iter()
            .partition(|item| name(item).is_some_and(|name| wanted.contains(name)));
        list.items = kept;
        changes.removed = gone.iter().map(|item: &Item| label(item)).collect();
    }
    let places = list.items.iter().enumerate().rev();
    let places: BTreeMap<String, usize> =
        places.filter_map(|(index, item)| Some((name(item)?.to_owned(), index))).collect();
    let mut cells = Cells::new();
    for row in rows {
        let place = places.get(&written(&row.name.value)).copied();
        let index = place.unwrap_or_else(|| {
            list.items.push(Item::new(Value::Tree(Tree::default())));
            list.items.len() - 1
        });
        let Value::Tree(tree) = &mut list.items[index].value else { continue };
        let differs = fill(tree, kind, row);
        let names = match (place, differs) {
            (None, _) => &mut changes.added,
            (Some(_), true) => &mut changes.changed,
            (Some(_), false) => &mut changes.unchanged,
        };
        names.push(row.name.value.to_string());
        note(&mut cells, &format!("{}[{index}]", kind.key()), kind, row);
    }
    Some((changes, cells))
}

/// Sets what a row says, and says whether anything is different now. What already says the same stays as it is written.
fn fill(tree: &mut Tree, kind: RowKind, row: &Row) -> bool {
    let mut changed = set(tree, "name", Value::text(row.name.value.as_str()));
    changed |= set(tree, "interface", Value::text(row.lan.value.as_str()));
    changed |= match (kind, row.inside.first()) {
        (RowKind::Servers, Some(inside)) => set(tree, "private", Value::text(&range(inside.value))),
        (RowKind::Servers, None) => false,
        (RowKind::Terminals, _) => set_networks(tree, &row.inside),
    };
    changed |= set(tree, "global", Value::text(&row.global.value.to_string()));
    if let Some(environment) = &row.environment
        && (environment.value != Environment::Production || tree.get("environment").is_some())
    {
        let word = ENVIRONMENTS.iter().find(|(_, known)| *known == environment.value);
        changed |= set(tree, "environment", Value::text(word.map_or("", |(word, _)| *word)));
    }
    changed
}

fn set(tree: &mut Tree, key: &str, value: Value) -> bool {
    let changed = match (tree.get(key), &value) {
        (Some(Value::Plain(old)), Value::Plain(new)) => old != new,
        _ => true,
    };
    if changed {
        tree.set(key, value);
    }
    changed
}

/// Sets the networks of terminals. One that stands there already keeps its comments.
fn set_networks(tree: &mut Tree, networks: &[Read<Ipv4Net>]) -> bool {
    if !matches!(tree.get("from"), Some(Value::List(_))) {
        tree.set("from", Value::List(List::default()));
    }
    let Some(Value::List(list)) = tree.get_mut("from") else { return false };
    let old: Vec<_> = list.items.iter().map(network).collect();
    if old.iter().copied().eq(networks.iter().map(|read| Some(read.value))) {
        return false;
    }
    let items = std::mem::take(&mut list.items);
    let mut known: BTreeMap<_, _> =
        items.into_iter().filter_map(|item| Some((network(&item)?, item))).collect();
    list.items.extend(networks.iter().map(|read| {
        let new = || Item::new(Value::text(&range(read.value)));
        known.remove(&read.value).unwrap_or_else(new)
    }));
    true
}

fn network(item: &Item) -> Option<Ipv4Net> {
    let Value::Plain(text) = &item.value else { return None };
    let text = text.trim_matches('"');
    text.parse().or_else(|_| text.parse::<std::net::Ipv4Addr>().map(Ipv4Net::from)).ok()
}

/// Notes which cell each value of a row comes from.
fn note(cells: &mut Cells, path: &str, kind: RowKind, row: &Row) {
    let mut note = |path: String, offset, heading: &str| {
        cells.insert(path, (offset, heading.to_owned()));
    };
    let Row { name, lan, inside, global, environment } = row;
    // What is wrong with a row as a whole is said where its name stands.
    note(path.to_owned(), name.offset, &name.heading);
    note(format!("{path}.name"), name.offset, &name.heading);
    note(format!("{path}.interface"), lan.offset, &lan.heading);
    note(format!("{path}.global"), global.offset, &global.heading);
    if let Some(environment) = environment {
        note(format!("{path}.environment"), environment.offset, &environment.heading);
    }
    for (index, inside) in inside.iter().enumerate() {
        let path = match kind {
            RowKind::Servers => format!("{path}.private"),
            RowKind::Terminals => format!("{path}.from[{index}]"),
        };
        note(path, inside.offset, &inside.heading);
    }
}

/// A row's name as it is printed.
fn name(item: &Item) -> Option<&str> {
    let Value::Tree(tree) = &item.value else { return None };
    match tree.get("name") {
        Some(Value::Plain(name)) => Some(name),
        _ => None,
    }
}

/// A name as it is printed: in the quotes that a name never needs otherwise.
fn written(name: &Name) -> String {
    format!("\"{name}\"")
}

/// What to call a row of the site.
fn label(item: &Item) -> String {
    name(item).unwrap_or_default().trim_matches('"').to_owned()
}
