//! Plans carried out on a model kernel: from any sample to any other, and back from every step.
//!
//! The model is as strict as the kernel where order matters: a route needs its link up, its source address and the
//! network of its next hop; an address that goes must not be a route's source; nothing is forwarded without a filter.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, net::Ipv4Addr, path::Path};

use proptest::prelude::*;
use sekisho_design::{Design, PublicKey, Source, Sources, Trust, check};
use sekisho_plan::{
    KernelState, MissingPorts, Step, TUNNEL, desired,
    state::{Link, LinkKind, Route, RouteAction},
    steps,
};

const SAMPLES: [&str; 7] = [
    "1-office",
    "2-partly-data-centre",
    "3-data-centre",
    "4-terminals-only",
    "overlapping-ranges",
    "union",
    "large",
];

fn sample(name: &str) -> Design {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read(root.join(path)).unwrap();
    let key = String::from_utf8(read("tests/lab/keys/operator.pub")).unwrap();
    let operator: PublicKey = key.trim().parse().unwrap();
    let site = read(&format!("config-samples/{name}/site.toml"));
    let profile = read(&format!("config-samples/{name}/platform-profile.toml"));
    let sources = Sources {
        site: Source { name: "site.toml", bytes: &site },
        profile: Source { name: "platform-profile.toml", bytes: &profile },
    };
    check(&sources, &Trust { operator, in_force: None }).unwrap().design
}

/// A box as it comes: four ports, down, and a kernel's own settings.
fn fresh() -> KernelState {
    let mut state = KernelState::default();
    for port in 1..=4 {
        let link = Link { kind: LinkKind::Port, up: false, mtu: 1500 };
        state.links.insert(format!("port{port}").parse().unwrap(), link);
    }
    state.settings = desired(&sample("large"))
        .settings
        .into_keys()
        .filter(|path| !path.contains(TUNNEL))
        .map(|path| (path, "0".to_owned()))
        .collect();
    state
}

fn perform(kernel: &mut KernelState, step: &Step) {
    match step.clone() {
        Step::Setting { path, change } => {
            if path.ends_with("ip_forward") && change.after == "1" {
                assert!(kernel.table.is_some(), "forwarding before the filter stands");
            }
            // What a step replaces is absent only for a device that the same plan has made.
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
                kernel.links.remove(&name).unwrap();
                kernel.settings.retain(|path, _| !path.contains(name.as_str()));
            }
        }
        Step::Address { address, change } => {
            if change.after {
                assert!(kernel.links.contains_key(&address.link));
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
            if let RouteAction::Forward { link, via, source } = &route.action {
                assert!(kernel.links[link].up, "{link} is down");
                let own = |source: &Ipv4Addr| kernel.addresses.iter().any(|a| a.address == *source);
                assert!(source.iter().all(own));
                let near = |via: &Ipv4Addr| {
                    kernel.routes.iter().any(|other| {
                        let on_link =
                            matches!(&other.action, RouteAction::Forward { via: None, .. });
                        other.table == route.table && on_link && other.to.contains(via)
                    })
                };
                assert!(via.iter().all(near), "no way to the next hop of {route}");
            }
            assert!(kernel.routes.insert(route));
        }
        Step::Route { route, .. } => assert!(kernel.routes.remove(&route), "{route}"),
        Step::Rule { rule, change } if change.after => assert!(kernel.rules.insert(rule)),
        Step::Rule { rule, .. } => assert!(kernel.rules.remove(&rule)),
        Step::Table { change } => {
            assert_eq!(kernel.table, change.before.map(|table| *table));
            kernel.table = change.after.map(|table| *table);
            let forwarding =
                kernel.settings.get("net/ipv4/ip_forward").is_some_and(|value| value == "1");
            assert!(
                kernel.table.is_some() || !forwarding,
                "the filter goes while packets are forwarded"
            );
        }
    }
}

fn uses(route: &Route, name: &str) -> bool {
    matches!(&route.action, RouteAction::Forward { link, .. } if link.as_str() == name)
}

fn apply(kernel: &mut KernelState, target: &KernelState) -> Vec<Step> {
    let plan = steps(kernel, target).unwrap();
    for step in &plan {
        perform(kernel, step);
    }
    plan
}

#[test]
fn every_sample_follows_every_other_and_nothing_is_left_to_do() {
    let states = SAMPLES.map(|name| (name, desired(&sample(name))));
    for (from, before) in &states {
        for (to, after) in &states {
            let mut kernel = fresh();
            apply(&mut kernel, before);
            apply(&mut kernel, after);
            assert_eq!(steps(&kernel, after).unwrap(), [], "{from} to {to}");
            assert_eq!(kernel.table, after.table);
            assert_eq!(kernel.routes, after.routes);
            assert_eq!(kernel.rules, after.rules);
            assert_eq!(kernel.addresses, after.addresses);
        }
    }
}

#[test]
fn from_every_step_the_undo_leads_back() {
    let (before, after) = (desired(&sample("1-office")), desired(&sample("overlapping-ranges")));
    let mut starts = vec![fresh()];
    let mut office = fresh();
    apply(&mut office, &before);
    starts.push(office);
    for start in starts {
        let plan = steps(&start, &after).unwrap();
        assert!(!plan.is_empty());
        for failing in 0..=plan.len() {
            let mut kernel = start.clone();
            plan[..failing].iter().for_each(|step| perform(&mut kernel, step));
            plan[..failing]
                .iter()
                .rev()
                .for_each(|step| perform(&mut kernel, &step.clone().undo()));
            assert_eq!(kernel, start, "undone from step {failing}");
        }
    }
}

#[test]
fn a_missing_port_is_named_and_nothing_is_planned() {
    let mut kernel = fresh();
    let port = "port3".parse().unwrap();
    kernel.links.remove(&port);
    assert_eq!(steps(&kernel, &desired(&sample("1-office"))), Err(MissingPorts(vec![port])));
}

#[test]
fn a_port_that_the_design_no_longer_names_is_closed() {
    let mut kernel = fresh();
    apply(&mut kernel, &desired(&sample("1-office")));
    apply(&mut kernel, &desired(&sample("union")));
    let port = "port3".parse().unwrap();
    assert!(!kernel.links[&port].up);
    assert!(!kernel.addresses.iter().any(|address| address.link == port));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever somebody deleted or added behind our back, a new plan puts it right.
    #[test]
    fn meddling_is_put_right(seed in prop::collection::vec(0usize..1000, 1..12)) {
        let target = desired(&sample("1-office"));
        let mut kernel = fresh();
        apply(&mut kernel, &target);
        for number in seed {
            meddle(&mut kernel, number);
        }
        apply(&mut kernel, &target);
        prop_assert_eq!(steps(&kernel, &target).unwrap(), []);
    }
}

/// Deletes a route, a rule, a setting's value or part of the table.
fn meddle(kernel: &mut KernelState, number: usize) {
    fn take<T: Ord + Clone>(set: &mut std::collections::BTreeSet<T>, number: usize) {
        if let Some(item) = set.iter().nth(number % set.len().max(1)).cloned() {
            set.remove(&item);
        }
    }
    match number % 6 {
        0 => take(&mut kernel.routes, number / 6),
        1 => take(&mut kernel.rules, number / 6),
        2 => {
            if let Some(value) = kernel.settings.values_mut().nth(number / 6) {
                "7".clone_into(value);
            }
        }
        3 => kernel.table = None,
        4 => {
            let chains = kernel.table.iter_mut().flat_map(|table| table.chains.values_mut());
            chains.take(1 + number % 3).for_each(|chain| chain.rules.clear());
        }
        _ => {
            let sets = kernel.table.iter_mut().flat_map(|table| table.sets.values_mut());
            sets.take(1 + number % 5).for_each(|set| set.elements = BTreeMap::new());
        }
    }
    // With the filter gone, a careful meddler would not leave forwarding on; the model insists on it.
    if kernel.table.is_none() {
        kernel.settings.insert("net/ipv4/ip_forward".to_owned(), "0".to_owned());
    }
}
