//! Rows of a site from the tables of a spreadsheet.
//!
//! A table is CSV with the columns of the address-translation sheet ([`crate::Sheet::translation`]), in any order, and with
//! the headings and words of either language. It says where a row stands and what its addresses are: name, LAN, address
//! inside, global address, environment. A row of the site with the same name takes these over and keeps everything
//! else, a new name is a new row, which has the defaults for everything else. Where a table has the column of the
//! method, only lines of the kind that is asked for count.

mod cells;
mod columns;
mod merge;
mod rows;
mod text;

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

pub use merge::Changes;

use crate::{
    LARGEST_FILE, Problem, Problems, Rule, Severity, Source,
    check::{Cursor, problems_of_site},
    print::{parsed, write},
};

/// The kinds of rows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    /// `[[server]]`.
    Servers,
    /// `[[terminals]]`.
    Terminals,
}

/// Tables for a site.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// A table whose servers count.
    pub servers: Option<Source<'a>>,
    /// A table whose terminals count; it may be the same one.
    pub terminals: Option<Source<'a>>,
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
    for (kind, table) in
        [(RowKind::Servers, tables.servers), (RowKind::Terminals, tables.terminals)]
    {
        let Some(table) = table else { continue };
        let text = match text_of(&table) {
            Ok(text) => text,
            Err(problem) => {
                notices.push(problem);
                continue;
            }
        };
        let mut notes = Notes::default();
        let lines = cells::read(&text, &mut notes);
        let (rows, others) = rows::read(&lines, kind, &mut notes);
        if others > 0 && !both {
            notes.add(0, "", Rule::OtherRows { count: others, kind });
        }
        notices.extend(notes.problems(table.name, &text));
        let merged = merge::merge(&mut tree.root, kind, &rows, tables.replace);
        let Some((of_kind, from)) = merged else { return Err(Problems(problems_of_site(site))) };
        changes.insert(kind, of_kind);
        cells.extend(places(from, table.name, &text));
    }
    if tables.servers.map(|table| table.name) == tables.terminals.map(|table| table.name) {
        // One file for both: what is said about its headings is said once.
        notices.sort_by_key(|problem: &Problem| (problem.line, problem.column, problem.code()));
        notices.dedup();
    }
    if notices.iter().any(|problem: &Problem| problem.severity() == Severity::Error) {
        return Err(Problems(notices));
    }
    Ok(Imported { site: write(tree), changes, notices, cells })
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
fn text_of<'a>(table: &Source<'a>) -> Result<Cow<'a, str>, Problem> {
    let bytes = table.bytes;
    let (offset, rule) = if bytes.len() > LARGEST_FILE {
        (0, Rule::TooLarge { bytes: bytes.len(), limit: LARGEST_FILE })
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
