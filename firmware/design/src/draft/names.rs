//! How the office resolves names, from text to draft.

use super::{
    EntryDraft, NamesDraft, OfficeDnsDraft, TargetDraft, Unknown, site::whole_default, values,
};
use crate::{
    Lan, Method, Rule,
    reader::{At, File, Log, Table},
};

pub(crate) const METHODS: [(&str, Method); 3] =
    [("device", Method::Device), ("forward", Method::Forward), ("hosts", Method::Hosts)];

/// For how many days queries may be logged at most: a month is enough to look into what went wrong.
const MOST_LOG_DAYS: i64 = 31;

pub(super) fn read_names(table: &mut Table<'_>, log: &mut Log) -> NamesDraft {
    let method = table.required("method", log);
    let method = method.and_then(|node| values::choice(&node, &METHODS, log));
    let office_dns = match table.optional("office-dns") {
        Some(node) => node.table(log, read_office_dns).flatten().map(|servers| node.at(servers)),
        None => {
            whole_default(Vec::new(), log).map(|value| At { value, place: table.place.clone() })
        }
    };
    let rewrite_own = values::boolean("rewrite-own", table, log);
    let outside_answers = match table.optional("outside-answers") {
        Some(node) => values::list(&node, log, values::network),
        None => whole_default(Vec::new(), log),
    };
    let query_log_days = values::optional("query-log-days", table, log, |node, log| {
        node.integer((1, MOST_LOG_DAYS), log, values::bounds(1, MOST_LOG_DAYS))
    });
    let (entries, entries_whole) = table.rows("entry", log, read_entry);
    NamesDraft {
        method,
        office_dns,
        rewrite_own,
        outside_answers,
        query_log_days,
        entries,
        entries_whole,
    }
}

fn read_office_dns(table: &mut Table<'_>, log: &mut Log) -> Option<Vec<OfficeDnsDraft>> {
    let mut read = Vec::new();
    for lan in Lan::ALL {
        let Some(node) = table.optional(lan.as_str()) else { continue };
        let servers = values::filled_list(&node, log, values::address);
        read.push(OfficeDnsDraft { lan: node.at(lan), servers });
    }
    (!log.is_broken(File::Site)).then_some(read)
}

fn read_entry(table: &mut Table<'_>, log: &mut Log) -> EntryDraft {
    let name = table.required("name", log).and_then(|node| values::dns_name(&node, log));
    let target = read_target(table, log);
    let lans = match table.optional("interfaces") {
        Some(node) => values::filled_list(&node, log, values::lan).map(Some).ok_or(Unknown),
        None if log.is_broken(File::Site) => Err(Unknown),
        None => Ok(None),
    };
    EntryDraft { name, lans, target }
}

fn read_target(table: &mut Table<'_>, log: &mut Log) -> Option<TargetDraft> {
    let addresses = table.optional("addresses");
    let addresses = addresses.map(|node| values::filled_list(&node, log, values::address));
    let alias = table.optional("alias");
    let alias = alias.map(|node| (node.place.clone(), values::dns_name(&node, log)));
    let (place, rule) = match (addresses, alias) {
        (Some(addresses), None) => return addresses.map(TargetDraft::Addresses),
        (None, Some((_, alias))) => return alias.map(TargetDraft::Alias),
        (None, None) if log.is_broken(File::Site) => return None,
        (None, None) => (table.place.clone(), Rule::EntryForNothing),
        (Some(_), Some((place, _))) => (place, Rule::AliasAndAddresses),
    };
    log.add(&place, rule);
    None
}
