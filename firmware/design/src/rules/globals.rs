//! Global addresses: all from the pool, each for one server, one LAN's terminals or the device (R11).

use std::collections::BTreeMap;

use super::netset::NetSet;
use crate::{
    Global, Lan, Rule,
    draft::{ProfileDraft, RowDraft, SiteDraft},
    reader::{At, Log},
};

/// Who has a global address already.
enum Holder<'a> {
    Server(&'a RowDraft),
    Terminals(&'a RowDraft, Lan),
}

pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    pool(site, profile, log);
    let mut holders: BTreeMap<Global, Holder<'_>> = BTreeMap::new();
    for server in &site.servers {
        let Some(At { value: global, place }) = &server.row.global else { continue };
        if let Some(holder) = holders.get(global) {
            log.add(place, holder.twice(*global));
        } else {
            holders.insert(*global, Holder::Server(&server.row));
        }
    }
    for terminals in &site.terminals {
        let row = &terminals.row;
        let (Some(At { value: global, place }), Some(lan)) = (&row.global, &row.lan) else {
            continue;
        };
        match holders.get(global) {
            Some(Holder::Terminals(_, other)) if *other == lan.value => {}
            Some(holder) => log.add(place, holder.twice(*global)),
            None => {
                holders.insert(*global, Holder::Terminals(row, lan.value));
            }
        }
    }
}

fn pool(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let pool =
        profile.pool.as_ref().map(|pool| NetSet::new(pool.iter().map(|prefix| prefix.value)));
    let outside = |global: Global| {
        pool.as_ref().is_some_and(|pool| pool.around_address(global.get()).is_none())
    };
    let device = profile.device_address.as_ref();
    if let Some(At { value: global, place }) = device
        && outside(*global)
    {
        log.add(place, Rule::DeviceOutsidePool { global: *global });
    }
    for At { value: global, place } in site.rows().filter_map(|row| row.global.as_ref()) {
        if outside(*global) {
            log.add(place, Rule::OutsidePool { global: *global });
        }
        if device.is_some_and(|device| device.value == *global) {
            log.add(place, Rule::GlobalOfDevice { global: *global });
        }
    }
}

impl Holder<'_> {
    fn twice(&self, global: Global) -> Rule {
        let (Self::Server(row) | Self::Terminals(row, _)) = self;
        Rule::GlobalTwice { global, first: row.label() }
    }
}
