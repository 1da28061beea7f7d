//! How the line is divided, from text to draft.

use super::{TrafficDraft, Unknown, values};
use crate::{
    Class, Rule, Shares, Traffic,
    reader::{At, Log, Node, Table},
};

/// The bounds of every share, in percent.
const SHARE: (i64, i64) = (1, 100);

pub(super) fn read_traffic(table: &mut Table<'_>, log: &mut Log) -> TrafficDraft {
    let shares = values::optional("shares", table, log, read_shares);
    let hold_back = values::optional("hold-back", table, log, |node, log| {
        let most = Traffic::MOST_HOLD_BACK.into();
        node.integer((0, most), log, values::bounds(0, most))
    });
    TrafficDraft { shares, hold_back }
}

/// A part of the line in percent.
pub(super) fn share(node: &Node<'_>, log: &mut Log) -> Option<At<u8>> {
    node.integer(SHARE, log, values::bounds(SHARE.0, SHARE.1))
}

fn read_shares(node: &Node<'_>, log: &mut Log) -> Option<At<Shares>> {
    let [online, normal, bulk] = node.table(log, |table, log| {
        Class::ALL.map(|class| {
            table.required(class.as_str(), log).and_then(|node| share(&node, log)).ok_or(Unknown)
        })
    })?;
    match Shares::new(online.ok()?.value, normal.ok()?.value, bulk.ok()?.value) {
        Ok(shares) => Some(node.at(shares)),
        Err(sum) => node.refuse(Rule::SharesBeyond { sum }, log),
    }
}
