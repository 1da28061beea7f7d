//! Policies and the words that they use, from text to draft.

use std::{collections::BTreeMap, net::Ipv4Addr};

use jiff::Timestamp;

use super::{Optional, ProfileDraft, SiteDraft, Whole, values};
use crate::{
    Approval, Class, Direction, Environment, Limits, Member, Name, Service, ServiceMember,
    policy::flatten,
    reader::{At, Log, Table},
};

pub(crate) const CLASSES: [(&str, Class); 3] =
    [("online", Class::Online), ("normal", Class::Normal), ("bulk", Class::Bulk)];

/// The most that a limit can be: more than any box of the class holds.
const MOST: i64 = 1_000_000;

#[derive(Debug)]
pub(crate) struct ObjectDraft {
    pub(crate) name: Option<At<Name>>,
    pub(crate) members: Whole<Member>,
}

#[derive(Debug)]
pub(crate) struct ServicesDraft {
    pub(crate) name: Option<At<Name>>,
    pub(crate) services: Whole<Service>,
}

#[derive(Debug)]
pub(crate) struct PolicyDraft {
    pub(crate) name: Option<At<Name>>,
    pub(crate) from: Whole<Member>,
    pub(crate) to: Whole<Member>,
    pub(crate) services: Whole<ServiceMember>,
    pub(crate) environment: Optional<Environment>,
    pub(crate) class: Optional<Class>,
    pub(crate) ftp: Option<At<bool>>,
    pub(crate) approval: Optional<Approval>,
    pub(crate) until: Optional<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct LimitsDraft {
    pub(crate) connections: Option<u32>,
    pub(crate) new_per_second: Option<u32>,
}

/// The two sides that a flow of a policy has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Office,
    Platform,
}

pub(super) fn read_object(table: &mut Table<'_>, log: &mut Log) -> ObjectDraft {
    let name = table.required("name", log).and_then(|node| values::name(&node, log));
    ObjectDraft { name, members: members("members", table, log) }
}

pub(super) fn read_services(table: &mut Table<'_>, log: &mut Log) -> ServicesDraft {
    let name = table.required("name", log).and_then(|node| values::name(&node, log));
    let services = table.required("services", log);
    let services = services.and_then(|node| values::filled_list(&node, log, values::service));
    ServicesDraft { name, services }
}

pub(super) fn read_policy(table: &mut Table<'_>, log: &mut Log) -> PolicyDraft {
    let services = |table: &mut Table<'_>, log: &mut Log| {
        let node = table.required("services", log)?;
        values::filled_list(&node, log, values::service_member)
    };
    PolicyDraft {
        name: table.required("name", log).and_then(|node| values::name(&node, log)),
        from: members("from", table, log),
        to: members("to", table, log),
        services: services(table, log),
        environment: values::optional("environment", table, log, values::environment),
        class: values::optional("class", table, log, |node, log| {
            values::choice(node, &CLASSES, log)
        }),
        ftp: values::boolean("ftp", table, log),
        approval: values::optional("approval", table, log, values::approval),
        until: values::optional("until", table, log, values::time),
    }
}

fn members(key: &'static str, table: &mut Table<'_>, log: &mut Log) -> Whole<Member> {
    let node = table.required(key, log)?;
    values::filled_list(&node, log, values::member)
}

pub(super) fn read_limits(table: &mut Table<'_>, log: &mut Log) -> Option<LimitsDraft> {
    let number = |key: &'static str, usual: u32, table: &mut Table<'_>, log: &mut Log| match table
        .optional(key)
    {
        Some(node) => {
            node.integer((1, MOST), log, values::bounds(1, MOST)).map(|number| number.value)
        }
        None => Some(usual),
    };
    let read = |table: &mut Table<'_>, log: &mut Log| LimitsDraft {
        connections: number("connections", Limits::USUAL.connections, table, log),
        new_per_second: number("new-per-second", Limits::USUAL.new_per_second, table, log),
    };
    match table.optional("limits") {
        Some(node) => node.table(log, read),
        None => Some(LimitsDraft {
            connections: Some(Limits::USUAL.connections),
            new_per_second: Some(Limits::USUAL.new_per_second),
        }),
    }
}

impl SiteDraft {
    /// What a name stands for at one end of a policy: objects are followed, names of rows and of nothing stay.
    pub(crate) fn flat(&self, members: &[At<Member>]) -> Vec<Member> {
        let named = |object: &ObjectDraft| {
            let members = object.members.iter().flatten();
            Some((
                object.name.as_ref()?.value.clone(),
                members.map(|member| member.value.clone()).collect::<Vec<_>>(),
            ))
        };
        let objects: BTreeMap<_, _> = self.objects.iter().filter_map(named).collect();
        let members: Vec<_> = members.iter().map(|member| member.value.clone()).collect();
        flatten(&members, |name| objects.get(name).map(Vec::as_slice))
    }
}

impl PolicyDraft {
    /// Who starts, by where its first source lies; `None` where that is unknown.
    pub(crate) fn direction(&self, site: &SiteDraft, profile: &ProfileDraft) -> Option<Direction> {
        let sources = site.flat(self.from.as_deref()?);
        match side(sources.first()?, profile)? {
            Side::Office => Some(Direction::FromOffice),
            Side::Platform => Some(Direction::FromPlatform),
        }
    }
}

/// Where a member lies: a network of the platform and a host with a name are the platform's, all else is the office's.
pub(crate) fn side(member: &Member, profile: &ProfileDraft) -> Option<Side> {
    let networks = profile.networks.as_ref()?;
    let on_platform =
        |address: Ipv4Addr| networks.iter().any(|network| network.prefix.value.contains(&address));
    Some(match member {
        Member::Network(network) if on_platform(network.network()) => Side::Platform,
        Member::Host(_) => Side::Platform,
        Member::Network(_) | Member::Named(_) => Side::Office,
    })
}
