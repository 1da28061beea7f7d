//! From lines of cells to rows of a design.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    Notes, RowKind,
    cells::Cell,
    columns::{self, Columns},
    normalised, typed,
};
use crate::{Column, Environment, Global, Lan, Name, Private, Rule};

/// A value with the offset and the heading of its cell.
#[derive(Clone, Debug)]
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) offset: usize,
    pub(super) heading: String,
}

/// What a table says about a row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: RowKind,
    pub(super) name: Read<Name>,
    pub(super) lan: Read<Lan>,
    /// A server's address, or the networks of terminals.
    pub(super) inside: Vec<Read<Ipv4Net>>,
    pub(super) global: Read<Global>,
    /// `None` where the table doesn't say.
    pub(super) environment: Option<Read<Environment>>,
}

const LANS: [(&str, Lan); 6] = [
    ("首長部局業務系LAN", Lan::HeadOffice),
    ("教育委員会業務系LAN", Lan::EducationBoard),
    ("head office LAN", Lan::HeadOffice),
    ("education board LAN", Lan::EducationBoard),
    ("head-office", Lan::HeadOffice),
    ("education-board", Lan::EducationBoard),
];

pub(super) const ENVIRONMENTS: [(&str, Environment); 4] = [
    ("本番", Environment::Production),
    ("検証", Environment::Test),
    ("production", Environment::Production),
    ("test", Environment::Test),
];

/// What a line of a table is about.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Method {
    Row(RowKind),
    /// What the sheet shows and no table brings in: the device itself, and the addresses that some destinations see.
    Shown,
}

const METHODS: [(&str, Method); 11] = [
    ("静的", Method::Row(RowKind::Servers)),
    ("NAPT", Method::Row(RowKind::Terminals)),
    ("変換しない", Method::Shown),
    ("static", Method::Row(RowKind::Servers)),
    ("not translated", Method::Shown),
    ("静的（1対1）", Method::Row(RowKind::Servers)),
    ("NAPT（共用）", Method::Row(RowKind::Terminals)),
    ("static, one to one", Method::Row(RowKind::Servers)),
    ("NAPT, shared", Method::Row(RowKind::Terminals)),
    ("宛先別", Method::Shown),
    ("by destination", Method::Shown),
];

/// So many of these are shown to somebody who wrote none of them.
const SHORT_METHODS: usize = 5;

/// The rows of a table that are of a kind, and how many are of the other.
pub(super) fn read(lines: &[Vec<Cell>], kind: RowKind, notes: &mut Notes) -> (Vec<Row>, usize) {
    let Some((headings, lines)) = lines.split_first() else {
        notes.add(0, "", Rule::NoRow { kind });
        return (Vec::new(), 0);
    };
    let is_whole = |line: &[Cell]| line.iter().all(|cell| cell.is_whole);
    if !is_whole(headings) {
        return (Vec::new(), 0);
    }
    let Some(columns) = Columns::read(headings, &columns::TRANSLATION, notes) else {
        return (Vec::new(), 0);
    };
    let (mut rows, mut others, mut of_kind) = (BTreeMap::new(), 0, 0);
    for line in lines {
        if !is_whole(line) {
            of_kind += 1;
            continue;
        }
        let mut reader = Reading { columns: &columns, cells: line, notes };
        match reader.method() {
            Some(Method::Shown) => {}
            Some(Method::Row(other)) if other != kind => others += 1,
            Some(Method::Row(_)) | None => {
                of_kind += 1;
                if let Some(row) = reader.row(kind) {
                    join(&mut rows, row, kind, notes);
                }
            }
        }
    }
    if of_kind == 0 {
        notes.add(headings[0].offset, "", Rule::NoRow { kind });
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    rows.sort_by_key(|row| row.name.offset);
    (rows, others)
}

/// Adds a row. Terminals have a line for each of their networks; a server has one line.
fn join(rows: &mut BTreeMap<Name, Row>, row: Row, kind: RowKind, notes: &mut Notes) {
    let Some(first) = rows.get_mut(&row.name.value) else {
        rows.insert(row.name.value.clone(), row);
        return;
    };
    if kind == RowKind::Servers {
        let name = row.name.value.clone();
        notes.add(row.name.offset, &row.name.heading, Rule::NameTwice { name });
        return;
    }
    let name = || row.name.value.clone();
    if row.lan.value != first.lan.value {
        notes.add(row.lan.offset, &row.lan.heading, Rule::LinesDisagree { name: name() });
    }
    if row.global.value != first.global.value {
        notes.add(row.global.offset, &row.global.heading, Rule::LinesDisagree { name: name() });
    }
    if let (Some(one), Some(other)) = (&first.environment, &row.environment)
        && one.value != other.value
    {
        notes.add(other.offset, &other.heading, Rule::LinesDisagree { name: name() });
    }
    first.environment = first.environment.take().or(row.environment);
    first.inside.extend(row.inside);
}

/// A line that is being read.
pub(super) struct Reading<'a> {
    pub(super) columns: &'a Columns,
    pub(super) cells: &'a [Cell],
    pub(super) notes: &'a mut Notes,
}

impl Reading<'_> {
    /// What the line says that it is about; `None` where it doesn't say.
    fn method(&mut self) -> Option<Method> {
        let read = self.optional(Column::Method, &METHODS, SHORT_METHODS)?;
        Some(read.value)
    }

    /// The row; `None` where a value is missing or wrong, which is then noted.
    fn row(&mut self, kind: RowKind) -> Option<Row> {
        self.beyond();
        // Every cell is read before the row is given up, so that all that is wrong in it is noted.
        let name = self.value(Column::Name, |text| {
            text.parse().map_err(|_| Rule::BadName { text: text.to_owned() })
        });
        let lan = self.needed(Column::Lan);
        let lan = lan.and_then(|cell| self.word(&cell, &LANS, LANS.len()));
        let inside = match kind {
            RowKind::Servers => self.value(Column::Inside, server).map(|read| vec![read]),
            RowKind::Terminals | RowKind::Policies => self.networks(),
        };
        let global = self.value(Column::Global, |text| address(text).map(Global::new));
        let environment = self.optional(Column::Environment, &ENVIRONMENTS, ENVIRONMENTS.len());
        Some(Row { kind, name: name?, lan: lan?, inside: inside?, global: global?, environment })
    }

    /// Notes a cell where no heading stands above.
    pub(super) fn beyond(&mut self) {
        if let Some(cell) = self.columns.beyond(self.cells) {
            self.notes.add(cell.offset, "", Rule::ExtraCell { text: cell.text.clone() });
        }
    }

    /// The cell of a column that must not be empty.
    pub(super) fn needed(&mut self, column: Column) -> Option<Read<String>> {
        let cell = self.cell(column);
        if cell.is_none() {
            let found = self.columns.cell(self.cells, column);
            let (offset, heading) = match found {
                Some((cell, heading)) => (cell.offset, heading),
                None => (self.cells.first().map_or(0, |cell| cell.offset), ""),
            };
            self.notes.add(offset, heading, Rule::EmptyCell { column });
        }
        cell
    }

    pub(super) fn cell(&self, column: Column) -> Option<Read<String>> {
        let (cell, heading) = self.columns.cell(self.cells, column)?;
        let read =
            Read { value: cell.text.clone(), offset: cell.offset, heading: heading.to_owned() };
        (!cell.text.is_empty()).then_some(read)
    }

    pub(super) fn optional<T: Copy>(
        &mut self,
        column: Column,
        words: &[(&'static str, T)],
        shown: usize,
    ) -> Option<Read<T>> {
        let cell = self.cell(column)?;
        self.word(&cell, words, shown)
    }

    pub(super) fn word<T: Copy>(
        &mut self,
        cell: &Read<String>,
        words: &[(&'static str, T)],
        shown: usize,
    ) -> Option<Read<T>> {
        let written = normalised(&cell.value).to_lowercase();
        let known = words.iter().find(|(word, _)| normalised(word).to_lowercase() == written);
        if known.is_none() {
            let choices = words.iter().take(shown).map(|(word, _)| *word).collect();
            let rule = Rule::BadChoice { text: cell.value.clone(), choices };
            self.notes.add(cell.offset, &cell.heading, rule);
        }
        known.map(|(_, value)| cell.with(*value))
    }

    pub(super) fn value<T>(
        &mut self,
        column: Column,
        convert: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Read<T>> {
        let cell = self.needed(column)?;
        let text = self.typed(&cell);
        self.convert(&cell, &text, convert)
    }

    /// The networks of a cell, which may hold several.
    fn networks(&mut self) -> Option<Vec<Read<Ipv4Net>>> {
        let cell = self.needed(Column::Inside)?;
        let text = self.typed(&cell);
        let parts = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '、'));
        let parts: Vec<_> = parts
            .filter(|part| !part.is_empty())
            .map(|part| self.convert(&cell, part, network))
            .collect();
        if parts.is_empty() {
            self.notes.add(cell.offset, &cell.heading, Rule::EmptyCell { column: Column::Inside });
            return None;
        }
        parts.into_iter().collect()
    }

    fn typed(&mut self, cell: &Read<String>) -> String {
        self.as_typed(cell, &cell.value)
    }

    /// The text of a name or an address, with a note where it is not as it was typed.
    pub(super) fn as_typed(&mut self, cell: &Read<String>, written: &str) -> String {
        let text = typed(written);
        if text != written {
            let rule = Rule::ReadAs { written: written.to_owned(), read: text.clone() };
            self.notes.add(cell.offset, &cell.heading, rule);
        }
        text
    }

    pub(super) fn convert<T>(
        &mut self,
        cell: &Read<String>,
        text: &str,
        convert: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Read<T>> {
        let value = convert(text);
        value
            .map_err(|rule| self.notes.add(cell.offset, &cell.heading, rule))
            .ok()
            .map(|value| cell.with(value))
    }
}

impl Read<String> {
    pub(super) fn with<T>(&self, value: T) -> Read<T> {
        Read { value, offset: self.offset, heading: self.heading.clone() }
    }
}

fn address(text: &str) -> Result<Ipv4Addr, Rule> {
    text.parse().map_err(|_| Rule::BadAddress { text: text.to_owned() })
}

fn server(text: &str) -> Result<Ipv4Net, Rule> {
    let address = address(text)?;
    let private = Private::try_from(address).map_err(|_| Rule::NotPrivate { address })?;
    Ok(Ipv4Net::from(private.get()))
}

/// A network, or one address of it without a prefix.
fn network(text: &str) -> Result<Ipv4Net, Rule> {
    let written = text.parse().or_else(|_| text.parse::<Ipv4Addr>().map(Ipv4Net::from));
    let written: Ipv4Net = written.map_err(|_| Rule::BadNetwork { text: text.to_owned() })?;
    let network = written.trunc();
    if network == written { Ok(network) } else { Err(Rule::HostBits { written, network }) }
}
