//! Tables about a design that an office hands to others: for a spreadsheet, for paper, for a terminal.

mod firewall;
mod flows;
mod ledger;
mod render;
mod translation;

use serde::Serialize;

use crate::{Design, Language, OrganisationCode, ProfileStamp, messages, words};

pub use firewall::TunnelHabits;
pub use render::escaped;

/// A table with what belongs around it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Sheet {
    /// The language that it is written in.
    pub language: Language,
    /// What it is.
    pub title: String,
    /// Whose it is and what it was made from, as pairs of heading and text.
    pub about: Vec<(String, String)>,
    /// The headings of the columns.
    pub columns: Vec<String>,
    /// The rows, each with as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
    /// What the reader must know besides.
    pub notes: Vec<String>,
}

impl Sheet {
    fn new(language: Language, title: (&str, &str), columns: &[(&str, &str)]) -> Self {
        let pick = |(japanese, english): (&str, &str)| language.pick(japanese, english).to_owned();
        Self {
            language,
            title: pick(title),
            about: Vec::new(),
            columns: columns.iter().copied().map(pick).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn about(&mut self, heading: (&str, &str), text: String) {
        self.about.push((self.language.pick(heading.0, heading.1).to_owned(), text));
    }

    fn about_site(&mut self, design: &Design) {
        self.about(("団体・庁舎", "Site"), messages::harmless(design.site.name.chars()));
        self.about_profile(design.profile.organisation, design.profile.stamp);
    }

    fn about_profile(&mut self, organisation: OrganisationCode, stamp: ProfileStamp) {
        let ProfileStamp { serial, issued } = stamp;
        let issued = words::minute(issued);
        let made_from = self.language.pick(
            format!("通し番号 {serial}（{issued} 発行）"),
            format!("serial {serial}, issued {issued}"),
        );
        self.about(("団体コード", "Organisation"), organisation.to_string());
        self.about(("接続情報", "Platform profile"), made_from);
    }

    /// Adds a row and numbers it in its first cell.
    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let number = (self.rows.len() + 1).to_string();
        self.rows.push(std::iter::once(number).chain(cells).collect());
    }

    fn note(&mut self, japanese: impl Into<String>, english: impl Into<String>) {
        self.notes.push(self.language.pick(japanese.into(), english.into()));
    }
}
