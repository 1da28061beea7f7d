//! What policies let start: approved, no wider than needed, and FTP only where its helper has something to do (R58 R90).

use ipnet::Ipv4Net;

use super::Book;
use crate::{
    Member, PortRange, Rule, Service, ServiceMember,
    draft::PolicyDraft,
    reader::{At, Log},
    rules::services::{approved, holds_ftp, inside},
};

/// The most ports of a range that passes without a word.
const MOST_PORTS: u16 = 1_000;

/// A policy's own services and the named ones.
pub(super) fn policy(book: &Book<'_>, policy: &PolicyDraft, log: &mut Log) {
    let all = book.services_of(policy);
    let at = |(service, entry): &(Service, &At<ServiceMember>)| At {
        value: *service,
        place: entry.place.clone(),
    };
    let services: Vec<_> = all.iter().map(at).collect();
    approved(&services, &policy.approval, log);
    let own = all.iter().filter(|(_, entry)| matches!(entry.value, ServiceMember::Service(_)));
    let own: Vec<_> = own.map(at).collect();
    inside(&own, log);
    wide(&own, log);
    let known = |entry: &At<ServiceMember>| match &entry.value {
        ServiceMember::Service(_) => true,
        ServiceMember::Named(name) => book.services.contains_key(name.as_str()),
    };
    let whole = policy.services.as_deref().is_some_and(|services| services.iter().all(known));
    if let Some(ftp) = policy.ftp.as_ref().filter(|ftp| ftp.value)
        && whole
        && !holds_ftp(&services)
    {
        log.add(&ftp.place, Rule::PolicyWithoutFtp);
    }
    if services.iter().any(|service| service.value.needs_approval()) {
        whole_networks(book, policy, log);
    }
    if let (Ok(Some(until)), Some(issued)) = (&policy.until, &book.profile.issued)
        && until.value < issued.value
    {
        let rule = Rule::NeverOpen { until: until.value, issued: issued.value };
        log.add(&until.place, rule);
    }
}

/// Ranges that nobody needs whole.
pub(super) fn wide(services: &[At<Service>], log: &mut Log) {
    for At { value: service, place } in services {
        if let Service::Tcp(ports) | Service::Udp(ports) = service
            && width(*ports) >= MOST_PORTS
        {
            log.add(place, Rule::WidePorts { service: *service });
        }
    }
}

/// How many ports follow the first one.
fn width(ports: PortRange) -> u16 {
    ports.last() - ports.first()
}

fn whole_networks(book: &Book<'_>, policy: &PolicyDraft, log: &mut Log) {
    let Some(platform) = &book.platform else { return };
    let is_whole =
        |network: Ipv4Net| network.prefix_len() < 32 && platform.around(network) == Some(network);
    let members = [&policy.from, &policy.to].into_iter().flatten().flatten();
    for At { value: member, place } in members {
        let found = book.objects.flat(member).into_iter().find_map(|member| match member {
            Member::Network(network) => Some(*network).filter(|network| is_whole(*network)),
            Member::Host(_) | Member::Named(_) => None,
        });
        if let Some(network) = found {
            log.add(place, Rule::WholeNetwork { network });
        }
    }
}
