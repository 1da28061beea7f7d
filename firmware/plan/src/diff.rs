//! The steps from what the kernel holds to what it must hold.

use std::collections::BTreeSet;

use sekisho_design::PortName;

use crate::{
    Change, KernelState, Step,
    state::{Link, LinkKind, Route},
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

/// The steps, in an order that opens last: settings, the tunnel device, the packet filter, then addresses, links, routes
/// and rules, forwarding at the end. Nothing is forwarded before the filter stands. Carried out backwards with
/// [`Step::undo`], the same steps lead back.
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
    let setting = |(path, change)| Step::Setting { path, change };
    let (closing, opening): (Vec<_>, Vec<_>) =
        forwarding.into_iter().partition(|(_, change)| change.after == "0");
    steps.extend(closing.into_iter().map(setting));
    steps.extend(settings.into_iter().map(setting));
    if observed.table != desired.table {
        let change =
            Change::new(observed.table.clone().map(Box::new), desired.table.clone().map(Box::new));
        steps.push(Step::Table { change });
    }
    let gone = Change::new(true, false);
    let come = Change::new(false, true);
    // Taking an address away takes the routes that name it as their source along, so routes go first.
    steps.extend(
        differ(&observed.rules, &desired.rules)
            .map(|rule| Step::Rule { rule, change: gone.clone() }),
    );
    // A next hop can only be named while the network that it stands in has its route: it goes first, and so comes back
    // last.
    let (far, near): (Vec<_>, Vec<_>) =
        differ(&observed.routes, &desired.routes).partition(Route::has_next_hop);
    steps.extend(
        far.into_iter().chain(near).map(|route| Step::Route { route, change: gone.clone() }),
    );
    steps.extend(
        differ(&observed.addresses, &desired.addresses)
            .map(|address| Step::Address { address, change: gone.clone() }),
    );
    steps.extend(
        differ(&desired.addresses, &observed.addresses)
            .map(|address| Step::Address { address, change: come.clone() }),
    );
    steps.extend(links.changed);
    let (near, far): (Vec<_>, Vec<_>) =
        differ(&desired.routes, &observed.routes).partition(|route| !route.has_next_hop());
    steps.extend(
        near.into_iter().chain(far).map(|route| Step::Route { route, change: come.clone() }),
    );
    steps.extend(
        differ(&desired.rules, &observed.rules)
            .map(|rule| Step::Rule { rule, change: come.clone() }),
    );
    steps.extend(links.removed);
    steps.extend(opening.into_iter().map(setting));
    Ok(steps)
}

struct LinkSteps {
    made: Vec<Step>,
    changed: Vec<Step>,
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
            Some(before) => steps.changed.extend(step(name, Some(before), Some(link.clone()))),
        }
    }
    for (name, link) in observed.links.iter().filter(|(name, _)| !desired.links.contains_key(*name))
    {
        let after = match link.kind {
            LinkKind::Port => Some(Link { up: false, ..link.clone() }),
            LinkKind::Tun => None,
        };
        steps.removed.extend(step(name, Some(link), after));
    }
    steps
}

fn setting_steps(observed: &KernelState, desired: &KernelState) -> Vec<(String, Change<String>)> {
    desired
        .settings
        .iter()
        .filter_map(|(path, after)| {
            let before = observed.settings.get(path);
            // A kernel without IPv6 has nothing to switch off. Settings of a device that is made by these very steps
            // are taken from its defaults.
            if before.is_none() && path.starts_with("net/ipv6/") {
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
