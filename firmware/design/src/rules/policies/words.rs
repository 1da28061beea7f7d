//! Names of rows, objects, services and policies: each once, none for nothing, none for nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::Book;
use crate::{
    Member, Name, Rule, Service, ServiceMember,
    reader::{At, Log, Place},
};

pub(super) fn run(book: &Book<'_>, log: &mut Log) {
    taken(book, log);
    for services in &book.site.services {
        if let Some(At { value: name, place }) = &services.name
            && is_service(name)
        {
            log.add(place, Rule::NameOfService { name: name.clone() });
        }
    }
    for (At { place, .. }, name) in &book.objects.circles {
        log.add(place, Rule::ObjectInItself { name: (*name).clone() });
    }
    unknown(book, log);
    unused(book, log);
}

fn is_service(name: &Name) -> bool {
    name.as_str().parse::<Service>().is_ok()
}

/// Objects share their names with rows, which say themselves where two rows have one.
fn taken(book: &Book<'_>, log: &mut Log) {
    let site = book.site;
    let rows = site.rows().map(|row| (row.name.as_ref(), &row.place));
    let mut names = BTreeMap::new();
    for (At { value: name, .. }, place) in rows.filter_map(with_name) {
        names.entry(name).or_insert(place);
    }
    let objects = site.objects.iter().map(|object| (object.name.as_ref(), &object.place));
    apart(names, objects, log);
    let services = site.services.iter().map(|row| (row.name.as_ref(), &row.place));
    apart(BTreeMap::new(), services, log);
    let policies = site.policies.iter().map(|policy| (policy.name.as_ref(), &policy.place));
    apart(BTreeMap::new(), policies, log);
}

fn with_name<'a>(
    (name, place): (Option<&'a At<Name>>, &'a Place),
) -> Option<(&'a At<Name>, &'a Place)> {
    Some((name?, place))
}

fn apart<'a>(
    mut taken: BTreeMap<&'a Name, &'a Place>,
    named: impl Iterator<Item = (Option<&'a At<Name>>, &'a Place)>,
    log: &mut Log,
) {
    for (At { value: name, place }, of) in named.filter_map(with_name) {
        if let Some(first) = taken.get(name) {
            log.add(place, Rule::NameTaken { name: name.clone(), first: first.path.clone() });
        } else {
            taken.insert(name, of);
        }
    }
}

/// Every list of members: those of objects, and the ends of policies.
fn members<'a>(book: &Book<'a>) -> impl Iterator<Item = &'a At<Member>> {
    let objects = book.site.objects.iter().filter_map(|object| object.members.as_ref());
    let policies = book.site.policies.iter();
    let ends = policies.flat_map(|policy| [&policy.from, &policy.to].into_iter().flatten());
    objects.chain(ends).flatten()
}

fn unknown(book: &Book<'_>, log: &mut Log) {
    let site = book.site;
    let hosts = book.hosts.whole
        && site.objects_whole
        && site.objects.iter().all(|object| object.name.is_some());
    for At { value: member, place } in members(book).filter(|_| hosts) {
        if let Member::Named(name) = member
            && book.objects.named(member).is_none()
            && book.hosts.row(name).is_none()
        {
            log.add(place, Rule::NoSuchMember { name: name.clone() });
        }
    }
    let services =
        site.services_whole && site.services.iter().all(|services| services.name.is_some());
    let named = site.policies.iter().flat_map(|policy| policy.services.iter().flatten());
    for At { value: member, place } in named.filter(|_| services) {
        if let ServiceMember::Named(name) = member
            && !book.services.contains_key(name.as_str())
        {
            log.add(place, Rule::NoSuchServices { name: name.clone() });
        }
    }
}

/// Words that no policy uses, also by way of other objects.
fn unused(book: &Book<'_>, log: &mut Log) {
    let site = book.site;
    let known = |policy: &crate::draft::PolicyDraft| {
        policy.from.is_some() && policy.to.is_some() && policy.services.is_some()
    };
    if !site.policies_whole || !site.policies.iter().all(known) {
        return;
    }
    let ends = site.policies.iter().flat_map(|policy| [&policy.from, &policy.to]);
    let used = book.objects.reached(ends.flatten().flatten().map(|member| &member.value));
    let services = site.policies.iter().flat_map(|policy| policy.services.iter().flatten());
    let named: BTreeSet<_> = services
        .filter_map(|entry| match &entry.value {
            ServiceMember::Named(name) => Some(name),
            ServiceMember::Service(_) => None,
        })
        .collect();
    let objects = site.objects.iter().map(|object| (object.name.as_ref(), &used));
    let services = site.services.iter().map(|services| (services.name.as_ref(), &named));
    for (name, used) in objects.chain(services) {
        if let Some(At { value: name, place }) = name
            && !used.contains(name)
            && !is_service(name)
        {
            log.add(place, Rule::Unused { name: name.clone() });
        }
    }
}
