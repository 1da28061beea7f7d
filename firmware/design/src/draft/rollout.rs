//! Roll-outs of firmware, from text to draft: the operator's server, and whether the site follows it.

use super::{RolloutDraft, RolloutServerDraft, values};
use crate::{
    Rule,
    reader::{Log, Table},
};

pub(super) fn read_rollout(table: &mut Table<'_>, log: &mut Log) -> RolloutDraft {
    RolloutDraft { enabled: values::boolean("enabled", table, log) }
}

pub(super) fn read_server(table: &mut Table<'_>, log: &mut Log) -> RolloutServerDraft {
    RolloutServerDraft {
        address: table.required("address", log).and_then(|node| values::address(&node, log)),
        port: values::optional("port", table, log, values::port_number),
        tenant: values::optional("tenant", table, log, |node, log| {
            node.parse(log, str::parse, |text, _| Rule::BadTenant { text })
        }),
    }
}
