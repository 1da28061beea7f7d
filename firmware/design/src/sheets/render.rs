//! A sheet as CSV, as HTML and as text.

use std::fmt::Write;

use super::Sheet;

/// Excel takes a CSV without this mark for the system's code page, which is CP932 in a Japanese office.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// For paper, A4 on its side; no script, nothing fetched from elsewhere.
const STYLE: &str = "\
@page { size: A4 landscape; margin: 12mm; @bottom-right { content: counter(page) \" / \" counter(pages); font: 8pt sans-serif; } }
body { font: 10pt/1.5 \"Noto Sans CJK JP\", \"Yu Gothic\", Meiryo, sans-serif; color: #000; background: #fff; margin: 1em; }
h1 { font-size: 14pt; margin: 0 0 .5em; }
table { border-collapse: collapse; margin: 0 0 1em; }
th, td { border: 1px solid #444; padding: .2em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #eee; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
table.rows { width: 100%; }
.rows th { white-space: nowrap; }
.rows th:first-child, .rows td:first-child { text-align: right; white-space: nowrap; }
td.sign { min-width: 8em; }
thead { display: table-header-group; }
tr, li { break-inside: avoid; }
@media print { body { margin: 0; font-size: 9pt; } }
";

impl Sheet {
    /// The table as CSV (RFC 4180): headings and rows, CRLF, UTF-8 with a byte order mark so that Excel reads it when it
    /// is opened with a double click. Title and notes are left out, so that a program can read it too.
    ///
    /// No cell starts with `=`, `+`, `-` or `@`, which a spreadsheet would take for a formula: cells are made of checked
    /// names, addresses, [approvals](crate::Approval) and our own words.
    pub fn csv(&self) -> String {
        let mut text = BYTE_ORDER_MARK.to_owned();
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            let cells: Vec<_> = row.iter().map(|cell| quoted(cell)).collect();
            text += &cells.join(",");
            text += "\r\n";
        }
        text
    }

    /// One page of HTML to print on A4, complete in itself, with places to date and sign.
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        let language = self.language.pick("ja", "en");
        let mut text = format!(
            "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<table>\n"
        );
        for (heading, about) in &self.about {
            let (heading, about) = (escaped(heading), escaped(about));
            let _ = writeln!(text, "<tr><th>{heading}</th><td>{about}</td></tr>");
        }
        text += "</table>\n<table>\n<tr>";
        for sign in
            self.language.pick(["作成日", "作成者", "確認者"], ["Date", "Made by", "Checked by"])
        {
            let _ = write!(text, "<th>{sign}</th><td class=\"sign\"></td>");
        }
        text += "</tr>\n</table>\n<table class=\"rows\">\n<thead>\n";
        cells(&mut text, "th scope=\"col\"", "th", &self.columns);
        text += "</thead>\n<tbody>\n";
        for row in &self.rows {
            cells(&mut text, "td", "td", row);
        }
        text += "</tbody>\n</table>\n";
        if !self.notes.is_empty() {
            text += "<ul>\n";
            for note in &self.notes {
                let _ = writeln!(text, "<li>{}</li>", escaped(note));
            }
            text += "</ul>\n";
        }
        text + "</body>\n</html>\n"
    }

    /// The whole sheet for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        let colon = self.language.pick("：", ": ");
        for (heading, about) in &self.about {
            let _ = writeln!(text, "{heading}{colon}{about}");
        }
        text.push('\n');
        let table = || std::iter::once(&self.columns).chain(&self.rows);
        let width = |column: usize| {
            let cells = table().filter_map(|row| row.get(column));
            cells.map(|cell| columns(cell)).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for row in table() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let padding = " ".repeat(width - columns(cell) + 2);
                let _ = write!(line, "{cell}{padding}");
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for note in &self.notes {
            let _ = write!(text, "\n* {note}");
        }
        text.trim_end().to_owned() + "\n"
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn cells(text: &mut String, open: &str, close: &str, row: &[String]) {
    *text += "<tr>";
    for cell in row {
        let _ = write!(text, "<{open}>{}</{close}>", escaped(cell));
    }
    *text += "</tr>\n";
}

/// A text as HTML shows it.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
        escaped
    })
}

/// Columns of a terminal that a text takes: two for a character of a Japanese font.
fn columns(text: &str) -> usize {
    let wide = |c: char| matches!(c, '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}' | '\u{20000}'..='\u{3FFFD}');
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;

    fn sheet(cell: &str) -> Sheet {
        let mut sheet =
            Sheet::new(Language::English, ("題", "a < b"), &[("項番", "No."), ("値", "Value")]);
        sheet.about(("団体", "Site"), "<script>\"x\" & 'y'</script>".to_owned());
        sheet.row([cell.to_owned()]);
        sheet
    }

    #[test]
    fn csv_quotes_what_would_break_a_row() {
        assert_eq!(sheet("a, \"b\"").csv(), "\u{FEFF}No.,Value\r\n1,\"a, \"\"b\"\"\"\r\n");
        assert_eq!(sheet("a\nb").csv(), "\u{FEFF}No.,Value\r\n1,\"a\nb\"\r\n");
        assert_eq!(sheet("住基").csv(), "\u{FEFF}No.,Value\r\n1,住基\r\n");
    }

    #[test]
    fn html_takes_every_text_at_its_word() {
        let html = sheet("<b>").html();
        assert!(html.contains("<title>a &lt; b</title>") && html.contains("<td>&lt;b&gt;</td>"));
        assert!(html.contains("&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;"));
        assert!(!html.contains("<script") && !html.contains("<b>"));
        for fetches in ["src=", "href=", "url(", "@import"] {
            assert!(!html.contains(fetches), "{fetches}");
        }
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        let mut sheet = sheet("住基");
        sheet.columns.push("After".to_owned());
        sheet.rows[0].push("x".to_owned());
        assert!(sheet.text().ends_with("No.  Value  After\n1    住基   x\n"), "{}", sheet.text());
    }
}
