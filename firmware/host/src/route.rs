//! IPv4 routes that carry our protocol number, and policy rules of our priorities.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's attributes grow with every release, and only a few concern us"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use rtnetlink::{
    Handle, IpVersion, RouteMessageBuilder,
    packet_route::{
        AddressFamily,
        route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType},
        rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage},
    },
};
use sekisho_design::PortName;
use sekisho_plan::state::{ROUTE_PROTOCOL, RULE_PRIORITIES, Route, RouteAction, Rule, Selector};

use crate::{HostError, kernel::refused, link};

/// All routes with our protocol number, of every table.
pub(crate) async fn routes(
    netlink: &Handle,
    names: &BTreeMap<u32, PortName>,
) -> Result<BTreeSet<Route>, HostError> {
    let all: Vec<RouteMessage> = netlink
        .route()
        .get(RouteMessageBuilder::<Ipv4Addr>::new().build())
        .execute()
        .try_collect()
        .await
        .map_err(refused(|| "list the routes".to_owned()))?;
    all.iter()
        .filter(|message| message.header.protocol == RouteProtocol::from(ROUTE_PROTOCOL))
        .map(|message| {
            read_route(message, names).ok_or_else(|| HostError::NotOurs {
                what: format!("a route in table {}", route_table(message)),
            })
        })
        .collect()
}

/// Adds a route, or removes exactly this one.
pub(crate) async fn set_route(
    netlink: &Handle,
    route: &Route,
    present: bool,
) -> Result<(), HostError> {
    let message = write_route(netlink, route).await?;
    let done = if present {
        netlink.route().add(message).execute().await
    } else {
        netlink.route().del(message).execute().await
    };
    done.map_err(refused(|| {
        let verb = if present { "add" } else { "remove" };
        format!("{verb} the route {} {} in table {}", route.to, describe(route), route.table)
    }))
}

/// Puts a route in the place of the one to the same network with the same metric, in one go.
pub(crate) async fn replace_route(netlink: &Handle, route: &Route) -> Result<(), HostError> {
    let message = write_route(netlink, route).await?;
    netlink.route().add(message).replace().execute().await.map_err(refused(|| {
        format!("replace the route {} {} in table {}", route.to, describe(route), route.table)
    }))
}

/// All IPv4 rules of our priorities.
pub(crate) async fn rules(netlink: &Handle) -> Result<BTreeSet<Rule>, HostError> {
    let all: Vec<RuleMessage> = netlink
        .rule()
        .get(IpVersion::V4)
        .execute()
        .try_collect()
        .await
        .map_err(refused(|| "list the policy rules".to_owned()))?;
    all.iter()
        .map(|message| (rule_priority(message), message))
        .filter(|(priority, _)| RULE_PRIORITIES.contains(priority))
        .map(|(priority, message)| {
            read_rule(message)
                .ok_or_else(|| HostError::NotOurs { what: format!("policy rule {priority}") })
        })
        .collect()
}

/// Adds a policy rule, or removes exactly this one.
pub(crate) async fn set_rule(
    netlink: &Handle,
    rule: &Rule,
    present: bool,
) -> Result<(), HostError> {
    let mut request = netlink
        .rule()
        .add()
        .v4()
        .action(RuleAction::ToTable)
        .priority(rule.priority)
        .table_id(rule.table);
    request = match &rule.selector {
        Selector::Mark(mark) => request.fw_mark(*mark),
        Selector::OutputLink(link) => request.output_interface(link.as_str()),
    };
    let attributes = &mut request.message_mut().attributes;
    if let Selector::Mark(_) = rule.selector {
        attributes.push(RuleAttribute::FwMask(WHOLE_MARK));
    }
    attributes.push(RuleAttribute::Protocol(ROUTE_PROTOCOL.into()));
    let done = if present {
        request.execute().await
    } else {
        netlink.rule().del(request.message_mut().clone()).execute().await
    };
    done.map_err(refused(|| {
        let verb = if present { "add" } else { "remove" };
        format!("{verb} the policy rule {} to table {}", rule.priority, rule.table)
    }))
}

const WHOLE_MARK: u32 = u32::MAX;

async fn write_route(netlink: &Handle, route: &Route) -> Result<RouteMessage, HostError> {
    let message = RouteMessageBuilder::<Ipv4Addr>::new()
        .table_id(route.table)
        .protocol(ROUTE_PROTOCOL.into())
        .destination_prefix(route.to.network(), route.to.prefix_len())
        .priority(route.metric);
    let (link, via, source) = match &route.action {
        RouteAction::Unreachable => return Ok(message.kind(RouteType::Unreachable).build()),
        RouteAction::Forward { link, via, source } => (link, via, source),
    };
    let mut message = message.output_interface(link::index(netlink, link).await?);
    if let Some(source) = source {
        message = message.pref_source(*source);
    }
    Ok(match via {
        Some(via) => message.gateway(*via).scope(RouteScope::Universe),
        None => message.scope(RouteScope::Link),
    }
    .build())
}

/// `None` for a form that [`write_route`] doesn't produce.
fn read_route(message: &RouteMessage, names: &BTreeMap<u32, PortName>) -> Option<Route> {
    let mut to = Ipv4Addr::UNSPECIFIED;
    let mut metric = 0;
    let (mut link, mut via, mut source) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => to = *address,
            RouteAttribute::Priority(number) => metric = *number,
            RouteAttribute::Oif(index) => link = Some(names.get(index)?.clone()),
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => via = Some(*address),
            RouteAttribute::PrefSource(RouteAddress::Inet(address)) => source = Some(*address),
            RouteAttribute::Table(_) | RouteAttribute::CacheInfo(_) => {}
            _ => return None,
        }
    }
    let action = match (message.header.kind, link) {
        (RouteType::Unicast, Some(link)) => RouteAction::Forward { link, via, source },
        (RouteType::Unreachable, None) => RouteAction::Unreachable,
        _ => return None,
    };
    let to = Ipv4Net::new(to, message.header.destination_prefix_length).ok()?;
    Some(Route { table: route_table(message), to, metric, action })
}

fn route_table(message: &RouteMessage) -> u32 {
    let long = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    long.unwrap_or_else(|| message.header.table.into())
}

/// `None` for a form that [`set_rule`] doesn't produce.
fn read_rule(message: &RuleMessage) -> Option<Rule> {
    let mut rule_table = u32::from(message.header.table);
    let (mut mark, mut compared, mut link) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Table(table) => rule_table = *table,
            RuleAttribute::FwMark(value) => mark = Some(*value),
            RuleAttribute::FwMask(value) => compared = Some(*value),
            RuleAttribute::Oifname(name) => link = Some(name.parse().ok()?),
            // The kernel always lists a suppressor; all ones says that there is none.
            RuleAttribute::SuppressPrefixLen(u32::MAX)
            | RuleAttribute::Priority(_)
            | RuleAttribute::Protocol(_) => {}
            _ => return None,
        }
    }
    let plain = message.header.action == RuleAction::ToTable
        && message.header.family == AddressFamily::Inet
        && !message.header.flags.contains(RuleFlags::Invert)
        && message.header.src_len == 0
        && message.header.dst_len == 0;
    let selector = match (mark, compared, link) {
        (Some(mark), Some(WHOLE_MARK), None) => Selector::Mark(mark),
        (None, None, Some(link)) => Selector::OutputLink(link),
        _ => return None,
    };
    plain.then(|| Rule { priority: rule_priority(message), selector, table: rule_table })
}

fn rule_priority(message: &RuleMessage) -> u32 {
    let priority = message.attributes.iter().find_map(|attribute| match attribute {
        RuleAttribute::Priority(priority) => Some(*priority),
        _ => None,
    });
    priority.unwrap_or(0)
}

fn describe(route: &Route) -> String {
    match &route.action {
        RouteAction::Unreachable => "as unreachable".to_owned(),
        RouteAction::Forward { link, via: Some(via), .. } => format!("by {via} on '{link}'"),
        RouteAction::Forward { link, via: None, .. } => format!("on '{link}'"),
    }
}
