//! What rows let pass: an approval for all that isn't web or echo (R32, R58), and nothing said twice.

use std::cmp::Reverse;

use crate::{
    PortRange, Rule, Service,
    draft::{AllowanceDraft, Optional, RowDraft, ServerDraft, SiteDraft},
    reader::{At, Log},
};

/// FTP's control connection (RFC 959), which its data connections follow from.
const FTP: u16 = 21;

pub(super) fn run(site: &SiteDraft, log: &mut Log) {
    for RowDraft { services, approval, .. } in site.rows() {
        let services = services.as_deref().unwrap_or_default();
        approved(services, approval, log);
        inside(services, log);
    }
    for server in &site.servers {
        for_ftp(server, log);
    }
    for services in &site.services {
        inside(services.services.as_deref().unwrap_or_default(), log);
    }
    let allowances = site.servers.iter().flat_map(|server| server.allow.iter().flatten());
    for AllowanceDraft { services, approval, .. } in allowances {
        let services = services.as_deref().unwrap_or_default();
        approved(services, approval, log);
        inside(services, log);
    }
}

/// A server whose services are all known has something for FTP's helper to do, if it is asked for.
fn for_ftp(server: &ServerDraft, log: &mut Log) {
    let Some(ftp) = server.ftp.as_ref().filter(|ftp| ftp.value) else { return };
    let allowed = server.allow.as_ref().and_then(|allow| {
        allow.iter().map(|allowance| allowance.services.as_deref()).collect::<Option<Vec<_>>>()
    });
    if let (Some(own), Some(allowed)) = (server.row.services.as_deref(), allowed)
        && !holds_ftp(own)
        && !allowed.into_iter().any(holds_ftp)
    {
        log.add(&ftp.place, Rule::ServerWithoutFtp);
    }
}

/// Whether FTP may be started.
pub(super) fn holds_ftp(services: &[At<Service>]) -> bool {
    services.iter().any(|service| match service.value {
        Service::Tcp(ports) => (ports.first()..=ports.last()).contains(&FTP),
        Service::Udp(_) | Service::IcmpEcho => false,
    })
}

pub(super) fn approved<T>(services: &[At<Service>], approval: &Optional<T>, log: &mut Log) {
    let mut taking = services.iter().filter(|service| service.value.needs_approval());
    if let (Ok(None), Some(At { value: service, place })) = (approval, taking.next()) {
        log.add(place, Rule::NoApproval { service: *service, more: taking.count() });
    }
}

/// In the order of their first ports, the longer range first, a range lies in another one just if it lies in the one that
/// reaches furthest so far.
pub(super) fn inside(services: &[At<Service>], log: &mut Log) {
    let mut ranges: Vec<(bool, PortRange, &At<Service>)> = services
        .iter()
        .filter_map(|service| match service.value {
            Service::Tcp(range) => Some((true, range, service)),
            Service::Udp(range) => Some((false, range, service)),
            Service::IcmpEcho => None,
        })
        .collect();
    ranges.sort_by_key(|(tcp, range, at)| (*tcp, range.first(), Reverse(range.last()), &at.place));
    let mut furthest: Option<(bool, PortRange, &At<Service>)> = None;
    for entry in ranges {
        let (tcp, range, At { value: service, place }) = entry;
        match furthest {
            Some((same, reach, other)) if same == tcp && range.last() <= reach.last() => {
                // The very same service is a repetition, which the list itself refuses.
                if range != reach {
                    log.add(place, Rule::ServiceInside { service: *service, other: other.value });
                }
            }
            _ => furthest = Some(entry),
        }
    }
}
