//! Looking into the trail: the newest first, by words, in pages.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    chain::{Line, Record, head_line},
    trail::{Fault, Trail, read},
};

/// Records of a page where nobody says how many, and the most.
const USUAL: usize = 50;
const MOST: usize = 500;

/// The longest text that is searched for, in bytes.
const LONGEST_SEARCH: usize = 200;

/// What somebody wants to see.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Words that a record has to hold, all of them, in any case.
    #[serde(default)]
    pub search: Option<String>,
    /// Only records before this one.
    #[serde(default)]
    pub before: Option<u64>,
    /// How many.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// A page of the trail.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "AuditPage")]
pub struct Page {
    /// The newest first.
    pub records: Vec<Record>,
    /// What to ask `before` for the next page; none at the end.
    pub next: Option<u64>,
}

/// What an exported file is made of.
pub(super) struct Export {
    /// The segments, the oldest first.
    pub(super) segments: Vec<PathBuf>,
    /// The last line.
    pub(super) end: String,
    /// The last record; what comes after it isn't in the file.
    pub(super) last: u64,
}

impl Trail {
    /// A page of the records that fit.
    ///
    /// # Errors
    /// [`Fault`] where a file can't be read.
    pub fn page(&self, wish: &Wish) -> Result<Page, Fault> {
        let limit = wish.limit.unwrap_or(USUAL).clamp(1, MOST);
        let search = wish.search.as_deref().unwrap_or_default().to_lowercase();
        let words: Vec<&str> = search
            .get(..search.floor_char_boundary(LONGEST_SEARCH))
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let _held = self.lock();
        let mut records = Vec::new();
        for segment in self.segments()?.iter().rev() {
            for line in read(segment)?.lines().rev() {
                let Some(Line::Record { record, text, .. }) = Line::read(line) else { continue };
                if wish.before.is_some_and(|before| record.seq >= before) {
                    continue;
                }
                let text = text.to_lowercase();
                if !words.iter().all(|word| text.contains(word)) {
                    continue;
                }
                if records.len() == limit {
                    let next = records.last().map(|last: &Record| last.seq);
                    return Ok(Page { records, next });
                }
                records.push(record);
            }
        }
        Ok(Page { records, next: None })
    }

    pub(super) fn export(&self) -> Result<Export, Fault> {
        let held = self.lock();
        let segments = self.segments()?;
        let newest = held.as_ref().ok().map(|open| open.ends.head);
        let (end, last) = match newest {
            Some(newest) => (format!("{}\n", head_line(newest)), newest.seq),
            // The file doesn't say then where it ends, and its verification says that.
            None => (String::new(), u64::MAX),
        };
        Ok(Export { segments, end, last })
    }
}

/// The part of a segment up to a record.
pub(super) fn up_to(text: &str, last: u64) -> String {
    let within = |line: &&str| match Line::read(line) {
        Some(Line::Record { record, .. }) => record.seq <= last,
        Some(Line::Anchor(anchor)) => anchor.seq <= last,
        Some(Line::Head(_)) | None => true,
    };
    text.split_inclusive('\n').filter(|line| within(&line.trim_end_matches('\n'))).collect()
}
