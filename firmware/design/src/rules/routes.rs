//! Routes of the LANs, and who stands behind them.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::netset::NetSet;
use crate::{
    Lan, Rule,
    draft::SiteDraft,
    reader::{At, Log},
};

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    let Some(users) = users(site) else { return };
    for (lan, draft) in &site.lans {
        for At { value: to, place } in
            draft.routes.iter().flatten().filter_map(|route| route.to.as_ref())
        {
            if !users.get(lan).is_some_and(|users| users.overlaps(*to)) {
                log.add(place, Rule::RouteUnused { to: *to, lan: *lan });
            }
        }
    }
}

/// Where servers and terminals of each LAN stand; `None` where one could stand anywhere, because it couldn't be read.
fn users(site: &SiteDraft) -> Option<BTreeMap<Lan, NetSet>> {
    if !site.servers_whole || !site.terminals_whole {
        return None;
    }
    let mut users: BTreeMap<Lan, Vec<Ipv4Net>> = BTreeMap::new();
    for server in &site.servers {
        let lan = server.row.lan.as_ref()?.value;
        users.entry(lan).or_default().push(server.private.as_ref()?.value.get().into());
    }
    for row in &site.terminals {
        let lan = row.row.lan.as_ref()?.value;
        users.entry(lan).or_default().extend(row.from.as_ref()?.iter().map(|from| from.value));
    }
    Some(users.into_iter().map(|(lan, users)| (lan, NetSet::new(users))).collect())
}
