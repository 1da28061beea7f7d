//! Global addresses: all from the pool, each for one server, for hosts of one LAN by NAPT or for the device (R11 R86).

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
    /// By NAPT.
    Lan(&'a RowDraft, Lan),
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
        shared(&terminals.row, terminals.row.global.as_ref(), &mut holders, log);
    }
    for row in site.rows() {
        for entry in row.global_for.iter().flatten() {
            shared(row, entry.global.as_ref(), &mut holders, log);
        }
    }
}

/// An address that hosts of one LAN may share. What some destinations see of a server may be its own address, too.
fn shared<'a>(
    row: &'a RowDraft,
    global: Option<&At<Global>>,
    holders: &mut BTreeMap<Global, Holder<'a>>,
    log: &mut Log,
) {
    let (Some(At { value: global, place }), Some(lan)) = (global, &row.lan) else { return };
    match holders.get(global) {
        Some(Holder::Lan(_, other)) if *other == lan.value => {}
        Some(Holder::Server(server)) if server.place == row.place => {}
        Some(holder) => log.add(place, holder.twice(*global)),
        None => {
            holders.insert(*global, Holder::Lan(row, lan.value));
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
    let globals = site.rows().flat_map(|row| {
        let others = row.global_for.iter().flatten().filter_map(|entry| entry.global.as_ref());
        row.global.iter().chain(others)
    });
    for At { value: global, place } in globals {
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
        let (Self::Server(row) | Self::Lan(row, _)) = self;
        Rule::GlobalTwice { global, first: row.label() }
    }
}
