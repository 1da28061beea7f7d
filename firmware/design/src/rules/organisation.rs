//! What the organisation is and where its servers stand (R24).

use crate::{Lan, Placement, Rule, draft::SiteDraft, reader::Log};

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    if let (Some(kind), Some(draft)) = (&site.kind, site.lans.get(&Lan::EducationBoard))
        && !kind.value.has_education_board()
    {
        log.add(&draft.port.place, Rule::NoEducationBoard { kind: kind.value });
    }
    if let Some(interfaces) = &site.interfaces
        && site.lans.is_empty()
    {
        log.add(interfaces, Rule::NoLan);
    }
    let Some(placement) = &site.placement else { return };
    let (place, placement) = (&placement.place, placement.value);
    match placement {
        Placement::Office => needs_server(site, log),
        Placement::PartlyDataCentre | Placement::DataCentre => {
            needs_server(site, log);
            let unrouted =
                |lan: &crate::draft::LanDraft| lan.routes.as_ref().is_some_and(Vec::is_empty);
            if !site.lans.is_empty() && site.lans.values().all(unrouted) {
                log.add(place, Rule::PlacementNeedsRoute { placement });
            }
        }
        Placement::TerminalsOnly => {
            if let Some(server) = site.servers.first() {
                log.add(&server.row.place, Rule::PlacementHasNoServer);
            }
        }
    }
}

fn needs_server(site: &SiteDraft, log: &mut Log) {
    if let Some(placement) = &site.placement
        && site.servers_whole
        && site.servers.is_empty()
    {
        log.add(&placement.place, Rule::PlacementNeedsServer { placement: placement.value });
    }
}
