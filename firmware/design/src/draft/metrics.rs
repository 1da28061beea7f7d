//! Who reads the device's figures, from text to draft.

use super::{MetricsDraft, values};
use crate::{
    Metrics, Rule,
    reader::{Log, Table},
};

pub(super) fn read_metrics(table: &mut Table<'_>, log: &mut Log) -> MetricsDraft {
    let Some(node) = table.required("maintenance", log) else {
        return MetricsDraft { place: table.place.clone(), maintenance: None };
    };
    let sources = values::filled_list(&node, log, values::network);
    let most = Metrics::MOST_SOURCES;
    if let Some(count) = sources.as_ref().map(Vec::len).filter(|count| *count > most) {
        log.add(&node.place, Rule::MetricsSources { count, most });
    }
    MetricsDraft { place: node.place.clone(), maintenance: sources }
}
