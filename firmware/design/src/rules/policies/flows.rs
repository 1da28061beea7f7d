//! What one policy is to an earlier one, and to the rows: what is admitted already, and what is admitted in two ways.
//!
//! Hosts, networks and services are cut at each other's ends, so that each policy becomes three sets of pieces for each
//! environment. A policy that is an exception to a later, wider one is how exceptions are made, and nothing is said of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Book,
    axis::Pieces,
    space::{Space, Terms},
};
use crate::{Class, Environment, Name, Rule, ServiceMember, draft::PolicyDraft, reader::Log};

/// What a policy admits, and how.
pub(super) struct Flows<'a> {
    name: &'a Name,
    from_office: bool,
    /// For each environment hosts of the office and networks of the platform.
    parts: BTreeMap<Environment, [Pieces; 2]>,
    services: Pieces,
    class: Option<Class>,
    ftp: bool,
    until: Option<Timestamp>,
}

pub(super) fn run(book: &Book<'_>, policies: &[PolicyDraft], log: &mut Log) {
    if !book.hosts.whole || book.platform.is_none() {
        return;
    }
    let space = Space::of(book);
    let known: Vec<_> =
        policies.iter().filter_map(|policy| Some((policy, flows(book, &space, policy)?))).collect();
    for (index, (policy, later)) in known.iter().enumerate() {
        let mut earlier = known[..index].iter().map(|(_, flows)| flows);
        let found = earlier.find_map(|earlier| later.after(earlier, &space));
        if let Some(rule) = found.or_else(|| later.within_rows(&space)) {
            log.add(&policy.place, rule);
        }
    }
}

/// The flows of a policy that is known whole and has one end on either side.
fn flows<'a>(book: &Book<'a>, space: &Space<'a>, policy: &'a PolicyDraft) -> Option<Flows<'a>> {
    let (from, to) = (policy.from.as_deref()?, policy.to.as_deref()?);
    let sums = [from, to].map(|end| book.objects.sum(end, |member| book.lies(member)));
    let clean = sums.iter().all(|sum| !sum.is_mixed() && !sum.nowhere && sum.count > 0);
    let named = policy.services.as_deref()?.iter().all(|entry| match &entry.value {
        ServiceMember::Service(_) => true,
        ServiceMember::Named(name) => book.services.contains_key(name.as_str()),
    });
    if !clean || !named || sums[0].office == sums[1].office {
        return None;
    }
    let from_office = sums[0].office;
    let (office, platform) = if from_office { (from, to) } else { (to, from) };
    let flat = |end: &'a [crate::reader::At<crate::Member>]| {
        end.iter().flat_map(|member| book.objects.flat(&member.value)).collect::<Vec<_>>()
    };
    let hosts = space.hosts(&flat(office));
    if !from_office && !hosts.is_within(&space.servers) {
        return None;
    }
    let networks = space.networks(&flat(platform));
    let environment = policy.environment.as_ref().ok()?.as_ref().map(|at| at.value);
    let part = |of: Environment| {
        let hosts = match environment {
            Some(only) if only == of => hosts.clone(),
            Some(_) => return None,
            None => hosts.and(space.hosts_of(of)?),
        };
        let part = [hosts, networks.and(space.networks_of(of)?)];
        (!part.iter().any(Pieces::is_empty)).then_some((of, part))
    };
    let services = book.services_of(policy).into_iter().map(|(service, _)| service);
    Some(Flows {
        name: &policy.name.as_ref()?.value,
        from_office,
        parts: [Environment::Production, Environment::Test].into_iter().filter_map(part).collect(),
        services: space.services(services),
        class: policy.class.as_ref().ok()?.as_ref().map(|at| at.value),
        ftp: policy.ftp.as_ref()?.value,
        until: policy.until.as_ref().ok()?.as_ref().map(|at| at.value),
    })
    .filter(|flows| !flows.parts.is_empty())
}

impl Flows<'_> {
    /// What an earlier policy leaves of this one.
    fn after(&self, earlier: &Self, space: &Space<'_>) -> Option<Rule> {
        if !self.meets(earlier) {
            return None;
        }
        let by = earlier.name.clone();
        let within = self.is_within(earlier);
        if self.differs(earlier, space) {
            let exception = earlier.is_within(self) && !within;
            return (!exception).then_some(Rule::Contradicted { by });
        }
        let outlives = match (earlier.until, self.until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(earlier), Some(later)) => earlier >= later,
        };
        (within && outlives).then_some(Rule::Shadowed { by })
    }

    fn meets(&self, other: &Self) -> bool {
        self.from_office == other.from_office
            && self.services.meets(&other.services)
            && self.in_common(other).next().is_some()
    }

    /// The hosts that both let do the same, by environment.
    fn in_common<'f>(&'f self, other: &'f Self) -> impl Iterator<Item = Pieces> + 'f {
        self.parts.iter().filter_map(|(of, [hosts, networks])| {
            let [other_hosts, other_networks] = other.parts.get(of)?;
            let meet = hosts.meets(other_hosts) && networks.meets(other_networks);
            meet.then(|| hosts.and(other_hosts))
        })
    }

    fn is_within(&self, other: &Self) -> bool {
        self.services.is_within(&other.services)
            && self.parts.iter().all(|(of, part)| {
                other.parts.get(of).is_some_and(|around| {
                    part.iter().zip(around).all(|(part, around)| part.is_within(around))
                })
            })
    }

    /// Whether what both admit is treated in two ways.
    fn differs(&self, other: &Self, space: &Space<'_>) -> bool {
        let both_ftp = self.services.meets(&space.ftp) && other.services.meets(&space.ftp);
        if both_ftp && self.ftp != other.ftp {
            return true;
        }
        match (self.class, other.class) {
            (None, None) => false,
            (Some(one), Some(other)) => one != other,
            (Some(class), None) | (None, Some(class)) => {
                self.in_common(other).any(|hosts| !hosts.is_within(&space.hosts_in(class)))
            }
        }
    }

    /// A row, where rows admit all of it by themselves and in the same way.
    fn within_rows(&self, space: &Space<'_>) -> Option<Rule> {
        let terms: Vec<&Terms<'_>> =
            space.terms.iter().filter(|terms| self.agrees(terms, space)).collect();
        let mut first = None;
        for (of, [hosts, networks]) in &self.parts {
            let around = space.networks_of(*of)?;
            let mut admitted = hosts.without(hosts);
            for terms in terms.iter().filter(|terms| terms.environment == *of) {
                let sources = || terms.sources(&self.services, around.without(around));
                if self.from_office || networks.is_within(&sources()) {
                    admitted.add(&terms.hosts);
                    first = first.or_else(|| terms.row_with(hosts));
                }
            }
            if !hosts.is_within(&admitted) {
                return None;
            }
        }
        first.map(|by: &Name| Rule::Shadowed { by: by.clone() })
    }

    /// Whether a row treats what it admits as this policy does, and admits its services.
    fn agrees(&self, terms: &Terms<'_>, space: &Space<'_>) -> bool {
        let class = self.class.is_none_or(|class| class == terms.class);
        let ftp = !self.services.meets(&space.ftp) || self.ftp == terms.ftp;
        class && ftp && (!self.from_office || self.services.is_within(&terms.services))
    }
}
