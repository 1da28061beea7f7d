//! From where the page can be reached, from text to draft.

use super::{PageDraft, values};
use crate::{
    Page, Rule,
    reader::{Log, Table},
};

pub(super) fn read_page(table: &mut Table<'_>, log: &mut Log) -> PageDraft {
    let Some(node) = table.required("head-office", log) else {
        return PageDraft { place: table.place.clone(), head_office: None };
    };
    let sources = values::filled_list(&node, log, values::network);
    if let Some(count) = sources.as_ref().map(Vec::len).filter(|count| *count > Page::MOST_SOURCES)
    {
        log.add(&node.place, Rule::PageSources { count, most: Page::MOST_SOURCES });
    }
    PageDraft { place: node.place.clone(), head_office: sources }
}
