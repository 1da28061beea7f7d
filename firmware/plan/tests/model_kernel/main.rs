//! Plans carried out on a model kernel: from any sample to any other, and back from every step.
//!
//! The model is as strict as the kernel where order matters: a route needs its link up, its source address and the
//! network of its next hop; an address that goes must not be a route's source; nothing is forwarded without a filter.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod edits;
mod model;
mod order;
#[path = "../common/sample.rs"]
mod sample;

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use sekisho_design::{Design, Duplex, Lan, LineRate, PortMode, Speed};
use sekisho_plan::{KernelState, MissingPorts, Step, desired, steps};

use self::{
    model::{SAMPLES, apply, fresh, perform},
    sample::sample,
};

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
            assert_eq!(kernel.queues, after.queues);
        }
    }
}

/// A failure at any step: the undo leads back to the start, and from there, as from where it failed, a new plan leads to
/// the end.
#[test]
fn from_every_step_the_undo_leads_back_and_a_new_plan_to_the_end() {
    let state = |name: &str| desired(&sample(name));
    let after = |before: &str| {
        let mut kernel = fresh();
        apply(&mut kernel, &state(before));
        kernel
    };
    let edits = edits::edits().into_iter().map(|(_, design)| desired(&design)).collect();
    let cases: [(_, Vec<_>); 3] = [
        (fresh(), vec![state("1-office"), state("overlapping-ranges")]),
        (after("1-office"), SAMPLES[1..6].iter().map(|name| state(name)).collect()),
        (after("2-partly-data-centre"), edits),
    ];
    for (start, wanted) in cases {
        for after in &wanted {
            let plan = steps(&start, after).unwrap();
            let mut end = start.clone();
            assert_eq!(apply(&mut end, after), plan);
            let mut kernel = start.clone();
            for (number, step) in plan.iter().enumerate() {
                let before = kernel.clone();
                perform(&mut kernel, step);
                let mut onward = kernel.clone();
                apply(&mut onward, after);
                assert_eq!(onward, end, "on from step {number}, {step}");
                // Each step's undo leads to the state before it, and so all of them to the start.
                let mut back = kernel.clone();
                perform(&mut back, &step.clone().undo());
                assert_eq!(back, before, "step {number}, {step}, undone");
            }
        }
    }
}

/// After a crash nothing is known of the steps that were taken; the way back is a plan of its own.
#[test]
fn a_box_is_closed_again_by_comparison() {
    for name in SAMPLES {
        let mut kernel = fresh();
        apply(&mut kernel, &desired(&sample(name)));
        apply(&mut kernel, &fresh());
        assert!(steps(&kernel, &fresh()).unwrap().is_empty(), "{name}");
    }
}

#[test]
fn a_missing_port_is_named_and_nothing_is_planned() {
    let mut kernel = fresh();
    let port = "port3".parse().unwrap();
    kernel.links.remove(&port);
    assert_eq!(steps(&kernel, &desired(&sample("1-office"))), Err(MissingPorts(vec![port])));
}

/// A changed rate is one step for each link, and the same again is none (R44).
#[test]
fn only_the_queues_that_change_are_touched() {
    let design = sample("1-office");
    let mut kernel = fresh();
    apply(&mut kernel, &desired(&design));
    let mut other = design.clone();
    other.lgwan.line_rate = LineRate::new(10_000_000);
    let links = |plan: Vec<Step>| -> Vec<String> {
        let link = |step| {
            let Step::Queues { link, change } = step else { panic!("{step}") };
            assert!(change.before.is_some() && change.after.is_some(), "{link}");
            link.to_string()
        };
        plan.into_iter().map(link).collect()
    };
    assert_eq!(links(apply(&mut kernel, &desired(&other))), ["port2", "port3", "tunnel"]);
    assert_eq!(apply(&mut kernel, &desired(&other)), []);
    other.lans.get_mut(&Lan::HeadOffice).unwrap().share = Some(60);
    other.lans.get_mut(&Lan::EducationBoard).unwrap().share = Some(50 - 10);
    assert_eq!(links(apply(&mut kernel, &desired(&other))), ["port2", "port3"]);
    other.lgwan.line_rate = None;
    apply(&mut kernel, &desired(&other));
    assert_eq!(kernel.queues, BTreeMap::new());
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

/// As strict as a kernel is, the model lets no step by that replaces another mode than the port has.
#[test]
fn ports_are_fixed_as_the_design_says_and_let_go_again() {
    let fixed = sample("2-partly-data-centre");
    let mode = fixed.lgwan.mode;
    assert_eq!(mode, PortMode::new(Speed::Mbps100, Duplex::Full), "the sample's uplink");
    let mut free = fixed.clone();
    free.lgwan.mode = None;
    let mut kernel = fresh();
    apply(&mut kernel, &desired(&fixed));
    assert_eq!(kernel.links[&fixed.lgwan.port].mode, mode);
    let before = kernel.clone();
    let steps = apply(&mut kernel, &desired(&free));
    let sentence = "bring port1 up, MTU 1500, speed by agreement";
    assert_eq!(steps.iter().map(Step::to_string).collect::<Vec<_>>(), [sentence]);
    for step in steps.into_iter().rev() {
        perform(&mut kernel, &step.undo());
    }
    assert_eq!(kernel, before);
    // A port that leaves the design is let go as well.
    free.lgwan.port = "port4".parse().unwrap();
    free.maintenance = None;
    apply(&mut kernel, &desired(&free));
    let link = &kernel.links[&fixed.lgwan.port];
    assert_eq!((link.up, link.mode), (false, None));
}

/// The tracking's settings are there once a rule asks for it, and the kernel's own again where flows are logged no longer.
#[test]
fn flows_are_counted_while_they_are_logged() {
    let logged = desired(&sample("3-data-centre"));
    let mut design = sample("3-data-centre");
    design.flow_log = None;
    let unlogged = desired(&design);
    let settings = |steps: &[Step]| -> Vec<(usize, String)> {
        let tracking = |step: &Step| match step {
            Step::Setting { path, change } => {
                let key = path.strip_prefix("net/netfilter/nf_conntrack_")?;
                let counting = ["acct", "events", "timestamp"].contains(&key);
                counting.then(|| format!("{key}={}", change.after))
            }
            Step::Link { .. }
            | Step::Address { .. }
            | Step::Route { .. }
            | Step::Reroute { .. }
            | Step::Rule { .. }
            | Step::Queues { .. }
            | Step::Table { .. } => None,
        };
        let numbered = steps.iter().enumerate();
        numbered.filter_map(|(number, step)| Some((number, tracking(step)?))).collect()
    };
    let mut kernel = fresh();
    let first = apply(&mut kernel, &logged);
    let table = first.iter().position(|step| matches!(step, Step::Table { .. })).unwrap();
    let on = settings(&first);
    assert!(on.iter().all(|(number, _)| *number > table), "{on:?}, the table at {table}");
    let on: Vec<_> = on.iter().map(|(_, setting)| setting.as_str()).collect();
    assert_eq!(on, ["acct=1", "events=1", "timestamp=1"]);
    let off = settings(&apply(&mut kernel, &unlogged));
    let off: Vec<_> = off.iter().map(|(_, setting)| setting.as_str()).collect();
    assert_eq!(off, ["acct=0", "events=2", "timestamp=0"]);
    assert_eq!(settings(&steps(&fresh(), &unlogged).unwrap()), [], "nothing tracks flows yet");
}

/// The device itself asks the platform's resolvers, and who rolls firmware out once the site follows that.
#[test]
fn the_device_asks_whom_the_design_names_on_the_platform() {
    let asked = |design: &Design| -> Vec<String> {
        let table = desired(design).table.unwrap();
        table.sets["platform-services"].elements.keys().cloned().collect()
    };
    let mut design = sample("1-office");
    let server = design.profile.rollout.clone().unwrap();
    let (address, port) = (server.address.to_string(), server.port.to_string());
    let leads_there = |found: &String| found.contains(&address) && found.contains(&port);
    let before = asked(&design);
    assert!(!before.is_empty() && !before.iter().any(leads_there), "{before:?}");
    design.rollout = true;
    let mut after = asked(&design);
    after.retain(|found| !before.contains(found));
    assert!(matches!(&*after, [one] if leads_there(one)), "{after:?}");
    // Two zones may have one resolver.
    design.profile.zones.push(design.profile.zones[0].clone());
    assert_eq!(asked(&design).len(), before.len() + 1);
    design.profile.zones.clear();
    assert_eq!(asked(&design), after);
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

/// Deletes a route, a rule, a setting's value, queues or part of the table.
fn meddle(kernel: &mut KernelState, number: usize) {
    fn take<T: Ord + Clone>(set: &mut std::collections::BTreeSet<T>, number: usize) {
        if let Some(item) = set.iter().nth(number % set.len().max(1)).cloned() {
            set.remove(&item);
        }
    }
    match number % 8 {
        0 => take(&mut kernel.routes, number / 8),
        1 => take(&mut kernel.rules, number / 8),
        2 => {
            if let Some(value) = kernel.settings.values_mut().nth(number / 8) {
                "7".clone_into(value);
            }
        }
        3 => kernel.table = None,
        4 => {
            let chains =
                kernel.table.iter_mut().flat_map(|table| Arc::make_mut(table).chains.values_mut());
            chains.take(1 + number % 3).for_each(|chain| chain.rules.clear());
        }
        5 => drop(kernel.queues.pop_first()),
        6 => {
            let classes = kernel.queues.values_mut().flat_map(|queues| queues.classes.values_mut());
            classes.take(1 + number % 5).for_each(|class| class.guaranteed.bytes_per_second += 1);
        }
        _ => {
            let sets =
                kernel.table.iter_mut().flat_map(|table| Arc::make_mut(table).sets.values_mut());
            sets.take(1 + number % 5).for_each(|set| set.elements = BTreeMap::new());
        }
    }
    // With the filter gone, a careful meddler would not leave forwarding on; the model insists on it.
    if kernel.table.is_none() {
        kernel.settings.insert("net/ipv4/ip_forward".to_owned(), "0".to_owned());
    }
}
