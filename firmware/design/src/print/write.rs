//! From tree to text: the canonical form.

use super::{
    order::{self, Keys},
    parse::Parsed,
    tree::{Comments, Entry, List, Tree, Value},
};

/// A line is not longer than this, in characters, where a list can be broken instead.
const WIDTH: usize = 100;

/// Prints a whole file.
pub(crate) fn write(Parsed { root, end }: Parsed) -> String {
    let mut out = String::new();
    let (sections, keys): (Vec<_>, Vec<_>) =
        order::sorted(root.entries, &order::ROOT).into_iter().partition(is_section);
    entries(&mut out, keys, &order::ROOT);
    comments(&mut out, &root.tail, "");
    for entry in sections {
        section(&mut out, &[], entry, &order::ROOT);
    }
    if !end.is_empty() {
        part(&mut out);
        comments(&mut out, &end, "");
    }
    out
}

/// Whether an entry gets headings: a table, or a list that has nothing but tables.
fn is_section(entry: &Entry) -> bool {
    match &entry.value {
        Value::Plain(_) => false,
        Value::Tree(_) => true,
        Value::List(list) => {
            !list.items.is_empty()
                && list.items.iter().all(|item| matches!(item.value, Value::Tree(_)))
        }
    }
}

fn section(out: &mut String, path: &[String], entry: Entry, keys: &Keys) {
    let inside = keys.of(&entry.key);
    let path = &[path, &[key(&entry.key)]].concat()[..];
    let heading = path.join(".");
    match entry.value {
        Value::Plain(_) => {}
        Value::Tree(tree) if inside.sections => group(out, path, tree, &entry.comments, inside),
        Value::Tree(tree) => table(out, &format!("[{heading}]"), tree, &entry.comments, inside),
        Value::List(list) => {
            let mut comments = entry.comments;
            let rows = list.items.len();
            let mut tail = Some(list.tail);
            for (index, item) in list.items.into_iter().enumerate() {
                let Value::Tree(mut tree) = item.value else { continue };
                // What stood around the list as a whole stands around its first row now.
                let mut around = std::mem::take(&mut comments);
                around.above.extend(item.comments.above);
                around.put_beside(item.comments.beside);
                if index + 1 == rows {
                    tree.tail.extend(tail.take().unwrap_or_default());
                }
                table(out, &format!("[[{heading}]]"), tree, &around, inside);
            }
        }
    }
}

/// A table whose tables have headings of their own; its own heading shows where it has anything else.
fn group(out: &mut String, path: &[String], tree: Tree, around: &Comments, keys: &Keys) {
    let has_heading = |entry: &Entry| is_section(entry) && !keys.of(&entry.key).braces;
    let (sections, own): (Vec<_>, Vec<_>) =
        order::sorted(tree.entries, keys).into_iter().partition(has_heading);
    let own = Tree { entries: own, tail: tree.tail };
    if !own.entries.is_empty() || !own.tail.is_empty() || !around.is_empty() || sections.is_empty()
    {
        table(out, &format!("[{}]", path.join(".")), own, around, keys);
    }
    for entry in sections {
        section(out, path, entry, keys);
    }
}

fn table(out: &mut String, heading: &str, tree: Tree, around: &Comments, keys: &Keys) {
    part(out);
    comments(out, &around.above, "");
    *out += heading;
    line_end(out, around.beside.as_deref());
    entries(out, order::sorted(tree.entries, keys), keys);
    comments(out, &tree.tail, "");
}

fn entries(out: &mut String, sorted: Vec<Entry>, keys: &Keys) {
    for entry in sorted {
        comments(out, &entry.comments.above, "");
        let start = format!("{} = ", key(&entry.key));
        *out += &start;
        *out += &value(&entry.value, keys.of(&entry.key), "", start.chars().count());
        line_end(out, entry.comments.beside.as_deref());
    }
}

/// A value that starts after `used` characters of its line.
fn value(value: &Value, keys: &Keys, indent: &str, used: usize) -> String {
    if !value.has_comments() {
        let line = one_line(value, keys);
        let broken = matches!(value, Value::List(List { broken: true, .. }));
        let fits = used + line.chars().count() <= WIDTH;
        if !matches!(value, Value::List(list) if !list.items.is_empty()) || (fits && !broken) {
            return line;
        }
    }
    match value {
        Value::Plain(text) => text.clone(),
        Value::List(list) => broken_list(list, keys, indent),
        Value::Tree(tree) => broken_tree(tree, keys, indent),
    }
}

fn one_line(value: &Value, keys: &Keys) -> String {
    match value {
        Value::Plain(text) => text.clone(),
        Value::List(list) => {
            let items: Vec<_> = list.items.iter().map(|item| one_line(&item.value, keys)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Tree(tree) => {
            let entry = |entry: Entry| {
                format!("{} = {}", key(&entry.key), one_line(&entry.value, keys.of(&entry.key)))
            };
            let entries = order::sorted(tree.entries.clone(), keys);
            let entries: Vec<_> = entries.into_iter().map(entry).collect();
            if entries.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

fn broken_list(list: &List, keys: &Keys, indent: &str) -> String {
    let deeper = format!("{indent}  ");
    let mut out = "[\n".to_owned();
    for item in &list.items {
        comments(&mut out, &item.comments.above, &deeper);
        out += &deeper;
        out += &value(&item.value, keys, &deeper, deeper.len() + 1);
        out.push(',');
        line_end(&mut out, item.comments.beside.as_deref());
    }
    comments(&mut out, &list.tail, &deeper);
    out + indent + "]"
}

/// A table in braces over several lines (TOML 1.1): only where a comment stands in it.
fn broken_tree(tree: &Tree, keys: &Keys, indent: &str) -> String {
    let deeper = format!("{indent}  ");
    let mut out = "{\n".to_owned();
    for entry in order::sorted(tree.entries.clone(), keys) {
        comments(&mut out, &entry.comments.above, &deeper);
        let start = format!("{deeper}{} = ", key(&entry.key));
        out += &start;
        let used = start.chars().count() + 1;
        out += &value(&entry.value, keys.of(&entry.key), &deeper, used);
        out.push(',');
        line_end(&mut out, entry.comments.beside.as_deref());
    }
    comments(&mut out, &tree.tail, &deeper);
    out + indent + "}"
}

/// An empty line between two parts of a file.
fn part(out: &mut String) {
    if !out.is_empty() {
        out.push('\n');
    }
}

fn comments(out: &mut String, lines: &[String], indent: &str) {
    for line in lines {
        if !line.is_empty() {
            *out += indent;
            *out += line;
        }
        out.push('\n');
    }
}

fn line_end(out: &mut String, comment: Option<&str>) {
    if let Some(comment) = comment {
        *out += "  ";
        *out += comment;
    }
    out.push('\n');
}

fn key(name: &str) -> String {
    toml_edit::Key::new(name).display_repr().into_owned()
}
