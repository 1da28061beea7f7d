//! From text to cells, each with its place.

use csv_core::{ReadFieldResult, Reader};

use super::Notes;
use crate::Rule;

/// A cell as written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cell {
    /// Its text, without the quotes around it and the spaces at its ends.
    pub(super) text: String,
    /// Where it begins, in bytes from the text's start.
    pub(super) offset: usize,
    /// Whether its quotes are right, so that this and what follows on its line are what they look like.
    pub(super) is_whole: bool,
}

/// Splits a text into lines of cells (RFC 4180; a line may end either way). Lines without any text are left out.
pub(super) fn read(text: &str, notes: &mut Notes) -> Vec<Vec<Cell>> {
    let mut reader = Reader::new();
    let mut field = vec![0; text.len()];
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    let mut offset = 0;
    let mut written = 0;
    let mut start = 0;
    loop {
        let (result, read, wrote) =
            reader.read_field(&text.as_bytes()[offset..], &mut field[written..]);
        offset += read;
        written += wrote;
        match result {
            // The next call sees that nothing follows, and ends the cell.
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::Field { record_end } => {
                if line.is_empty() {
                    // The end of the line before, and empty lines.
                    let source = &text[start..offset];
                    start += source.len() - source.trim_start_matches(['\r', '\n']).len();
                }
                line.push(cell(&text[start..offset], start, &field[..written], notes));
                (start, written) = (offset, 0);
                if record_end {
                    lines.push(std::mem::take(&mut line));
                }
            }
            // Never full: a cell's text is not longer than the whole.
            ReadFieldResult::OutputFull | ReadFieldResult::End => break,
        }
    }
    lines.retain(|line: &Vec<Cell>| line.iter().any(|cell| !cell.text.is_empty()));
    lines
}

/// A cell from what the reader made of it, and from its source with the separator after it.
fn cell(source: &str, offset: usize, field: &[u8], notes: &mut Notes) -> Cell {
    let source = source.strip_suffix([',', '\r', '\n']).unwrap_or(source);
    let is_whole = !source.starts_with('"') || is_quoted(source);
    if !is_whole {
        notes.add(offset, "", Rule::BadQuote);
    }
    Cell { text: String::from_utf8_lossy(field).trim().to_owned(), offset, is_whole }
}

/// Whether a cell that begins with a quote ends with one, and every quote between them is doubled.
fn is_quoted(source: &str) -> bool {
    let inner = source.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.replace("\"\"", "").contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cells of a text with their places, and how many quotes are wrong.
    fn cells(text: &str) -> (Vec<Vec<(&str, usize)>>, usize) {
        let mut notes = Notes::default();
        let lines = read(text, &mut notes);
        let cell = |cell: &Cell| (&*cell.text.clone().leak(), cell.offset);
        let lines = lines.iter().map(|line| line.iter().map(cell).collect()).collect();
        (lines, notes.found.len())
    }

    #[test]
    fn cells_are_found_with_their_places() {
        for (text, expected) in [
            ("", vec![]),
            ("\r\n\n,,\r\n", vec![]),
            ("a,b", vec![vec![("a", 0), ("b", 2)]]),
            ("a, b \r\nc,d\r\n", vec![vec![("a", 0), ("b", 2)], vec![("c", 7), ("d", 9)]]),
            ("a\n\n\nb\n", vec![vec![("a", 0)], vec![("b", 4)]]),
            ("a,\n,b\n", vec![vec![("a", 0), ("", 2)], vec![("", 3), ("b", 4)]]),
            ("\"x,\r\ny\",\"\"\"\"\nz", vec![vec![("x,\r\ny", 0), ("\"", 8)], vec![("z", 13)]]),
            ("名前,\"\"\n", vec![vec![("名前", 0), ("", 7)]]),
            ("a\rb", vec![vec![("a", 0)], vec![("b", 2)]]),
            ("5\" disk,b", vec![vec![("5\" disk", 0), ("b", 8)]]),
        ] {
            assert_eq!(cells(text), (expected, 0), "{text:?}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_said() {
        for text in ["\"a", "a,\"b\nc,d\n", "\"", "\"a\"b,c", "\"a\"\"", "\"a\" ,b"] {
            assert_eq!(cells(text).1, 1, "{text:?}");
        }
    }
}
