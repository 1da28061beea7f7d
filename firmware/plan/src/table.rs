//! The packet filter's table as data: what the kernel is told and what it tells back, in one normal form.
//!
//! Everything is kept as `nft -j` lists it, so that the wanted table and the one read back can be compared as values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ruleset::is_runtime_set;

/// The family and name of our table. No other table on the box is read or written.
pub const TABLE: (&str, &str) = ("inet", "sekisho");

/// The table `inet sekisho`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Table {
    /// Named counters. Their values belong to the kernel and live on while the name stays.
    pub counters: BTreeSet<String>,
    /// Conntrack helpers, by the names that the kernel has for them; each is bound where a rule says so.
    #[serde(default)]
    pub helpers: BTreeSet<String>,
    /// Sets and maps by name.
    pub sets: BTreeMap<String, Set>,
    /// Chains by name.
    pub chains: BTreeMap<String, Chain>,
}

/// A set, or a map where its declaration has a `map` type.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Set {
    /// The declaration: `type`, `map`, `flags`.
    pub declaration: Map<String, Value>,
    /// Elements by their JSON text, so that they are sorted; empty where the daemon or the kernel fills the set while the
    /// device runs.
    pub elements: BTreeMap<String, Value>,
}

/// A chain and its rules.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Chain {
    /// The declaration: `type`, `hook`, `prio` and `policy` of a base chain, empty for others.
    pub declaration: Map<String, Value>,
    /// Each rule's statements.
    pub rules: Vec<Value>,
}

/// The listing isn't what `nft -j list table` prints.
#[derive(Debug, thiserror::Error)]
#[error("read nft listing: {0}")]
pub struct MalformedListing(&'static str);

/// Reads what `nft -j list table inet sekisho` prints.
///
/// # Errors
/// [`MalformedListing`] where the shape isn't that of a listing.
pub fn parse_listing(listing: &Value) -> Result<Option<Table>, MalformedListing> {
    let objects =
        listing.get("nftables").and_then(Value::as_array).ok_or(MalformedListing("no objects"))?;
    let mut found = false;
    let mut table = Table::default();
    for (kind, object) in objects.iter().filter_map(Value::as_object).flatten() {
        if kind == "metainfo" {
            continue;
        }
        let name = object.get("name").and_then(Value::as_str);
        if kind == "table" {
            found |= name == Some(TABLE.1);
            continue;
        }
        match kind.as_str() {
            "counter" => {
                table.counters.insert(name.ok_or(MalformedListing("unnamed counter"))?.to_owned());
            }
            "set" | "map" => {
                let name = name.ok_or(MalformedListing("unnamed set"))?;
                let declaration = declaration(object, &["type", "map", "flags"]);
                let elements = object.get("elem").and_then(Value::as_array);
                let elements = match elements {
                    Some(elements) if !is_runtime_set(name) => by_text(elements.clone()),
                    _ => BTreeMap::new(),
                };
                table.sets.insert(name.to_owned(), Set { declaration, elements });
            }
            "chain" => {
                let name = name.ok_or(MalformedListing("unnamed chain"))?;
                let declaration = declaration(object, &["type", "hook", "prio", "policy"]);
                table.chains.insert(name.to_owned(), Chain { declaration, rules: Vec::new() });
            }
            "rule" => {
                let chain = object
                    .get("chain")
                    .and_then(Value::as_str)
                    .and_then(|chain| table.chains.get_mut(chain))
                    .ok_or(MalformedListing("rule without its chain"))?;
                let rule = object.get("expr").ok_or(MalformedListing("rule without statements"))?;
                chain.rules.push(normal(rule.clone()));
            }
            "ct helper" => {
                table.helpers.insert(name.ok_or(MalformedListing("unnamed helper"))?.to_owned());
            }
            // An object that we never make: keep it in sight as a difference, so that the table is put right.
            other => {
                table.counters.insert(format!("foreign {other} {}", name.unwrap_or("-")));
            }
        }
    }
    Ok(found.then_some(table))
}

/// Elements by their text, the order in which a [`Set`] keeps them.
pub fn by_text(elements: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    elements.into_iter().map(|element| (element.to_string(), element)).collect()
}

/// The commands, in the JSON form of nft, that turn one table into the other in a single transaction.
///
/// What both have stays untouched, counters included. A set or chain that differs is flushed and filled again: packets see
/// the one before or the one after, and its elements carry no counters that could be lost.
pub fn transaction(before: Option<&Table>, after: Option<&Table>) -> Value {
    let mut commands = Commands::default();
    let Some(after) = after else {
        if before.is_some() {
            commands.push("delete", "table", &Map::new());
        }
        return commands.finish();
    };
    let nothing = Table::default();
    if before.is_none() {
        commands.push("add", "table", &Map::new());
    }
    let before = before.unwrap_or(&nothing);
    // A chain or set whose declaration changes can't be changed in place; the table is small, so it is laid anew.
    if before.compatible_with(after) {
        commands.fill(before, after);
    } else {
        commands.push("delete", "table", &Map::new());
        commands.push("add", "table", &Map::new());
        commands.fill(&nothing, after);
    }
    commands.finish()
}

impl Table {
    /// Gives a set that the daemon fills the elements that it has while the daemon runs, as `nft -j` lists them.
    pub fn fill(&mut self, set: &str, elements: impl IntoIterator<Item = Value>) {
        if let Some(set) = self.sets.get_mut(set) {
            set.elements = by_text(elements);
        }
    }

    fn compatible_with(&self, other: &Self) -> bool {
        let sets = self.sets.iter().all(|(name, set)| {
            other.sets.get(name).is_none_or(|after| after.declaration == set.declaration)
        });
        let chains = self.chains.iter().all(|(name, chain)| {
            other.chains.get(name).is_none_or(|after| after.declaration == chain.declaration)
        });
        let foreign = self.counters.iter().any(|name| name.starts_with("foreign "));
        sets && chains && !foreign
    }
}

/// Elements of one command. What doesn't fit into one netlink attribute (64 KB; a flow's element takes 72 bytes) nft divides by
/// itself, and writes the first element behind the border with the bytes of its mark turned round (seen with 1.0.6).
const AT_ONCE: usize = 400;

#[derive(Default)]
struct Commands(Vec<Value>);

impl Commands {
    fn fill(&mut self, before: &Table, after: &Table) {
        for name in after.counters.difference(&before.counters) {
            self.push("add", "counter", &named(name));
        }
        for name in after.helpers.difference(&before.helpers) {
            self.push("add", "ct helper", &helper(name));
        }
        for (name, set) in &after.sets {
            let kind = set.kind();
            let held = before.sets.get(name);
            if held.is_none() {
                let mut body = named(name);
                body.extend(set.declaration.clone());
                self.push("add", kind, &body);
            }
            if held.is_none_or(|held| held.elements != set.elements) {
                if held.is_some_and(|held| !held.elements.is_empty()) {
                    self.push("flush", kind, &named(name));
                }
                let elements: Vec<_> = set.elements.values().collect();
                for some in elements.chunks(AT_ONCE) {
                    let mut body = named(name);
                    body.insert("elem".to_owned(), json!(some));
                    self.push("add", "element", &body);
                }
            }
        }
        // Chains before rules, so that rules may jump to any of them.
        for (name, chain) in &after.chains {
            if !before.chains.contains_key(name) {
                let mut body = named(name);
                body.extend(chain.declaration.clone());
                self.push("add", "chain", &body);
            }
        }
        let changed = after.chains.iter().filter(|(name, chain)| {
            before.chains.get(*name).is_none_or(|b| b.rules != chain.rules)
        });
        for (name, chain) in changed {
            if before.chains.get(name).is_some_and(|chain| !chain.rules.is_empty()) {
                self.push("flush", "chain", &named(name));
            }
            for rule in &chain.rules {
                let body = Map::from_iter([
                    ("chain".to_owned(), json!(name)),
                    ("expr".to_owned(), rule.clone()),
                ]);
                self.push("add", "rule", &body);
            }
        }
        let gone = |name: &&String| !after.chains.contains_key(*name);
        before
            .chains
            .keys()
            .filter(gone)
            .for_each(|name| self.push("flush", "chain", &named(name)));
        before
            .chains
            .keys()
            .filter(gone)
            .for_each(|name| self.push("delete", "chain", &named(name)));
        for (name, set) in &before.sets {
            if !after.sets.contains_key(name) {
                self.push("delete", set.kind(), &named(name));
            }
        }
        for name in before.helpers.difference(&after.helpers) {
            self.push("delete", "ct helper", &named(name));
        }
        for name in before.counters.difference(&after.counters) {
            self.push("delete", "counter", &named(name));
        }
    }

    fn push(&mut self, verb: &str, kind: &str, body: &Map<String, Value>) {
        let mut object = Map::from_iter([("family".to_owned(), json!(TABLE.0))]);
        let scope = if kind == "table" { "name" } else { "table" };
        object.insert(scope.to_owned(), json!(TABLE.1));
        object.extend(body.clone());
        self.0.push(json!({ verb: { kind: object } }));
    }

    fn finish(self) -> Value {
        json!({ "nftables": self.0 })
    }
}

impl Set {
    fn kind(&self) -> &'static str {
        if self.declaration.contains_key("map") { "map" } else { "set" }
    }
}

/// nft 1.1 prints a mask of several flags as `{"|": […]}`, older ones as the list alone.
fn normal(statement: Value) -> Value {
    match statement {
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(mut fields)
            if fields.len() == 1 && fields.get("|").is_some_and(Value::is_array) =>
        {
            fields.remove("|").unwrap_or_default()
        }
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, normal(value))).collect()
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

fn named(name: &str) -> Map<String, Value> {
    Map::from_iter([("name".to_owned(), json!(name))])
}

/// All helpers that we use are of TCP.
fn helper(name: &str) -> Map<String, Value> {
    let mut body = named(name);
    let words = [("type", name), ("protocol", "tcp"), ("l3proto", "ip")];
    body.extend(words.map(|(key, value)| (key.to_owned(), json!(value))));
    body
}

fn declaration(object: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter()
        .filter_map(|key| {
            let value = object.get(*key)?.clone();
            // nft 1.1 prints a single flag as a string, older ones as an array of one.
            if *key != "flags" {
                return Some(((*key).to_owned(), value));
            }
            let flags = if value.is_string() { json!([value]) } else { value };
            // nft finds out by itself that rules fill a set; only newer ones say so.
            let mut flags = flags.as_array()?.clone();
            flags.retain(|flag| flag != "dynamic");
            (!flags.is_empty()).then(|| ((*key).to_owned(), json!(flags)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(elements: &[&str], rules: &[&str]) -> Table {
        let mut table = Table::default();
        let declaration = Map::from_iter([("type".to_owned(), json!("ipv4_addr"))]);
        let elements = by_text(elements.iter().map(|element| json!(element)));
        table.sets.insert("s".to_owned(), Set { declaration, elements });
        let rules = rules.iter().map(|counter| json!([{ "counter": counter }])).collect();
        table.chains.insert("c".to_owned(), Chain { declaration: Map::new(), rules });
        table.counters.extend(["x".to_owned()]);
        table
    }

    fn verbs(value: &Value) -> Vec<String> {
        let commands = value["nftables"].as_array().unwrap();
        let text = |c: &Value| {
            let (verb, object) = c.as_object().unwrap().iter().next().unwrap();
            format!("{verb} {}", object.as_object().unwrap().keys().next().unwrap())
        };
        commands.iter().map(text).collect()
    }

    #[test]
    fn the_same_table_is_no_command() {
        let same = table(&["192.0.2.1"], &["x"]);
        assert_eq!(transaction(Some(&same), Some(&same))["nftables"], json!([]));
        assert_eq!(transaction(None, None)["nftables"], json!([]));
    }

    #[test]
    fn a_changed_set_is_flushed_and_filled() {
        let commands = transaction(
            Some(&table(&["192.0.2.1", "192.0.2.2"], &["x"])),
            Some(&table(&["192.0.2.2", "192.0.2.3"], &["x"])),
        );
        assert_eq!(verbs(&commands), ["flush set", "add element"]);
        let elements = &commands["nftables"][1]["add"]["element"]["elem"];
        assert_eq!(*elements, json!(["192.0.2.2", "192.0.2.3"]));
    }

    #[test]
    fn many_elements_are_added_some_at_a_time() {
        let names: Vec<_> = (0..1000).map(|n| format!("192.0.{}.{}", n / 250, n % 250)).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let many = table(&names, &["x"]);
        let commands = transaction(Some(&table(&[], &["x"])), Some(&many));
        assert_eq!(verbs(&commands), ["add element"; 3]);
        let parts = commands["nftables"].as_array().unwrap().iter();
        let added = parts.flat_map(|part| part["add"]["element"]["elem"].as_array().unwrap());
        assert_eq!(by_text(added.cloned()), many.sets["s"].elements);
    }

    #[test]
    fn a_changed_chain_is_flushed_and_filled() {
        let commands = transaction(Some(&table(&[], &["x"])), Some(&table(&[], &["x", "x"])));
        assert_eq!(verbs(&commands), ["flush chain", "add rule", "add rule"]);
    }

    #[test]
    fn a_changed_declaration_lays_the_table_anew() {
        let mut after = table(&["192.0.2.1"], &["x"]);
        after.sets.get_mut("s").unwrap().declaration.insert("flags".into(), json!(["interval"]));
        let commands = transaction(Some(&table(&["192.0.2.1"], &["x"])), Some(&after));
        assert_eq!(&verbs(&commands)[..2], ["delete table", "add table"]);
        assert!(verbs(&commands).contains(&"add element".to_owned()));
    }

    #[test]
    fn a_mask_of_flags_reads_the_same_from_every_nft() {
        let listing = |mask: Value| {
            let left =
                json!({ "&": [{ "payload": { "protocol": "tcp", "field": "flags" } }, mask] });
            json!({ "nftables": [
                { "table": { "family": "inet", "name": "sekisho" } },
                { "chain": { "name": "c" } },
                { "rule": { "chain": "c", "expr": [{ "match": { "op": "!=", "left": left, "right": "syn" } }] } },
            ]})
        };
        let (old, new) = (json!(["fin", "syn"]), json!({ "|": ["fin", "syn"] }));
        let table = parse_listing(&listing(old)).unwrap();
        assert!(table.is_some());
        assert_eq!(parse_listing(&listing(new)).unwrap(), table);
    }

    #[test]
    fn a_listing_without_our_table_is_none() {
        let listing = json!({ "nftables": [{ "metainfo": {} }] });
        assert_eq!(parse_listing(&listing).unwrap(), None);
        assert!(parse_listing(&json!({})).is_err());
    }

    #[test]
    fn a_foreign_object_in_our_table_is_a_difference_that_lays_it_anew() {
        let listing = json!({ "nftables": [
            { "table": { "family": "inet", "name": "sekisho" } },
            { "quota": { "family": "inet", "table": "sekisho", "name": "q" } },
        ]});
        let observed = parse_listing(&listing).unwrap().unwrap();
        let commands = transaction(Some(&observed), Some(&Table::default()));
        assert_eq!(verbs(&commands), ["delete table", "add table"]);
    }
}
