//! Which column holds what.

use super::{Notes, cells::Cell, normalised};
use crate::{Column, Rule};

/// The columns that a kind of table has.
pub(super) struct Layout {
    /// Headings of a column, in the form in which headings are compared: those of the sheet in both languages, and the
    /// keys of the design file.
    headings: &'static [(Column, &'static [&'static str])],
    /// Columns without which no row can be read, each with those that do in its place.
    needed: &'static [&'static [Column]],
    /// Headings of columns that are for people, and say nothing.
    unread: &'static [&'static str],
}

/// The table of servers and terminals: the address-translation sheet.
pub(super) const TRANSLATION: Layout = Layout {
    headings: &[
        (Column::Method, &["方式", "method"]),
        (Column::Name, &["名前", "name"]),
        (Column::Lan, &["lan", "interface"]),
        (Column::Inside, &["変換前(庁内)", "inside", "private", "from"]),
        (Column::Global, &["変換後(グローバル)", "global"]),
        (Column::Environment, &["環境", "environment"]),
    ],
    needed: &[&[Column::Name], &[Column::Lan], &[Column::Inside], &[Column::Global]],
    unread: &["項番", "no."],
};

/// The table of policies: the flow inventory. What people call a flow's services says nothing beside the services.
pub(super) const FLOWS: Layout = Layout {
    headings: &[
        (Column::Number, &["項番", "no."]),
        (Column::From, &["from"]),
        (Column::To, &["to"]),
        (Column::Services, &["技術仕様", "technical specification", "services"]),
        (Column::Approval, &["承認", "approval"]),
        (Column::Kind, &["種類", "kind"]),
        (Column::Name, &["名前", "name"]),
        (Column::Environment, &["環境", "environment"]),
        (Column::Class, &["優先度", "class"]),
        (Column::Ftp, &["ftp"]),
        (Column::Until, &["期限", "until"]),
    ],
    needed: &[&[Column::Name, Column::Number], &[Column::From], &[Column::To], &[Column::Services]],
    unread: &["連携方式", "method"],
};

/// Where the columns of a table stand.
pub(super) struct Columns {
    /// What each column holds; `None` where nobody reads it.
    found: Vec<Option<Column>>,
    headings: Vec<String>,
}

impl Columns {
    /// Reads the headings; `None` where a column that must be there is not.
    pub(super) fn read(line: &[Cell], layout: &Layout, notes: &mut Notes) -> Option<Self> {
        let mut columns = Self { found: Vec::new(), headings: Vec::new() };
        for cell in line {
            let heading = normalised(&cell.text).to_lowercase();
            let mut known = layout.headings.iter();
            let known = known.find(|(_, known)| known.contains(&&*heading));
            let column = known.map(|(column, _)| *column);
            let rule = match column {
                Some(column) if columns.found.contains(&Some(column)) => {
                    Some(Rule::ColumnTwice { column })
                }
                None if !heading.is_empty() && !layout.unread.contains(&&*heading) => {
                    Some(Rule::UnreadColumn { heading: cell.text.clone() })
                }
                Some(_) | None => None,
            };
            if let Some(rule) = rule {
                notes.add(cell.offset, &cell.text, rule);
            }
            columns.found.push(column);
            columns.headings.push(cell.text.clone());
        }
        let place = line.first().map_or(0, |cell| cell.offset);
        let found = |column: &Column| columns.found.contains(&Some(*column));
        let missing = layout.needed.iter().filter(|needed| !needed.iter().any(found));
        let missing: Vec<_> = missing.filter_map(|needed| needed.first().copied()).collect();
        if missing.is_empty() {
            return Some(columns);
        }
        notes.add(place, "", Rule::MissingColumns { columns: missing });
        None
    }

    /// The cell of a column, and the column's heading; `None` where the column is not there.
    pub(super) fn cell<'a>(
        &'a self,
        line: &'a [Cell],
        column: Column,
    ) -> Option<(&'a Cell, &'a str)> {
        let index = self.found.iter().position(|found| *found == Some(column))?;
        Some((line.get(index)?, &self.headings[index]))
    }

    /// Cells with text where no heading stands above.
    pub(super) fn beyond<'a>(&self, line: &'a [Cell]) -> Option<&'a Cell> {
        line.iter().skip(self.headings.len()).find(|cell| !cell.text.is_empty())
    }
}
