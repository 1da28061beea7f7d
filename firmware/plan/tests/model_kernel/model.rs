//! A kernel as strict as the real one where order matters, and the samples that it is taken through.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sekisho_plan::{
    Change, KernelState, Step, TUNNEL, desired,
    state::{Address, Link, LinkKind, Route, RouteAction},
    steps,
};

use crate::sample::sample;

pub(crate) const SAMPLES: [&str; 7] = [
    "1-office",
    "2-partly-data-centre",
    "3-data-centre",
    "4-terminals-only",
    "overlapping-ranges",
    "union",
    "large",
];

/// What connection tracking has settings below, once it is loaded.
const TRACKING: &str = "net/netfilter/";

/// A box as it comes: four ports, down, a kernel's own settings, and no connection tracking yet.
pub(crate) fn fresh() -> KernelState {
    let mut state = KernelState::default();
    for port in 1..=4 {
        let link = Link { kind: LinkKind::Port, up: false, mtu: 1500, mode: None };
        state.links.insert(format!("port{port}").parse().unwrap(), link);
    }
    state.settings = desired(&sample("large"))
        .settings
        .into_keys()
        .filter(|path| !path.contains(TUNNEL) && !path.starts_with(TRACKING))
        .map(|path| (path, "0".to_owned()))
        .collect();
    state
}

pub(crate) fn perform(kernel: &mut KernelState, step: &Step) {
    match step.clone() {
        Step::Setting { path, change } => {
            if path.ends_with("ip_forward") && change.after == "1" {
                assert!(kernel.table.is_some(), "forwarding before the filter stands");
            }
            if path.starts_with(TRACKING) {
                assert!(kernel.table.is_some(), "{path} before the filter brings it");
            }
            // What a step replaces is absent only for what the same plan has made or brought.
            assert_eq!(
                kernel.settings.get(&path).cloned().unwrap_or_default(),
                change.before,
                "{path}"
            );
            if change.after.is_empty() {
                kernel.settings.remove(&path);
            } else {
                kernel.settings.insert(path, change.after);
            }
        }
        Step::Link { name, change } => {
            assert_eq!(kernel.links.get(&name), change.before.as_ref(), "{name}");
            if let Some(link) = change.after {
                if link.up {
                    assert!(kernel.table.is_some(), "{name} comes up before the filter stands");
                } else {
                    assert!(!kernel.routes.iter().any(|route| uses(route, name.as_str())));
                }
                kernel.links.insert(name, link);
            } else {
                assert!(!kernel.queues.contains_key(&name), "the queues of {name} go with it");
                kernel.links.remove(&name).unwrap();
                kernel.settings.retain(|path, _| !path.contains(name.as_str()));
            }
        }
        Step::Address { address, change } => {
            if change.after {
                assert!(kernel.links.contains_key(&address.link));
                let second = kernel.addresses.iter().any(|other| {
                    other.link == address.link && net(other).contains(&address.address)
                });
                assert!(!second, "{} would go with the one before it", address.address);
                assert!(kernel.addresses.insert(address));
            } else {
                let source = |route: &Route| {
                    matches!(
                        &route.action,
                        RouteAction::Forward { link, source, .. }
                            if *link == address.link && *source == Some(address.address)
                    )
                };
                assert!(
                    !kernel.routes.iter().any(source),
                    "a route still uses {}",
                    address.address
                );
                assert!(kernel.addresses.remove(&address));
            }
        }
        Step::Route { route, change } if change.after => {
            ensure_usable(kernel, &route);
            let taken = kernel.routes.iter().any(|other| place(other) == place(&route));
            assert!(!taken, "{route} is there already");
            assert!(kernel.routes.insert(route));
        }
        Step::Route { route, .. } => assert!(kernel.routes.remove(&route), "{route}"),
        Step::Reroute { change } => {
            let Change { before, after } = change;
            assert_eq!(place(&before), place(&after), "{before}");
            ensure_usable(kernel, &after);
            assert!(kernel.routes.remove(&before), "{before}");
            assert!(kernel.routes.insert(after));
        }
        Step::Rule { rule, change } if change.after => assert!(kernel.rules.insert(rule)),
        Step::Rule { rule, .. } => assert!(kernel.rules.remove(&rule)),
        Step::Queues { link, change } => {
            assert!(kernel.links.contains_key(&link), "no link for the queues of {link}");
            assert_eq!(kernel.queues.get(&link), change.before.as_ref(), "{link}");
            match change.after {
                Some(queues) => drop(kernel.queues.insert(link, queues)),
                None => drop(kernel.queues.remove(&link)),
            }
        }
        Step::Table { change } => {
            assert_eq!(kernel.table, change.before);
            kernel.table = change.after;
            let forwarding =
                kernel.settings.get("net/ipv4/ip_forward").is_some_and(|value| value == "1");
            assert!(
                kernel.table.is_some() || !forwarding,
                "the filter goes while packets are forwarded"
            );
        }
    }
}

fn net(address: &Address) -> Ipv4Net {
    Ipv4Net::new(address.address, address.prefix).unwrap()
}

/// The kernel keeps one route of those that are equal in this.
fn place(route: &Route) -> (u32, Ipv4Net, u32) {
    (route.table, route.to, route.metric)
}

/// A route needs its link up, its source, and the network of its next hop.
fn ensure_usable(kernel: &KernelState, route: &Route) {
    let RouteAction::Forward { link, via, source } = &route.action else { return };
    assert!(kernel.links[link].up, "{link} is down");
    let own = |source: &Ipv4Addr| kernel.addresses.iter().any(|a| a.address == *source);
    assert!(source.iter().all(own), "{route} has a source that isn't there");
    let near = |via: &Ipv4Addr| {
        kernel.routes.iter().any(|other| {
            let on_link = matches!(&other.action, RouteAction::Forward { via: None, .. });
            other.table == route.table && on_link && other.to.contains(via)
        })
    };
    assert!(via.iter().all(near), "no way to the next hop of {route}");
}

fn uses(route: &Route, name: &str) -> bool {
    matches!(&route.action, RouteAction::Forward { link, .. } if link.as_str() == name)
}

pub(crate) fn apply(kernel: &mut KernelState, target: &KernelState) -> Vec<Step> {
    let plan = steps(kernel, target).unwrap();
    for step in &plan {
        perform(kernel, step);
    }
    plan
}
