//! Policies and their words: names, ends, services, and what one policy is to another (R51 R55 R89).

mod axis;
mod ends;
mod flows;
mod hosts;
mod services;
mod space;
mod words;

use std::collections::BTreeMap;

use hosts::Hosts;

use super::zoneset::ZoneSet;
use crate::{
    Environment, Member, Rule, Service, ServiceMember,
    draft::{Objects, PolicyDraft, ProfileDraft, Side, SiteDraft, platform, side},
    reader::{At, Log},
    rules::NetSet,
};

/// The most policies, and the most members and services that they stand for together. So many fit into memory and into
/// the kernel's sets, and are compared with each other in no time.
const MOST_POLICIES: usize = 2_000;
const MOST_PARTS: usize = 200_000;

pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    let book = Book::of(site, profile);
    words::run(&book, log);
    ends::objects(&book, log);
    for services in &site.services {
        services::wide(services.services.as_deref().unwrap_or_default(), log);
    }
    let Some(policies) = within_bounds(&book, log) else { return };
    for policy in policies {
        ends::policy(&book, policy, log);
        services::policy(&book, policy, log);
    }
    flows::run(&book, policies, log);
}

/// What policies are measured by.
struct Book<'a> {
    site: &'a SiteDraft,
    profile: &'a ProfileDraft,
    /// The platform's networks; `None` where they are unknown.
    platform: Option<NetSet>,
    by_environment: BTreeMap<Environment, NetSet>,
    zones: ZoneSet<'a>,
    hosts: Hosts<'a>,
    objects: Objects<'a>,
    services: BTreeMap<&'a str, &'a [At<Service>]>,
}

impl<'a> Book<'a> {
    fn of(site: &'a SiteDraft, profile: &'a ProfileDraft) -> Self {
        let platform = platform(profile);
        let hosts = Hosts::of(site);
        let objects = Objects::of(site, |member| lies(member, platform.as_ref(), &hosts));
        let named = site.services.iter().rev().filter_map(|services| {
            let list = services.services.as_deref().unwrap_or_default();
            Some((services.name.as_ref()?.value.as_str(), list))
        });
        let networks = || profile.networks.iter().flatten();
        let of = |environment| {
            let same = networks().filter(move |network| network.environment.value == environment);
            (environment, NetSet::new(same.map(|network| network.prefix.value)))
        };
        Self {
            site,
            profile,
            by_environment: [Environment::Production, Environment::Test].map(of).into(),
            zones: ZoneSet::of(profile),
            services: named.collect(),
            platform,
            hosts,
            objects,
        }
    }

    fn lies(&self, member: &Member) -> Side {
        lies(member, self.platform.as_ref(), &self.hosts)
    }

    /// What a policy lets start, each with the entry that names it; named services that there are none of stand for
    /// nothing.
    fn services_of(&self, policy: &'a PolicyDraft) -> Vec<(Service, &'a At<ServiceMember>)> {
        let entries = policy.services.iter().flatten();
        let services = entries.flat_map(|entry| {
            let services = match &entry.value {
                ServiceMember::Service(service) => vec![*service],
                ServiceMember::Named(name) => {
                    let named = self.services.get(name.as_str()).copied().unwrap_or_default();
                    named.iter().map(|service| service.value).collect()
                }
            };
            services.into_iter().map(move |service| (service, entry))
        });
        services.collect()
    }
}

/// Where a member lies; addresses in no row lie nowhere, unless a row is unknown, and so do names of nothing.
fn lies(member: &Member, platform: Option<&NetSet>, hosts: &Hosts<'_>) -> Side {
    let empty = NetSet::new([]);
    match (side(member, platform.unwrap_or(&empty)), member) {
        (Side::Office, Member::Network(network))
            if platform.is_some() && hosts.whole && !hosts.overlap(*network) =>
        {
            Side::Nowhere
        }
        (Side::Office, Member::Named(name)) if hosts.row(name).is_none() => Side::Nowhere,
        (side, _) => side,
    }
}

/// The policies, if they aren't too many to be gone through.
fn within_bounds<'a>(book: &Book<'a>, log: &mut Log) -> Option<&'a [PolicyDraft]> {
    let policies = book.site.policies.as_slice();
    let mut parts = 0_usize;
    for (index, policy) in policies.iter().enumerate() {
        for end in [&policy.from, &policy.to] {
            let sum = book.objects.sum(end.as_deref().unwrap_or_default(), |_| Side::Nowhere);
            parts = parts.saturating_add(sum.count);
        }
        for entry in policy.services.iter().flatten() {
            parts = parts.saturating_add(match &entry.value {
                ServiceMember::Service(_) => 1,
                ServiceMember::Named(name) => {
                    book.services.get(name.as_str()).map_or(1, |services| services.len())
                }
            });
        }
        if index == MOST_POLICIES || parts > MOST_PARTS {
            log.add(&policy.place, Rule::TooManyPolicies);
            return None;
        }
    }
    Some(policies)
}
