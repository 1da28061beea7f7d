//! The ends of policies: one in the office, one on the platform, both in one environment (R14 R55 R57 R89).

use std::collections::BTreeSet;

use super::Book;
use crate::{
    Environment, Member, Name, Rule,
    draft::{ObjectDraft, PolicyDraft, Side},
    reader::{At, Log},
};

type End<'a> = &'a [At<Member>];

/// Objects by themselves.
pub(super) fn objects(book: &Book<'_>, log: &mut Log) {
    for ObjectDraft { members, .. } in &book.site.objects {
        if let Some(members) = members.as_deref() {
            places(book, members, log);
            one_side(book, members, log);
        }
    }
}

/// A policy's ends by themselves and against each other.
pub(super) fn policy<'a>(book: &Book<'a>, policy: &'a PolicyDraft, log: &mut Log) {
    let (Some(from), Some(to)) = (policy.from.as_deref(), policy.to.as_deref()) else { return };
    for end in [from, to] {
        places(book, end, log);
        one_side(book, end, log);
    }
    let [sources, targets] =
        [from, to].map(|end| book.objects.sum(end, |member| book.lies(member)));
    if [sources, targets].iter().any(|sum| sum.is_mixed() || sum.nowhere || sum.count == 0) {
        return;
    }
    if sources.office == targets.office {
        if let Some(first) = to.first() {
            log.add(&first.place, Rule::OneSide { office: sources.office });
        }
    } else if sources.office {
        environments(book, policy, from, to, log);
    } else {
        only_servers(book, to, log);
        environments(book, policy, to, from, log);
    }
}

/// Addresses are somebody's, and names of the platform can be asked for.
fn places(book: &Book<'_>, members: End<'_>, log: &mut Log) {
    let Some(platform) = &book.platform else { return };
    for At { value: member, place } in members {
        match member {
            Member::Network(network) => match book.lies(member) {
                Side::Nowhere => log.add(place, Rule::InNoRow { network: *network }),
                Side::Platform if platform.around(*network).is_none() => {
                    log.add(place, Rule::BeyondPlatform { network: *network });
                }
                Side::Office | Side::Platform => {}
            },
            Member::Host(host) => {
                if book.zones.whole && book.zones.around(&host.name).is_none() {
                    log.add(place, Rule::MemberInNoZone { name: host.name.clone() });
                }
            }
            Member::Named(_) => {}
        }
    }
}

/// What is mixed by itself says so where its members stand.
fn one_side(book: &Book<'_>, members: End<'_>, log: &mut Log) {
    let mut before: Option<bool> = None;
    for member in members {
        let sum = book.objects.sum(std::slice::from_ref(member), |member| book.lies(member));
        if sum.office == sum.platform {
            continue;
        }
        if *before.get_or_insert(sum.office) != sum.office {
            log.add(&member.place, Rule::OnBothSides);
            return;
        }
    }
}

/// The platform starts nothing towards terminals.
fn only_servers<'a>(book: &Book<'a>, office: End<'a>, log: &mut Log) {
    for At { value: member, place } in office {
        let row = book.objects.flat(member).into_iter().find_map(|member| match member {
            Member::Named(name) => book.hosts.row(name).filter(|row| !row.is_server).map(|_| name),
            Member::Network(network) => book.hosts.terminals(*network),
            Member::Host(_) => None,
        });
        if let Some(row) = row {
            log.add(place, Rule::TowardsTerminals { row: row.clone() });
        }
    }
}

/// The platform's end is of the policy's environment, or else of that of a row; who crosses does so for a time.
fn environments<'a>(
    book: &Book<'a>,
    policy: &'a PolicyDraft,
    office: End<'a>,
    platform: End<'a>,
    log: &mut Log,
) {
    let about = match &policy.environment {
        Ok(Some(At { value: environment, place })) => {
            let networks = book.profile.networks.iter().flatten();
            if networks.clone().all(|network| network.environment.value != *environment) {
                log.add(place, Rule::NoNetworkOfEnvironment { environment: *environment });
            }
            let other = match environment {
                Environment::Production => Environment::Test,
                Environment::Test => Environment::Production,
            };
            if let (Ok(None), Some(row)) = (&policy.until, row_of(book, office, other)) {
                let rule = Rule::EndlessCrossing { row: row.clone(), environment: *environment };
                log.add(place, rule);
            }
            BTreeSet::from([*environment])
        }
        Ok(None) => {
            let all = book.by_environment.keys().copied();
            all.filter(|of| row_of(book, office, *of).is_some()).collect()
        }
        Err(_) => return,
    };
    for At { value: member, place } in platform.iter().filter(|_| !about.is_empty()) {
        let crossing = book.objects.flat(member).into_iter().find_map(|member| match member {
            Member::Network(network) => {
                let mut of = book.by_environment.iter();
                let (of, _) = of.find(|(_, networks)| networks.around(*network).is_some())?;
                (!about.contains(of)).then_some((*network, *of))
            }
            Member::Host(_) | Member::Named(_) => None,
        });
        if let Some((network, environment)) = crossing {
            log.add(place, Rule::OtherEnvironment { network, environment });
        }
    }
}

/// A row of an environment at the office's end.
fn row_of<'a>(book: &Book<'a>, office: End<'a>, environment: Environment) -> Option<&'a Name> {
    let members = office.iter().flat_map(|member| book.objects.flat(&member.value));
    let mut members = members.into_iter();
    members.find_map(|member| match member {
        Member::Named(name) => {
            let row = book.hosts.row(name)?;
            (row.environment == Some(environment)).then_some(name)
        }
        Member::Network(network) => book.hosts.row_of(environment, *network),
        Member::Host(_) => None,
    })
}
