//! Rows of a site from the tables of a spreadsheet.
//!
//! A table is CSV with the columns of the address-translation sheet ([`crate::Sheet::translation`]), in any order, and with
//! the headings and words of either language. It says where a row stands and what its addresses are: name, LAN, address
//! inside, global address, environment. A row of the site with the same name takes these over and keeps everything
//! else, a new name is a new row, which has the defaults for everything else. Where a table has the column of the
//! method, only lines of the kind that is asked for count.
//!
//! Policies come from the flow inventory ([`crate::Sheet::flows`]) in the same way: who starts, who is asked, services, and
//! what else a policy says. Lines about servers and terminals, which the inventory shows too, are passed by.

mod cells;
mod columns;
mod merge;
mod policies;
mod rows;
mod text;

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

pub use merge::Changes;

use crate::{
    LARGEST_FILE, Problem, Problems, Rule, Severity, Source,
    check::{Cursor, problems_of_site},
    print::{
        parse::Parsed,
        parsed,
        tree::{Entry, List, Tree, Value},
        write,
    },
};

/// The kinds of rows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    /// `[[server]]`.
    Servers,
    /// `[[terminals]]`.
    Terminals,
    /// `[[policy]]`.
    Policies,
}

/// The largest table of policies, in bytes: 100,000 lines and more, so that what is wrong with them is told by line. The site
/// that they make may not be larger than [`LARGEST_FILE`].
pub const LARGEST_TABLE: usize = 32 << 20;

/// Tables for a site.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// A table whose servers count.
    pub servers: Option<Source<'a>>,
    /// A table whose terminals count; it may be the same one.
    pub terminals: Option<Source<'a>>,
    /// A flow inventory whose policies count.
    pub flows: Option<Source<'a>>,
    /// Whether rows that a table doesn't name leave the site, of the kind that it is about.
    pub replace: bool,
}

/// A site with the rows of the tables in it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The site in canonical form. It may break rules.
    pub site: String,
    /// What became of the rows, by kind.
    pub changes: BTreeMap<RowKind, Changes>,
    /// What somebody should know who looks at the tables.
    pub notices: Vec<Problem>,
    /// The cell that a value of the site comes from, by the value's TOML path.
    cells: BTreeMap<String, Place>,
}

/// A cell for people.
#[derive(Clone, Debug)]
struct Place {
    file: String,
    line: usize,
    column: usize,
    heading: String,
}

/// What is found in a table: offset, heading and rule.
#[derive(Default)]
struct Notes {
    found: Vec<(usize, String, Rule)>,
}

/// Puts the rows of tables into a site.
///
/// # Errors
/// Everything that is wrong with the tables, by line and column, or with the site as a whole. A site that breaks rules
/// is taken as it is.
pub fn import(site: &Source<'_>, tables: &Tables<'_>) -> Result<Imported, Problems> {
    let mut tree = parsed(site)?;
    let (mut changes, mut notices, mut cells) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    let both = tables.servers.is_some() && tables.terminals.is_some();
    let mut last = None;
    for (kind, table) in [
        (RowKind::Servers, tables.servers),
        (RowKind::Terminals, tables.terminals),
        (RowKind::Policies, tables.flows),
    ] {
        let Some(table) = table else { continue };
        let text = match text_of(&table, kind) {
            Ok(text) => text,
            Err(problem) => {
                notices.push(problem);
                continue;
            }
        };
        let mut notes = Notes::default();
        let lines = cells::read(&text, &mut notes);
        let merged = match kind {
            RowKind::Servers | RowKind::Terminals => {
                let (rows, others) = rows::read(&lines, kind, &mut notes);
                if others > 0 && !both {
                    notes.add(0, "", Rule::OtherRows { count: others, kind });
                }
                merge::merge(&mut tree.root, kind, &rows, tables.replace)
            }
            RowKind::Policies => {
                let (rows, others) = policies::read(&lines, &mut notes);
                if others > 0 {
                    notes.add(0, "", Rule::OtherRows { count: others, kind });
                }
                merge::merge(&mut tree.root, kind, &rows, tables.replace)
            }
        };
        notices.extend(notes.problems(table.name, &text));
        let Some(merged) = merged else { return Err(Problems(problems_of_site(site))) };
        changes.insert(kind, merged.changes);
        cells.extend(places(merged.cells, table.name, &text));
        last = Some((kind, merged.places));
    }
    if tables.servers.map(|table| table.name) == tables.terminals.map(|table| table.name) {
        // One file for both: what is said about its headings is said once.
        notices.sort_by_key(|problem: &Problem| (problem.line, problem.column, problem.code()));
        notices.dedup();
    }
    if notices.iter().any(|problem: &Problem| problem.severity() == Severity::Error) {
        return Err(Problems(notices));
    }
    let rows = last.map(|(kind, places)| (kind, sizes(&tree.root, kind, &places)));
    let site = write(tree);
    if let Some((kind, sizes)) = rows.filter(|_| site.len() > LARGEST_FILE) {
        return Err(Problems(vec![too_large(site.len(), kind, &sizes, &cells)]));
    }
    Ok(Imported { site, changes, notices, cells })
}

/// How many bytes each of some rows has in the site.
fn sizes(root: &Tree, kind: RowKind, places: &[usize]) -> Vec<(usize, usize)> {
    let Some(Value::List(list)) = root.get(kind.key()) else { return Vec::new() };
    let size = |index: &usize| {
        let items = vec![list.items.get(*index)?.clone()];
        let rows = Value::List(List { items, ..List::default() });
        let root = Tree { entries: vec![Entry::new(kind.key(), rows)], tail: Vec::new() };
        // Each is parted from the one before by an empty line.
        Some((*index, write(Parsed { root, end: Vec::new() }).len() + 1))
    };
    places.iter().filter_map(size).collect()
}

/// The row of a table with which the site grows too large.
fn too_large(
    bytes: usize,
    kind: RowKind,
    sizes: &[(usize, usize)],
    cells: &BTreeMap<String, Place>,
) -> Problem {
    let all: usize = sizes.iter().map(|(_, size)| size).sum();
    let mut size = bytes.saturating_sub(all);
    let exceeding = sizes.iter().find(|(_, of_row)| {
        size += of_row;
        size > LARGEST_FILE
    });
    let index = exceeding.or(sizes.last()).map_or(0, |(index, _)| *index);
    let rule = Rule::SiteTooLarge { bytes, limit: LARGEST_FILE };
    match cells.get(&format!("{}[{index}]", kind.key())) {
        Some(Place { file, line, column, heading }) => Problem {
            rule,
            file: file.clone(),
            line: *line,
            column: *column,
            path: heading.clone(),
        },
        None => Problem { rule, file: String::new(), line: 1, column: 1, path: String::new() },
    }
}

impl Imported {
    /// Problems of the site, with the cell instead of the place in the site where a value comes from a table.
    pub fn in_tables(&self, problems: Vec<Problem>, site: &str) -> Vec<Problem> {
        let moved = |problem: Problem| match self.cells.get(&problem.path) {
            Some(Place { file, line, column, heading }) if problem.file == site => Problem {
                file: file.clone(),
                line: *line,
                column: *column,
                path: heading.clone(),
                rule: problem.rule,
            },
            _ => problem,
        };
        problems.into_iter().map(moved).collect()
    }
}

impl RowKind {
    /// The word of the design file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Servers => "server",
            Self::Terminals => "terminals",
            Self::Policies => "policy",
        }
    }
}

impl Notes {
    fn add(&mut self, offset: usize, heading: &str, rule: Rule) {
        self.found.push((offset, heading.to_owned(), rule));
    }

    /// What is found, in the order of the table.
    fn problems(mut self, file: &str, text: &str) -> impl Iterator<Item = Problem> {
        self.found.sort_by(|(offset, _, rule), (other, _, other_rule)| {
            (offset, rule.code()).cmp(&(other, other_rule.code()))
        });
        let mut cursor = Cursor::new(text.as_bytes());
        self.found.into_iter().map(move |(offset, path, rule)| {
            let (line, column) = cursor.place(offset);
            Problem { rule, file: file.to_owned(), line, column, path }
        })
    }
}

/// A table's text.
fn text_of<'a>(table: &Source<'a>, kind: RowKind) -> Result<Cow<'a, str>, Problem> {
    let bytes = table.bytes;
    let limit = match kind {
        RowKind::Servers | RowKind::Terminals => LARGEST_FILE,
        RowKind::Policies => LARGEST_TABLE,
    };
    let (offset, rule) = if bytes.len() > limit {
        (0, Rule::TooLarge { bytes: bytes.len(), limit })
    } else {
        match text::decode(bytes) {
            Ok(text) => return Ok(text),
            Err(at) => (at, Rule::NotText { byte: at + 1 }),
        }
    };
    let (line, column) = Cursor::new(bytes).place(offset);
    Err(Problem { rule, file: table.name.to_owned(), line, column, path: String::new() })
}

/// The cells that values come from, for people.
fn places(cells: merge::Cells, file: &str, text: &str) -> impl Iterator<Item = (String, Place)> {
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_by_key(|(_, (offset, _))| *offset);
    let mut cursor = Cursor::new(text.as_bytes());
    cells.into_iter().map(move |(path, (offset, heading))| {
        let (line, column) = cursor.place(offset);
        (path, Place { file: file.to_owned(), line, column, heading })
    })
}

/// Text in the form in which words are compared: full-width letters and the like as their plain ones, one space at most.
fn normalised(text: &str) -> String {
    let plain: String = text.nfkc().collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name or an address as it was meant: what an input method makes of digits, dots and hyphens is plain again.
fn typed(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' => '-',
        '\u{3002}' => '.',
        c => c,
    };
    text.nfkc().map(plain).collect::<String>().trim().to_owned()
}
