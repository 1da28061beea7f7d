//! How the line is divided (R35 R44 R72).

use crate::{
    Rule,
    draft::{Optional, SiteDraft},
    reader::{At, Log, Place},
};

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    lan_shares(site, log);
    if let Some(lgwan) = &site.lgwan
        && let Ok(None) = lgwan.line_rate
    {
        for (place, key) in written(site) {
            log.add(place, Rule::WithoutRate { key });
        }
    }
}

fn lan_shares(site: &SiteDraft, log: &mut Log) {
    let shares: Option<Vec<Option<&At<u8>>>> =
        site.lans.values().map(|lan| Some(lan.share.as_ref().ok()?.as_ref())).collect();
    let Some(shares) = shares else { return };
    let written: Vec<&At<u8>> = shares.iter().flatten().copied().collect();
    let sum = written.iter().map(|share| u16::from(share.value)).sum();
    let rest = shares.len() - written.len();
    if let Some(last) = written.last().filter(|_| usize::from(sum) + rest > 100) {
        log.add(&last.place, Rule::LanSharesBeyond { sum, rest });
    }
}

/// The keys that say how the line is divided, where they are written.
fn written(site: &SiteDraft) -> Vec<(&Place, &'static str)> {
    fn of<'a, T>(value: &'a Optional<T>, key: &'static str) -> Option<(&'a Place, &'static str)> {
        let place = &value.as_ref().ok()?.as_ref()?.place;
        Some((place, key))
    }
    let traffic = site.traffic.iter();
    let traffic =
        traffic.flat_map(|draft| [of(&draft.shares, "shares"), of(&draft.hold_back, "hold-back")]);
    traffic.chain(site.lans.values().map(|lan| of(&lan.share, "share"))).flatten().collect()
}
