//! Policies and the words that they use, from text to draft.

use jiff::Timestamp;

use super::{Optional, Whole, values};
use crate::{
    Approval, Class, Environment, Limits, Member, Name, Service, ServiceMember,
    reader::{At, Log, Place, Table},
};

pub(crate) const CLASSES: [(&str, Class); 3] =
    [("online", Class::Online), ("normal", Class::Normal), ("bulk", Class::Bulk)];

/// The most that a limit can be: more than any box of the class holds.
const MOST: i64 = 1_000_000;

#[derive(Debug)]
pub(crate) struct ObjectDraft {
    pub(crate) place: Place,
    pub(crate) name: Option<At<Name>>,
    pub(crate) members: Whole<Member>,
}

#[derive(Debug)]
pub(crate) struct ServicesDraft {
    pub(crate) place: Place,
    pub(crate) name: Option<At<Name>>,
    pub(crate) services: Whole<Service>,
}

#[derive(Debug)]
pub(crate) struct PolicyDraft {
    pub(crate) place: Place,
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

pub(super) fn read_object(table: &mut Table<'_>, log: &mut Log) -> ObjectDraft {
    let name = table.required("name", log).and_then(|node| values::name(&node, log));
    ObjectDraft { place: table.place.clone(), name, members: members("members", table, log) }
}

pub(super) fn read_services(table: &mut Table<'_>, log: &mut Log) -> ServicesDraft {
    let name = table.required("name", log).and_then(|node| values::name(&node, log));
    let services = table.required("services", log);
    let services = services.and_then(|node| values::filled_list(&node, log, values::service));
    ServicesDraft { place: table.place.clone(), name, services }
}

pub(super) fn read_policy(table: &mut Table<'_>, log: &mut Log) -> PolicyDraft {
    let services = |table: &mut Table<'_>, log: &mut Log| {
        let node = table.required("services", log)?;
        values::filled_list(&node, log, values::service_member)
    };
    PolicyDraft {
        place: table.place.clone(),
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
