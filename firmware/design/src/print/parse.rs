//! From text to tree: what stands where, and which comment belongs to what.

use std::collections::BTreeMap;

use toml_edit::{
    Array, Decor, DocumentMut, InlineTable, Item as TomlItem, Key, RawString, Table, TomlError,
    Value as TomlValue,
};

use super::tree::{Comments, Entry, Item, List, Tree, Value};

/// A whole file.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) root: Tree,
    /// Comments at the end that belong to no table.
    pub(crate) end: Vec<String>,
}

/// Reads a file. What [`crate::check()`] takes for TOML can still be refused here: a number beyond 64 bits.
pub(crate) fn parse(text: &str) -> Result<Parsed, TomlError> {
    let document: DocumentMut = text.parse()?;
    let mut headings = Headings::of(&document);
    let mut root = headings.tree(document.as_table());
    root.tail = headings.tails.remove(&ROOT).unwrap_or_default();
    Ok(Parsed { root, end: headings.end })
}

/// The comments around headings, by the place that each heading has among them.
///
/// Comments right below a table's last line, with an empty line after them, are that table's tail. All others belong to
/// the heading that follows.
struct Headings {
    above: BTreeMap<isize, Vec<String>>,
    tails: BTreeMap<isize, Vec<String>>,
    end: Vec<String>,
}

/// The place of the keys above the first heading.
const ROOT: isize = 0;

impl Headings {
    fn of(document: &DocumentMut) -> Self {
        let mut prefixes = BTreeMap::new();
        collect(document.as_table(), &mut prefixes);
        let mut headings = Self { above: BTreeMap::new(), tails: BTreeMap::new(), end: Vec::new() };
        let has_keys = |item: &TomlItem| match item {
            TomlItem::Value(_) => true,
            TomlItem::Table(table) => table.is_dotted(),
            TomlItem::ArrayOfTables(_) | TomlItem::None => false,
        };
        let mut last = document.iter().any(|(_, item)| has_keys(item)).then_some(ROOT);
        for (place, prefix) in prefixes {
            let (tail, above) = last.and_then(|_| parted(prefix)).unwrap_or(("", prefix));
            headings.tails.extend(last.map(|last| (last, closed(lines(tail)))));
            headings.above.insert(place, lines(above));
            last = Some(place);
        }
        let trailing = raw(document.trailing());
        let below = trailing.lines().next().is_some_and(|line| !line.trim().is_empty());
        let (tail, end) = match last {
            Some(_) if below => parted(trailing).unwrap_or((trailing, "")),
            _ => ("", trailing),
        };
        headings.tails.extend(last.map(|last| (last, closed(lines(tail)))));
        headings.end = closed(lines(end));
        headings
    }

    fn tree(&mut self, table: &Table) -> Tree {
        let mut tree = Tree::default();
        for (name, _) in table {
            let Some((key, item)) = table.get_key_value(name) else { continue };
            tree.entries.extend(self.entry(key, item));
        }
        if let Some(place) = table.position() {
            tree.tail = self.tails.remove(&place).unwrap_or_default();
        }
        tree
    }

    fn entry(&mut self, key: &Key, item: &TomlItem) -> Option<Entry> {
        let (value, comments) = match item {
            TomlItem::None => return None,
            TomlItem::Value(value) => {
                let above = lines(prefix(key.leaf_decor()));
                let beside = beside(suffix(value.decor()));
                (self.value(value), Comments { above, beside })
            }
            TomlItem::Table(table) => (Value::Tree(self.tree(table)), self.around(table)),
            TomlItem::ArrayOfTables(tables) => {
                let row = |table| {
                    let comments = self.around(table);
                    Item { value: Value::Tree(self.tree(table)), comments }
                };
                let items = tables.iter().map(row).collect();
                (Value::List(List { items, ..List::default() }), Comments::default())
            }
        };
        Some(Entry { key: key.get().to_owned(), value, comments })
    }

    /// The comments of a table's heading.
    fn around(&mut self, table: &Table) -> Comments {
        let above = table.position().and_then(|place| self.above.remove(&place));
        Comments { above: above.unwrap_or_default(), beside: beside(suffix(table.decor())) }
    }

    fn value(&mut self, value: &TomlValue) -> Value {
        match value {
            TomlValue::String(text) => Value::text(text.value()),
            TomlValue::Integer(number) => Value::number(*number.value()),
            TomlValue::Boolean(truth) => Value::Plain(truth.value().to_string()),
            TomlValue::Float(number) => Value::Plain(number.display_repr().into_owned()),
            TomlValue::Datetime(time) => Value::Plain(time.value().to_string()),
            TomlValue::Array(array) => Value::List(self.list(array)),
            TomlValue::InlineTable(table) => Value::Tree(self.inline(table)),
        }
    }

    fn list(&mut self, array: &Array) -> List {
        let mut parts = Parts::default();
        let mut broken = raw(array.trailing()).contains('\n');
        for value in array {
            let (before, after) = (prefix(value.decor()), suffix(value.decor()));
            broken |= before.contains('\n') || after.contains('\n');
            parts.push(before, after, self.value(value));
        }
        let (items, tail) = parts.close(raw(array.trailing()));
        List { items, broken, tail }
    }

    fn inline(&mut self, table: &InlineTable) -> Tree {
        let mut parts = Parts::default();
        let mut keys = Vec::new();
        for (name, value) in table {
            let before = table.key(name).map_or("", |key| prefix(key.leaf_decor()));
            let after = if value.as_inline_table().is_some_and(InlineTable::is_dotted) {
                ""
            } else {
                suffix(value.decor())
            };
            parts.push(before, after, self.value(value));
            keys.push(name.to_owned());
        }
        let (items, tail) = parts.close(raw(table.trailing()));
        let entry = |(key, Item { value, comments })| Entry { key, value, comments };
        Tree { entries: keys.into_iter().zip(items).map(entry).collect(), tail }
    }
}

/// What stands between brackets: a comment on a line with a part belongs to that part, all others to the part below.
#[derive(Default)]
struct Parts {
    items: Vec<Item>,
    /// Comments on lines between the last part and its comma, or the bracket.
    rest: Vec<String>,
}

impl Parts {
    fn push(&mut self, before: &str, after: &str, value: Value) {
        let mut item = Item::new(value);
        item.comments.above = self.lead(before);
        let (line, rest) = after.split_once('\n').unwrap_or((after, ""));
        item.comments.put_beside(beside(line));
        self.items.push(item);
        self.rest = closed(lines(rest));
    }

    fn close(mut self, trailing: &str) -> (Vec<Item>, Vec<String>) {
        let tail = closed(self.lead(trailing));
        (self.items, tail)
    }

    /// Gives the rest of the last part's line to that part, and the lines after it to the caller.
    fn lead(&mut self, text: &str) -> Vec<String> {
        let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
        let mut below = std::mem::take(&mut self.rest);
        match self.items.last_mut() {
            Some(last) => last.comments.put_beside(beside(line)),
            None => below.extend(beside(line)),
        }
        below.extend(lines(rest));
        below
    }
}

fn collect<'t>(table: &'t Table, prefixes: &mut BTreeMap<isize, &'t str>) {
    for (_, item) in table {
        let tables: Vec<&Table> = match item {
            TomlItem::Table(table) => vec![table],
            TomlItem::ArrayOfTables(tables) => tables.iter().collect(),
            TomlItem::Value(_) | TomlItem::None => Vec::new(),
        };
        for table in tables {
            prefixes.extend(table.position().map(|place| (place, prefix(table.decor()))));
            collect(table, prefixes);
        }
    }
}

/// The lines up to the first empty one, and from it on; `None` where the first line is empty or none is.
fn parted(text: &str) -> Option<(&str, &str)> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() && line.ends_with('\n') {
            return (offset > 0).then(|| text.split_at(offset));
        }
        offset += line.len();
    }
    None
}

/// Comment lines; runs of empty lines become one, and none stands first.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    // What is left before a key or heading on its own line.
    lines.pop_if(|line| line.is_empty());
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    lines[first..].iter().map(|line| (*line).to_owned()).collect()
}

/// Comment lines that nothing follows.
fn closed(mut lines: Vec<String>) -> Vec<String> {
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    lines
}

fn beside(text: &str) -> Option<String> {
    let comment = text.trim();
    (!comment.is_empty()).then(|| comment.to_owned())
}

fn prefix(decor: &Decor) -> &str {
    decor.prefix().map_or("", raw)
}

fn suffix(decor: &Decor) -> &str {
    decor.suffix().map_or("", raw)
}

fn raw(text: &RawString) -> &str {
    text.as_str().unwrap_or_default()
}
