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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// A row of a table.
pub(super) trait Incoming {
    /// Its name.
    fn name(&self) -> &Read<Name>;

    /// Sets what it says, and says whether anything is different now. What already says the same stays as it is written.
    fn fill(&self, tree: &mut Tree) -> bool;

    /// Tells the cell that each value comes from, by the value's path below the row.
    fn cells(&self, tell: &mut dyn FnMut(&str, (usize, &str)));
}

/// What a merge did.
pub(super) struct Merged {
    pub(super) changes: Changes,
    pub(super) cells: Cells,
    /// Where each row of the table stands among those of the site.
    pub(super) places: Vec<usize>,
}

/// Puts rows into a site; `None` where what stands under the key is no list of rows. Where the order of rows counts, and
/// the table says all of them, it is the table's.
pub(super) fn merge(
    root: &mut Tree,
    kind: RowKind,
    rows: &[impl Incoming],
    replace: bool,
) -> Option<Merged> {
    if root.get(kind.key()).is_none() {
        root.entries.push(Entry::new(kind.key(), Value::List(List::default())));
    }
    let Some(Value::List(list)) = root.get_mut(kind.key()) else { return None };
    if !list.items.iter().all(|item| matches!(item.value, Value::Tree(_))) {
        return None;
    }
    let mut changes = Changes::default();
    let before: BTreeSet<String> =
        list.items.iter().filter_map(|item| Some(name(item)?.to_owned())).collect();
    if replace {
        let wanted: BTreeSet<_> = rows.iter().map(|row| written(&row.name().value)).collect();
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut list.items)
            .into_iter()
            .partition(|item| name(item).is_some_and(|name| wanted.contains(name)));
        changes.removed = gone.iter().map(label).collect();
        list.items = if kind == RowKind::Policies { in_order_of(rows, kept) } else { kept };
    }
    let known = list.items.iter().enumerate().rev();
    let known: BTreeMap<String, usize> =
        known.filter_map(|(index, item)| Some((name(item)?.to_owned(), index))).collect();
    let mut merged = Merged { changes, cells: Cells::new(), places: Vec::new() };
    for row in rows {
        let name = row.name();
        let printed = written(&name.value);
        let index = known.get(&printed).copied().unwrap_or_else(|| {
            list.items.push(Item::new(Value::Tree(Tree::default())));
            list.items.len() - 1
        });
        let Value::Tree(tree) = &mut list.items[index].value else { continue };
        let mut differs = set(tree, "name", Value::text(name.value.as_str()));
        differs |= row.fill(tree);
        let names = match (before.contains(&printed), differs) {
            (false, _) => &mut merged.changes.added,
            (true, true) => &mut merged.changes.changed,
            (true, false) => &mut merged.changes.unchanged,
        };
        names.push(name.value.to_string());
        merged.places.push(index);
        let path = format!("{}[{index}]", kind.key());
        let mut note = |path: String, (offset, heading): (usize, &str)| {
            merged.cells.insert(path, (offset, heading.to_owned()));
        };
        // What is wrong with a row as a whole is said where its name stands.
        note(path.clone(), (name.offset, &name.heading));
        note(format!("{path}.name"), (name.offset, &name.heading));
        row.cells(&mut |below, cell| note(format!("{path}.{below}"), cell));
    }
    Some(merged)
}

/// The rows of a site in the order of a table's, with those that are new.
fn in_order_of(rows: &[impl Incoming], kept: Vec<Item>) -> Vec<Item> {
    let named = |item: Item| Some((name(&item)?.to_owned(), item));
    let mut kept: BTreeMap<_, _> = kept.into_iter().filter_map(named).collect();
    let ordered = rows.iter().map(|row| {
        let name = &row.name().value;
        kept.remove(&written(name)).unwrap_or_else(|| {
            let mut tree = Tree::default();
            tree.set("name", Value::text(name.as_str()));
            Item::new(Value::Tree(tree))
        })
    });
    ordered.collect()
}

impl Incoming for Row {
    fn name(&self) -> &Read<Name> {
        &self.name
    }

    fn fill(&self, tree: &mut Tree) -> bool {
        let mut changed = set(tree, "interface", Value::text(self.lan.value.as_str()));
        changed |= match (self.kind, self.inside.first()) {
            (RowKind::Servers, Some(inside)) => {
                set(tree, "private", Value::text(&range(inside.value)))
            }
            (RowKind::Servers, None) => false,
            (RowKind::Terminals | RowKind::Policies, _) => {
                let networks: Vec<_> = self.inside.iter().map(|read| read.value).collect();
                set_list(tree, "from", &networks, network, |network| range(*network))
            }
        };
        changed |= set(tree, "global", Value::text(&self.global.value.to_string()));
        if let Some(environment) = &self.environment
            && (environment.value != Environment::Production || tree.get("environment").is_some())
        {
            changed |= set(tree, "environment", environment_word(environment.value));
        }
        changed
    }

    fn cells(&self, tell: &mut dyn FnMut(&str, (usize, &str))) {
        let Self { kind, name: _, lan, inside, global, environment } = self;
        tell("interface", (lan.offset, &lan.heading));
        tell("global", (global.offset, &global.heading));
        if let Some(environment) = environment {
            tell("environment", (environment.offset, &environment.heading));
        }
        for (index, inside) in inside.iter().enumerate() {
            let cell = (inside.offset, &*inside.heading);
            match kind {
                RowKind::Servers => tell("private", cell),
                RowKind::Terminals | RowKind::Policies => tell(&format!("from[{index}]"), cell),
            }
        }
    }
}

/// The word of the design file for an environment.
pub(super) fn environment_word(environment: Environment) -> Value {
    let word = ENVIRONMENTS.iter().find(|(_, known)| *known == environment);
    Value::text(word.map_or("", |(word, _)| *word))
}

pub(super) fn set(tree: &mut Tree, key: &str, value: Value) -> bool {
    let changed = match (tree.get(key), &value) {
        (Some(Value::Plain(old)), Value::Plain(new)) => old != new,
        _ => true,
    };
    if changed {
        tree.set(key, value);
    }
    changed
}

/// Sets a list. A value that stands there already keeps its comments.
pub(super) fn set_list<T: Clone + Ord>(
    tree: &mut Tree,
    key: &str,
    values: &[T],
    parse: impl Fn(&str) -> Option<T>,
    show: impl Fn(&T) -> String,
) -> bool {
    if !matches!(tree.get(key), Some(Value::List(_))) {
        tree.set(key, Value::List(List::default()));
    }
    let Some(Value::List(list)) = tree.get_mut(key) else { return false };
    let read = |item: &Item| match &item.value {
        Value::Plain(text) => parse(text.trim_matches('"')),
        Value::List(_) | Value::Tree(_) => None,
    };
    let old: Vec<_> = list.items.iter().map(read).collect();
    if old.into_iter().eq(values.iter().map(|value| Some(value.clone()))) {
        return false;
    }
    let items = std::mem::take(&mut list.items);
    let mut known: BTreeMap<_, _> =
        items.into_iter().filter_map(|item| Some((read(&item)?, item))).collect();
    list.items.extend(values.iter().map(|value| {
        let new = || Item::new(Value::text(&show(value)));
        known.remove(value).unwrap_or_else(new)
    }));
    true
}

fn network(text: &str) -> Option<Ipv4Net> {
    text.parse().or_else(|_| text.parse::<std::net::Ipv4Addr>().map(Ipv4Net::from)).ok()
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
