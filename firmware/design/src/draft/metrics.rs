//! Who reads the device's figures, from text to draft.

use super::{ReadersDraft, values};
use crate::{
    Metrics, Rule, Snmp,
    reader::{Log, Table},
};

pub(super) fn read_metrics(table: &mut Table<'_>, log: &mut Log) -> ReadersDraft {
    let most = Metrics::MOST_SOURCES;
    read_readers(table, most, |count| Rule::MetricsSources { count, most }, log)
}

pub(super) fn read_snmp(table: &mut Table<'_>, log: &mut Log) -> ReadersDraft {
    let most = Snmp::MOST_SOURCES;
    read_readers(table, most, |count| Rule::SnmpSources { count, most }, log)
}

fn read_readers(
    table: &mut Table<'_>,
    most: usize,
    too_many: impl FnOnce(usize) -> Rule,
    log: &mut Log,
) -> ReadersDraft {
    let Some(node) = table.required("maintenance", log) else {
        return ReadersDraft { place: table.place.clone(), maintenance: None };
    };
    let sources = values::filled_list(&node, log, values::network);
    if let Some(count) = sources.as_ref().map(Vec::len).filter(|count| *count > most) {
        log.add(&node.place, too_many(count));
    }
    ReadersDraft { place: node.place.clone(), maintenance: sources }
}
