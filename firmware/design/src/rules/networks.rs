//! No two networks overlap, but for the two LANs (R10, R84).

use ipnet::Ipv4Net;

use crate::{
    Lan, Role, Rule,
    draft::{ProfileDraft, SiteDraft},
    reader::{At, File, Log, Place},
};

type Entry<'a> = (Ipv4Net, Role, &'a Place);

pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let all = all(site, profile);
    // What each LAN sees; the sweeps share the pairs without a LAN.
    let mut pairs = Vec::new();
    for hidden in Lan::ALL {
        let seen = all.iter().filter(|(_, role, _)| *role != Role::Lan(hidden)).copied().collect();
        sweep(seen, &mut pairs);
    }
    pairs.sort_by_key(|((.., place), (.., other))| (*place, *other));
    pairs.dedup();
    for ((network, role, place), (other, other_role, _)) in pairs {
        log.add(place, Rule::Overlap { network, role, other, other_role });
    }
}

/// Every network of the design, with what it is and where it stands.
pub(super) fn all<'a>(site: &'a SiteDraft, profile: &'a ProfileDraft) -> Vec<Entry<'a>> {
    let mut all = Vec::new();
    let mut add = |role, network: Option<(Ipv4Net, &'a Place)>| {
        all.extend(network.map(|(network, place)| (network, role, place)));
    };
    let subnet = |port: &'a crate::draft::PortDraft| {
        port.address.as_ref().map(|At { value, place }| (value.subnet(), place))
    };
    add(Role::Lgwan, site.lgwan.as_ref().and_then(|lgwan| subnet(&lgwan.port)));
    add(Role::Maintenance, site.maintenance.as_ref().and_then(subnet));
    for (lan, draft) in &site.lans {
        add(Role::Lan(*lan), subnet(&draft.port));
        for route in draft.routes.iter().flatten() {
            add(Role::Lan(*lan), route.to.as_ref().map(|to| (to.value, &to.place)));
        }
    }
    for network in profile.networks.iter().flatten() {
        add(Role::Platform, Some((network.prefix.value, &network.prefix.place)));
    }
    for prefix in profile.pool.iter().flatten() {
        add(Role::Pool, Some((prefix.value, &prefix.place)));
    }
    all
}

/// Networks overlap only by one holding the other, so in order each need be compared with the innermost open one.
fn sweep<'a>(mut entries: Vec<Entry<'a>>, pairs: &mut Vec<(Entry<'a>, Entry<'a>)>) {
    entries.sort_by_key(|(network, _, place)| (network.network(), network.prefix_len(), *place));
    let mut open: Vec<Entry<'_>> = Vec::new();
    for entry in entries {
        while open.last().is_some_and(|(outer, ..)| !outer.contains(&entry.0)) {
            open.pop();
        }
        pairs.extend(open.last().map(|outer| blame(*outer, entry)));
        open.push(entry);
    }
}

/// The one to report, then the other: the site's, since the profile isn't its to mend; in one file the later.
fn blame<'a>(one: Entry<'a>, two: Entry<'a>) -> (Entry<'a>, Entry<'a>) {
    let key = |(.., place): &Entry<'_>| (place.file == File::Site, place.offset);
    if key(&one) > key(&two) { (one, two) } else { (two, one) }
}
