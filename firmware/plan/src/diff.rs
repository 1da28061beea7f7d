//! The steps from what the kernel holds to what it must hold.

use std::collections::BTreeSet;

use sekisho_design::PortName;

use crate::{
    Change, KernelState, Step,
    desired::tracks_nothing,
    state::{Address, Link, LinkKind, Route, RouteAction},
};

/// The design names ports that the box doesn't have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the box has no port {}", names(.0))]
pub struct MissingPorts(pub Vec<PortName>);

fn names(ports: &[PortName]) -> String {
    ports.iter().map(PortName::as_str).collect::<Vec<_>>().join(", ")
}

/// The setting that lets packets through the box at all.
const FORWARDING: &str = "net/ipv4/ip_forward";

/// What the settings of connection tracking begin with. They are there once its module is, which the packet filter's rules
/// bring along.
pub(crate) const CONNTRACK: &str = "net/netfilter/nf_conntrack_";

/// The steps, in an order that neither opens what both states refuse nor cuts what both let through: settings, the tunnel
/// device, the packet filter in one transaction, settings of connection tracking; then what is new, addresses, links,
/// queues, routes and rules; then what goes, the other way round; forwarding at the end. Nothing is forwarded before the filter
/// stands, and where it goes, it goes when all ports are closed. Carried out backwards with [`Step::undo`], the same steps
/// lead back.
///
/// One thing is cut for a moment: where a link's address makes room for another one of the same network, or moves to
/// another link, its routes go before and come back after it. Hosts have to learn their router's new address then.
///
/// # Errors
/// [`MissingPorts`] where `desired` names a port that `observed` lacks; nothing else can keep a step from being made.
pub fn steps(observed: &KernelState, desired: &KernelState) -> Result<Vec<Step>, MissingPorts> {
    let missing: Vec<_> = desired
        .links
        .iter()
        .filter(|(name, link)| link.kind == LinkKind::Port && !observed.links.contains_key(*name))
        .map(|(name, _)| name.clone())
        .collect();
    if !missing.is_empty() {
        return Err(MissingPorts(missing));
    }

    let links = link_steps(observed, desired);
    let mut steps = Vec::new();
    steps.extend(links.made);
    let (forwarding, settings): (Vec<_>, Vec<_>) =
        setting_steps(observed, desired).into_iter().partition(|(path, _)| path == FORWARDING);
    let (tracking, settings): (Vec<_>, Vec<_>) =
        settings.into_iter().partition(|(path, _)| path.starts_with(CONNTRACK));
    let setting = |(path, change)| Step::Setting { path, change };
    let (closing, opening): (Vec<_>, Vec<_>) =
        forwarding.into_iter().partition(|(_, change)| change.after == "0");
    steps.extend(closing.into_iter().map(setting));
    steps.extend(settings.into_iter().map(setting));
    let table = (observed.table != desired.table).then(|| Step::Table {
        change: Change::new(observed.table.clone(), desired.table.clone()),
    });
    let (laid, removed) = if desired.table.is_some() { (table, None) } else { (None, table) };
    steps.extend(laid);
    steps.extend(tracking.into_iter().map(setting));
    let (displaced, leaving): (Vec<_>, Vec<_>) = differ(&observed.addresses, &desired.addresses)
        .partition(|gone| {
            differ(&desired.addresses, &observed.addresses).any(|come| gone.displaces(&come))
        });
    let routes = route_steps(observed, desired, &displaced);
    let rule =
        |present: bool| move |rule| Step::Rule { rule, change: Change::new(!present, present) };
    steps.extend(routes.cut);
    steps.extend(displaced.into_iter().map(address(false)));
    steps.extend(differ(&desired.addresses, &observed.addresses).map(address(true)));
    steps.extend(links.changed);
    steps.extend(queue_steps(observed, desired));
    steps.extend(routes.come);
    steps.extend(differ(&desired.rules, &observed.rules).map(rule(true)));
    steps.extend(differ(&observed.rules, &desired.rules).map(rule(false)));
    steps.extend(routes.gone);
    steps.extend(leaving.into_iter().map(address(false)));
    steps.extend(links.removed);
    steps.extend(removed);
    steps.extend(opening.into_iter().map(setting));
    Ok(steps)
}

fn address(present: bool) -> impl Fn(Address) -> Step {
    move |address| Step::Address { address, change: Change::new(!present, present) }
}

struct RouteSteps {
    /// Those that go before an address of theirs does, to come back as the new state has them.
    cut: Vec<Step>,
    come: Vec<Step>,
    gone: Vec<Step>,
}

/// A next hop can only be named while the network that it stands in has its route: that one comes first and goes last.
/// What makes a network unreachable while nothing better is there never stands alone beside the network's old way: it
/// comes after the better and goes before it.
fn route_steps(observed: &KernelState, desired: &KernelState, displaced: &[Address]) -> RouteSteps {
    let route =
        |present: bool| move |route| Step::Route { route, change: Change::new(!present, present) };
    let loses_source =
        |route: &Route| displaced.iter().any(|address| route.has_source(address.address));
    let cut: BTreeSet<Route> =
        observed.routes.iter().filter(|route| loses_source(route)).cloned().collect();
    let stay: BTreeSet<Route> = observed.routes.difference(&cut).cloned().collect();
    let mut gone: BTreeSet<Route> = differ(&stay, &desired.routes).collect();
    let mut come = Vec::new();
    for after in in_order(differ(&desired.routes, &stay)) {
        let before = gone.iter().find(|before| before.place() == after.place()).cloned();
        come.push(match before {
            Some(before) => {
                gone.remove(&before);
                Step::Reroute { change: Change::new(before, after) }
            }
            None => route(true)(after),
        });
    }
    let leave =
        |routes: BTreeSet<Route>| in_order(routes).into_iter().rev().map(route(false)).collect();
    RouteSteps { cut: leave(cut), come, gone: leave(gone) }
}

/// Routes in the order in which they come: on a link, by a next hop, unreachable.
fn in_order(routes: impl IntoIterator<Item = Route>) -> Vec<Route> {
    let mut routes: Vec<_> = routes.into_iter().collect();
    // Stable: of those of one network, the one that wins keeps its place before the others.
    routes.sort_by_key(|route| match route.action {
        RouteAction::Forward { via: None, .. } => 0,
        RouteAction::Forward { via: Some(_), .. } => 1,
        RouteAction::Unreachable => 2,
    });
    routes
}

struct LinkSteps {
    made: Vec<Step>,
    changed: Vec<Step>,
    /// Those that go down, too.
    removed: Vec<Step>,
}

fn link_steps(observed: &KernelState, desired: &KernelState) -> LinkSteps {
    let mut steps = LinkSteps { made: Vec::new(), changed: Vec::new(), removed: Vec::new() };
    let step = |name: &PortName, before: Option<&Link>, after: Option<Link>| {
        (before != after.as_ref())
            .then(|| Step::Link { name: name.clone(), change: Change::new(before.cloned(), after) })
    };
    for (name, link) in &desired.links {
        let before = observed.links.get(name);
        // A new device appears closed and is raised once the filter stands and it has its address.
        let closed = Link { up: false, ..link.clone() };
        match before {
            None => {
                steps.made.extend(step(name, None, Some(closed.clone())));
                steps.changed.extend(step(name, Some(&closed), Some(link.clone())));
            }
            Some(before) => {
                // A link that goes down takes its routes along, so they go first.
                let lowered = before.up && !link.up;
                let place = if lowered { &mut steps.removed } else { &mut steps.changed };
                place.extend(step(name, Some(before), Some(link.clone())));
            }
        }
    }
    for (name, link) in observed.links.iter().filter(|(name, _)| !desired.links.contains_key(*name))
    {
        let after = match link.kind {
            // It leaves the design as it came: what is plugged in next agrees with it.
            LinkKind::Port => Some(Link { up: false, mode: None, ..link.clone() }),
            LinkKind::Tun => None,
        };
        steps.removed.extend(step(name, Some(link), after));
    }
    steps
}

/// Queues are there before the routes that lead to them come, and go before their link does.
fn queue_steps(observed: &KernelState, desired: &KernelState) -> Vec<Step> {
    let links: BTreeSet<_> = observed.queues.keys().chain(desired.queues.keys()).collect();
    let step = |link: &PortName| {
        let (before, after) = (observed.queues.get(link), desired.queues.get(link));
        (before != after).then(|| Step::Queues {
            link: link.clone(),
            change: Change::new(before.cloned(), after.cloned()),
        })
    };
    links.into_iter().filter_map(step).collect()
}

pub(crate) fn setting_steps(
    observed: &KernelState,
    desired: &KernelState,
) -> Vec<(String, Change<String>)> {
    desired
        .settings
        .iter()
        .filter_map(|(path, after)| {
            let before = observed.settings.get(path);
            // A kernel without IPv6 has nothing to switch off, nor has one that tracks no flows yet. Settings of a device that
            // is made by these very steps are taken from its defaults; connection tracking's may not be there yet.
            let off = path.starts_with("net/ipv6/") || tracks_nothing(path, after);
            if before.is_none() && off {
                return None;
            }
            let before = before.cloned().unwrap_or_default();
            (before != *after).then(|| (path.clone(), Change::new(before, after.clone())))
        })
        .collect()
}

/// Those of `these` that `others` lack.
fn differ<'a, T: Clone + Ord>(
    these: &'a BTreeSet<T>,
    others: &'a BTreeSet<T>,
) -> impl Iterator<Item = T> + 'a {
    these.difference(others).cloned()
}
