//! Which column holds what.

use super::{Notes, cells::Cell, normalised};
use crate::{Column, Rule};

/// Headings of a column, in the form in which headings are compared: those of the sheet in both languages, and the keys of
/// the design file.
const HEADINGS: [(Column, &[&str]); 6] = [
    (Column::Method, &["方式", "method"]),
    (Column::Name, &["名前", "name"]),
    (Column::Lan, &["lan", "interface"]),
    (Column::Inside, &["変換前(庁内)", "inside", "private", "from"]),
    (Column::Global, &["変換後(グローバル)", "global"]),
    (Column::Environment, &["環境", "environment"]),
];

/// Columns without which no row can be read.
const NEEDED: [Column; 4] = [Column::Name, Column::Lan, Column::Inside, Column::Global];

/// The number of a row is for people, and says nothing.
const NUMBERS: [&str; 2] = ["項番", "no."];

/// Where the columns of a table stand.
pub(super) struct Columns {
    /// What each column holds; `None` where nobody reads it.
    found: Vec<Option<Column>>,
    headings: Vec<String>,
}

impl Columns {
    /// Reads the headings; `None` where a column that must be there is not.
    pub(super) fn read(line: &[Cell], notes: &mut Notes) -> Option<Self> {
        let mut columns = Self { found: Vec::new(), headings: Vec::new() };
        for cell in line {
            let heading = normalised(&cell.text).to_lowercase();
            let known = HEADINGS.iter().find(|(_, known)| known.contains(&&*heading));
            let column = known.map(|(column, _)| *column);
            let rule = match column {
                Some(column) if columns.found.contains(&Some(column)) => {
                    Some(Rule::ColumnTwice { column })
                }
                None if !heading.is_empty() && !NUMBERS.contains(&&*heading) => {
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
        let missing = NEEDED.into_iter().filter(|column| !columns.found.contains(&Some(*column)));
        let missing: Vec<_> = missing.collect();
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
